// Usage reports. They read on GRDB's reader connections, so they wait neither for the queue nor on the cooperative
// pool.
import Foundation
import GRDB
import Synchronization

extension Ledger {
  /// Returns the report for `query`; an empty range gives zeros. The report lacks the rows that still wait for their
  /// batch, which takes at most half a second.
  package func usage(_ query: UsageQuery) async throws(LedgerError) -> UsageReport {
    let range = try UsageRange(query, maximumCells: configuration.maximumCells)
    let (pool, state) = front.withLock { ($0.pool, $0.status.state) }
    guard let pool else { throw .unavailable(reason: Self.reason(state)) }
    let (cells, seconds) = (configuration.maximumCells, configuration.querySeconds)
    do {
      return try await withThrowingTaskGroup(of: UsageReport?.self) { group in
        defer { group.cancelAll() }
        group.addTask {
          try await pool.read { db in
            var reader = UsageReader(query, range, maximumCells: cells)
            try reader.read(db)
            return reader.report()
          }
        }
        group.addTask {
          try await Task.sleep(for: .seconds(seconds))
          return nil
        }
        guard let report = try await group.next() ?? nil else { throw LedgerError.timeout(seconds: seconds) }
        return report
      }
    } catch let error as LedgerError {
      throw error
    } catch is CancellationError {
      throw .cancelled
    } catch let error as DatabaseError where error.resultCode == .SQLITE_INTERRUPT {
      throw .cancelled
    } catch {
      if error.isDamage { replaceAfterDamage(foundBy: pool) }
      throw .unavailable(reason: Self.reason(error))
    }
  }

  private static func reason(_ state: LedgerStatus.State) -> String {
    switch state {
    case .ok: "the file is being opened"
    case .closed: "the ledger is closed"
    case .degraded(let reason): reason
    }
  }
}
