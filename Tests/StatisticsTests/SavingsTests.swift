import Basics
import Foundation
import Statistics
import Testing

/// How often 95 % intervals from `pairs` of `differences`, drawn without replacement, hold what all of them saved; and how wide they are in the
/// mean, as a part of it.
private func coverage(
  of differences: [Double], pairs: Int, draws: Int = 4000, thinking: Int = 0, decision: Double = 0
) throws -> (rate: Double, width: Double) {
  let truth = differences.reduce(0, +) - decision * Double(thinking)
  var generator = SplitMix64(seed: 7)
  var values = differences
  var hits = 0, width = 0.0
  for _ in 0..<draws {
    var sums = PairSums()
    for place in 0..<pairs {
      values.swapAt(place, place + generator.index(below: values.count - place))
      sums.add(values[place])
    }
    let estimate = try SavingsEstimate(
      sums, AutoPopulation(thinking: thinking, direct: values.count, spent: 1000), decision: decision)
    if estimate.low <= truth, truth <= estimate.high { hits += 1 }
    width += (estimate.high - estimate.low) / truth
  }
  return (Double(hits) / Double(draws), width / Double(draws))
}

/// R-Tiny on 450 questions of `scripts/question-sets` (150 each of easy-VQA, digits, arithmetic; seed 0), greedy, each in modes auto and
/// long: by how many tokens long is longer, and of how many of the 296 questions that auto did not think about. About the other 154 it took
/// exactly one token more than long did, the one by which it decided.
private let lengths: [(difference: Double, questions: Int)] = [
  (4, 30), (7, 44), (8, 168), (9, 1), (10, 8), (12, 17), (13, 9), (15, 4), (16, 1), (17, 3), (18, 10), (19, 1),
]
private let replayed = lengths.flatMap { Array(repeating: $0.difference, count: $0.questions) }

@Suite struct `What auto-thinking saved` {
  @Test func `without chance the estimate is the sum`() throws {
    var sums = PairSums()
    for difference in replayed { sums.add(difference) }
    let estimate = try SavingsEstimate(
      sums, AutoPopulation(thinking: 154, direct: 296, spent: 7267), decision: 1)
    // 9621 tokens always thinking, 7267 with auto.
    #expect(estimate.saved == 9621 - 7267 && estimate.low == estimate.saved && estimate.high == estimate.saved)
    #expect(abs(estimate.share - 2354.0 / 9621) < 1e-12 && estimate.pairs == 296)
    #expect(abs(estimate.perRequest - 2354.0 / 450) < 1e-12)
  }

  @Test(arguments: [30, 60, 150])
  func `on a replayed set the interval holds the truth at its rate`(pairs: Int) throws {
    let found = try coverage(of: replayed, pairs: pairs, thinking: 154, decision: 1)
    // Three standard errors of 4000 draws are 1 %; the rest is that counts are few and whole.
    #expect((0.925...0.975).contains(found.rate), "\(pairs): \(found)")
  }

  /// Lengths of thoughts as skewed as reasoning's are: logarithms normal with this deviation.
  @Test(arguments: [(0.5, 30, 0.92), (0.8, 30, 0.90), (0.8, 100, 0.92), (1.0, 100, 0.92)])
  func `skewed lengths are covered nearly so`(deviation: Double, pairs: Int, least: Double) throws {
    // A population by quantiles, so that no single draw of it decides.
    let lengths: [Double] = (0..<600).map { place in
      exp(6 + deviation * NormalDistribution.quantile((Double(place) + 0.5) / 600)) - 20
    }
    let found = try coverage(of: lengths, pairs: pairs)
    #expect(found.rate >= least && found.rate <= 0.975, "\(deviation) \(pairs): \(found)")
  }

  @Test func `more pairs make a narrower interval`() throws {
    let widths = try [30, 60, 120, 240].map { try coverage(of: replayed, pairs: $0, draws: 500).width }
    #expect(zip(widths, widths.dropFirst()).allSatisfy { $0 > 1.2 * $1 }, "\(widths)")
  }

  @Test func `the interval of values without skewness is Student's`() throws {
    var sums = PairSums()
    let values: [Double] = (0..<40).map { place in
      let off = Double(place / 2)
      return place % 2 == 0 ? 50 + off : 50 - off
    }
    for value in values { sums.add(value) }
    let student = try #require(Interval.student(values))
    let size = 1_000_000_000
    let estimate = try SavingsEstimate(sums, AutoPopulation(direct: size, spent: 1))
    let width = student.high - student.low
    #expect(abs(estimate.low / Double(size) - student.low) < 1e-3 * width)
    #expect(abs(estimate.high / Double(size) - student.high) < 1e-3 * width)
  }

  @Test func `what lacks evidence says what it lacks`() {
    #expect(throws: SavingsEstimate.Lack.noRequests) { try SavingsEstimate(PairSums(), AutoPopulation()) }
    #expect(throws: SavingsEstimate.Lack.fewPairs(29, needed: 30)) {
      try SavingsEstimate(PairSums(count: 29, sum: 100, squares: 900, cubes: 1), AutoPopulation(direct: 30, spent: 1))
    }
    #expect(throws: SavingsEstimate.Lack.fewPairs(0, needed: 30)) {
      try SavingsEstimate(PairSums(), AutoPopulation(direct: 5))
    }
  }

  @Test func `requests that all thought saved nothing, but for what deciding took`() throws {
    let estimate = try SavingsEstimate(PairSums(), AutoPopulation(thinking: 10, spent: 400), decision: 1)
    #expect(estimate.saved == -10 && estimate.low == -10 && estimate.perRequest == -1)
  }
}
