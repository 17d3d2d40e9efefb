// What `r4b bench` prints: a table that grows row by row, or one JSON object at the end.
import Benchmarking
import Foundation
import Glibc
import Inference
import JSON

struct BenchReport {
  private let json: Bool
  private var report: JSONObject
  private var rows: [JSONValue] = []
  private var bandwidths: [Double] = []

  /// For a model that took `loading` seconds to load.
  init(model: String, runner: RRunner, loading: Double, json: Bool) {
    self.json = json
    let resident = Self.resident()
    report = [
      "model": .string(model), "processor": .string(Self.processor()), "threads": .integer(Int64(runner.threadCount)),
      "load_seconds": .number(loading), "weight_bytes": .integer(Int64(runner.model.weightBytes)),
      "kv_bytes_per_position": .integer(Int64(runner.bytesPerPosition)),
      "resident_bytes": .integer(Int64(resident)),
    ]
    guard !json else { return }
    show("model      \(model)")
    show("processor  \(Self.processor()), \(runner.threadCount) threads")
    show(
      "loaded     in \(Self.text(loading, 2)) s: weights \(Self.mebibytes(runner.model.weightBytes)), "
        + "resident \(Self.mebibytes(resident)), KV \(runner.bytesPerPosition) bytes per position")
  }

  /// Before the first row; `bandwidth` in bytes per second.
  mutating func begin(bandwidth: Double?) {
    note(bandwidth, "before")
    if !json { show("\n" + Self.row("test", "per second", "slowest", "fastest", "ms")) }
  }

  mutating func add(_ measurement: WorkloadResult) {
    let rates = measurement.rates, workload = measurement.workload
    rows.append([
      "test": .string(workload.name), "count": .integer(Int64(workload.count)), "median": .number(measurement.median),
      "rates": .array(rates.map { .number($0) }), "seconds": .array(measurement.seconds.map { .number($0) }),
    ])
    guard !json else { return }
    let milliseconds = Double(workload.count) / measurement.median * 1000
    show(
      Self.row(
        workload.name, Self.text(measurement.median, 2), Self.text(rates.first ?? 0, 2), Self.text(rates.last ?? 0, 2),
        Self.text(milliseconds, 1)))
  }

  /// After the last row.
  mutating func end(bandwidth: Double?) {
    note(bandwidth, "after")
    report["read_bandwidth"] = .array(bandwidths.map { .number($0) })
    report["results"] = .array(rows)
    if json { show(JSONValue.object(report).pretty()) }
  }

  private mutating func note(_ bandwidth: Double?, _ when: String) {
    guard let bandwidth else { return }
    bandwidths.append(bandwidth)
    if !json { show("bandwidth  \(Self.text(bandwidth / 1e9, 1)) GB/s read \(when)") }
  }

  /// Writes a line without buffering, so that a pipe receives rows as they are measured.
  private func show(_ line: String) { _ = put(line + "\n", STDOUT_FILENO) }

  private static func row(_ name: String, _ cells: String...) -> String {
    func pad(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) }
    return name + pad(name, 22) + cells.map { pad($0, 12) + $0 }.joined()
  }

  private static func text(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
  private static func mebibytes(_ bytes: Int) -> String { "\(bytes >> 20) MiB" }

  /// The resident bytes; zero where they are unknown.
  private static func resident() -> Int {
    pairs(in: "/proc/self/status")["VmRSS"].flatMap { Int($0.split(separator: " ").first ?? "") }.map { $0 * 1024 } ?? 0
  }

  private static func processor() -> String { pairs(in: "/proc/cpuinfo")["model name"] ?? "unknown" }

  /// The first value of each `name: value` line.
  private static func pairs(in path: String) -> [String: String] {
    let lines = ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n")
    let pairs = lines.map { line in
      let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
      return (parts[0], parts.count > 1 ? parts[1] : "")
    }
    return Dictionary(pairs) { first, _ in first }
  }
}
