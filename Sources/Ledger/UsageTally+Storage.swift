// Tallies to and from rows of the roll-up tables: counters as columns that people can read, bins and sketches as one blob.
import Foundation
import GRDB

extension UsageTally {
  /// Every counter, in the order of `LedgerSchema.counterColumns`.
  var counters: [Int] {
    [requests, replies] + measures.flatMap { [$0.count, $0.sum] } + finishes + thoughtEnds
      + [probabilityBins.reduce(0, Bounded.sum), probabilitySum]
      + [decided, sampled.requests, sampled.completionTokens, sampled.decodeMicroseconds]
  }

  /// The bins of P(think), then the sketch of each measure.
  var sketches: [UInt8] {
    var bytes: [UInt8] = []
    for count in probabilityBins { bytes.appendVarint(UInt64(max(count, 0))) }
    for measure in measures { measure.sketch.encode(into: &bytes) }
    return bytes
  }

  /// Adds a roll-up whose counters begin at column `first` and whose sketches follow them.
  ///
  /// - Throws: `DatabaseError` with `SQLITE_CORRUPT` when the row is not one that this program wrote.
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
  /// Every sum, in the order of `LedgerSchema.shadowColumns`.
  var arguments: [any DatabaseValueConvertible] {
    [
      pairs, tokenDifference, tokenDifferenceSquared, tokenDifferenceCubed, secondsDifference,
      secondsDifferenceSquared, secondsDifferenceCubed, shadowTokens, shadowPromptTokens, shadowSeconds,
    ]
  }

  /// The sums of a roll-up whose columns begin at `first`.
  ///
  /// - Throws: `DatabaseError` with `SQLITE_CORRUPT` when a column is no number.
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

// GRDB's own conversions of columns trap on what they cannot convert; a damaged file may hold anything.
extension Row {
  /// A whole number from 0 to `Bounded.most`, as every one in a ledger is.
  func number(_ index: Int) throws -> Int {
    guard let value = try numberOrNil(index) else { throw DatabaseError.damaged }
    return value
  }

  /// A whole number from 0 to `Bounded.most`, or NULL.
  func numberOrNil(_ index: Int) throws -> Int? {
    let value: DatabaseValue = self[index]
    if value.isNull { return nil }
    guard let number = Int.fromDatabaseValue(value), (0...Bounded.most).contains(number) else {
      throw DatabaseError.damaged
    }
    return number
  }

  /// A text.
  func text(_ index: Int) throws -> String {
    guard let value = String.fromDatabaseValue(self[index]) else { throw DatabaseError.damaged }
    return value
  }

  /// The bytes of a blob.
  func blob(_ index: Int) throws -> [UInt8] {
    let value: DatabaseValue = self[index]
    guard case .blob(let data) = value.storage else { throw DatabaseError.damaged }
    return [UInt8](data)
  }
}

extension DatabaseError {
  /// A column holds what this program never writes.
  static let damaged = DatabaseError(resultCode: .SQLITE_CORRUPT, message: "a row is damaged")
}
