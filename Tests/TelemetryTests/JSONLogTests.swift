import Dispatch
import JSON
import Synchronization
import Telemetry
import Testing

@Suite struct `JSON log` {
  private final class Lines: Sendable {
    let bytes = Mutex<[[UInt8]]>([])
    var values: [JSONValue] { get throws { try bytes.withLock { $0 }.map { try JSONValue(parsing: $0) } } }
  }

  @Test func `a line is one object with time, level, event and the given fields in order`() throws {
    let lines = Lines()
    let log = JSONLog { line in lines.bytes.withLock { $0.append(line) } }
    log.write(.info, "request", ["a": "x\ny", "b": 2])
    log.flush()
    let line = try #require(try lines.values.first)
    #expect(line.object?.names == ["time", "level", "event", "a", "b"])
    #expect(line["a"] == "x\ny")
    #expect(try #require(line["time"]?.string).wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
    #expect(lines.bytes.withLock { $0[0].filter { $0 == 0x0A }.count } == 1)
  }

  @Test func `lines below the level are not written`() throws {
    let lines = Lines()
    let log = JSONLog(level: .warning) { line in lines.bytes.withLock { $0.append(line) } }
    log.write(.info, "no")
    log.write(.error, "yes")
    log.flush()
    #expect(try lines.values.map { $0["event"] } == ["yes"])
  }

  @Test func `a stuck reader costs lines, not time, and the loss is told`() throws {
    let lines = Lines()
    let gate = DispatchSemaphore(value: 0)
    let isOpen = Atomic(false)
    let log = JSONLog { line in
      if !isOpen.load(ordering: .acquiring) { gate.wait() }
      lines.bytes.withLock { $0.append(line) }
    }
    for _ in 0..<1500 { log.write(.info, "x") }
    isOpen.store(true, ordering: .releasing)
    gate.signal()
    log.flush()
    log.write(.info, "after")
    log.flush()
    let values = try lines.values
    #expect(values.count == 1001)
    #expect(values.last?["dropped_lines"] == 500)
  }
}
