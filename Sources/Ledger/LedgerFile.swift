// One open database: creates, checks and migrates it, and writes batches with their roll-ups in one transaction. Only
// the ledger's queue uses it; readers share the pool.
import Foundation
import GRDB
import Glibc

/// An open ledger database.
struct LedgerFile {
  /// Why a database cannot be opened.
  enum Failure: Error {
    /// The directory of the file cannot be created; the value is `errno`.
    case directory(Int32)
    /// A newer version of r4b created it.
    case newer
    /// It is an SQLite file of another program.
    case foreign
  }

  /// The connections: one for writing, up to four for reading.
  let pool: DatabasePool
  /// The number of rows ever committed to this file, shadows included.
  private(set) var committed: Int
  /// The number of requests in the file.
  var rowsHeld: Int
  /// The oldest hour with a request, Unix seconds.
  var oldestTime: Double?

  /// Creates the directory of `path` with mode 0700 if it is missing.
  ///
  /// - Throws: `Failure.directory`.
  static func prepareDirectory(of path: String) throws {
    let directory = (path as NSString).deletingLastPathComponent
    if directory.isEmpty || access(directory, F_OK) == 0 { return }
    do {
      try FileManager.default.createDirectory(
        atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError ?? error as NSError
      throw Failure.directory(cause.domain == NSPOSIXErrorDomain ? Int32(clamping: cause.code) : EACCES)
    }
  }

  /// Opens `path`, and creates it with mode 0600 if it is missing.
  ///
  /// - Throws: `Failure` or `DatabaseError`. A newer or foreign file is left unchanged.
  init(path: String) throws {
    // SQLite gives the write-ahead log and its index the mode of the database.
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    if descriptor >= 0 { Glibc.close(descriptor) }
    try Self.inspect(path)
    let pool = try DatabasePool(path: path, configuration: Self.configuration)
    try LedgerSchema.migrator.migrate(pool)
    (committed, rowsHeld, oldestTime) = try pool.read { db in
      (try LedgerSchema.state("committed", in: db), try Self.rowsHeld(db), try Self.oldestTime(db))
    }
    self.pool = pool
  }

  private static var configuration: Configuration {
    var configuration = Configuration()
    configuration.label = "ledger"
    configuration.busyMode = .timeout(0.25)
    configuration.maximumReaderCount = 4
    configuration.prepareDatabase { db in
      if db.configuration.readonly { return }
      // It has an effect only before the first table exists.
      try db.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA synchronous = NORMAL")
      try db.execute(sql: "PRAGMA journal_size_limit = 16777216")
    }
    return configuration
  }

  /// Checks an existing file without writing to it.
  private static func inspect(_ path: String) throws {
    let size = (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? nil
    guard let size, size > 0 else { return }
    var configuration = Configuration()
    configuration.readonly = true
    configuration.busyMode = .timeout(0.25)
    let queue = try DatabaseQueue(path: path, configuration: configuration)
    defer { try? queue.close() }
    try queue.read { db in
      let tables = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
      if tables == 0 { return }
      guard try Int.fetchOne(db, sql: "PRAGMA application_id") == LedgerSchema.applicationID else {
        throw Failure.foreign
      }
      if try LedgerSchema.migrator.hasBeenSuperseded(db) { throw Failure.newer }
    }
  }

  /// Commits `entries` with their roll-ups and the new count, all or nothing.
  mutating func write(_ entries: [LedgerEntry]) throws {
    let total = committed + entries.count
    try pool.writeWithoutTransaction { db in
      try db.inTransaction(.immediate) {
        try LedgerBatch(entries).write(to: db)
        try LedgerSchema.setState("committed", to: total, in: db)
        return .commit
      }
    }
    committed = total
    for case .request(let row) in entries {
      rowsHeld += 1
      let hour = Double(row.time / 3_600_000_000 * 3_600)
      oldestTime = min(oldestTime ?? hour, hour)
    }
  }

  /// Writes the write-ahead log into the database and closes the connections.
  ///
  /// The pool closes its writer first, and a reader that closes last cannot do this.
  func close() {
    _ = try? pool.writeWithoutTransaction { try Row.fetchOne($0, sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
    try? pool.close()
  }

  /// The number of requests in the file, from the daily roll-ups.
  static func rowsHeld(_ db: Database) throws -> Int {
    // total() is a float. sum() would fail if the sum is too large, which is not a sign of damage.
    let rows = try Double.fetchOne(db, sql: "SELECT total(requests) FROM daily") ?? 0
    guard (0...Double(Bounded.most)).contains(rows) else { throw DatabaseError.damaged }
    return Int(rows)
  }

  /// The oldest hour with a request, Unix seconds.
  static func oldestTime(_ db: Database) throws -> Double? {
    try Double.fetchOne(db, sql: "SELECT min(start) FROM hourly")
  }

  /// The size of the database and its write-ahead log, in bytes.
  static func bytes(at path: String) -> Int {
    [path, path + "-wal"].reduce(0) { sum, path in
      var information = stat()
      return stat(path, &information) == 0 ? sum + Int(information.st_size) : sum
    }
  }

  /// Renames a corrupt database and its log, and keeps only the newest `keeping` of such files. Returns the new path,
  /// or nil if the database could not be renamed.
  @discardableResult static func moveAside(_ path: String, keeping: Int = 3) -> String? {
    let stamp = Int(Date().timeIntervalSince1970)
    var target = "\(path).corrupt-\(stamp)", attempt = 0
    while access(target, F_OK) == 0 {
      attempt += 1
      target = "\(path).corrupt-\(stamp)-\(attempt)"
    }
    let isMoved = rename(path, target) == 0
    for suffix in ["-wal", "-shm"] { rename(path + suffix, target + suffix) }
    let directory = (path as NSString).deletingLastPathComponent
    let prefix = (path as NSString).lastPathComponent + ".corrupt-"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.isEmpty ? "." : directory)) ?? []
    let files = names.filter { $0.hasPrefix(prefix) && !$0.hasSuffix("-wal") && !$0.hasSuffix("-shm") }
    for name in files.sorted(by: { $0.localizedStandardCompare($1) == .orderedAscending }).dropLast(keeping) {
      for suffix in ["", "-wal", "-shm"] { unlink((directory as NSString).appendingPathComponent(name) + suffix) }
    }
    return isMoved ? target : nil
  }
}

extension Error {
  /// Whether the error shows damage to the database itself.
  var isDamage: Bool {
    if let error = self as? DatabaseError {
      return error.resultCode == .SQLITE_CORRUPT || error.resultCode == .SQLITE_NOTADB
    }
    return self is RowDecodingError
  }
}
