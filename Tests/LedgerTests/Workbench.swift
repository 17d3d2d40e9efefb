// What the suites share: a directory of their own, rows drawn from a seed, and a report counted the plain way.
import Basics
import Foundation
import Ledger

/// A directory that goes with its owner.
final class Folder: Sendable {
  let path: String
  init() throws {
    path = NSTemporaryDirectory() + "ledger-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }
  deinit { try? FileManager.default.removeItem(atPath: path) }

  var database: String { path + "/ledger.sqlite" }
  var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }

  func copy(to other: Folder) throws {
    for name in names {
      try FileManager.default.copyItem(atPath: path + "/" + name, toPath: other.path + "/" + name)
    }
  }
}

/// 2026-03-01 00:00 UTC.
let march = 1_772_323_200.0

/// Rows within `seconds` after `march`; times have whole microseconds.
func drawRows(_ count: Int, over seconds: Double, seed: UInt64 = 1) -> [LedgerRow] {
  var draw = SplitMix64(seed: seed)
  func micro(_ most: Double) -> Double { (Double.random(in: 0...most, using: &draw) * 1e6).rounded() / 1e6 }
  return (0..<count).map { index in
    let requested = ["auto", "auto", "long", "short"].randomElement(using: &draw) ?? "auto"
    let isThinking = requested == "long" || (requested == "auto" && Bool.random(using: &draw))
    var row = LedgerRow(
      time: march + micro(seconds), requestID: "r\(index)",
      key: [nil, "alpha", "beta"].randomElement(using: &draw) ?? nil,
      requestedMode: requested, mode: isThinking ? "thinking" : "non_thinking",
      thinkProbability: requested == "auto" ? Double.random(in: 0...1, using: &draw) : nil,
      promptText: Int.random(in: 0..<3_000, using: &draw), promptImage: Bool.random(using: &draw) ? 731 : 0,
      promptCached: Int.random(in: 0..<100, using: &draw),
      thinking: isThinking ? Int.random(in: 0..<20_000, using: &draw) : 0, control: isThinking ? 2 : 1,
      answer: Int.random(in: 1..<900, using: &draw), replies: Int.random(in: 1...3, using: &draw),
      finish: ["stop", "length", "tool_calls", "strange"].randomElement(using: &draw) ?? "stop",
      thoughtEnd: isThinking ? ["natural", "budget", "loop", "length"].randomElement(using: &draw) : nil,
      queue: micro(0.2), image: Bool.random(using: &draw) ? micro(2) : nil, prefill: micro(4), firstToken: micro(5),
      firstAnswerToken: isThinking ? micro(60) : nil, decode: micro(90), total: micro(100))
    row.isDecided = requested == "auto" && index % 5 > 0
    row.isSampled = row.isDecided && index % 3 > 0
    return row
  }
}

/// Pairs within `seconds` after `march`.
func drawShadows(_ count: Int, over seconds: Double, seed: UInt64 = 2) -> [ShadowRow] {
  var draw = SplitMix64(seed: seed)
  func micro(_ most: Double) -> Double { (Double.random(in: 0...most, using: &draw) * 1e6).rounded() / 1e6 }
  return (0..<count).map { index in
    ShadowRow(
      time: march + micro(seconds), requestID: "s\(index)", key: Bool.random(using: &draw) ? "alpha" : nil,
      mode: Bool.random(using: &draw) ? "thinking" : "non_thinking", tokens: Int.random(in: 1..<9_000, using: &draw),
      seconds: micro(80), shadowTokens: Int.random(in: 1..<9_000, using: &draw), shadowSeconds: micro(80),
      shadowPromptTokens: Int.random(in: 0..<50, using: &draw))
  }
}

extension LedgerRow {
  /// The number a measure stands for; nil when the row has none.
  func value(_ measure: Measure) -> Double? {
    switch measure {
    case .promptText: Double(promptText)
    case .promptImage: Double(promptImage)
    case .promptCached: Double(promptCached)
    case .thinking: Double(thinking)
    case .control: Double(control)
    case .answer: Double(answer)
    case .completion: Double(thinking + control + answer)
    case .queue: queue
    case .image: image
    case .prefill: prefill
    case .firstToken: firstToken
    case .firstAnswerToken: firstAnswerToken
    case .decode: decode
    case .total: total
    }
  }
}

extension Ledger {
  /// Records everything and waits until it is committed.
  func fill(_ rows: [LedgerRow], _ shadows: [ShadowRow] = []) async {
    for row in rows { record(row) }
    for shadow in shadows { record(shadow) }
    await flush()
  }
}
