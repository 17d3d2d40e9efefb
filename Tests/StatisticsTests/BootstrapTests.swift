import Statistics
import Testing

@Suite struct `Bootstrap intervals` {
  @Test func `intervals equal scipy's on the same draws`() throws {
    let rows = try Golden.load().bootstrap.filter { $0.method == "BCa" }
    #expect(!rows.isEmpty)
    for row in rows {
      let bootstrap = Bootstrap(resamples: row.resamples, confidence: row.confidence, seed: row.seed)
      let found =
        switch row.statistic {
        case "mean": bootstrap.mean(row.columns[0])
        case "ratio": bootstrap.ratio(row.columns[0], row.columns[1])
        default: bootstrap.difference(row.columns[0], row.columns[1])
        }
      let interval = try #require(found)
      let name = "\(row.statistic) \(row.columns[0].count) \(row.confidence)"
      #expect(near(interval.estimate, row.estimate, 1e-12), "\(name)")
      #expect(near(interval.low, row.low, 1e-9), "\(name): \(interval.low) \(row.low)")
      #expect(near(interval.high, row.high, 1e-9), "\(name): \(interval.high) \(row.high)")
    }
  }

  @Test func `the seed determines the interval`() {
    let values = (0..<50).map { Double($0 * $0 % 17) }
    #expect(Bootstrap(seed: 3).mean(values) == Bootstrap(seed: 3).mean(values))
    #expect(Bootstrap(seed: 3).mean(values) != Bootstrap(seed: 4).mean(values))
  }

  @Test func `equal values have an interval of zero width`() {
    #expect(Bootstrap(resamples: 50).mean([2, 2, 2]) == Interval(estimate: 2, low: 2, high: 2))
    #expect(Bootstrap(resamples: 50).mean([5]) == Interval(estimate: 5, low: 5, high: 5))
  }
}
