// The metrics of one server, in the order in which they were registered.
import Synchronization
import Text

/// Every metric family of a scrape.
package final class MetricsRegistry: Sendable {
  private let families = Mutex<[any MetricFamily]>([])

  package init() {}

  /// Adds a family. Traps if its name, in either format, clashes with another family or its samples: the counter
  /// `a_total` and a gauge `a` cannot coexist, because every scrape would be invalid.
  @discardableResult
  package func register<Family: MetricFamily>(_ family: Family) -> Family {
    families.withLock { list in
      let taken = Self.names(family)
      precondition(
        !list.contains { !Self.names($0).isDisjoint(with: taken) }, "\(family.name) clashes with another family")
      precondition(
        family.type != "counter" || family.name.hasSuffix("_total"), "\(family.name) is a counter without _total")
      list.append(family)
    }
    return family
  }

  /// Every name that a family uses: its own in both formats, and those of its samples.
  private static func names(_ family: any MetricFamily) -> Set<ExactString> {
    let name = ExpositionText.familyName(family.name, type: family.type)
    let names =
      switch family.type {
      case "counter": [name, name + "_total", name + "_created"]
      case "histogram": [name, name + "_bucket", name + "_count", name + "_sum", name + "_created"]
      default: [name]
      }
    return Set(names.map(\.exact))
  }

  /// Returns the text of one scrape.
  package func text(_ format: ExpositionFormat) -> String {
    var text = ExpositionText(format: format)
    for family in families.withLock({ $0 }) { family.write(into: &text) }
    text.end()
    return text.text
  }
}
