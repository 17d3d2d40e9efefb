// What every metric has in common. A family is one name with one set of label names; each combination of label values is
// a series. Families are written from request tasks and read by a scrape; each guards its own numbers with one mutex that
// is held for a few arithmetic operations.

import Text

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

  /// The format that an `Accept` field prefers, by RFC 9110 12.5.1: of the ranges that name a format the most specific one has the
  /// weight; of equal weights the more specific range wins, then the one that comes first. Without a preference, and where
  /// neither format is acceptable, it is the older text.
  package init(accept: String?) {
    let ranges = accept.map(MediaRange.list) ?? []
    let text = Self.preference(ranges, "text", "plain", versions: ["0.0.4"])
    let open = Self.preference(ranges, "application", "openmetrics-text", versions: ["1.0.0", "0.0.1"])
    self = open.quality > 0 && open > text ? .openMetrics : .prometheus
  }

  /// How much a format is wanted; compared in the order of the members.
  private struct Preference: Comparable {
    var quality = 0, specificity = -1
    /// Of the range in the field; earlier is more.
    var position = Int.max

    static func < (a: Preference, b: Preference) -> Bool {
      (a.quality, a.specificity, -a.position) < (b.quality, b.specificity, -b.position)
    }
  }

  private static func preference(
    _ ranges: [MediaRange], _ type: String, _ subtype: String, versions: Set<ExactString>
  ) -> Preference {
    var best = Preference()
    for (position, range) in ranges.enumerated() {
      guard let specificity = range.specificity(type, subtype, versions: versions), specificity > best.specificity
      else { continue }
      best = Preference(quality: range.quality, specificity: specificity, position: position)
    }
    return best
  }
}

/// One name in the exposition, with its series.
package protocol MetricFamily: Sendable {
  /// The name without the suffixes that samples add.
  var name: String { get }
  /// What its samples are: `counter`, `gauge` or `histogram`.
  var type: String { get }
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
    let shown = format == .openMetrics ? Self.familyName(name, type: type) : name
    text += "# HELP \(shown) \(Self.escaped(help, quotes: format == .openMetrics))\n# TYPE \(shown) \(type)\n"
  }

  /// A family's name in OpenMetrics, which has a counter's `_total` in its samples only.
  static func familyName(_ name: String, type: String) -> String {
    type == "counter" && name.hasSuffix("_total") ? String(name.dropLast("_total".count)) : name
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
