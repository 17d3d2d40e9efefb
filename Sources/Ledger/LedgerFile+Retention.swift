// Retention removes whole UTC days, oldest first. One short transaction moves the horizon and removes the roll-ups
// before it, so that no query sees half a day. Then it removes rows by the thousand and returns free pages to the file
// system. Every step is one call; batches are written between the steps.
import GRDB

extension LedgerFile {
  private static let rowsPerStep = 5_000
  private static let pagesPerStep = 1_000
  /// Free pages that stay for the next rows.
  private static let reservePages = 64
  private static let day = 86_400

  /// Does the next retention step at `now` (Unix seconds). Returns false if nothing is left to do.
  mutating func forget(_ configuration: LedgerConfiguration, now: Int) throws -> Bool {
    let (isBusy, hasMoved) = try pool.writeWithoutTransaction { db -> (Bool, Bool) in
      let horizon = try LedgerSchema.state("horizon_us", in: db) / 1_000_000
      if try Self.removeRows(db, before: horizon) { return (true, false) }
      if try Self.removeRollups(db, before: horizon) { return (true, true) }
      let cut = try Self.cut(db, configuration, now: now)
      if cut > horizon {
        try Self.moveHorizon(to: cut, db)
        return (true, true)
      }
      return (try Self.shrink(db), false)
    }
    if hasMoved { (rowsHeld, oldestTime) = try pool.read { (try Self.rowsHeld($0), try Self.oldestTime($0)) } }
    return isBusy
  }

  /// The UTC midnight before which rows are to be removed, at most one day with rows at a time; 0 if all rows are kept.
  private static func cut(_ db: Database, _ configuration: LedgerConfiguration, now: Int) throws -> Int {
    guard let row = try Row.fetchOne(db, sql: "SELECT min(start) FROM daily"), let oldest = try row.numberOrNil(0)
    else {
      return 0
    }
    var cut = 0
    if let days = configuration.retentionDays { cut = max(0, now / day - min(max(days, 1), 100_000)) * day }
    if let megabytes = configuration.retentionMegabytes {
      let pages = try integer(db, "page_count") - integer(db, "freelist_count")
      let isTooLarge = Double(pages) * Double(try integer(db, "page_size")) > Double(megabytes) * 1e6
      if isTooLarge, oldest < now / day * day { cut = max(cut, oldest + day) }
    }
    return min(cut, oldest + day)
  }

  private static func moveHorizon(to cut: Int, _ db: Database) throws {
    try db.inTransaction(.immediate) {
      try LedgerSchema.setState("horizon_us", to: cut * 1_000_000, in: db)
      for span in LedgerSchema.Span.allCases {
        for table in [span.rawValue, span.shadowTable] {
          try db.execute(sql: "DELETE FROM \(table) WHERE start < ?", arguments: [cut])
        }
      }
      return .commit
    }
  }

  /// Removes some rows before the horizon. Returns false if there are none.
  private static func removeRows(_ db: Database, before horizon: Int) throws -> Bool {
    for table in ["request", "shadow"] {
      try db.execute(
        sql: """
          DELETE FROM \(table) WHERE rowid IN
            (SELECT rowid FROM \(table) WHERE time_us < ? ORDER BY time_us LIMIT \(rowsPerStep))
          """, arguments: [horizon * 1_000_000])
      if db.changesCount > 0 { return true }
    }
    return false
  }

  /// Removes roll-ups of rows that were written before the horizon because a clock was wrong. Returns false if there
  /// are none. A roll-up of four weeks may cross the horizon; reports never read the part before it.
  private static func removeRollups(_ db: Database, before horizon: Int) throws -> Bool {
    let before = db.totalChangesCount
    for span in LedgerSchema.Span.allCases where span != .fourWeeks {
      for table in [span.rawValue, span.shadowTable] {
        try db.execute(sql: "DELETE FROM \(table) WHERE start < ?", arguments: [horizon])
      }
    }
    return db.totalChangesCount > before
  }

  /// Returns some free pages to the file system. Returns false if only the reserve is left.
  private static func shrink(_ db: Database) throws -> Bool {
    let free = try integer(db, "freelist_count") - reservePages
    if free <= 0 { return false }
    try db.execute(sql: "PRAGMA incremental_vacuum(\(min(free, pagesPerStep)))")
    if free <= pagesPerStep { _ = try Row.fetchOne(db, sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
    return free > pagesPerStep
  }

  private static func integer(_ db: Database, _ pragma: String) throws -> Int {
    try Int.fetchOne(db, sql: "PRAGMA \(pragma)") ?? 0
  }
}
