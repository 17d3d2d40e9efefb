import Foundation
import GRDB
import Ledger
import Synchronization
import Testing

@Suite struct `A ledger whose file fails` {
  private var quick: LedgerConfiguration {
    var configuration = LedgerConfiguration()
    configuration.retrySeconds = 0.02
    return configuration
  }

  private func isDegraded(_ ledger: Ledger, _ words: String) -> Bool {
    if case .degraded(let reason) = ledger.status.state { reason.contains(words) } else { false }
  }

  private func recovers(_ ledger: Ledger) async throws -> Bool {
    for _ in 0..<200 {
      if ledger.status.state == .ok && ledger.status.pending == 0 { return true }
      try await Task.sleep(for: .milliseconds(50))
    }
    return false
  }

  /// A closed database of `count` requests.
  private func filled(_ count: Int) async throws -> Folder {
    let folder = try Folder()
    let ledger = Ledger(path: folder.database)
    await ledger.fill(drawRequests(count, over: 86_400))
    ledger.close()
    return folder
  }

  @Test func `a file that is no database is moved aside, and the newest three are kept`() async throws {
    let folder = try Folder()
    for round in 0..<5 {
      try Data(repeating: UInt8(round), count: 9_000).write(to: URL(fileURLWithPath: folder.database))
      let ledger = Ledger(path: folder.database)
      #expect(ledger.status.state == .ok)
      #expect(ledger.status.corruptFiles == 1)
      await ledger.fill(drawRequests(10, over: 60))
      #expect(try await ledger.usage(UsageQuery(from: march, to: march + 60)).total.requests == 10)
      ledger.close()
    }
    let aside = folder.names.filter { $0.contains(".corrupt-") && !$0.hasSuffix("-wal") && !$0.hasSuffix("-shm") }
    #expect(aside.count == 3)
  }

  @Test func `a truncated file is moved aside`() async throws {
    let folder = try await filled(2_000)
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: folder.database))
    try handle.truncate(atOffset: 20_000)
    try handle.close()
    let ledger = Ledger(path: folder.database)
    await ledger.fill(drawRequests(10, over: 60))
    _ = try? await ledger.usage(UsageQuery(from: march, to: march + 86_400))
    await ledger.flush()
    #expect(ledger.status.corruptFiles == 1)
    #expect(ledger.status.state == .ok)
  }

  @Test func `a query that finds damage moves the file aside, and rows are written again`() async throws {
    let folder = try await filled(5_000)
    // Every page except the first, which contains the header and the schema.
    let url = URL(fileURLWithPath: folder.database)
    var bytes = try Data(contentsOf: url)
    for index in stride(from: 4_096 * 12, to: bytes.count, by: 4_096) {
      bytes.replaceSubrange(index..<min(index + 64, bytes.count), with: Data(repeating: 0xFF, count: 64))
    }
    try bytes.write(to: url)
    let ledger = Ledger(path: folder.database)
    for bucket in [UsageQuery.Bucket.none, .hour] {
      _ = try? await ledger.usage(UsageQuery(from: march + 1, to: march + 86_399, bucket: bucket))
    }
    await ledger.fill(drawRequests(10, over: 60))
    #expect(ledger.status.corruptFiles >= 1)
    #expect(ledger.status.state == .ok)
    #expect(ledger.status.rowsHeld == 10)
    #expect(try await ledger.usage(UsageQuery(from: march, to: march + 60)).total.requests == 10)
  }

  @Test(arguments: [
    "UPDATE daily_all_keys SET sketches = x'FF'", "UPDATE daily_all_keys SET sketches = sketches || x'00'",
    "UPDATE daily_all_keys SET sketches = zeroblob(34) || x'FFFFFFFFFFFFFFFFFF7F'",
    "UPDATE daily_all_keys SET requests = 'many'",
    "UPDATE daily_all_keys SET answer_sum = -9223372036854775808", "DELETE FROM state",
    "UPDATE daily_all_keys SET answer_sum = 9223372036854775807", "UPDATE daily_all_keys SET requests = 1 << 62",
    "UPDATE daily_all_keys SET sampled = -1", "UPDATE state SET value = 9223372036854775807 WHERE name = 'horizon_us'",
  ])
  func `roll-ups that this program did not write are an error and then moved aside`(damage: String) async throws {
    let folder = try await filled(200)
    let ledger = Ledger(path: folder.database)
    let other = try DatabaseQueue(path: folder.database)
    try await other.write { try $0.execute(sql: damage) }
    try other.close()
    await #expect(throws: LedgerError.self) {
      _ = try await ledger.usage(UsageQuery(from: march, to: march + 86_400))
    }
    await ledger.fill(drawRequests(3, over: 60))
    #expect(ledger.status.corruptFiles == 1)
    #expect(ledger.status.rowsHeld == 3)
  }

  @Test(arguments: [
    "UPDATE state SET value = 9223372036854775807 WHERE name = 'committed'", "UPDATE state SET value = 'x'",
    "UPDATE daily SET requests = 9223372036854775807",
  ])
  func `numbers that no ledger comes to are damage at the start, too`(damage: String) async throws {
    let folder = try await filled(200)
    let other = try DatabaseQueue(path: folder.database)
    try await other.write { try $0.execute(sql: damage) }
    try other.close()
    let ledger = Ledger(path: folder.database)
    await ledger.fill(drawRequests(3, over: 60))
    #expect(ledger.status.corruptFiles == 1 && ledger.status.rowsHeld == 3 && ledger.status.state == .ok)
  }

  @Test func `rows wait while the file is locked, and are dropped if too many wait`() async throws {
    let folder = try Folder()
    var configuration = quick
    configuration.maximumPending = 50
    let ledger = Ledger(path: folder.database, configuration: configuration)
    await ledger.fill(drawRequests(5, over: 60))
    var unguarded = Configuration()
    unguarded.allowsUnsafeTransactions = true
    let other = try DatabaseQueue(path: folder.database, configuration: unguarded)
    try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
    await ledger.fill(drawRequests(60, over: 60))
    #expect(isDegraded(ledger, "locked"))
    #expect(ledger.status.dropped == 10)
    #expect(ledger.status.pending == 50)
    #expect(ledger.status.failedWrites > 0)
    #expect(try await ledger.usage(UsageQuery(from: march, to: march + 60)).total.requests == 5, "reading goes on")
    try await other.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
    #expect(try await recovers(ledger))
    #expect(ledger.status.written == 55)
  }

  /// The events that a ledger has reported.
  private final class Events: Sendable {
    private let list = Mutex<[LedgerEvent]>([])
    var all: [LedgerEvent] { list.withLock { $0 } }
    func append(_ event: LedgerEvent) { list.withLock { $0.append(event) } }
  }

  @Test func `a failure and its end are reported once each, and a close without loss reports no loss`() async throws {
    let folder = try Folder()
    var configuration = quick
    configuration.maximumPending = 50
    let ledger = Ledger(path: folder.database, configuration: configuration)
    let events = Events()
    ledger.observe(events.append)
    await ledger.fill(drawRequests(5, over: 60))
    #expect(events.all.isEmpty)
    var unguarded = Configuration()
    unguarded.allowsUnsafeTransactions = true
    let other = try DatabaseQueue(path: folder.database, configuration: unguarded)
    try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
    await ledger.fill(drawRequests(60, over: 60))
    await ledger.flush()
    let reason = "the file is locked by another process"
    #expect(events.all.contains(.dropping(limit: 50)) && events.all.contains(.degraded(reason: reason)))
    #expect(events.all.count == 2)
    try await other.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
    #expect(try await recovers(ledger))
    #expect(events.all.count == 3 && events.all.last == .recovered(dropped: 10))
    await ledger.fill(drawRequests(5, over: 60))
    #expect(events.all.count == 3)
    #expect(ledger.close() == LedgerLoss(unwritten: 0, dropped: 10))
    #expect(ledger.close() == LedgerLoss())
  }

  @Test func `closing reports how many rows are lost and why`() async throws {
    let folder = try Folder()
    let ledger = Ledger(path: folder.database, configuration: quick)
    var unguarded = Configuration()
    unguarded.allowsUnsafeTransactions = true
    let other = try DatabaseQueue(path: folder.database, configuration: unguarded)
    try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
    for row in drawRequests(7, over: 60) { ledger.record(row) }
    let loss = ledger.close()
    #expect(loss == LedgerLoss(unwritten: 7, dropped: 0, reason: "the file is locked by another process"))
    #expect(loss.rows == 7)
    try await other.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
  }

  @Test func `a damaged file is reported with its new path`() async throws {
    let folder = try await filled(200)
    let ledger = Ledger(path: folder.database)
    let events = Events()
    ledger.observe(events.append)
    let other = try DatabaseQueue(path: folder.database)
    try await other.write { try $0.execute(sql: "DELETE FROM state") }
    try other.close()
    _ = try? await ledger.usage(UsageQuery(from: march, to: march + 86_400))
    await ledger.fill(drawRequests(3, over: 60))
    let path = try #require(ledger.status.corruptFile)
    #expect(events.all == [.replaced(movedTo: path)])
    #expect(path.hasPrefix(folder.database + ".corrupt-") && FileManager.default.fileExists(atPath: path))
  }

  @Test func `a second ledger on the same file waits until the first is closed`() async throws {
    let folder = try Folder()
    let first = Ledger(path: folder.database)
    let second = Ledger(path: folder.database, configuration: quick)
    #expect(isDegraded(second, "another server"))
    second.record(drawRequests(1, over: 60)[0])
    await #expect(throws: LedgerError.self) { _ = try await second.usage(UsageQuery(from: march, to: march + 60)) }
    await first.fill(drawRequests(3, over: 60))
    first.close()
    #expect(try await recovers(second))
    #expect(second.status.rowsHeld == 4)
    #expect(second.status.lost == 0)
  }

  @Test func `creating the directory is retried until it works`() async throws {
    let folder = try Folder()
    let blocked = folder.path + "/blocked"
    try Data().write(to: URL(fileURLWithPath: blocked))
    let ledger = Ledger(path: blocked + "/ledger.sqlite", configuration: quick)
    await ledger.fill(drawRequests(20, over: 60))
    if case .degraded = ledger.status.state {} else { Issue.record("\(ledger.status.state)") }
    #expect(ledger.status.pending == 20)
    try FileManager.default.removeItem(atPath: blocked)
    #expect(try await recovers(ledger))
    #expect(ledger.status.written == 20)
  }

  @Test func `a file of a newer version is left unchanged`() async throws {
    let folder = try await filled(10)
    let queue = try DatabaseQueue(path: folder.database)
    try await queue.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('2')") }
    try queue.close()
    let before = try Data(contentsOf: URL(fileURLWithPath: folder.database))
    let ledger = Ledger(path: folder.database)
    await ledger.fill(drawRequests(3, over: 60))
    #expect(isDegraded(ledger, "newer version"))
    ledger.close()
    #expect(try Data(contentsOf: URL(fileURLWithPath: folder.database)) == before)
  }

  @Test func `a database of another program is left unchanged`() async throws {
    let folder = try Folder()
    let queue = try DatabaseQueue(path: folder.database)
    try await queue.write { try $0.execute(sql: "CREATE TABLE diary (day TEXT)") }
    try queue.close()
    let before = try Data(contentsOf: URL(fileURLWithPath: folder.database))
    let ledger = Ledger(path: folder.database)
    #expect(isDegraded(ledger, "another program"))
    ledger.close()
    #expect(try Data(contentsOf: URL(fileURLWithPath: folder.database)) == before)
  }
}
