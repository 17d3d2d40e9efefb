// What a roll-up holds and a report adds up: counts, exact sums and sketches of any number of requests. A tally of tallies is
// the tally of their requests, whatever the order.

/// Number, sum and spread of one measure.
struct Distribution: Sendable, Equatable {
  /// How many requests had the number.
  var count = 0
  /// Their sum, in stored units.
  var sum = 0
  /// Their spread.
  var sketch = QuantileSketch()

  /// Counts one value.
  mutating func insert(_ value: Int) {
    count = Bounded.sum(count, 1)
    sum = Bounded.sum(sum, value)
    sketch.insert(value)
  }

  /// Adds everything `other` has counted.
  mutating func merge(_ other: Distribution) {
    count = Bounded.sum(count, other.count)
    sum = Bounded.sum(sum, other.sum)
    sketch.merge(other.sketch)
  }
}

/// The account of a set of requests.
struct UsageTally: Sendable, Equatable {
  /// Names of the finishes that are counted; the last takes every other.
  static let finishNames = ["stop", "length", "tool_calls", "other"]
  /// Names of the ends of thoughts that are counted; the last takes every other.
  static let thoughtEndNames = ["natural", "budget", "loop", "length", "other"]
  /// Equal bins of P(think).
  static let bins = 20

  /// Requests and their replies.
  var requests = 0, replies = 0
  /// One for each of `Measure.allCases`.
  var measures = [Distribution](repeating: Distribution(), count: Measure.allCases.count)
  /// Requests by finish and by end of thought.
  var finishes = [Int](repeating: 0, count: finishNames.count)
  /// Requests by how their thought ended.
  var thoughtEnds = [Int](repeating: 0, count: thoughtEndNames.count)
  /// Requests by P(think); 1 belongs to the last bin.
  var probabilityBins = [Int](repeating: 0, count: bins)
  /// Σ P(think) in billionths.
  var probabilitySum = 0
  /// Requests whose mode the model chose.
  var decided = 0
  /// Of these, those that shadows were drawn from.
  var sampled = AutoSums()

  /// Counts one request.
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

  /// Adds everything `other` has counted.
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
