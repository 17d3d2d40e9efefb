// What every metric has in common. A family is one name with one set of label names; each combination of label values is
// a series. Families are written from request tasks and read by a scrape; each guards its own numbers with one mutex that
// is held for a few arithmetic operations.

/// The two text formats a scraper may ask for.
package enum ExpositionFormat: Sendable {
  /// Prometheus text format 0.0.4.
  case prometheus
  /// OpenMetrics 1.0.
  case openMetrics

  package var contentType: String {
    switch self {
    case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
    case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
    }
  }

  /// The format an `Accept` header asks for; anything that does not name OpenMetrics gets the older text.
  package init(accept: String?) {
    self = accept?.lowercased().contains("application/openmetrics-text") == true ? .openMetrics : .prometheus
  }
}

/// One name in the exposition, with its series.
package protocol MetricFamily: Sendable {
  /// The name without the suffixes that samples add.
  var name: String { get }
  /// Appends the family's HELP and TYPE lines and its samples.
  func write(into text: inout ExpositionText)
}

/// The text of a scrape while it is being built.
package struct ExpositionText: Sendable {
  package let format: ExpositionFormat
  package private(set) var text = ""

  package init(format: ExpositionFormat) { self.format = format }

  /// The two comment lines that introduce a family. OpenMetrics names a counter without its `_total`.
  mutating func header(_ name: String, type: String, help: String) {
    let total = "_total"
    let shown =
      format == .openMetrics && type == "counter" && name.hasSuffix(total) ? String(name.dropLast(total.count)) : name
    text += "# HELP \(shown) \(Self.escaped(help, quotes: format == .openMetrics))\n# TYPE \(shown) \(type)\n"
  }

  /// One sample; `labels` are name and value pairs. Only OpenMetrics has a place for an example.
  mutating func sample(
    _ name: String, _ labels: [(String, String)], _ value: String,
    exemplar: (exemplar: Exemplar, value: Double)? = nil
  ) {
    text += name
    if !labels.isEmpty { text += Self.set(labels) }
    text += " \(value)"
    if format == .openMetrics, let (exemplar, value) = exemplar {
      text += " # \(Self.set([(Exemplar.label, exemplar.requestID)])) \(Self.number(value)) \(exemplar.time)"
    }
    text += "\n"
  }

  private static func set(_ labels: [(String, String)]) -> String {
    "{" + labels.map { "\($0.0)=\"\(escaped($0.1, quotes: true))\"" }.joined(separator: ",") + "}"
  }

  /// Ends the text; OpenMetrics wants a mark so that a cut-off scrape is noticed.
  mutating func end() { if format == .openMetrics { text += "# EOF\n" } }

  /// A number as both formats read it.
  static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    return "\(value)"
  }

  private static func escaped(_ text: String, quotes: Bool) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": escaped += "\\\\"
      case "\n": escaped += "\\n"
      case "\"" where quotes: escaped += "\\\""
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
