// The content of a roll-up: counts, exact sums and sketches of any number of requests. Tallies can be merged in any
// order.

/// Number, sum and quantiles of one measure.
struct Distribution: Sendable, Equatable {
  /// The number of requests that had the measure.
  var count = 0
  /// Their sum in stored units.
  var sum = 0
  /// Their quantiles.
  var sketch = QuantileSketch()

  /// Adds one value.
  mutating func insert(_ value: Int) {
    count = Bounded.sum(count, 1)
    sum = Bounded.sum(sum, value)
    sketch.insert(value)
  }

  /// Adds the counts of `other`.
  mutating func merge(_ other: Distribution) {
    count = Bounded.sum(count, other.count)
    sum = Bounded.sum(sum, other.sum)
    sketch.merge(other.sketch)
  }
}

/// The usage of a set of requests.
struct UsageTally: Sendable, Equatable {
  /// The finish reasons that are counted; the last stands for all others.
  static let finishNames = ["stop", "length", "tool_calls", "other"]
  /// The ends of thoughts that are counted; the last stands for all others.
  static let thoughtEndNames = ["natural", "budget", "loop", "length", "other"]
  /// The number of equal bins of P(think).
  static let bins = 20

  /// The number of requests and of their replies.
  var requests = 0, replies = 0
  /// One per measure, in the order of `Measure.allCases`.
  var measures = [Distribution](repeating: Distribution(), count: Measure.allCases.count)
  /// Requests by finish reason.
  var finishes = [Int](repeating: 0, count: finishNames.count)
  /// Requests by the end of their thought.
  var thoughtEnds = [Int](repeating: 0, count: thoughtEndNames.count)
  /// Requests by P(think); 1 belongs to the last bin.
  var probabilityBins = [Int](repeating: 0, count: bins)
  /// Σ P(think) in billionths.
  var probabilitySum = 0
  /// Requests whose mode the model decided.
  var decided = 0
  /// Those among them that shadows were drawn from.
  var sampled = AutoSums()

  /// Adds one request.
  mutating func insert(_ row: LedgerRow) {
    requests = Bounded.sum(requests, 1)
    replies = Bounded.sum(replies, row.replies)
    for (index, value) in row.measures.enumerated() where index < measures.count {
      if let value { measures[index].insert(value) }
    }
    finishes[Self.finishNames.firstIndex(of: row.finish) ?? Self.finishNames.count - 1] += 1
    if let end = row.thoughtEnd {
      thoughtEnds[Self.thoughtEndNames.firstIndex(of: end) ?? Self.thoughtEndNames.count - 1] += 1
    }
    if let probability = row.thinkProbability {
      probabilityBins[min(Int(probability * Double(Self.bins)), Self.bins - 1)] += 1
      probabilitySum = Bounded.sum(probabilitySum, Int((probability * 1e9).rounded()))
    }
    if row.isDecided { decided = Bounded.sum(decided, 1) }
    if row.isSampled {
      let tokens = row.measures[Measure.completion.index] ?? 0
      sampled.merge(
        AutoSums(requests: 1, completionTokens: tokens, decodeMicroseconds: row.measures[Measure.decode.index] ?? 0))
    }
  }

  /// Adds the counts of `other`.
  mutating func merge(_ other: UsageTally) {
    requests = Bounded.sum(requests, other.requests)
    replies = Bounded.sum(replies, other.replies)
    for index in measures.indices { measures[index].merge(other.measures[index]) }
    for index in finishes.indices { finishes[index] = Bounded.sum(finishes[index], other.finishes[index]) }
    for index in thoughtEnds.indices { thoughtEnds[index] = Bounded.sum(thoughtEnds[index], other.thoughtEnds[index]) }
    for index in probabilityBins.indices {
      probabilityBins[index] = Bounded.sum(probabilityBins[index], other.probabilityBins[index])
    }
    probabilitySum = Bounded.sum(probabilitySum, other.probabilitySum)
    decided = Bounded.sum(decided, other.decided)
    sampled.merge(other.sampled)
  }
}
