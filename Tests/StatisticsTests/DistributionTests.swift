import Statistics
import Testing

@Suite struct `Distributions` {
  @Test func `normal quantiles and probabilities equal scipy's`() throws {
    let golden = try Golden.load()
    for row in golden.normal { #expect(near(NormalDistribution.quantile(row.p), row.x, 1e-13), "\(row)") }
    for row in golden.normal_cdf { #expect(near(NormalDistribution.probability(row.x), row.p, 1e-12), "\(row)") }
  }

  @Test func `Student's quantiles and probabilities equal scipy's`() throws {
    let golden = try Golden.load()
    for row in golden.student {
      let found = StudentDistribution(degrees: try #require(row.degrees)).quantile(row.p)
      // scipy's quantile at 1/2 differs from zero by rounding.
      #expect(row.p == 0.5 ? found == 0 : near(found, row.x, 1e-9), "\(row) \(found)")
    }
    for row in golden.student_cdf {
      let found = StudentDistribution(degrees: try #require(row.degrees)).probability(row.x)
      #expect(near(found, row.p, 1e-9), "\(row) \(found)")
    }
  }

  @Test func `an invalid probability has no quantile, and the ends are infinite`() {
    for p in [-0.1, 1.1, .nan] {
      #expect(NormalDistribution.quantile(p).isNaN)
      #expect(StudentDistribution(degrees: 3).quantile(p).isNaN)
    }
    #expect(NormalDistribution.quantile(0) == -.infinity && NormalDistribution.quantile(1) == .infinity)
    #expect(StudentDistribution(degrees: 3).quantile(1) == .infinity)
    #expect(StudentDistribution(degrees: 0).quantile(0.3).isNaN)
    #expect(StudentDistribution(degrees: 0).probability(0.3).isNaN)
    #expect(StudentDistribution(degrees: 2).probability(.infinity) == 1)
  }
}
