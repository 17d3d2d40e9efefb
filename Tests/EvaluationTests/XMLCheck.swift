/// Parses well-formed XML without namespaces, strictly enough to find unclosed elements and unescaped text.
final class XMLCheck {
  /// The number of occurrences of each element.
  private(set) var counts: [String: Int] = [:]

  /// Returns the error in a text, or nil.
  func parse(_ text: String) -> String? {
    var open: [String] = []
    var rest = text[...]
    while let start = rest.firstIndex(of: "<") {
      if let fault = Self.fault(inText: rest[..<start]) { return fault }
      guard let end = rest[start...].firstIndex(of: ">") else { return "an element without end" }
      let inside = rest[rest.index(after: start)..<end]
      if inside.contains("<") { return "< in an element: \(inside)" }
      if inside.hasPrefix("/") {
        guard let last = open.popLast(), last == inside.dropFirst() else { return "\(inside) closes nothing" }
      } else {
        guard inside.wholeMatch(of: #/[a-z0-9]+(\s+[A-Za-z0-9:-]+="[^"]*")*\s*/?/#) != nil else { return "\(inside)" }
        let name = String(inside.prefix { $0.isLetter || $0.isNumber })
        counts[name, default: 0] += 1
        if !inside.hasSuffix("/") { open.append(name) }
      }
      rest = rest[rest.index(after: end)...]
    }
    return open.isEmpty ? Self.fault(inText: rest) : "\(open) is not closed"
  }

  private static func fault(inText text: Substring) -> String? {
    if text.contains(">") { return "> in text" }
    return text.replacing(#/&(amp|lt|gt|quot|#39);/#, with: "").contains("&") ? "& in text: \(text.prefix(60))" : nil
  }
}
