// The rows of one transaction: inserts them and adds them to their roll-ups, each of which is read, merged and written
// once per batch.
import Foundation
import GRDB

/// Rows that are committed together.
struct LedgerBatch {
  private struct Group: Hashable {
    var start: Int
    var requestedMode, mode, key: String
  }

  private let entries: [LedgerEntry]

  /// A batch of `entries`.
  init(_ entries: [LedgerEntry]) { self.entries = entries }

  /// Writes rows and roll-ups within the caller's transaction.
  func write(to db: Database) throws {
    try insertRows(db)
    for span in LedgerSchema.Span.allCases { try updateRollups(span, db) }
  }

  private func insertRows(_ db: Database) throws {
    let columns = LedgerSchema.storedMeasures.map(\.column)
    let request = try db.cachedStatement(
      sql: """
        INSERT INTO request (time_us, request_id, key, requested_mode, mode, think_probability, decided, sampled,
          replies, finish, thought_end, \(columns.joined(separator: ", ")))
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?\(String(repeating: ", ?", count: columns.count)))
        """)
    let shadow = try db.cachedStatement(sql: "INSERT INTO shadow VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
    for entry in entries {
      switch entry {
      case .request(let row):
        var values: [DatabaseValue] = [
          row.time.databaseValue, row.requestID.databaseValue, row.key.databaseValue,
          row.requestedMode.databaseValue, row.mode.databaseValue, row.thinkProbability?.databaseValue ?? .null,
        ]
        values += [row.isDecided.databaseValue, row.isSampled.databaseValue, row.replies.databaseValue]
        values += [row.finish.databaseValue, row.thoughtEnd?.databaseValue ?? .null]
        for (measure, value) in zip(Measure.allCases, row.measures) where measure != .completion {
          values.append(value?.databaseValue ?? .null)
        }
        try request.execute(arguments: StatementArguments(values))
      case .shadow(let row):
        try shadow.execute(arguments: [
          row.time, row.requestID, row.key, row.mode, row.tokens, row.microseconds, row.shadowTokens,
          row.shadowMicroseconds, row.shadowPromptTokens,
        ])
      }
    }
  }

  private func updateRollups(_ span: LedgerSchema.Span, _ db: Database) throws {
    var tallies: [Group: UsageTally] = [:], shadows: [Group: ShadowSums] = [:]
    for entry in entries {
      switch entry {
      case .request(let row):
        let group = Group(
          start: Self.start(row.time, span), requestedMode: row.requestedMode, mode: row.mode,
          key: span.keepsKeys ? row.key : "")
        tallies[group, default: UsageTally()].insert(row)
      case .shadow(let row):
        let group = Group(
          start: Self.start(row.time, span), requestedMode: "", mode: row.mode,
          key: span.keepsKeys ? row.key : "")
        shadows[group, default: ShadowSums()].merge(ShadowSums(row))
      }
    }
    for (group, tally) in tallies { try merge(tally, into: group, span, db) }
    for (group, sums) in shadows { try merge(sums, into: group, span, db) }
  }

  private static func start(_ microseconds: Int, _ span: LedgerSchema.Span) -> Int {
    microseconds / 1_000_000 / span.seconds * span.seconds
  }

  private func merge(_ tally: UsageTally, into group: Group, _ span: LedgerSchema.Span, _ db: Database) throws {
    let columns = LedgerSchema.counterColumns + ["sketches"]
    let groupValues = [
      group.start.databaseValue, group.requestedMode.databaseValue, group.mode.databaseValue, group.key.databaseValue,
    ]
    let read = try db.cachedStatement(
      sql: """
        SELECT \(columns.joined(separator: ", ")) FROM \(span.rawValue)
        WHERE start = ? AND requested_mode = ? AND mode = ? AND key = ?
        """)
    var sum = tally
    if let row = try Row.fetchOne(read, arguments: StatementArguments(groupValues)) { try sum.merge(row, from: 0) }
    let write = try db.cachedStatement(
      sql: """
        INSERT OR REPLACE INTO \(span.rawValue)
          (start, requested_mode, mode, key, \(columns.joined(separator: ", ")))
        VALUES (?, ?, ?, ?\(String(repeating: ", ?", count: columns.count)))
        """)
    let values = groupValues + sum.counters.map(\.databaseValue) + [Data(sum.sketches).databaseValue]
    try write.execute(arguments: StatementArguments(values))
  }

  private func merge(_ sums: ShadowSums, into group: Group, _ span: LedgerSchema.Span, _ db: Database) throws {
    let columns = LedgerSchema.shadowColumns
    let additions = columns.map { "\($0) = \($0) + excluded.\($0)" }.joined(separator: ", ")
    let write = try db.cachedStatement(
      sql: """
        INSERT INTO \(span.shadowTable) (start, mode, key, \(columns.joined(separator: ", ")))
        VALUES (?, ?, ?\(String(repeating: ", ?", count: columns.count)))
        ON CONFLICT (start, mode, key) DO UPDATE SET \(additions)
        """)
    let groupValues: [any DatabaseValueConvertible] = [group.start, group.mode, group.key]
    try write.execute(arguments: StatementArguments(groupValues + sums.arguments))
  }
}
