// The ledger of answered requests. `record` appends to a bounded list under a short lock and touches no file; one serial queue owns
// the database and writes batches (`Ledger+Writing.swift`), another rewrites the count beside it; readers take snapshots on
// connections of their own (`Ledger+Usage.swift`). Whatever happens to the files, requests go on: rows wait, then are dropped and counted.
import Dispatch
import Foundation
import GRDB
import GenerationTypes
import Synchronization

/// One row for each answered request, in a file that survives restarts.
package final class Ledger: Sendable {
  /// What recording, reading and the queue share.
  struct Front: ~Copyable {
    var pending = PendingRows()
    /// Rows committed to this file and waiting for it.
    var accepted = 0
    /// Whether the count's queue will write it; whether it was found to stand still.
    var isCountScheduled = false, isCountStalled = false
    /// Connections for readers; nil while no file is open.
    var pool: DatabasePool?
    var status = LedgerStatus()
    /// A batch is due within `batchSeconds`; a batch is due at once; nothing is until the retry.
    var isScheduled = false, isUrgent = false, isRetrying = false
    /// Whether `dropping` was told, and the rows dropped when the ledger was last in order.
    var isDropping = false, droppedBefore = 0
    var observer: (@Sendable (LedgerEvent) -> Void)?
  }

  /// What the queue alone uses.
  struct Writer {
    var file: LedgerFile?
    /// Whether the loss of the previous process is known.
    var hasReckoned = false
    var failuresInRow = 0
    var isRetentionScheduled = false, isRetryScheduled = false
    var isClosed = false
  }

  private enum Wake { case now, later }

  package let path: String
  let configuration: LedgerConfiguration
  let queue = DispatchQueue(label: "ledger", qos: .utility)
  let front = Mutex(Front())
  /// The count beside the file; nil while it cannot be had. Locked on `queue` and `countQueue` only, before `front`.
  let count = Mutex<AcceptedCount?>(nil)
  package let countQueue = DispatchQueue(label: "ledger count", qos: .userInteractive)
  /// Locked on `queue` only, so it is never waited for.
  let writer = Mutex(Writer())

  /// Opens or creates the database at `path`; when that fails the ledger is degraded and keeps trying.
  package init(path: String, configuration: LedgerConfiguration = LedgerConfiguration()) {
    (self.path, self.configuration) = (path, configuration)
    queue.sync { self.drain() }
  }

  /// Tells `observer` of every event from now on, on any thread. What happened before is in `status`.
  package func observe(_ observer: @escaping @Sendable (LedgerEvent) -> Void) {
    front.withLock { $0.observer = observer }
  }

  func tell(_ event: LedgerEvent) { front.withLock { $0.observer }?(event) }

  /// Accepts a request for the next batch, or counts its row as dropped if too many wait.
  package func record(_ figures: AnswerFigures) { accept(.request(LedgerRow(figures))) }

  /// Accepts a shadow for the next batch, or counts its row as dropped if too many wait.
  package func record(_ shadow: ShadowFigures) { accept(.shadow(ShadowRow(shadow))) }

  /// The account of this moment.
  package var status: LedgerStatus {
    front.withLock { front in
      var status = front.status
      status.pending = front.pending.count
      return status
    }
  }

  /// Returns once the count beside the file says what was recorded before; where the file system stands still, after a moment, and
  /// at once until it goes on.
  package func settleCount() async {
    if front.withLock({ $0.isCountStalled }) { return }
    await withCheckedContinuation { continuation in
      let waiter = Waiter(continuation)
      countQueue.async { waiter.resume() }
      DispatchQueue.global().asyncAfter(deadline: .now() + Self.countPatience) { [weak self] in
        if waiter.resume() { self?.front.withLock { $0.isCountStalled = true } }
      }
    }
  }

  /// Seconds that an answer waits for the count at most.
  private static let countPatience = 0.02

  /// A continuation for whoever comes first.
  private final class Waiter: Sendable {
    private let continuation: Mutex<CheckedContinuation<Void, Never>?>

    init(_ continuation: CheckedContinuation<Void, Never>) { self.continuation = Mutex(continuation) }

    /// False when another came first.
    @discardableResult func resume() -> Bool {
      let taken = continuation.withLock { continuation in
        defer { continuation = nil }
        return continuation
      }
      taken?.resume()
      return taken != nil
    }
  }

  /// Tries to write every row accepted so far; returns also when that fails, see `status`.
  package func flush() async {
    await withCheckedContinuation { continuation in
      queue.async {
        self.drain()
        continuation.resume()
      }
    }
  }

  /// Writes what waits and closes the file; rows recorded later are dropped. Returns what was lost, all zero where all is well.
  @discardableResult package func close() -> LedgerLoss {
    queue.sync {
      drain()
      return finish()
    }
  }

  private func accept(_ entry: LedgerEntry) {
    var mustTell = false
    let (wake, mustCount): (Wake?, Bool) = front.withLock { front in
      let isClosed = front.status.state == .closed
      if isClosed || front.pending.count >= configuration.maximumPending {
        front.status.dropped += 1
        mustTell = !isClosed && !front.isDropping
        front.isDropping = true
        return (nil, false)
      }
      front.pending.append(entry)
      front.accepted += 1
      let mustCount = !front.isCountScheduled
      front.isCountScheduled = true
      if front.isRetrying { return (nil, mustCount) }
      if front.pending.count >= PendingRows.chunk, !front.isUrgent {
        front.isUrgent = true
        return (.now, mustCount)
      }
      if front.isScheduled { return (nil, mustCount) }
      front.isScheduled = true
      return (.later, mustCount)
    }
    if mustTell { tell(.dropping(limit: configuration.maximumPending)) }
    if mustCount { countQueue.async { [weak self] in self?.writeCount() } }
    switch wake {
    case .now: queue.async { [weak self] in self?.drain() }
    case .later: queue.asyncAfter(deadline: .now() + configuration.batchSeconds) { [weak self] in self?.drain() }
    case nil: break
    }
  }
}
