// Histograms with fixed buckets as in Prometheus: cumulative counts, a sum and a count per series.
import Basics
import Glibc
import Synchronization

/// The request behind an observation; a bucket shows its latest one.
package struct Exemplar: Sendable {
  let requestID: String
  /// Seconds since the epoch.
  let time: Double

  /// Returns nil for a long id: OpenMetrics allows the labels of an exemplar 128 characters in all.
  package init?(requestID: String) {
    guard requestID.utf8.count + Self.label.utf8.count <= 128 else { return nil }
    self.requestID = requestID
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    time = Double(now.tv_sec) + Double(now.tv_nsec) * 1e-9
  }

  static let label = "request_id"
}

/// A family of histograms over the same bucket bounds.
package final class Histogram: MetricFamily {
  /// Bucket bounds for the quantities of this server.
  package enum Bounds {
    /// Seconds, from the step of a small model to a long answer on a slow machine.
    package static let seconds: [Double] = [
      0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000,
    ]
    /// Tokens of one part of a reply, in powers of two.
    package static let tokens: [Double] = [
      0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768,
    ]
    /// Probabilities in tenths.
    package static let probability: [Double] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]
  }

  private struct Series {
    /// Observations per bucket, not cumulative; the last bucket is above every bound.
    var counts: [UInt64]
    var sum = 0.0
    /// The latest exemplar of each bucket.
    var exemplars: [Int: (exemplar: Exemplar, value: Double)] = [:]
  }

  package let name: String
  package let type = "histogram"
  private let help: String
  private let labels: [String]
  private let bounds: [Double]
  private let series = Mutex<[[String]: Series]>([:])

  /// - Parameter bounds: upper bounds, inclusive and ascending.
  package init(_ name: String, _ help: String, labels: [String] = [], bounds: [Double]) {
    (self.name, self.help, self.labels, self.bounds) = (name, help, labels, bounds)
    if labels.isEmpty { series.withLock { $0[[]] = Series(counts: Array(repeating: 0, count: bounds.count + 1)) } }
  }

  /// Adds one observation to the series with these label values. `exemplar` names its request.
  package func observe(_ value: Double, _ values: String..., exemplar: Exemplar? = nil) {
    precondition(values.count == labels.count, "\(name) has \(labels.count) labels")
    let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
    series.withLock {
      var series = $0[values] ?? Series(counts: Array(repeating: 0, count: bounds.count + 1))
      series.counts[bucket] &+= 1
      series.sum += value
      if let exemplar { series.exemplars[bucket] = (exemplar, value) }
      $0[values] = series
    }
  }

  /// Adds one duration, in seconds, to a family without labels.
  package func observe(_ duration: Duration, exemplar: Exemplar? = nil) {
    observe(duration.seconds, exemplar: exemplar)
  }

  /// The number of observations of one series, and their sum.
  package func total(_ values: String...) -> (count: Int, sum: Double) {
    series.withLock { ($0[values]?.counts.reduce(0) { $0 + Int(truncatingIfNeeded: $1) } ?? 0, $0[values]?.sum ?? 0) }
  }

  package func write(into text: inout ExpositionText) {
    let snapshot = series.withLock { $0 }
    text.header(name, type: type, help: help)
    for (values, series) in snapshot.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      let own = Array(zip(labels, values))
      var cumulative: UInt64 = 0
      for (bucket, (bound, count)) in zip(bounds + [.infinity], series.counts).enumerated() {
        cumulative &+= count
        text.sample(
          "\(name)_bucket", own + [("le", ExpositionText.number(bound))], String(cumulative),
          exemplar: series.exemplars[bucket])
      }
      text.sample("\(name)_sum", own, ExpositionText.number(series.sum))
      text.sample("\(name)_count", own, String(cumulative))
    }
  }
}
