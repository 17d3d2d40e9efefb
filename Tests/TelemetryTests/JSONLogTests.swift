import Dispatch
import JSON
import Synchronization
import Telemetry
import Testing

@Suite struct `JSON log` {
  private final class Lines: Sendable {
    let bytes = Mutex<[[UInt8]]>([])
    @Sendable func append(_ line: [UInt8]) -> Bool {
      bytes.withLock { $0.append(line) }
      return true
    }

    var values: [JSONValue] { get throws { try bytes.withLock { $0 }.map { try JSONValue(parsing: $0) } } }
  }

  @Test func `a line is one object with time, level, event and the given fields in order`() throws {
    let lines = Lines()
    let log = JSONLog(writer: lines.append)
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
    let log = JSONLog(level: .warning, writer: lines.append)
    log.write(.info, "no")
    log.write(.error, "yes")
    log.flush()
    #expect(try lines.values.map { $0["event"] } == ["yes"])
  }

  @Test func `a blocked reader costs lines, not time, and the loss is reported`() throws {
    let lines = Lines()
    let gate = DispatchSemaphore(value: 0)
    let isOpen = Atomic(false)
    let log = JSONLog(writer: { line in
      if !isOpen.load(ordering: .acquiring) { gate.wait() }
      return lines.append(line)
    })
    for _ in 0..<1500 { log.write(.info, "x") }
    isOpen.store(true, ordering: .releasing)
    gate.signal()
    log.flush()
    log.write(.info, "after")
    log.flush()
    let values = try lines.values
    #expect(values.count == 1001)
    #expect(values.last?["dropped_lines"] == 500)
    #expect(log.totals == JSONLog.LineTotals(written: 1001, dropped: 500, lost: 0))
  }

  @Test func `the first line after failed writes states once how many lines were lost`() throws {
    let lines = Lines()
    let fails = Atomic(true)
    let log = JSONLog(writer: { line in fails.load(ordering: .relaxed) ? false : lines.append(line) })
    for _ in 0..<3 { log.write(.info, "lost") }
    log.flush()
    fails.store(false, ordering: .relaxed)
    for _ in 0..<2 { log.write(.info, "written") }
    log.flush()
    let values = try lines.values
    #expect(values.map { $0["event"] } == ["written", "written"])
    #expect(values.map { $0["dropped_lines"] } == [3, nil])
    #expect(log.totals == JSONLog.LineTotals(written: 2, dropped: 0, lost: 3))
  }
}
