// Metric families and their text. A family is one name with one set of label names; each combination of label values is
// a series. Request tasks write to families and scrapes read them; each family guards its numbers with one mutex.

import Text

/// The two text formats of a scrape.
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

  /// The format that an `Accept` field prefers (RFC 9110, 12.5.1). The most specific range that names a format sets its
  /// weight; of equal weights the more specific range wins, then the first. Without a preference, or if neither format
  /// is acceptable, the format is Prometheus text.
  package init(accept: String?) {
    let ranges = accept.map(MediaRange.list) ?? []
    let text = Self.preference(ranges, "text", "plain", versions: ["0.0.4"])
    let open = Self.preference(ranges, "application", "openmetrics-text", versions: ["1.0.0", "0.0.1"])
    self = open.quality > 0 && open > text ? .openMetrics : .prometheus
  }

  /// The preference for a format; compared member by member.
  private struct Preference: Comparable {
    var quality = 0, specificity = -1
    /// The position of the range in the field; earlier ranges come first.
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

/// One metric name with its series.
package protocol MetricFamily: Sendable {
  /// The name without the suffixes of samples.
  var name: String { get }
  /// The type of its samples: `counter`, `gauge` or `histogram`.
  var type: String { get }
  /// Appends the HELP and TYPE lines and the samples.
  func write(into text: inout ExpositionText)
}

/// The text of a scrape under construction.
package struct ExpositionText: Sendable {
  package let format: ExpositionFormat
  package private(set) var text = ""

  package init(format: ExpositionFormat) { self.format = format }

  /// Appends the two comment lines of a family. OpenMetrics names a counter without its `_total`.
  mutating func header(_ name: String, type: String, help: String) {
    let shown = format == .openMetrics ? Self.familyName(name, type: type) : name
    text += "# HELP \(shown) \(Self.escaped(help, quotes: format == .openMetrics))\n# TYPE \(shown) \(type)\n"
  }

  /// The name of a family in OpenMetrics, where only the samples of a counter have `_total`.
  static func familyName(_ name: String, type: String) -> String {
    type == "counter" && name.hasSuffix("_total") ? String(name.dropLast("_total".count)) : name
  }

  /// Appends one sample; `labels` are pairs of name and value. Only OpenMetrics has exemplars.
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

  /// Ends the text. OpenMetrics requires an end mark, which reveals a truncated scrape.
  mutating func end() { if format == .openMetrics { text += "# EOF\n" } }

  /// Formats a number for both formats.
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
