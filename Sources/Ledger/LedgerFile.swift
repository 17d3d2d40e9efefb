// One open database: creating, checking and migrating it, and writing batches with their roll-ups in one transaction. Used
// by the ledger's queue only; readers share the pool.
import Foundation
import GRDB
import Glibc

/// An open ledger database.
struct LedgerFile {
  /// Why a database is not opened.
  enum Failure: Error {
    /// The file's directory cannot be made; the system's number for why.
    case directory(Int32)
    /// A later version of this program made it.
    case newer
    /// An SQLite file of something else.
    case foreign
  }

  /// Connections: one writes, up to four read snapshots.
  let pool: DatabasePool
  /// Rows ever committed to this file, shadows included.
  private(set) var committed: Int
  /// Requests in the file.
  var rowsHeld: Int
  /// The oldest hour with requests, Unix seconds.
  var oldestTime: Double?

  /// Makes the directory of `path` when it is missing, 0700.
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

  /// Opens `path`, creating it with mode 0600 when it is missing.
  ///
  /// - Throws: `Failure` or `DatabaseError`; a file that is newer or foreign has not been written to.
  init(path: String) throws {
    // SQLite gives the log and the index of the log the mode of the database.
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
      // Before the first table; later it changes nothing.
      try db.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA synchronous = NORMAL")
      try db.execute(sql: "PRAGMA journal_size_limit = 16777216")
    }
    return configuration
  }

  /// Looks at an existing file without writing to it.
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

  /// Brings the log into the database and closes the connections.
  ///
  /// The pool closes its writer first, and a reader that closes last cannot do it.
  func close() {
    _ = try? pool.writeWithoutTransaction { try Row.fetchOne($0, sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
    try? pool.close()
  }

  /// Requests in the file, from the days' roll-ups.
  static func rowsHeld(_ db: Database) throws -> Int {
    // total() is a float: a sum of integers that is too large would be an error, and no sign of damage.
    let rows = try Double.fetchOne(db, sql: "SELECT total(requests) FROM daily") ?? 0
    guard (0...Double(Bounded.most)).contains(rows) else { throw DatabaseError.damaged }
    return Int(rows)
  }

  /// The oldest hour with requests, Unix seconds.
  static func oldestTime(_ db: Database) throws -> Double? {
    try Double.fetchOne(db, sql: "SELECT min(start) FROM hourly")
  }

  /// Bytes of the database and its log on disk.
  static func bytes(at path: String) -> Int {
    [path, path + "-wal"].reduce(0) { sum, path in
      var information = stat()
      return stat(path, &information) == 0 ? sum + Int(information.st_size) : sum
    }
  }

  /// Renames a corrupt database and its log out of the way; keeps the newest `keeping` of such files.
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
  /// Whether the database itself is damaged, not its surroundings.
  var isDamage: Bool {
    if let error = self as? DatabaseError {
      return error.resultCode == .SQLITE_CORRUPT || error.resultCode == .SQLITE_NOTADB
    }
    return self is RowDecodingError
  }
}
