// Writes tallies to roll-up tables and reads them back: counters as readable columns, bins and sketches as one blob.
import Foundation
import GRDB

extension UsageTally {
  /// The counters, in the order of `LedgerSchema.counterColumns`.
  var counters: [Int] {
    [requests, replies] + measures.flatMap { [$0.count, $0.sum] } + finishes + thoughtEnds
      + [probabilityBins.reduce(0, Bounded.sum), probabilitySum]
      + [decided, sampled.requests, sampled.completionTokens, sampled.decodeMicroseconds]
  }

  /// The encoded bins of P(think), followed by the sketch of each measure.
  var sketches: [UInt8] {
    var bytes: [UInt8] = []
    for count in probabilityBins { bytes.appendVarint(UInt64(max(count, 0))) }
    for measure in measures { measure.sketch.encode(into: &bytes) }
    return bytes
  }

  /// Adds a roll-up whose counters begin at column `first`, followed by its sketches.
  ///
  /// - Throws: `DatabaseError` with `SQLITE_CORRUPT` if the row is damaged.
  mutating func merge(_ row: Row, from first: Int) throws {
    let counters = try (0..<LedgerSchema.counterColumns.count).map { try row.number(first + $0) }
    let bytes = try row.blob(first + counters.count)
    requests = Bounded.sum(requests, counters[0])
    replies = Bounded.sum(replies, counters[1])
    var next = 2
    for index in measures.indices {
      measures[index].count = Bounded.sum(measures[index].count, counters[next])
      measures[index].sum = Bounded.sum(measures[index].sum, counters[next + 1])
      next += 2
    }
    for index in finishes.indices {
      finishes[index] = Bounded.sum(finishes[index], counters[next])
      next += 1
    }
    for index in thoughtEnds.indices {
      thoughtEnds[index] = Bounded.sum(thoughtEnds[index], counters[next])
      next += 1
    }
    probabilitySum = Bounded.sum(probabilitySum, counters[next + 1])
    decided = Bounded.sum(decided, counters[next + 2])
    sampled.merge(
      AutoSums(
        requests: counters[next + 3], completionTokens: counters[next + 4], decodeMicroseconds: counters[next + 5]))
    var reader = VarintReader(bytes)
    for index in probabilityBins.indices {
      guard let count = reader.next().flatMap({ Int(exactly: $0) }), count <= Bounded.most else {
        throw DatabaseError.damaged
      }
      probabilityBins[index] = Bounded.sum(probabilityBins[index], count)
    }
    for index in measures.indices where !measures[index].sketch.merge(&reader) { throw DatabaseError.damaged }
    guard reader.isAtEnd else { throw DatabaseError.damaged }
  }
}

extension ShadowSums {
  /// The sums, in the order of `LedgerSchema.shadowColumns`.
  var arguments: [any DatabaseValueConvertible] {
    [
      pairs, tokenDifference, tokenDifferenceSquared, tokenDifferenceCubed, secondsDifference,
      secondsDifferenceSquared, secondsDifferenceCubed, shadowTokens, shadowPromptTokens, shadowSeconds,
    ]
  }

  /// The sums of a roll-up whose columns begin at `first`.
  ///
  /// - Throws: `DatabaseError` with `SQLITE_CORRUPT` if a column is not a number.
  init(_ row: Row, from first: Int) throws {
    let numbers = try (0..<LedgerSchema.shadowColumns.count).map { offset in
      guard let value = Double.fromDatabaseValue(row[first + offset]), value.isFinite else {
        throw DatabaseError.damaged
      }
      return value
    }
    func count(_ value: Double) throws -> Int {
      guard (0...Double(Bounded.most)).contains(value) else { throw DatabaseError.damaged }
      return Int(value)
    }
    self.init()
    pairs = try count(numbers[0])
    (tokenDifference, tokenDifferenceSquared, tokenDifferenceCubed) = (numbers[1], numbers[2], numbers[3])
    (secondsDifference, secondsDifferenceSquared, secondsDifferenceCubed) = (numbers[4], numbers[5], numbers[6])
    (shadowTokens, shadowPromptTokens, shadowSeconds) = (try count(numbers[7]), try count(numbers[8]), numbers[9])
  }
}

// GRDB's own conversions trap on values that they cannot convert, and a damaged file may contain any value.
extension Row {
  /// Returns a whole number from 0 to `Bounded.most`.
  func number(_ index: Int) throws -> Int {
    guard let value = try numberOrNil(index) else { throw DatabaseError.damaged }
    return value
  }

  /// Returns a whole number from 0 to `Bounded.most`, or nil for NULL.
  func numberOrNil(_ index: Int) throws -> Int? {
    let value: DatabaseValue = self[index]
    if value.isNull { return nil }
    guard let number = Int.fromDatabaseValue(value), (0...Bounded.most).contains(number) else {
      throw DatabaseError.damaged
    }
    return number
  }

  /// Returns a text.
  func text(_ index: Int) throws -> String {
    guard let value = String.fromDatabaseValue(self[index]) else { throw DatabaseError.damaged }
    return value
  }

  /// Returns the bytes of a blob.
  func blob(_ index: Int) throws -> [UInt8] {
    let value: DatabaseValue = self[index]
    guard case .blob(let data) = value.storage else { throw DatabaseError.damaged }
    return [UInt8](data)
  }
}

extension DatabaseError {
  /// A column holds a value that r4b never writes.
  static let damaged = DatabaseError(resultCode: .SQLITE_CORRUPT, message: "a row is damaged")
}
