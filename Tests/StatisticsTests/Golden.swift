import Foundation

/// Results of scipy, statsmodels and numpy; see scripts/fixtures/intervals.py.
struct Golden: Decodable {
  struct Quantile: Decodable {
    var degrees: Double?
    var p: Double
    var x: Double
  }
  struct Percentile: Decodable { var fraction: Double, value: Double }
  struct Wilson: Decodable { var successes: Int, trials: Int, confidence: Double, bounds: [Double] }
  struct Pairs: Decodable { var first: Int, second: Int, exact: Double }
  struct Resampled: Decodable {
    var statistic: String, columns: [[Double]], method: String, confidence: Double, seed: UInt64, resamples: Int
    var estimate: Double, low: Double, high: Double
  }
  var normal: [Quantile], normal_cdf: [Quantile], student: [Quantile], student_cdf: [Quantile]
  var sample: [Double], percentiles: [Percentile], deviation: Double, student_interval: [Double]
  var wilson: [Wilson], mcnemar: [Pairs], bootstrap: [Resampled]

  static func load() throws -> Golden {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    let data = try Data(contentsOf: folder.appendingPathComponent("Fixtures/statistics.json"))
    return try JSONDecoder().decode(Golden.self, from: data)
  }
}

/// Whether two numbers differ by at most `tolerance` times the second, or by 1e-300.
func near(_ value: Double?, _ expected: Double, _ tolerance: Double) -> Bool {
  guard let value else { return false }
  return abs(value - expected) <= tolerance * max(abs(expected), 1e-300)
}
