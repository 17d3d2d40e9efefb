// The families of one server, written out in the order they were registered.
import Synchronization

/// Every family a scrape shows.
package final class MetricsRegistry: Sendable {
  private let families = Mutex<[any MetricFamily]>([])

  package init() {}

  /// Adds a family. Two families with one name would make every scrape invalid, so that is our mistake.
  @discardableResult
  package func register<Family: MetricFamily>(_ family: Family) -> Family {
    families.withLock { list in
      precondition(!list.contains { $0.name == family.name }, "\(family.name) is registered twice")
      list.append(family)
    }
    return family
  }

  /// The text of one scrape.
  package func text(_ format: ExpositionFormat) -> String {
    var text = ExpositionText(format: format)
    for family in families.withLock({ $0 }) { family.write(into: &text) }
    text.end()
    return text.text
  }
}
