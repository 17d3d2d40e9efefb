// Counters, and metrics that are read at each scrape.
import Synchronization

/// A family of counters.
package final class Counter: MetricFamily {
  package let name: String
  package let type = "counter"
  private let help: String
  private let labels: [String]
  private let series = Mutex<[[String]: UInt64]>([:])

  /// - Parameter labels: label names. Every `add` gives as many values, from a bounded set.
  package init(_ name: String, _ help: String, labels: [String] = []) {
    (self.name, self.help, self.labels) = (name, help, labels)
    if labels.isEmpty { series.withLock { $0[[]] = 0 } }
  }

  /// Adds `amount` to the series with these label values. The first call creates the series, even with 0.
  package func add(_ amount: Int = 1, _ values: String...) {
    precondition(values.count == labels.count, "\(name) has \(labels.count) labels")
    precondition(amount >= 0, "a counter only grows")
    series.withLock { $0[values, default: 0] &+= UInt64(amount) }
  }

  /// The count of one series; 0 if it does not exist.
  package func value(_ values: String...) -> Int { series.withLock { Int(truncatingIfNeeded: $0[values] ?? 0) } }

  package func write(into text: inout ExpositionText) {
    let snapshot = series.withLock { $0 }
    text.header(name, type: type, help: help)
    for (values, count) in snapshot.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      text.sample(name, Array(zip(labels, values)), String(count))
    }
  }
}

/// A family whose samples are read at each scrape.
package final class Sampled: MetricFamily {
  /// The type of the metric.
  package enum Kind: String, Sendable { case gauge, counter }

  package let name: String
  private let help: String
  private let kind: Kind
  package var type: String { kind.rawValue }
  private let labels: [String]
  private let read: @Sendable () -> [(labels: [String], value: Double)]

  /// - Parameter read: returns every series. It must be fast and callable from any thread.
  package init(
    _ kind: Kind, _ name: String, _ help: String, labels: [String] = [],
    read: @escaping @Sendable () -> [(labels: [String], value: Double)]
  ) {
    (self.kind, self.name, self.help, self.labels, self.read) = (kind, name, help, labels, read)
  }

  /// A family of one series without labels. If `read` returns nil, the scrape omits it.
  package convenience init(_ kind: Kind, _ name: String, _ help: String, value: @escaping @Sendable () -> Double?) {
    self.init(kind, name, help, read: { value().map { [([], $0)] } ?? [] })
  }

  package func write(into text: inout ExpositionText) {
    let samples = read()
    if samples.isEmpty { return }
    text.header(name, type: type, help: help)
    for sample in samples {
      text.sample(name, Array(zip(labels, sample.labels)), ExpositionText.number(sample.value))
    }
  }
}
