import Foundation
import GenerationTypes
import Ledger
import Testing

@Suite struct `Retention` {
  private func waits(for condition: () -> Bool) async throws -> Bool {
    for _ in 0..<200 {
      if condition() { return true }
      try await Task.sleep(for: .milliseconds(50))
    }
    return false
  }

  /// Midnight today, UTC.
  private var today: Double { (Date().timeIntervalSince1970 / 86_400).rounded(.down) * 86_400 }

  /// `count` requests on each of the last `days` days including today.
  private func rows(_ count: Int, days: Int) -> [AnswerFigures] {
    var rows = drawRequests(count * days, over: 1)
    for index in rows.indices { rows[index].time = today - Double(index % days) * 86_400 + Double(index % 7) }
    return rows
  }

  @Test func `days above the age limit are removed as a whole, from rows and roll-ups`() async throws {
    let folder = try Folder()
    let all = rows(1_500, days: 10)
    let first = Ledger(path: folder.database)
    await first.fill(all)
    #expect(first.status.rowsHeld == 15_000)
    first.close()
    let ledger = Ledger(path: folder.database, configuration: LedgerConfiguration(retentionDays: 3))
    #expect(try await waits { ledger.status.rowsHeld == 6_000 })
    #expect(ledger.status.oldestTime == today - 3 * 86_400)
    let from = today - 20 * 86_400, to = today + 86_400
    for bucket in [UsageQuery.Bucket.day, .hour] {
      let report = try await ledger.usage(UsageQuery(from: from, to: to, bucket: bucket))
      #expect(report.total.requests == 6_000)
    }
    // A range within a removed day reads rows, some of which may still exist.
    let gone = try await ledger.usage(UsageQuery(from: today - 5 * 86_400, to: today - 5 * 86_400 + 100))
    #expect(gone.total.requests == 0)
    ledger.close()
  }

  @Test func `above the size limit the oldest days are removed and the file shrinks`() async throws {
    let folder = try Folder()
    let first = Ledger(path: folder.database)
    await first.fill(rows(3_000, days: 8))
    first.close()
    let before = Ledger(path: folder.database).status.fileBytes
    #expect(before > 3_000_000)
    let ledger = Ledger(path: folder.database, configuration: LedgerConfiguration(retentionMegabytes: 2))
    #expect(try await waits { ledger.status.fileBytes < 2_600_000 }, "\(before) to \(ledger.status.fileBytes)")
    #expect(ledger.status.rowsHeld % 3_000 == 0, "whole days")
    #expect(ledger.status.rowsHeld > 0)
    ledger.close()
    let size = try FileManager.default.attributesOfItem(atPath: folder.database)[.size] as? Int
    #expect(size ?? .max < 2_600_000)
  }

  @Test func `a row with a wrong time is removed and does not block retention`() async throws {
    let folder = try Folder()
    let filling = Ledger(path: folder.database)
    await filling.fill(rows(3_000, days: 8))
    filling.close()
    let first = Ledger(path: folder.database, configuration: LedgerConfiguration(retentionMegabytes: 2))
    #expect(try await waits { first.status.fileBytes < 2_600_000 })
    var late = rows(1, days: 1)
    late[0].time = 1_000
    await first.fill(late)
    first.close()
    let held = first.status.rowsHeld
    let ledger = Ledger(path: folder.database, configuration: LedgerConfiguration(retentionMegabytes: 1))
    #expect(try await waits { ledger.status.rowsHeld < held - 1 && ledger.status.rowsHeld % 3_000 == 0 })
    #expect(ledger.status.oldestTime ?? 0 > today - 9 * 86_400)
    ledger.close()
  }

  @Test func `today is kept, however small the limit`() async throws {
    let folder = try Folder()
    let configuration = LedgerConfiguration(retentionDays: 1, retentionMegabytes: 0)
    let ledger = Ledger(path: folder.database, configuration: configuration)
    await ledger.fill(rows(100, days: 1))
    await ledger.flush()
    #expect(ledger.status.rowsHeld == 100)
  }
}
