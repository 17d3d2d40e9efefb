import Basics
import Foundation
import Statistics
import Testing

/// Returns how often 95 % intervals from `pairs` of `differences`, drawn without replacement, contain the true
/// savings, and their mean width relative to the savings.
private func coverage(
  of differences: [Double], pairs: Int, draws: Int = 4000, thinking: Int = 0, decision: Double = 0
) throws -> (rate: Double, width: Double) {
  let truth = differences.reduce(0, +) - decision * Double(thinking)
  var generator = SplitMix64(seed: 7)
  var values = differences
  var hits = 0, width = 0.0
  for _ in 0..<draws {
    var sums = PairSums()
    for index in 0..<pairs {
      values.swapAt(index, index + generator.index(below: values.count - index))
      sums.add(values[index])
    }
    let estimate = try SavingsEstimate(
      sums, AutoPopulation(thinking: thinking, nonThinking: values.count, spent: 1000), decision: decision)
    if estimate.low <= truth, truth <= estimate.high { hits += 1 }
    width += (estimate.high - estimate.low) / truth
  }
  return (Double(hits) / Double(draws), width / Double(draws))
}

/// The additional tokens of mode long for R-Tiny on 450 questions of `scripts/question-sets` (150 each of easy-VQA,
/// digits, arithmetic; seed 0, greedy), and the number of the 296 questions without thinking in auto to which they
/// apply. For the other 154 questions auto took exactly one token more than long: the decision token.
private let lengths: [(difference: Double, questions: Int)] = [
  (4, 30), (7, 44), (8, 168), (9, 1), (10, 8), (12, 17), (13, 9), (15, 4), (16, 1), (17, 3), (18, 10), (19, 1),
]
private let replayed = lengths.flatMap { Array(repeating: $0.difference, count: $0.questions) }

@Suite struct `Savings of auto-thinking` {
  @Test func `without sampling the estimate is the exact sum`() throws {
    var sums = PairSums()
    for difference in replayed { sums.add(difference) }
    let estimate = try SavingsEstimate(
      sums, AutoPopulation(thinking: 154, nonThinking: 296, spent: 7267), decision: 1)
    // 9621 tokens with always thinking, 7267 with auto.
    #expect(estimate.saved == 9621 - 7267 && estimate.low == estimate.saved && estimate.high == estimate.saved)
    #expect(abs(estimate.share - 2354.0 / 9621) < 1e-12 && estimate.pairs == 296)
    #expect(abs(estimate.perRequest - 2354.0 / 450) < 1e-12)
  }

  @Test(arguments: [30, 60, 150])
  func `on a replayed set the interval covers the truth at its rate`(pairs: Int) throws {
    let found = try coverage(of: replayed, pairs: pairs, thinking: 154, decision: 1)
    // Three standard errors of 4000 draws are 1 %. The rest is because counts are few and integral.
    #expect((0.925...0.975).contains(found.rate), "\(pairs): \(found)")
  }

  /// Log-normal lengths with this deviation, as skewed as those of reasoning.
  @Test(arguments: [(0.5, 30, 0.92), (0.8, 30, 0.90), (0.8, 100, 0.92), (1.0, 100, 0.92)])
  func `skewed lengths are covered at nearly the stated rate`(deviation: Double, pairs: Int, least: Double) throws {
    // A population of quantiles, so that the result does not depend on a single draw.
    let lengths: [Double] = (0..<600).map { index in
      exp(6 + deviation * NormalDistribution.quantile((Double(index) + 0.5) / 600)) - 20
    }
    let found = try coverage(of: lengths, pairs: pairs)
    #expect(found.rate >= least && found.rate <= 0.975, "\(deviation) \(pairs): \(found)")
  }

  @Test func `more pairs give a narrower interval`() throws {
    let widths = try [30, 60, 120, 240].map { try coverage(of: replayed, pairs: $0, draws: 500).width }
    #expect(zip(widths, widths.dropFirst()).allSatisfy { $0 > 1.2 * $1 }, "\(widths)")
  }

  @Test func `the interval of values without skewness equals Student's`() throws {
    var sums = PairSums()
    let values: [Double] = (0..<40).map { index in
      let off = Double(index / 2)
      return index % 2 == 0 ? 50 + off : 50 - off
    }
    for value in values { sums.add(value) }
    let student = try #require(Interval.student(values))
    let size = 1_000_000_000
    let estimate = try SavingsEstimate(sums, AutoPopulation(nonThinking: size, spent: 1))
    let width = student.high - student.low
    #expect(abs(estimate.low / Double(size) - student.low) < 1e-3 * width)
    #expect(abs(estimate.high / Double(size) - student.high) < 1e-3 * width)
  }

  @Test func `a missing estimate states the missing data`() {
    #expect(throws: SavingsEstimate.MissingData.noRequests) { try SavingsEstimate(PairSums(), AutoPopulation()) }
    #expect(throws: SavingsEstimate.MissingData.fewPairs(29, needed: 30)) {
      try SavingsEstimate(
        PairSums(count: 29, sum: 100, squares: 900, cubes: 1), AutoPopulation(nonThinking: 30, spent: 1))
    }
    #expect(throws: SavingsEstimate.MissingData.fewPairs(0, needed: 30)) {
      try SavingsEstimate(PairSums(), AutoPopulation(nonThinking: 5))
    }
  }

  @Test func `if all requests thought, the savings are minus the cost of deciding`() throws {
    let estimate = try SavingsEstimate(PairSums(), AutoPopulation(thinking: 10, spent: 400), decision: 1)
    #expect(estimate.saved == -10 && estimate.low == -10 && estimate.perRequest == -1)
  }
}
