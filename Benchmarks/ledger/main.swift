// The ledger without a server, and a process that the ledger's tests may kill.
//
//   ledger-benchmark fill PATH [ROWS]            writes a year of rows, then runs the dashboard's queries
//   ledger-benchmark time PATH                   runs only the queries, on the file written by `fill`
//   ledger-benchmark report PATH FROM TO BUCKET  prints one report as JSON
//   ledger-benchmark record PATH COUNT           writes rows, prints "recorded COUNT" and waits to be killed
//   ledger-benchmark status PATH                 prints the status at start-up as JSON
import Basics
import Foundation
import GenerationTypes
import Ledger

/// 2025-01-01 00:00 UTC.
let yearStart = 1_735_689_600.0
let year = 365 * 86_400.0

/// Returns a typical request: three keys, three requested modes, lengths over some orders of magnitude.
func request(_ index: Int, at time: Double, _ numbers: inout SplitMix64) -> AnswerFigures {
  func long(_ most: Double) -> Double { pow(most, Double.random(in: 0...1, using: &numbers)) }
  let requested = [ThinkingMode.auto, .auto, .auto, .long, .short].randomElement(using: &numbers) ?? .auto
  let isThinking = requested == .long || (requested == .auto && Bool.random(using: &numbers))
  let tokens = isThinking ? Int(long(16_000)) : 0, answer = Int(long(2_000)), prefill = long(20_000) / 1_000
  let decode = Double(tokens + answer) / 60
  var reply = ReplyFigures(
    outcome: isThinking ? .thinking : .nonThinking, thoughtEnd: isThinking ? .natural : nil,
    counts: TokenCounts(thinking: tokens, control: isThinking ? 2 : 1, answer: answer),
    finish: index % 20 == 0 ? .length : .stop)
  reply.thinkProbability = requested == .auto ? Float.random(in: 0...1, using: &numbers) : nil
  var figures = AnswerFigures(
    requestID: "chatcmpl-\(String(numbers.next(), radix: 36))",
    key: ["web", "batch", nil].randomElement(using: &numbers) ?? nil, time: time, requestedMode: requested,
    textTokens: Int(long(4_000)), imageTokens: Bool.random(using: &numbers) ? 731 : 0, replies: [reply])
  figures.times = AnswerFigures.Times(
    queue: .seconds(long(3_000) / 1e4), image: index % 2 == 0 ? .seconds(long(900) / 1e3) : nil,
    prefill: .seconds(prefill), firstToken: .seconds(prefill + 0.02),
    firstAnswerToken: .seconds(prefill + Double(tokens) / 60), decode: .seconds(decode),
    total: .seconds(prefill + decode))
  (figures.isDecided, figures.isSampled) = (requested == .auto, requested == .auto)
  return figures
}

func seconds(_ work: () async throws -> Void) async rethrows -> Double {
  let start = ContinuousClock.now
  try await work()
  return (ContinuousClock.now - start).seconds
}

func fill(_ path: String, _ count: Int) async throws {
  let ledger = Ledger(path: path)
  var numbers = SplitMix64(seed: 1), recording = 0.0
  let all = try await seconds {
    for first in stride(from: 0, to: count, by: 10_000) {
      let rows = (first..<min(first + 10_000, count)).map { index in
        request(index, at: yearStart + year * Double(index) / Double(count), &numbers)
      }
      recording += await seconds { for row in rows { ledger.record(row) } }
      while ledger.status.pending > 50_000 { try await Task.sleep(for: .milliseconds(5)) }
    }
    await ledger.flush()
  }
  let status = ledger.status
  print("\(status.written) rows in \(all) s: \(Int(Double(count) / all)) per second into the file")
  print("record: \(recording / Double(count) * 1e6) µs per row; dropped \(status.dropped)")
  ledger.close()
  let attributes = try FileManager.default.attributesOfItem(atPath: path)
  print("file: \(attributes[.size] ?? 0) bytes")
}

func time(_ path: String) async throws {
  let ledger = Ledger(path: path)
  let end = yearStart + year
  let queries: [(String, UsageQuery)] = [
    ("last 24 hours by hour", UsageQuery(from: end - 86_400, to: end, bucket: .hour)),
    ("last 6 hours by minute", UsageQuery(from: end - 21_600, to: end, bucket: .minute)),
    ("30 days by day", UsageQuery(from: end - 30 * 86_400, to: end, bucket: .day)),
    ("30 days by hour", UsageQuery(from: end - 30 * 86_400, to: end, bucket: .hour)),
    ("a year by day", UsageQuery(from: yearStart, to: end, bucket: .day)),
    ("a ragged 200 days", UsageQuery(from: end - 200 * 86_400 - 1_234.5, to: end - 4_321.7)),
    ("a year by key", UsageQuery(from: yearStart, to: end, groupBy: [.key])),
    ("a year by key and mode", UsageQuery(from: yearStart, to: end, groupBy: [.key, .mode, .requestedMode])),
  ]
  for (name, query) in queries {
    var times: [Double] = [], requests = 0
    for _ in 0..<5 {
      times.append(try await seconds { requests = try await ledger.usage(query).total.requests })
    }
    let milliseconds = times.map { Int($0 * 1e3 + 0.5) }
    print("\(name): first \(milliseconds[0]) ms, median \(milliseconds.sorted()[2]) ms, \(requests) requests")
  }
  ledger.close()
}

func report(_ path: String, _ query: UsageQuery) async throws {
  let ledger = Ledger(path: path)
  let report = try await ledger.usage(query)
  func object(_ summary: UsageSummary) -> [String: Any] {
    let measures = summary.measures.map { measure, values in
      (measure.rawValue, [values.sum, values.p50 ?? -1, values.p95 ?? -1, values.p99 ?? -1, Double(values.count)])
    }
    return [
      "requests": summary.requests, "bins": summary.probabilityBins, "finishes": summary.finishes,
      "probability_mean": summary.probabilityMean ?? -1,
      "measures": Dictionary(uniqueKeysWithValues: measures),
    ]
  }
  let buckets = report.buckets.map { ["from": $0.from, "to": $0.to, "total": object($0.total)] as [String: Any] }
  let data = try JSONSerialization.data(withJSONObject: ["total": object(report.total), "buckets": buckets])
  FileHandle.standardOutput.write(data)
  ledger.close()
}

/// Writes rows a millisecond apart, like requests, until the parent process kills this one.
func record(_ path: String, _ count: Int) async throws {
  // A full file must be an error, not a signal.
  signal(SIGXFSZ, SIG_IGN)
  let ledger = Ledger(path: path)
  var numbers = SplitMix64(seed: UInt64(count))
  for index in 0..<count {
    ledger.record(request(index, at: yearStart + Double(index) * 7, &numbers))
    if index % 100 == 99 { usleep(2_000) }
  }
  // The count is rewritten on a separate queue. After this, the reported count is exact.
  ledger.countQueue.sync {}
  print("recorded \(count)")
  fflush(nil)
  while let command = readLine() {
    if command == "flush" { await ledger.flush() }
    printStatus(ledger.status)
  }
}

func printStatus(_ status: LedgerStatus) {
  let object: [String: Any] = [
    "state": "\(status.state)", "written": status.written, "dropped": status.dropped, "pending": status.pending,
    "lost": status.lost, "exact": status.lostIsExact, "held": status.rowsHeld,
  ]
  if let data = try? JSONSerialization.data(withJSONObject: object) { print(String(decoding: data, as: UTF8.self)) }
  fflush(nil)
}

let arguments = CommandLine.arguments
let usage = "ledger-benchmark fill|time|report|record|status PATH …"
switch (arguments.dropFirst().first, arguments.count) {
case ("fill", 3...4):
  try await fill(arguments[2], arguments.count == 4 ? Int(arguments[3]) ?? 10_000_000 : 10_000_000)
  try await time(arguments[2])
case ("time", 3): try await time(arguments[2])
case ("report", 6):
  guard let from = Double(arguments[3]), let to = Double(arguments[4]),
    let bucket = UsageQuery.Bucket(rawValue: arguments[5])
  else { fatalError(usage) }
  try await report(arguments[2], UsageQuery(from: from, to: to, bucket: bucket))
case ("record", 4): try await record(arguments[2], Int(arguments[3]) ?? 0)
case ("status", 3):
  let ledger = Ledger(path: arguments[2])
  printStatus(ledger.status)
  ledger.close()
default: print(usage)
}
