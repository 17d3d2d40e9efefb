// The tables: rows, and their roll-ups by UTC hour, day and four weeks. `docs/ledger.md` describes them. A change of
// the schema is a new migration; a file with an unknown migration is left unchanged.
import GRDB

/// The layout of the file.
enum LedgerSchema {
  /// "r4b1", which distinguishes a ledger from other SQLite files.
  static let applicationID = 0x7234_6231

  /// A span of time with roll-ups, aligned to Unix time.
  enum Span: String, CaseIterable {
    case hour = "hourly"
    case day = "daily"
    /// Days of all keys together, for reports of long ranges without a key.
    case dayOfAllKeys = "daily_all_keys"
    case fourWeeks = "four_weekly"

    /// The length in seconds.
    var seconds: Int {
      switch self {
      case .hour: 3_600
      case .day, .dayOfAllKeys: 86_400
      case .fourWeeks: 28 * 86_400
      }
    }
    /// Whether its roll-ups are split by key; otherwise their key is empty.
    var keepsKeys: Bool { self != .dayOfAllKeys }
    /// The table of its shadows.
    var shadowTable: String { "shadow_" + rawValue }
  }

  /// The counter columns of a roll-up, in the order of `UsageTally.counters`.
  static let counterColumns: [String] =
    ["requests", "replies"] + Measure.allCases.flatMap { [$0.column + "_n", $0.column + "_sum"] }
    + UsageTally.finishNames.map { "finish_" + $0 } + UsageTally.thoughtEndNames.map { "thought_" + $0 }
    + ["think_probability_n", "think_probability_sum"]
    + ["decided", "sampled", "sampled_completion_sum", "sampled_decode_us_sum"]

  /// The columns of a roll-up of shadows, in the order of `ShadowSums.arguments`.
  static let shadowColumns = [
    "pairs", "token_difference", "token_difference_squared", "token_difference_cubed", "seconds_difference",
    "seconds_difference_squared", "seconds_difference_cubed",
    "shadow_tokens", "shadow_prompt_tokens", "shadow_seconds",
  ]

  /// The measures with a column in `request`.
  static let storedMeasures = Measure.allCases.filter { $0 != .completion }

  /// All schemas, oldest first.
  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") { try createFirst($0) }
    return migrator
  }

  private static func createFirst(_ db: Database) throws {
    try db.execute(sql: "PRAGMA application_id = \(applicationID)")
    let measures = storedMeasures.map { "\($0.column) INTEGER" }.joined(separator: ", ")
    try db.execute(
      sql: """
        CREATE TABLE request (
          time_us INTEGER NOT NULL, request_id TEXT NOT NULL, key TEXT NOT NULL, requested_mode TEXT NOT NULL,
          mode TEXT NOT NULL, think_probability REAL, decided INTEGER NOT NULL, sampled INTEGER NOT NULL,
          replies INTEGER NOT NULL, finish TEXT NOT NULL,
          thought_end TEXT, \(measures));
        CREATE INDEX request_time ON request (time_us);
        CREATE TABLE shadow (
          time_us INTEGER NOT NULL, request_id TEXT NOT NULL, key TEXT NOT NULL, mode TEXT NOT NULL,
          tokens INTEGER NOT NULL, seconds_us INTEGER NOT NULL, shadow_tokens INTEGER NOT NULL,
          shadow_seconds_us INTEGER NOT NULL, shadow_prompt_tokens INTEGER NOT NULL);
        CREATE INDEX shadow_time ON shadow (time_us);
        CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
        INSERT INTO state VALUES ('committed', 0), ('horizon_us', 0);
        """)
    for span in Span.allCases {
      let counters = counterColumns.map { "\($0) INTEGER NOT NULL" }.joined(separator: ", ")
      let sums = shadowColumns.map { "\($0) NUMERIC NOT NULL" }.joined(separator: ", ")
      try db.execute(
        sql: """
          CREATE TABLE \(span.rawValue) (
            start INTEGER NOT NULL, requested_mode TEXT NOT NULL, mode TEXT NOT NULL, key TEXT NOT NULL,
            \(counters), sketches BLOB NOT NULL);
          CREATE UNIQUE INDEX \(span.rawValue)_group ON \(span.rawValue) (start, requested_mode, mode, key);
          CREATE TABLE \(span.shadowTable) (
            start INTEGER NOT NULL, mode TEXT NOT NULL, key TEXT NOT NULL, \(sums),
            PRIMARY KEY (start, mode, key)) WITHOUT ROWID;
          """)
    }
  }

  /// Returns a number of the table `state`.
  static func state(_ name: String, in db: Database) throws -> Int {
    guard let row = try Row.fetchOne(db, sql: "SELECT value FROM state WHERE name = ?", arguments: [name]) else {
      throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "the state \(name) is missing")
    }
    return try row.number(0)
  }

  /// Sets a number of the table `state`.
  static func setState(_ name: String, to value: Int, in db: Database) throws {
    try db.cachedStatement(sql: "UPDATE state SET value = ? WHERE name = ?").execute(arguments: [value, name])
  }
}
