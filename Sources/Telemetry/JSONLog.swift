// One JSON object per line. Callers hand over a finished line and go on; one serial queue writes, so that a slow reader of
// standard error never holds a request. When the queue is a thousand lines behind, lines are dropped and the next one that
// is written says how many.
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
    var dropped = 0
  }

  private static let maxWaiting = 1000
  private let level: Level
  private let queue = DispatchQueue(label: "log")
  private let backlog = Mutex(Backlog())
  private let sink: @Sendable ([UInt8]) -> Void

  /// - Parameter level: the least important level that is written.
  /// - Parameter sink: takes one line with its line feed, on the log's own queue.
  package init(level: Level = .info, sink: @escaping @Sendable ([UInt8]) -> Void = JSONLog.standardError) {
    (self.level, self.sink) = (level, sink)
  }

  /// Writes `event` with its `fields`, which are made only if they are written, after time and level.
  package func write(_ level: Level, _ event: String, _ fields: @autoclosure () -> JSONObject = [:]) {
    if level < self.level { return }
    guard let dropped = admit() else { return }
    var line: JSONObject = [
      "time": .string(Self.timestamp()), "level": .string(level.rawValue), "event": .string(event),
    ]
    for (name, value) in fields().members { line[name] = value }
    if dropped > 0 { line["dropped_lines"] = .integer(Int64(dropped)) }
    let bytes = JSONValue.object(line).encoded + [0x0A]
    queue.async { [self] in
      sink(bytes)
      backlog.withLock { $0.waiting -= 1 }
    }
  }

  /// Waits until every line handed over so far has been written, at most `patience`: nobody may be reading them.
  package func flush(patience: DispatchTimeInterval = .seconds(1)) {
    let done = DispatchSemaphore(value: 0)
    queue.async { done.signal() }
    _ = done.wait(timeout: .now() + patience)
  }

  /// Takes a place in the backlog and how many lines were dropped before it, or counts one more dropped line.
  private func admit() -> Int? {
    backlog.withLock { backlog in
      if backlog.waiting >= Self.maxWaiting {
        backlog.dropped += 1
        return nil
      }
      backlog.waiting += 1
      defer { backlog.dropped = 0 }
      return backlog.dropped
    }
  }

  /// Writes a line to standard error; what a closed or broken descriptor refuses is lost.
  package static let standardError: @Sendable ([UInt8]) -> Void = { line in
    var rest = line[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { return }
      rest = rest.dropFirst(count)
    }
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
