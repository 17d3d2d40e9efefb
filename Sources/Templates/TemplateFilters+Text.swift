// Filters from text to text. The meter is charged for the bytes that a filter reads and writes before it runs.

import Text

extension TemplateRenderer {
  func text(
    _ filter: TemplateFilter, _ text: String, _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    switch filter {
    case .trim:
      let given = try bind(arguments, ["chars"])[0]
      let characters = try given.flatMap { $0.isNone ? nil : $0 }.map { value throws(TemplateError) in
        try self.text(value)
      }
      return .string(try stripped(text, of: characters))
    case .replace:
      let bound = try bind(arguments, ["old", "new", "count"], required: 2)
      let limit = bound[2].flatMap { $0.isNone ? nil : $0 }
      return .string(
        try replace(text, try string(bound[0] ?? .none), try string(bound[1] ?? .none), try int(limit, or: -1)))
    case .indent: return .string(try indented(text, arguments))
    case .center:
      let width = try bind(arguments, ["width"])[0] ?? .integer(80)
      return try call(method: "center", of: .string(text), TemplateArguments(positional: [width]))
    default: break
    }
    _ = try bind(arguments, [])
    try allocate(text.utf8.count, .scalars)
    switch filter {
    case .upper: return .string(text.uppercased())
    case .lower: return .string(text.lowercased())
    case .title: return .string(text.titledByWord)
    case .capitalize: return .string(text.capitalizedFirst)
    case .wordcount:
      return .integer(
        text.unicodeScalars.split { !($0.isLetter || $0.properties.numericType != nil || $0 == "_") }.count)
    default:
      try allocate(text.utf8.count * 5)
      return .string(text.escapedForHTML)
    }
  }

  private func indented(_ text: String, _ arguments: TemplateArguments) throws(TemplateError) -> String {
    let bound = try bind(arguments, ["width", "first", "blank"])
    try charge(text.utf8.count, .scalars)
    try allocate(text.utf8.count * MemoryLayout<String>.stride)
    let lines = (text + "\n").lines()
    let withBlank = bound[2]?.isTrue ?? false
    let isFirst = bound[1]?.isTrue ?? false
    let margins = (isFirst ? 1 : 0) + (withBlank ? lines.count - 1 : lines.dropFirst().count { !$0.isEmpty })
    var width = bound[0]?.text?.utf8.count ?? 0
    if bound[0]?.text == nil { width = max(0, try int(bound[0], or: 4)) }
    let (bytes, overflow) = margins.multipliedReportingOverflow(by: width)
    try allocate(overflow ? .max >> 1 : max(bytes, width))
    // A margin that no line needs is not built.
    var margin = bound[0]?.text ?? ""
    if bound[0]?.text == nil, margins > 0 { margin = try filled(" ", width) }
    try allocate(text.utf8.count)
    var result = isFirst ? margin : ""
    for (index, line) in lines.enumerated() {
      if index > 0 { result += "\n" + (withBlank || !line.isEmpty ? margin : "") }
      result += line
    }
    return result
  }

  func layout(
    _ filter: TemplateFilter, _ value: TemplateValue, _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    switch filter {
    case .truncate: return try truncated(value, arguments)
    case .wordwrap: return .string(try wrapped(value, arguments))
    case .urlencode:
      _ = try bind(arguments, [])
      return .string(try urlEncoded(value))
    case .filesizeformat: return .string(try fileSize(value, arguments))
    default: return .string(try attributes(value, arguments))
    }
  }

  private func truncated(_ value: TemplateValue, _ arguments: TemplateArguments) throws(TemplateError) -> TemplateValue
  {
    let bound = try bind(arguments, ["length", "killwords", "end", "leeway"])
    let length = try int(bound[0], or: 255)
    let end = try bound[2].map { value throws(TemplateError) in try self.text(value) } ?? "..."
    let leeway = try int(bound[3].flatMap { $0.isNone ? nil : $0 }, or: 5)
    if length < end.unicodeScalars.count { throw fail("expected length >= \(end.unicodeScalars.count), got \(length)") }
    if leeway < 0 { throw fail("expected leeway >= 0, got \(leeway)") }
    let (most, overflow) = length.addingReportingOverflow(leeway)
    if try self.length(of: value) <= (overflow ? .max : most) { return value }
    let text = try self.text(value)
    try allocate(text.utf8.count + end.utf8.count, .scan)
    let beginning = String(String.UnicodeScalarView(text.unicodeScalars.prefix(length - end.unicodeScalars.count)))
    if bound[1]?.isTrue ?? false { return .string(beginning + end) }
    let words = beginning.unicodeScalars
    return .string(
      String(String.UnicodeScalarView(words.prefix(upTo: words.lastIndex(of: " ") ?? words.endIndex))) + end)
  }

  private func wrapped(_ value: TemplateValue, _ arguments: TemplateArguments) throws(TemplateError) -> String {
    let bound = try bind(arguments, ["width", "break_long_words", "wrapstring", "break_on_hyphens"])
    let text = try self.text(value)
    let width = try int(bound[0], or: 79)
    let wrapper = TextWrapper(
      width: width, breaksLongWords: bound[1]?.isTrue ?? true, breaksAtHyphens: bound[3]?.isTrue ?? true)
    var mark = "\n"
    if let given = bound[2], !given.isNone { mark = try self.text(given) }
    // The passes over the text: lines, chunks, lines again.
    for _ in 0..<3 { try charge(text.utf8.count, .scalars) }
    try allocate(text.utf8.count * MemoryLayout<String>.stride * 2)
    let lines = text.lines()
    if !lines.isEmpty, width <= 0 { throw fail("invalid width \(width) (must be > 0)") }
    var paragraphs: [String] = []
    for line in lines { paragraphs.append(try joined(wrapper.lines(of: line), by: mark)) }
    return try joined(paragraphs, by: mark)
  }

  private func urlEncoded(_ value: TemplateValue) throws(TemplateError) -> String {
    func quoted(_ value: TemplateValue, inQuery: Bool) throws(TemplateError) -> String {
      let text = try string(value)
      try charge(text.utf8.count, .scalars)
      try allocate(text.utf8.count * 3)
      return text.percentEncoded(inQuery: inQuery)
    }
    var pairs: [(TemplateValue, TemplateValue)] = []
    switch value {
    case .mapping(let mapping): pairs = Array(zip(mapping.keys, mapping.values))
    case .sequence:
      for element in try elements(of: value) {
        let pair = try elements(of: element)
        if pair.count != 2 { throw fail("urlencode needs pairs, got \(pair.count) values") }
        pairs.append((pair[0], pair[1]))
      }
    case .undefined: return ""
    default: return try quoted(value, inQuery: false)
    }
    var pieces: [String] = []
    for (key, value) in pairs {
      pieces.append(try quoted(key, inQuery: true) + "=" + (try quoted(value, inQuery: true)))
    }
    return try joined(pieces, by: "&")
  }

  private func fileSize(_ value: TemplateValue, _ arguments: TemplateArguments) throws(TemplateError) -> String {
    let isBinary = try bind(arguments, ["binary"])[0]?.isTrue ?? false
    guard let size = value.text.map({ $0.pythonFloat }) ?? value.double else {
      throw fail("could not convert '\(value.typeName)' to float")
    }
    if size == 1 { return "1 Byte" }
    let base = isBinary ? 1024.0 : 1000.0
    if size < base {
      guard let whole = Int(exactly: size.rounded(.towardZero)) else { throw fail("the size is not a whole number") }
      return "\(whole) Bytes"
    }
    let prefixes = ["k", "M", "G", "T", "P", "E", "Z", "Y"]
    var unit = base
    for (index, prefix) in prefixes.enumerated() {
      unit *= base
      if size < unit || index == prefixes.count - 1 {
        var style = TemplateNumberStyle()
        (style.precision, style.type) = (1, "f")
        let name = isBinary ? prefix.uppercased() + "iB" : prefix + "B"
        return try padded(.float(base * size / unit), style) + " " + name
      }
    }
    return ""
  }

  private func attributes(_ value: TemplateValue, _ arguments: TemplateArguments) throws(TemplateError) -> String {
    let addsSpace = try bind(arguments, ["autospace"])[0]?.isTrue ?? true
    guard case .mapping(let mapping) = value else { throw fail("xmlattr needs a mapping, got \(value.typeName)") }
    var pieces: [String] = []
    for (key, value) in zip(mapping.keys, mapping.values) where !value.isNone && !value.isUndefined {
      let name = try text(key)
      if name.unicodeScalars.contains(where: { $0.isPythonSpace || "/>=".unicodeScalars.contains($0) }) {
        throw fail("invalid character in attribute name")
      }
      let text = try string(value)
      try allocate((name.utf8.count + text.utf8.count) * 5, .scan)
      pieces.append("\(name.escapedForHTML)=\"\(text.escapedForHTML)\"")
    }
    let result = try joined(pieces, by: " ")
    return addsSpace && !result.isEmpty ? " " + result : result
  }
}
