// The ledger of answered requests. `record` appends to a bounded list under a short lock and touches no file. One
// serial queue owns the database and writes batches (`Ledger+Writing.swift`), another rewrites the count file; readers
// use connections of their own (`Ledger+Usage.swift`). A broken file never stops requests: rows wait, and are dropped
// and counted if too many wait.
import Dispatch
import Foundation
import GRDB
import GenerationTypes
import Synchronization

/// The usage history: one row per answered request, in a file.
package final class Ledger: Sendable {
  /// The state that recording, reading and the queue share.
  struct Front: ~Copyable {
    var pending = PendingRows()
    /// Rows committed to this file, and rows that wait for it.
    var accepted = 0
    /// Whether a write of the count is scheduled; whether the count's queue was found blocked.
    var isCountScheduled = false, isCountStalled = false
    /// The connections for readers; nil while no file is open.
    var pool: DatabasePool?
    var status = LedgerStatus()
    /// Whether a batch is due within `batchSeconds`, at once, or only after the retry.
    var isScheduled = false, isUrgent = false, isRetrying = false
    /// Whether `dropping` was reported, and the rows that had been dropped when the ledger last worked.
    var isDropping = false, droppedBefore = 0
    var observer: (@Sendable (LedgerEvent) -> Void)?
  }

  /// The state that only the queue uses.
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
  /// The count file; nil while it cannot be locked. Locked on `queue` and `countQueue` only, before `front`.
  let count = Mutex<AcceptedCount?>(nil)
  package let countQueue = DispatchQueue(label: "ledger count", qos: .userInteractive)
  /// Locked on `queue` only, so nothing ever waits for it.
  let writer = Mutex(Writer())

  /// Opens or creates the database at `path`. If that fails, the ledger is degraded and keeps trying.
  package init(path: String, configuration: LedgerConfiguration = LedgerConfiguration()) {
    (self.path, self.configuration) = (path, configuration)
    queue.sync { self.drain() }
  }

  /// Reports every event from now on to `observer`, on any thread. `status` covers earlier ones.
  package func observe(_ observer: @escaping @Sendable (LedgerEvent) -> Void) {
    front.withLock { $0.observer = observer }
  }

  func tell(_ event: LedgerEvent) { front.withLock { $0.observer }?(event) }

  /// Accepts a request for the next batch, or counts its row as dropped if too many wait.
  package func record(_ figures: AnswerFigures) { accept(.request(LedgerRow(figures))) }

  /// Accepts a shadow for the next batch, or counts its row as dropped if too many wait.
  package func record(_ shadow: ShadowFigures) { accept(.shadow(ShadowRow(shadow))) }

  /// The current status.
  package var status: LedgerStatus {
    front.withLock { front in
      var status = front.status
      status.pending = front.pending.count
      return status
    }
  }

  /// Returns once the count file includes every row recorded before. If the file system is blocked, it returns after a
  /// moment, and immediately until the file system works again.
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

  /// The longest time that an answer waits for the count, in seconds.
  private static let countPatience = 0.02

  /// A continuation that resumes once.
  private final class Waiter: Sendable {
    private let continuation: Mutex<CheckedContinuation<Void, Never>?>

    init(_ continuation: CheckedContinuation<Void, Never>) { self.continuation = Mutex(continuation) }

    /// Returns false if it was resumed before.
    @discardableResult func resume() -> Bool {
      let taken = continuation.withLock { continuation in
        defer { continuation = nil }
        return continuation
      }
      taken?.resume()
      return taken != nil
    }
  }

  /// Tries to write every row accepted so far; `status` shows whether that worked.
  package func flush() async {
    await withCheckedContinuation { continuation in
      queue.async {
        self.drain()
        continuation.resume()
      }
    }
  }

  /// Writes the waiting rows and closes the file; later rows are dropped. Returns the loss.
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
