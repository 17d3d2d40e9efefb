import Statistics
import Testing

@Suite struct `Samples and intervals` {
  @Test func `percentiles equal numpy's`() throws {
    let golden = try Golden.load()
    for row in golden.percentiles {
      #expect(near(Sample.percentile(golden.sample, row.fraction), row.value, 1e-14), "\(row)")
    }
    #expect(near(Sample.deviation(golden.sample), golden.deviation, 1e-13))
  }

  @Test func `an empty sample has no mean, percentile or interval`() {
    #expect(Sample.mean([]) == nil && Sample.percentile([], 0.5) == nil && Sample.deviation([1]) == nil)
    #expect(Interval.student([1]) == nil && Interval.wilson(successes: 0, trials: 0) == nil)
    #expect(Bootstrap().mean([]) == nil && Bootstrap().ratio([1], [0]) == nil)
    #expect(Sample.percentile([1, 2], .nan) == nil)
    #expect(Sample.percentile([4], 0.3) == 4)
  }

  @Test func `Wilson's interval equals statsmodels'`() throws {
    for row in try Golden.load().wilson {
      let found = try #require(
        Interval.wilson(successes: row.successes, trials: row.trials, confidence: row.confidence))
      #expect(abs(found.low - row.bounds[0]) < 1e-13 && abs(found.high - row.bounds[1]) < 1e-13, "\(row) \(found)")
      #expect(found.contains(found.estimate))
    }
  }

  @Test func `Student's interval equals scipy's`() throws {
    let golden = try Golden.load()
    let found = try #require(Interval.student(golden.sample))
    #expect(near(found.low, golden.student_interval[0], 1e-10) && near(found.high, golden.student_interval[1], 1e-10))
  }

  @Test func `invalid counts and confidence levels give no interval`() {
    #expect(Interval.wilson(successes: 3, trials: 2) == nil && Interval.wilson(successes: -1, trials: 2) == nil)
    #expect(Interval.wilson(successes: 1, trials: 2, confidence: 1) == nil)
    #expect(Interval.student([1, 2], confidence: 0) == nil)
  }
}

@Suite struct `McNemar's test` {
  @Test func `exact probabilities equal statsmodels'`() throws {
    for row in try Golden.load().mcnemar {
      let test = McNemar(onlyFirst: row.first, onlySecond: row.second)
      #expect(near(test.exactP, row.exact, 1e-9), "\(row) \(test.exactP)")
    }
  }

  @Test func `only differing pairs count`() {
    let test = McNemar([true, true, false, false, true], [true, false, true, false, false])
    #expect(test == McNemar(onlyFirst: 2, onlySecond: 1))
    #expect(McNemar([], []).exactP == 1)
  }
}
