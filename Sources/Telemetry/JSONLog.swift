// One JSON object per line. Callers hand over a line and go on; one serial queue writes, so that a slow reader of standard
// error never holds a request. A line is lost when the queue is a thousand lines behind or when the write fails, for
// instance because the reader of a pipe has exited. The next line that is written says how many were lost before it.
import Dispatch
import Glibc
import JSON
import Synchronization

/// Where the server says what happened. Never hand it prompts, replies, keys or image bytes.
package final class JSONLog: Sendable {
  package enum Level: String, Sendable, Comparable, CaseIterable {
    case debug, info, warning, error
    package static func < (a: Level, b: Level) -> Bool {
      (allCases.firstIndex(of: a) ?? 0) < (allCases.firstIndex(of: b) ?? 0)
    }
  }

  private struct Backlog {
    var waiting = 0
    /// Lines that found the queue full since the last line was accepted.
    var dropped = 0
    /// Lines that no written line has told of yet, because writes failed.
    var untold = 0
    var totals = LineTotals()
  }

  /// What became of the lines since the start.
  package struct LineTotals: Sendable, Equatable {
    package var written = 0
    /// Lines that the queue had no room for.
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

  /// - Parameter level: the least important level that is written.
  /// - Parameter writer: writes one line with its line feed, on the log's own queue; false when that failed.
  package init(level: Level = .info, writer: @escaping @Sendable ([UInt8]) -> Bool = JSONLog.standardError) {
    (self.level, self.writer) = (level, writer)
  }

  /// A log whose `sink` takes every line, for instance a list in memory.
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

  /// Writes `event` with its `fields`, which are made only if they are written, after time and level.
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

  /// Waits until every line handed over so far has been written, at most `patience`: nobody may be reading them.
  package func flush(patience: DispatchTimeInterval = .seconds(1)) {
    let done = DispatchSemaphore(value: 0)
    queue.async { done.signal() }
    _ = done.wait(timeout: .now() + patience)
  }

  /// Writes a line that follows `dropped` dropped ones. On `queue`.
  private func deliver(_ line: JSONObject, dropped: Int) {
    var line = line
    let missing = dropped + backlog.withLock { $0.untold }
    if missing > 0 { line["dropped_lines"] = .integer(Int64(missing)) }
    let isWritten = writer(JSONValue.object(line).encoded + [0x0A])
    backlog.withLock { backlog in
      backlog.waiting -= 1
      backlog.untold = isWritten ? 0 : missing + 1
      if isWritten { backlog.totals.written += 1 } else { backlog.totals.lost += 1 }
    }
  }

  /// Takes a place in the backlog and how many lines were dropped before it, or counts one more dropped line.
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

  /// Whether the last line on standard error was cut off by a failed write.
  private static let isCutOff = Atomic(false)
  /// Milliseconds to wait for a non-blocking standard error that is full.
  private static let patience: Int32 = 1000

  /// Writes a line to standard error; false when the descriptor takes no more. `SIGPIPE` must be ignored, or a reader that has
  /// exited ends the process.
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

  /// The time now, RFC 3339 in UTC with milliseconds.
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
