import Dispatch
import Foundation
import GRDB
import Ledger
import Testing

@Suite struct `The file of the ledger` {
  @Test func `rows survive a restart without loss`() async throws {
    let folder = try Folder()
    let first = Ledger(path: folder.database)
    #expect(first.status.state == .ok)
    #expect(first.status.lostIsExact)
    await first.fill(drawRequests(2_500, over: 3_600), drawShadows(10, over: 3_600))
    #expect(first.status.written == 2_510)
    #expect(first.status.fileBytes > 100_000)
    #expect(first.status.oldestTime == march)
    first.close()
    let second = Ledger(path: folder.database)
    #expect(second.status.rowsHeld == 2_500)
    #expect(second.status.lost == 0 && second.status.lostIsExact)
    #expect(try await second.usage(UsageQuery(from: march, to: march + 3_600)).total.requests == 2_500)
  }

  @Test func `every file is readable by its owner only`() async throws {
    let folder = try Folder()
    let ledger = Ledger(path: folder.path + "/deep/er/ledger.sqlite")
    await ledger.fill(drawRequests(1, over: 1))
    let directory = folder.path + "/deep/er"
    let names = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
    #expect(names == ["ledger.sqlite", "ledger.sqlite-shm", "ledger.sqlite-wal", "ledger.sqlite.count"])
    for name in names {
      let attributes = try FileManager.default.attributesOfItem(atPath: directory + "/" + name)
      #expect(attributes[.posixPermissions] as? Int == 0o600, "\(name)")
    }
  }

  @Test func `a waiting row is written within a second`() async throws {
    let folder = try Folder()
    let ledger = Ledger(path: folder.database)
    ledger.record(drawRequests(1, over: 1)[0])
    #expect(ledger.status.pending == 1)
    for _ in 0..<200 where ledger.status.written == 0 { try await Task.sleep(for: .milliseconds(50)) }
    #expect(ledger.status.written == 1)
    #expect(ledger.status.pending == 0)
  }

  @Test func `rows from many threads are all written`() async throws {
    let folder = try Folder()
    let ledger = Ledger(path: folder.database)
    let rows = drawRequests(4_000, over: 7_200)
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      for index in stride(from: thread, to: rows.count, by: 8) { ledger.record(rows[index]) }
    }
    await ledger.flush()
    #expect(ledger.status.written + ledger.status.dropped == 4_000)
    #expect(ledger.status.dropped == 0)
    let total = try await ledger.usage(UsageQuery(from: march, to: march + 7_200)).total
    #expect(total.requests == 4_000)
    #expect(total.measures[.answer]?.sum == rows.reduce(0) { $0 + ($1.value(.answer) ?? 0) })
  }

  @Test func `after kill -9 the next process reports how many waiting rows were lost`() async throws {
    let folder = try Folder(), later = try Folder()
    var configuration = LedgerConfiguration()
    configuration.batchSeconds = 3_600
    let ledger = Ledger(path: folder.database, configuration: configuration)
    await ledger.fill(drawRequests(1_200, over: 60))
    for row in drawRequests(37, over: 60, seed: 9) { ledger.record(row) }
    await ledger.settleCount()
    // After kill -9 the files are as the page cache holds them now.
    try folder.copy(to: later)
    let next = Ledger(path: later.database)
    #expect(next.status.lost == 37)
    #expect(next.status.lostIsExact)
    #expect(next.status.rowsHeld == 1_200)
    await next.fill(drawRequests(5, over: 60))
    next.close()
    #expect(Ledger(path: later.database).status.lost == 0)
  }

  @Test func `a blocked count file delays no answer and is correct again afterwards`() async throws {
    let folder = try Folder()
    let ledger = Ledger(path: folder.database)
    ledger.countQueue.suspend()
    let rows = drawRequests(11, over: 60)
    for row in rows.dropLast() {
      ledger.record(row)
      // This would never return if it waited for the queue.
      await ledger.settleCount()
    }
    ledger.countQueue.resume()
    ledger.record(rows[10])
    await ledger.settleCount()
    await ledger.flush()
    #expect(ledger.status.written == 11 && ledger.status.dropped == 0)
    ledger.close()
    let next = Ledger(path: folder.database)
    #expect(next.status.lost == 0 && next.status.lostIsExact)
  }

  @Test func `a damaged count file makes the loss inexact`() async throws {
    let folder = try Folder()
    let ledger = Ledger(path: folder.database)
    await ledger.fill(drawRequests(10, over: 60))
    ledger.close()
    try Data([1, 2, 3]).write(to: URL(fileURLWithPath: folder.database + ".count"))
    let next = Ledger(path: folder.database)
    #expect(next.status.lost == 0)
    #expect(!next.status.lostIsExact)
  }

  @Test func `a closed ledger drops rows and counts them`() async throws {
    let folder = try Folder()
    let ledger = Ledger(path: folder.database)
    ledger.close()
    ledger.close()
    ledger.record(drawRequests(1, over: 1)[0])
    await ledger.flush()
    #expect(ledger.status.state == .closed)
    #expect(ledger.status.dropped == 1)
    await #expect(throws: LedgerError.unavailable(reason: "the ledger is closed")) {
      _ = try await ledger.usage(UsageQuery(from: march, to: march + 1))
    }
  }

  @Test func `roll-ups agree with SQLite's own sums of the rows`() async throws {
    let folder = try Folder()
    let ledger = Ledger(path: folder.database)
    await ledger.fill(drawRequests(3_000, over: 200_000))
    ledger.close()
    let queue = try DatabaseQueue(path: folder.database)
    try await queue.read { db in
      let spans = [
        ("hourly", 3_600, "key"), ("daily", 86_400, "key"), ("daily_all_keys", 86_400, "''"),
        ("four_weekly", 28 * 86_400, "key"),
      ]
      for (table, length, key) in spans {
        let rolled = try Row.fetchAll(
          db,
          sql: """
            SELECT start, requested_mode, mode, key, requests, replies, answer_sum, image_us_n, image_us_sum, finish_stop
            FROM \(table) ORDER BY 1, 2, 3, 4
            """)
        let plain = try Row.fetchAll(
          db,
          sql: """
            SELECT time_us / 1000000 / \(length) * \(length) start, requested_mode, mode, \(key) key, count(*) requests,
              sum(replies) replies, sum(answer) answer_sum, count(image_us) image_us_n,
              coalesce(sum(image_us), 0) image_us_sum, sum(finish = 'stop') finish_stop
            FROM request GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
            """)
        #expect(rolled == plain)
        #expect(rolled.count > 5)
      }
      #expect(try Int.fetchOne(db, sql: "PRAGMA auto_vacuum") == 2)
      #expect(try String.fetchOne(db, sql: "PRAGMA journal_mode") == "wal")
      #expect(try String.fetchOne(db, sql: "PRAGMA integrity_check") == "ok")
    }
  }
}
