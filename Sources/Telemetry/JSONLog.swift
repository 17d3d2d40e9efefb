// A log with one JSON object per line. One serial queue writes, so that a slow reader of standard error never delays a
// request. A line is dropped if a thousand lines wait, and lost if its write fails, for example because the reader of a
// pipe has exited. The next line that is written states how many were missing before it.
import Dispatch
import Glibc
import JSON
import Synchronization

/// The log of the server. Never pass prompts, replies, keys or image bytes to it.
package final class JSONLog: Sendable {
  package enum Level: String, Sendable, Comparable, CaseIterable {
    case debug, info, warning, error
    package static func < (a: Level, b: Level) -> Bool {
      (allCases.firstIndex(of: a) ?? 0) < (allCases.firstIndex(of: b) ?? 0)
    }
  }

  private struct Backlog {
    var waiting = 0
    /// Lines dropped since the last line was accepted.
    var dropped = 0
    /// Missing lines that no written line has reported yet.
    var unreported = 0
    var totals = LineTotals()
  }

  /// The number of lines since the start.
  package struct LineTotals: Sendable, Equatable {
    package var written = 0
    /// Lines dropped because the queue was full.
    package var dropped = 0
    /// Lines whose write failed.
    package var lost = 0

    package init(written: Int = 0, dropped: Int = 0, lost: Int = 0) {
      (self.written, self.dropped, self.lost) = (written, dropped, lost)
    }
  }

  private static let maxWaiting = 1000
  private let level: Level
  private let queue = DispatchQueue(label: "log")
  private let backlog = Mutex(Backlog())
  private let writer: @Sendable ([UInt8]) -> Bool

  /// - Parameter level: the lowest level that is written.
  /// - Parameter writer: writes one line with its line feed, on the log's queue; returns false if that failed.
  package init(level: Level = .info, writer: @escaping @Sendable ([UInt8]) -> Bool = JSONLog.standardError) {
    (self.level, self.writer) = (level, writer)
  }

  /// A log that passes every line to `sink`, for example a list in memory.
  package convenience init(level: Level = .info, sink: @escaping @Sendable ([UInt8]) -> Void) {
    self.init(
      level: level,
      writer: { line in
        sink(line)
        return true
      })
  }

  /// The number of lines written, dropped and lost since the start.
  package var totals: LineTotals { backlog.withLock { $0.totals } }

  /// Writes `event` with its `fields` after time and level. `fields` is evaluated only if the line is written.
  package func write(_ level: Level, _ event: String, _ fields: @autoclosure () -> JSONObject = [:]) {
    if level < self.level { return }
    guard let dropped = admit() else { return }
    var line: JSONObject = [
      "time": .string(Self.timestamp()), "level": .string(level.rawValue), "event": .string(event),
    ]
    for (name, value) in fields().members { line[name] = value }
    let complete = line
    queue.async { [self] in deliver(complete, dropped: dropped) }
  }

  /// Waits until every line so far has been written, but at most for `patience`: there may be no reader.
  package func flush(patience: DispatchTimeInterval = .seconds(1)) {
    let done = DispatchSemaphore(value: 0)
    queue.async { done.signal() }
    _ = done.wait(timeout: .now() + patience)
  }

  /// Writes a line that follows `dropped` dropped lines. Runs on `queue`.
  private func deliver(_ line: JSONObject, dropped: Int) {
    var line = line
    let missing = dropped + backlog.withLock { $0.unreported }
    if missing > 0 { line["dropped_lines"] = .integer(Int64(missing)) }
    let isWritten = writer(JSONValue.object(line).encoded + [0x0A])
    backlog.withLock { backlog in
      backlog.waiting -= 1
      backlog.unreported = isWritten ? 0 : missing + 1
      if isWritten { backlog.totals.written += 1 } else { backlog.totals.lost += 1 }
    }
  }

  /// Reserves room for a line and returns how many were dropped before it; returns nil and counts a dropped line if
  /// there is none.
  private func admit() -> Int? {
    backlog.withLock { backlog in
      if backlog.waiting >= Self.maxWaiting {
        backlog.dropped += 1
        backlog.totals.dropped += 1
        return nil
      }
      backlog.waiting += 1
      defer { backlog.dropped = 0 }
      return backlog.dropped
    }
  }

  /// Whether a failed write cut off the last line on standard error.
  private static let isCutOff = Atomic(false)
  /// Milliseconds to wait while a non-blocking standard error is full.
  private static let patience: Int32 = 1000

  /// Writes a line to standard error; returns false if that failed. `SIGPIPE` must be ignored, or a reader that exits
  /// ends the process.
  package static let standardError: @Sendable ([UInt8]) -> Bool = { line in
    var rest = (isCutOff.load(ordering: .relaxed) ? [0x0A] + line : line)[...]
    let count = rest.count
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
      if written > 0 {
        rest = rest.dropFirst(written)
      } else if errno == EAGAIN {
        var room = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        if poll(&room, 1, patience) != 1 { break }
      } else if errno != EINTR {
        break
      }
    }
    if rest.count < count { isCutOff.store(!rest.isEmpty, ordering: .relaxed) }
    return rest.isEmpty
  }

  /// The current time in UTC as RFC 3339 with milliseconds.
  static func timestamp() -> String {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    var parts = tm()
    gmtime_r(&now.tv_sec, &parts)
    func padded(_ value: Int, _ width: Int) -> String {
      let digits = String(value)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    let date =
      "\(padded(Int(parts.tm_year) + 1900, 4))-\(padded(Int(parts.tm_mon) + 1, 2))-\(padded(Int(parts.tm_mday), 2))"
    let time = "\(padded(Int(parts.tm_hour), 2)):\(padded(Int(parts.tm_min), 2)):\(padded(Int(parts.tm_sec), 2))"
    return "\(date)T\(time).\(padded(now.tv_nsec / 1_000_000, 3))Z"
  }
}
