// The writing side of the ledger: opening, batches, failures and retries, retention. A damaged file is moved aside and
// replaced. After any other failure (a lock, a full disk, permissions) the rows wait and the queue tries again.
import Dispatch
import Foundation
import GRDB
import Glibc
import Synchronization

extension Ledger {
  /// Writes every waiting chunk, then does one step of retention. Runs on `queue`.
  func drain() {
    dispatchPrecondition(condition: .onQueue(queue))
    writer.withLock { writer in
      if writer.isClosed { return }
      front.withLock { ($0.isScheduled, $0.isUrgent, $0.isRetrying) = (false, false, false) }
      do {
        if writer.file == nil { try open(&writer) }
        try writeChunks(&writer)
        try forget(&writer)
        settle(&writer)
      } catch {
        fail(error, &writer)
      }
    }
  }

  /// Marks an orderly end and closes the file; returns the loss. Runs on `queue`.
  func finish() -> LedgerLoss {
    writer.withLock { writer in
      if writer.isClosed { return LedgerLoss() }
      writer.isClosed = true
      let loss = front.withLock { front in
        var loss = LedgerLoss(unwritten: front.pending.count, dropped: front.status.dropped)
        if case .degraded(let reason) = front.status.state { loss.reason = reason }
        return loss
      }
      let isOpen = writer.file != nil
      count.withLock { count in
        let (accepted, isClean) = front.withLock { front in
          front.status.state = .closed
          front.pool = nil
          let isClean = front.pending.count == 0
          front.status.dropped += front.pending.count
          front.pending = PendingRows()
          return (front.accepted, isClean)
        }
        if isOpen { count?.write(accepted, isClean: isClean) }
        count = nil
      }
      writer.file?.close()
      writer.file = nil
      return loss
    }
  }

  /// Replaces the file that a reader found damaged, unless it was replaced already.
  func replaceAfterDamage(foundBy pool: DatabasePool) {
    queue.async { [self] in
      let isCurrent = writer.withLock { writer in
        guard !writer.isClosed, let file = writer.file, file.pool === pool else { return false }
        replace(&writer)
        return true
      }
      if isCurrent { drain() }
    }
  }

  private func open(_ writer: inout Writer) throws {
    try LedgerFile.prepareDirectory(of: path)
    let previous = try lockCount()
    let file: LedgerFile
    var isReplaced = false
    do {
      file = try LedgerFile(path: path)
    } catch  where error.isDamage {
      replace(&writer)
      isReplaced = true
      file = try LedgerFile(path: path)
    }
    writer.file = file
    let isFirst = !writer.hasReckoned
    writer.hasReckoned = true
    front.withLock { front in
      if isFirst {
        let isCounted = previous != nil && !isReplaced
        front.status.lost = isCounted ? max(0, (previous?.accepted ?? 0) - file.committed) : 0
        front.status.lostIsExact =
          isCounted
          ? previous?.isExact == true && (previous?.accepted ?? 0) >= file.committed
          : file.committed == 0 && !isReplaced
      }
      front.pool = file.pool
      front.accepted = file.committed + front.pending.count
    }
    count.withLock { $0?.settle() }
    writeCount()
  }

  /// Writes the number of accepted rows. Runs on `countQueue` or `queue`.
  func writeCount() {
    count.withLock { count in
      let accepted = front.withLock { front in
        front.isCountScheduled = false
        return front.accepted
      }
      count?.write(accepted)
    }
    front.withLock { $0.isCountStalled = false }
  }

  /// Locks the count file unless that is done; returns its content at the start of this process.
  private func lockCount() throws -> AcceptedCount.Previous? {
    let known: (isHeld: Bool, previous: AcceptedCount.Previous?) = count.withLock { ($0 != nil, $0?.previous) }
    if known.isHeld { return known.previous }
    let opened = try AcceptedCount(path: path + ".count")
    let previous = opened.previous
    var taken: AcceptedCount? = consume opened
    count.withLock { count in
      front.withLock { $0.accepted = (previous?.accepted ?? 0) + $0.pending.count }
      count = taken.take()
    }
    writeCount()
    return previous
  }

  private func writeChunks(_ writer: inout Writer) throws {
    while true {
      let entries = front.withLock { $0.pending.takeFirst() }
      if entries.isEmpty { return }
      do {
        try writer.file?.write(entries)
      } catch  where error.isDamage {
        front.withLock { $0.status.failedWrites += 1 }
        replace(&writer)
        try open(&writer)
        try writer.file?.write(entries)
      }
      front.withLock { front in
        front.pending.removeFirst()
        front.status.written += entries.count
      }
    }
  }

  private func forget(_ writer: inout Writer) throws {
    if configuration.retentionDays == nil && configuration.retentionMegabytes == nil { return }
    if writer.isRetentionScheduled { return }
    let isBusy = try writer.file?.forget(configuration, now: Int(Date().timeIntervalSince1970)) ?? false
    writer.isRetentionScheduled = true
    // Between two steps the queue writes the rows that have arrived.
    let pause = isBusy ? 0.001 : configuration.retentionInterval
    queue.asyncAfter(deadline: .now() + pause) { [weak self] in
      self?.writer.withLock { $0.isRetentionScheduled = false }
      self?.drain()
    }
  }

  private func settle(_ writer: inout Writer) {
    writer.failuresInRow = 0
    let bytes = LedgerFile.bytes(at: path)
    let held = writer.file?.rowsHeld ?? 0, oldest = writer.file?.oldestTime
    let dropped: Int? = front.withLock { front in
      let wasOK = front.status.state == .ok && !front.isDropping
      let dropped = front.status.dropped - front.droppedBefore
      (front.isDropping, front.droppedBefore) = (false, front.status.dropped)
      front.status.state = .ok
      (front.status.fileBytes, front.status.rowsHeld, front.status.oldestTime) = (bytes, held, oldest)
      return wasOK ? nil : dropped
    }
    if let dropped { tell(.recovered(dropped: dropped)) }
  }

  /// Moves the damaged file aside; the next `open` creates a new one.
  private func replace(_ writer: inout Writer) {
    front.withLock { $0.pool = nil }
    try? writer.file?.pool.close()
    writer.file = nil
    let target = LedgerFile.moveAside(path)
    front.withLock { front in
      front.status.corruptFiles += 1
      front.status.corruptFile = target
    }
    tell(.replaced(movedTo: target))
  }

  /// Records why rows wait, and schedules a retry.
  private func fail(_ error: any Error, _ writer: inout Writer) {
    if error.isDamage {
      replace(&writer)
    } else if let error = error as? DatabaseError, Self.passing.contains(error.resultCode) {
      // The connection is intact; another process or a full disk blocks it.
    } else if let file = writer.file {
      front.withLock { $0.pool = nil }
      file.close()
      writer.file = nil
    }
    let delay = configuration.retrySeconds * Double(1 << min(writer.failuresInRow, 6))
    writer.failuresInRow += 1
    let reason = Self.reason(error)
    let isNews = front.withLock { front in
      let isNews = front.status.state != .degraded(reason)
      front.status.failedWrites += 1
      front.status.state = .degraded(reason)
      front.isRetrying = true
      return isNews
    }
    if isNews { tell(.degraded(reason: reason)) }
    if writer.isRetryScheduled { return }
    writer.isRetryScheduled = true
    queue.asyncAfter(deadline: .now() + delay) { [weak self] in
      self?.writer.withLock { $0.isRetryScheduled = false }
      self?.drain()
    }
  }

  private static let passing: [ResultCode] = [.SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_FULL]

  /// Describes `error` for an operator, without the path.
  static func reason(_ error: any Error) -> String {
    switch error {
    case AcceptedCount.Failure.inUse: "another server uses this ledger"
    case AcceptedCount.Failure.system(let number):
      "the count file cannot be opened: \(String(cString: strerror(number)))"
    case LedgerFile.Failure.directory(let number):
      "the directory cannot be created: \(String(cString: strerror(number)))"
    case LedgerFile.Failure.newer: "a newer version of r4b created the file"
    case LedgerFile.Failure.foreign: "the file is an SQLite database of another program"
    case let error as DatabaseError:
      switch error.resultCode {
      case .SQLITE_BUSY, .SQLITE_LOCKED: "the file is locked by another process"
      case .SQLITE_FULL: "the disk is full"
      case .SQLITE_READONLY: "the file is read-only"
      default: "SQLite: \(error.message ?? String(describing: error.resultCode)) (\(error.extendedResultCode.rawValue))"
      }
    default: "\(error)"
    }
  }
}
