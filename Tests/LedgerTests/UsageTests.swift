import Basics
import Foundation
import GRDB
import GenerationTypes
import Ledger
import Testing

@Suite struct `Usage from roll-ups` {
  /// Long enough for several roll-ups of four weeks.
  private static let span = 100 * 86_400.0
  private static let rows = drawRequests(6_000, over: span)
  private static let shadows = drawShadows(700, over: span)

  /// Describes where the summary differs from the rows; empty if it does not.
  private func differences(_ summary: UsageSummary, _ rows: [AnswerFigures], _ shadows: [ShadowFigures]) -> [String] {
    var found: [String] = []
    func equal<T: Equatable>(_ a: T, _ b: T, _ name: String) { if a != b { found.append("\(name): \(a), not \(b)") } }
    func near(_ a: Double, _ b: Double, _ name: String, _ tolerance: Double = 1e-9) {
      if abs(a - b) > tolerance * max(1, abs(b)) { found.append("\(name): \(a), not \(b)") }
    }
    equal(summary.requests, rows.count, "requests")
    equal(summary.replies, rows.reduce(0) { $0 + $1.replies.count }, "replies")
    for measure in Measure.allCases {
      let values = rows.compactMap { $0.value(measure) }.sorted()
      guard let own = summary.measures[measure] else {
        found.append("\(measure) is missing")
        continue
      }
      equal(own.count, values.count, "\(measure) count")
      near(own.sum, values.reduce(0, +), "\(measure) sum")
      equal(own.mean == nil, values.isEmpty, "\(measure) has a mean")
      for (fraction, quantile) in [(0.5, own.p50), (0.95, own.p95), (0.99, own.p99)] {
        equal(quantile == nil, values.isEmpty, "\(measure) has quantiles")
        guard let quantile, !values.isEmpty else { continue }
        let exact = values[max(0, Int((fraction * Double(values.count)).rounded(.up)) - 1)]
        let isSmall = exact * (measure.isTime ? 1e6 : 1) < 127.5
        if abs(quantile - exact) > (isSmall ? 1e-9 : exact * 0.0079) {
          found.append("\(measure) \(fraction): \(quantile), not \(exact)")
        }
      }
    }
    equal(summary.finishes["stop"], rows.count { $0.finish == .stop }, "stops")
    equal(summary.finishes["tool_calls"], rows.count { $0.finish == .toolCalls }, "tool calls")
    equal(summary.thoughtEnds["loop"], rows.count { $0.thoughtEnd == .loop }, "loops")
    let asked = rows.compactMap(\.thinkProbability).map(Double.init)
    equal(summary.probabilityBins.reduce(0, +), asked.count, "P(think) bins")
    equal(summary.probabilityBins[3], asked.count { $0 >= 0.15 && $0 < 0.2 }, "P(think) bin 3")
    if !asked.isEmpty {
      near(summary.probabilityMean ?? -1, asked.reduce(0, +) / Double(asked.count), "mean P(think)", 1e-8)
    }
    equal(summary.decided, rows.count(where: \.isDecided), "decided requests")
    equal(
      summary.decidedThinking, rows.count { $0.isDecided && $0.outcome == .thinking }, "decided requests that thought")
    let thought = rows.filter { $0.isSampled && $0.outcome == .thinking }
    equal(summary.sampledThinking.requests, thought.count, "sampled requests that thought")
    equal(
      summary.sampledThinking.completionTokens, thought.reduce(0) { $0 + $1.counts.total },
      "their tokens")
    near(summary.sampledThinking.decodeSeconds, thought.reduce(0) { $0 + ($1.value(.decode) ?? 0) }, "their seconds")
    equal(
      summary.sampledNonThinking.requests, rows.count { $0.isSampled && $0.outcome == .nonThinking },
      "sampled requests that did not think")
    for (sums, mode, sign) in [
      (summary.shadowsOfThinking, ThinkingOutcome.thinking, 1.0), (summary.shadowsOfNonThinking, .nonThinking, -1.0),
    ] {
      let pairs = shadows.filter { $0.original.outcome == mode }
      let tokens = pairs.map { sign * Double($0.original.counts.total - $0.tokens) }
      let seconds = pairs.map { sign * (($0.original.value(.decode) ?? 0) - $0.decode / .seconds(1)) }
      equal(sums.pairs, pairs.count, "pairs")
      near(sums.tokenDifference, tokens.reduce(0, +), "Σd")
      near(sums.tokenDifferenceSquared, tokens.reduce(0) { $0 + $1 * $1 }, "Σd²")
      near(sums.tokenDifferenceCubed, tokens.reduce(0) { $0 + $1 * $1 * $1 }, "Σd³")
      near(sums.secondsDifferenceCubed, seconds.reduce(0) { $0 + $1 * $1 * $1 }, "Σd³ of seconds", 1e-7)
      near(sums.secondsDifference, seconds.reduce(0, +), "Σd of seconds", 1e-7)
      near(sums.secondsDifferenceSquared, seconds.reduce(0) { $0 + $1 * $1 }, "Σd² of seconds", 1e-7)
      equal(sums.shadowTokens, pairs.reduce(0) { $0 + $1.tokens }, "tokens of shadows")
      equal(sums.shadowPromptTokens, pairs.reduce(0) { $0 + $1.promptTokens }, "prompt tokens of shadows")
    }
    return found
  }

  @Test func `reports of random ranges, buckets, groups and filters equal a count of the rows`() async throws {
    let folder = try Folder()
    var configuration = LedgerConfiguration()
    configuration.maximumCells = 100_000
    let ledger = Ledger(path: folder.database, configuration: configuration)
    await ledger.fill(Self.rows, Self.shadows)
    var draw = SplitMix64(seed: 5)
    for round in 0..<60 {
      let edges = [0, 1].map { _ in march + Double.random(in: -20_000...(Self.span + 20_000), using: &draw) }.sorted()
      let (from, to) = (edges[0], round % 4 == 0 ? min(edges[1], edges[0] + 5_000) : edges[1])
      var query = UsageQuery(from: from, to: to)
      query.bucket = round % 4 == 0 ? .minute : [.none, .hour, .day].randomElement(using: &draw) ?? .none
      query.groupBy = Set(UsageQuery.Grouping.allCases.filter { _ in Bool.random(using: &draw) })
      if round % 3 == 0 { query.key = ["", "alpha", "nobody"].randomElement(using: &draw) }
      if round % 5 == 0 { query.mode = .thinking }
      if round % 7 == 0 { query.requestedMode = [ThinkingMode.auto, .long].randomElement(using: &draw) }
      let rows = Self.rows.filter { row in
        row.time >= from && row.time < to && (query.key ?? row.key ?? "") == row.key ?? ""
          && (query.mode ?? row.outcome) == row.outcome
          && (query.requestedMode ?? row.requestedMode) == row.requestedMode
      }
      let shadows = Self.shadows.filter { shadow in
        let original = shadow.original
        return original.time >= from && original.time < to && (query.key ?? original.key ?? "") == original.key ?? ""
          && (query.mode ?? original.outcome) == original.outcome && (query.requestedMode ?? .auto) == .auto
      }
      let report = try await ledger.usage(query)
      #expect(differences(report.total, rows, shadows) == [], "\(query)")
      var checked = (requests: 0, pairs: 0)
      for bucket in report.buckets {
        let inBucket = rows.filter { $0.time >= bucket.from && $0.time < bucket.to }
        let shadowsIn = shadows.filter { $0.original.time >= bucket.from && $0.original.time < bucket.to }
        #expect(differences(bucket.total, inBucket, shadowsIn) == [], "\(query) at \(bucket.from)")
        checked.requests += inBucket.count
        checked.pairs += shadowsIn.count
        for group in bucket.groups {
          let label = group.label
          let own = inBucket.filter {
            (label.key ?? $0.key ?? "") == $0.key ?? "" && (label.mode ?? $0.outcome.rawValue) == $0.outcome.rawValue
              && (label.requestedMode ?? $0.requestedMode.rawValue) == $0.requestedMode.rawValue
          }
          #expect(group.summary.requests == own.count)
        }
      }
      #expect(checked == (rows.count, shadows.count), "every row is in one bucket")
      #expect(report.groups.reduce(0) { $0 + $1.summary.requests } == rows.count)
    }
    ledger.close()
  }

  @Test func `an empty ledger and an empty range give zeros`() async throws {
    let folder = try Folder()
    let ledger = Ledger(path: folder.database)
    var report = try await ledger.usage(UsageQuery(from: march, to: march + 7_200, bucket: .hour))
    #expect(report.total.requests == 0)
    #expect(report.total.measures[.total]?.mean == nil)
    #expect(report.buckets.map(\.from) == [march, march + 3_600])
    report = try await ledger.usage(UsageQuery(from: march, to: march))
    #expect(report.total.requests == 0)
    #expect(report.groups.count == 1)
  }

  @Test func `an invalid query is rejected with the limit`() async throws {
    let folder = try Folder()
    let ledger = Ledger(path: folder.database)
    await #expect(throws: LedgerError.invalidRange) {
      _ = try await ledger.usage(UsageQuery(from: march, to: march - 1))
    }
    await #expect(throws: LedgerError.invalidRange) { _ = try await ledger.usage(UsageQuery(from: .nan, to: march)) }
    await #expect(throws: LedgerError.tooManyCells(limit: 2_000)) {
      _ = try await ledger.usage(UsageQuery(from: march, to: march + 3_600 * 2_001, bucket: .hour))
    }
    await #expect(throws: LedgerError.rangeTooLongForMinutes(limitSeconds: 21_600)) {
      _ = try await ledger.usage(UsageQuery(from: march, to: march + 21_601, bucket: .minute))
    }
    var configuration = LedgerConfiguration()
    configuration.maximumCells = 2
    let small = Ledger(path: folder.path + "/small.sqlite", configuration: configuration)
    await small.fill(drawRequests(50, over: 60))
    await #expect(throws: LedgerError.tooManyCells(limit: 2)) {
      _ = try await small.usage(UsageQuery(from: march, to: march + 60, groupBy: [.key]))
    }
  }

  @Test func `a query that takes too long is interrupted`() async throws {
    let folder = try Folder()
    var configuration = LedgerConfiguration()
    configuration.querySeconds = 0
    let ledger = Ledger(path: folder.database, configuration: configuration)
    await ledger.fill(drawRequests(20_000, over: 3_000))
    await #expect(throws: LedgerError.timeout(seconds: 0)) {
      _ = try await ledger.usage(UsageQuery(from: march, to: march + 3_000, bucket: .minute))
    }
  }

  @Test func `numbers out of range are clamped`() async throws {
    let folder = try Folder()
    let ledger = Ledger(path: folder.database)
    var reply = ReplyFigures(outcome: .thinking, counts: TokenCounts(thinking: .min, answer: .max))
    reply.thinkProbability = .infinity
    var request = AnswerFigures(
      requestID: "r", time: march, requestedMode: .auto, textTokens: .max, imageTokens: .min, replies: [reply])
    (request.times.total, request.times.decode) = (.seconds(-1), .seconds(Int64.max))
    await ledger.fill([request, request])
    let total = try await ledger.usage(UsageQuery(from: march, to: march + 1)).total
    #expect(total.requests == 2)
    #expect(total.measures[.answer]?.sum == 2 * Double(Int32.max))
    #expect(total.measures[.thinking]?.sum == 0 && total.measures[.promptText]?.sum == 2 * Double(Int32.max))
    #expect(total.measures[.queue]?.count == 0 && total.measures[.total]?.sum == 0)
    #expect(total.measures[.decode]?.sum == 2e5)
    #expect(total.probabilityBins.last == 2)
    (request.time, request.requestID) = (.infinity, "\0")
    await ledger.fill([request])
    #expect(ledger.status.state == .ok)
    #expect(ledger.status.rowsHeld == 3)
  }

  @Test func `finishes and ends of thoughts that a newer version wrote count as other`() async throws {
    let folder = try Folder()
    let ledger = Ledger(path: folder.database)
    await ledger.fill(drawRequests(3, over: 60))
    ledger.close()
    let queue = try DatabaseQueue(path: folder.database)
    try await queue.write { try $0.execute(sql: "UPDATE request SET finish = 'new', thought_end = 'newer'") }
    try queue.close()
    let total = try await Ledger(path: folder.database).usage(UsageQuery(from: march, to: march + 60)).total
    #expect(total.finishes["other"] == 3 && total.thoughtEnds["other"] == 3)
  }
}
