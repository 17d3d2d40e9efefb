// What the suites share: a directory of their own, requests drawn from a seed, and a report counted the plain way.
import Basics
import Foundation
import GenerationTypes
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

/// Requests within `seconds` after `march`; times have whole microseconds.
func drawRequests(_ count: Int, over seconds: Double, seed: UInt64 = 1) -> [AnswerFigures] {
  var draw = SplitMix64(seed: seed)
  func micro(_ most: Double) -> Duration { .microseconds(Int64.random(in: 0...Int64(most * 1e6), using: &draw)) }
  return (0..<count).map { index in
    let requested = [ThinkingMode.auto, .auto, .long, .short].randomElement(using: &draw) ?? .auto
    let isThinking = requested == .long || (requested == .auto && Bool.random(using: &draw))
    let hasImage = Bool.random(using: &draw)
    let replies = (0..<Int.random(in: 1...3, using: &draw)).map { _ in
      var reply = ReplyFigures(
        outcome: isThinking ? .thinking : .nonThinking,
        thoughtEnd: isThinking ? ThoughtEnd.allCases.randomElement(using: &draw) : nil,
        counts: TokenCounts(
          thinking: isThinking ? Int.random(in: 0..<20_000, using: &draw) : 0, control: isThinking ? 2 : 1,
          answer: Int.random(in: 1..<900, using: &draw)),
        finish: ReplyFinish.allCases.randomElement(using: &draw) ?? .stop)
      reply.thinkProbability = requested == .auto ? Float.random(in: 0...1, using: &draw) : nil
      reply.cachedTokens = Int.random(in: 0..<100, using: &draw)
      return reply
    }
    var figures = AnswerFigures(
      requestID: "r\(index)", key: [nil, "alpha", "beta"].randomElement(using: &draw) ?? nil,
      time: march + micro(seconds) / .seconds(1), requestedMode: requested,
      textTokens: Int.random(in: 0..<3_000, using: &draw), imageTokens: hasImage ? 731 : 0, replies: replies)
    figures.times = AnswerFigures.Times(
      queue: micro(0.2), image: hasImage ? micro(2) : nil, prefill: micro(4), firstToken: micro(5),
      firstAnswerToken: isThinking ? micro(60) : nil, decode: micro(90), total: micro(100))
    figures.isDecided = requested == .auto && index % 5 > 0
    figures.isSampled = figures.isDecided && index % 3 > 0
    return figures
  }
}

/// Shadows within `seconds` after `march`.
func drawShadows(_ count: Int, over seconds: Double, seed: UInt64 = 2) -> [ShadowFigures] {
  var draw = SplitMix64(seed: seed)
  return drawRequests(count, over: seconds, seed: seed).map { original in
    ShadowFigures(
      original: original, tokens: Int.random(in: 1..<9_000, using: &draw),
      decode: .microseconds(Int64.random(in: 0...80_000_000, using: &draw)),
      promptTokens: Int.random(in: 0..<50, using: &draw))
  }
}

extension AnswerFigures {
  /// The number that a measure stands for, in tokens or seconds; nil if the request has none.
  func value(_ measure: Measure) -> Double? {
    switch measure {
    case .promptText: Double(prompt.text)
    case .promptImage: Double(prompt.image)
    case .promptCached: Double(prompt.cached)
    case .thinking: Double(counts.thinking)
    case .control: Double(counts.control)
    case .answer: Double(counts.answer)
    case .completion: Double(counts.total)
    case .queue: times.queue.map { $0 / .seconds(1) }
    case .image: times.image.map { $0 / .seconds(1) }
    case .prefill: times.prefill.map { $0 / .seconds(1) }
    case .firstToken: times.firstToken.map { $0 / .seconds(1) }
    case .firstAnswerToken: times.firstAnswerToken.map { $0 / .seconds(1) }
    case .decode: times.decode.map { $0 / .seconds(1) }
    case .total: times.total / .seconds(1)
    }
  }
}

extension Ledger {
  /// Records everything and waits until it is committed.
  func fill(_ requests: [AnswerFigures], _ shadows: [ShadowFigures] = []) async {
    for request in requests { record(request) }
    for shadow in shadows { record(shadow) }
    await flush()
  }
}
