// The methods of `str`. The meter is charged for the bytes that a method reads and writes before it runs.

import Text

/// The methods of `str` that templates may call.
enum TemplateStringMethod: String, CaseIterable {
  case strip, lstrip, rstrip, split, rsplit, splitlines, startswith, endswith, replace, upper, lower, title, capitalize
  case join, find, rfind, count, index, rindex, partition, rpartition, removeprefix, removesuffix, zfill, casefold
  case swapcase, isdigit, isalpha, isalnum, isspace, isupper, islower, isascii, isdecimal, isnumeric, isidentifier
  case isprintable, istitle, ljust, rjust, center, expandtabs, format
  case formatMap = "format_map"

  /// Methods of `str` whose results are useless in templates. A template that calls one is rejected when parsed.
  static let unsupported: Set<ExactString> = ["encode", "maketrans", "translate"]
}

extension TemplateRenderer {
  private func strings(_ pieces: [String], _ kind: TemplateSequence.Kind = .list) throws(TemplateError) -> TemplateValue
  {
    var bytes = 0
    for piece in pieces { bytes += piece.utf8.count }
    try allocate(bytes)
    return try sequence(kind, pieces.map { .string($0) })
  }

  func call(
    _ method: TemplateStringMethod, _ text: String, _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    try charge(text.utf8.count)
    switch method {
    case .strip, .lstrip, .rstrip:
      let given = try bind(arguments, ["chars"])[0]
      var characters: String?
      if let given, !given.isNone { characters = try self.text(given) }
      return .string(
        try stripped(text, of: characters, leading: method != .rstrip, trailing: method != .lstrip))
    case .split, .rsplit: return try split(text, arguments, fromEnd: method == .rsplit)
    case .splitlines:
      let keeps = try bind(arguments, ["keepends"])[0]?.isTrue ?? false
      try charge(text.utf8.count, .scalars)
      try allocate(text.utf8.count * MemoryLayout<String>.stride)
      return try strings(text.lines(keepingEnds: keeps))
    case .startswith, .endswith: return .bool(try hasEdge(text, arguments, atStart: method == .startswith))
    case .replace:
      let bound = try bind(arguments, ["old", "new", "count"], required: 2)
      return .string(
        try replace(text, try self.text(bound[0]), try self.text(bound[1]), try int(bound[2], or: -1)))
    case .join:
      guard let values = try bind(arguments, ["iterable"], required: 1)[0] else { return .none }
      if values.isUndefined { return .string("") }
      var pieces: [String] = []
      for element in try elements(of: values) { pieces.append(try self.text(element)) }
      return .string(try joined(pieces, by: text))
    case .find, .rfind, .index, .rindex, .count: return try find(method, text, arguments)
    case .partition, .rpartition: return try partition(text, arguments, fromEnd: method == .rpartition)
    case .removeprefix, .removesuffix:
      let edge = try self.text(try bind(arguments, ["edge"], required: 1)[0])
      try allocate(text.utf8.count)
      if edge.isEmpty || edge.utf8.count > text.utf8.count { return .string(text) }
      if method == .removeprefix {
        return .string(
          text.hasExact(prefix: edge) ? String(decoding: text.utf8.dropFirst(edge.utf8.count), as: UTF8.self) : text)
      }
      return .string(
        text.hasExact(suffix: edge) ? String(decoding: text.utf8.dropLast(edge.utf8.count), as: UTF8.self) : text)
    case .zfill, .ljust, .rjust, .center: return try padded(method, text, arguments)
    case .expandtabs: return .string(try tabsExpanded(text, try int(try bind(arguments, ["tabsize"])[0], or: 8)))
    case .format: return .string(try formatted(text, fields: arguments))
    case .formatMap:
      guard case .mapping(let mapping)? = try bind(arguments, ["mapping"], required: 1)[0] else {
        throw fail("format_map needs a mapping")
      }
      var fields = TemplateArguments()
      for (key, value) in zip(mapping.keys, mapping.values) {
        if let name = key.text { fields.named.append((name, value)) }
      }
      return .string(try formatted(text, fields: fields))
    default: break
    }
    _ = try bind(arguments, [])
    return try unary(method, text)
  }

  private func unary(_ method: TemplateStringMethod, _ text: String) throws(TemplateError) -> TemplateValue {
    try allocate(text.utf8.count, .scalars)
    switch method {
    case .upper: return .string(text.uppercased())
    case .lower: return .string(text.lowercased())
    case .casefold: return .string(text.caseFolded)
    case .title: return .string(text.titled)
    case .capitalize: return .string(text.capitalizedFirst)
    case .swapcase:
      return .string(
        text.unicodeScalars.map {
          $0.properties.isUppercase ? $0.properties.lowercaseMapping : $0.properties.uppercaseMapping
        }.joined())
    default: return .bool(text.is(method))
    }
  }

  private func split(_ text: String, _ arguments: TemplateArguments, fromEnd: Bool) throws(TemplateError)
    -> TemplateValue
  {
    let bound = try bind(arguments, ["sep", "maxsplit"])
    let limit = try int(bound[1], or: -1)
    guard let given = bound[0], !given.isNone else {
      try charge(text.utf8.count, .scalars)
      try allocate(text.utf8.count * MemoryLayout<String>.stride / 2)
      if !fromEnd || limit < 0 { return try strings(text.splitAtSpace(limit: limit)) }
      let mirrored = text.mirrored.splitAtSpace(limit: limit)
      return try strings(mirrored.reversed().map(\.mirrored))
    }
    let separator = try self.text(given)
    if separator.isEmpty { throw fail("empty separator") }
    try charge(separator.utf8.count)
    try charge(text.utf8.count, fromEnd ? .scalars : .scan)
    let pieces = 1 + text.occurrences(of: separator, limit: limit < 0 ? .max : limit)
    try allocate(pieces * 2 * MemoryLayout<String>.stride)
    return try strings(
      fromEnd ? text.splitFromEnd(at: separator, limit: limit) : text.split(at: separator, limit: limit))
  }

  private func hasEdge(_ text: String, _ arguments: TemplateArguments, atStart: Bool) throws(TemplateError) -> Bool {
    guard let edge = try bind(arguments, ["edge"], required: 1)[0] else { return false }
    var edges = [edge]
    if case .sequence(let sequence) = edge, sequence.kind == .tuple { edges = sequence.elements }
    for edge in edges {
      let edge = try self.text(edge)
      try charge(edge.utf8.count)
      if atStart ? text.hasExact(prefix: edge) : text.hasExact(suffix: edge) { return true }
    }
    return false
  }

  /// `str.replace`. The result is measured before it is built.
  func replace(_ text: String, _ old: String, _ new: String, _ limit: Int) throws(TemplateError) -> String {
    try charge(text.utf8.count + old.utf8.count)
    let most = limit < 0 ? Int.max : limit
    let count = old.isEmpty ? min(text.unicodeScalars.count + 1, most) : text.occurrences(of: old, limit: most)
    let (added, overflow) = count.multipliedReportingOverflow(by: new.utf8.count)
    try allocate(overflow ? .max : added)
    try allocate(text.utf8.count)
    return text.replacing(old, with: new, limit: limit)
  }

  func joined(_ pieces: [String], by separator: String) throws(TemplateError) -> String {
    var bytes = 0
    for piece in pieces { bytes += piece.utf8.count + separator.utf8.count }
    try allocate(bytes)
    return pieces.joined(separator: separator)
  }

  private func find(
    _ method: TemplateStringMethod, _ text: String, _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    let bound = try bind(arguments, ["sub", "start", "end"], required: 1)
    let needle = try self.text(bound[0])
    try charge(needle.utf8.count)
    try charge(text.utf8.count, method == .rfind || method == .rindex ? .scalars : .scan)
    let whole = text.unicodeScalars.count
    let edges = try [bound[1], bound[2]].map { value throws(TemplateError) in
      try value.flatMap { $0.isNone ? nil : $0 }.map { value throws(TemplateError) in try int(value, or: 0) }
    }
    let range = sliceIndices(count: whole, from: edges[0], to: edges[1], step: 1)
    let first = range.first { _ in true } ?? min(max(edges[0] ?? 0, 0), whole)
    var haystack = text
    if edges[0] != nil || edges[1] != nil {
      // A start beyond the end of the text finds nothing, not even the empty string.
      if let start = edges[0], start > whole { return try result(nil, method) }
      haystack = String(scalars: text.unicodeScalars.dropFirst(first).prefix(range.reduce(into: 0) { n, _ in n += 1 }))
    }
    let length = haystack.unicodeScalars.count
    if method == .count { return .integer(needle.isEmpty ? length + 1 : haystack.occurrences(of: needle)) }
    if needle.isEmpty { return .integer(first + (method == .rfind || method == .rindex ? length : 0)) }
    if method == .rfind || method == .rindex {
      let mirrored = haystack.mirrored
      let offset = mirrored.offsets(of: needle.mirrored, limit: 1).first
      return try result(
        offset.map { first + length - mirrored.codePoints(before: $0) - needle.unicodeScalars.count }, method)
    }
    return try result(
      haystack.offsets(of: needle, limit: 1).first.map { first + haystack.codePoints(before: $0) }, method)
  }

  /// Returns the result of a search that found `offset`, or nothing.
  private func result(_ offset: Int?, _ method: TemplateStringMethod) throws(TemplateError) -> TemplateValue {
    if offset == nil, method == .index || method == .rindex { throw fail("substring not found") }
    return .integer(offset ?? (method == .count ? 0 : -1))
  }

  private func partition(_ text: String, _ arguments: TemplateArguments, fromEnd: Bool) throws(TemplateError)
    -> TemplateValue
  {
    let separator = try self.text(try bind(arguments, ["sep"], required: 1)[0])
    if separator.isEmpty { throw fail("empty separator") }
    try charge(text.utf8.count, fromEnd ? .scalars : .scan)
    let pieces = fromEnd ? text.splitFromEnd(at: separator, limit: 1) : text.split(at: separator, limit: 1)
    if pieces.count == 2 { return try strings([pieces[0], separator, pieces[1]], .tuple) }
    return try strings(fromEnd ? ["", "", text] : [text, "", ""], .tuple)
  }

  private func padded(
    _ method: TemplateStringMethod, _ text: String, _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    let bound = try bind(arguments, ["width", "fillchar"], required: 1)
    let fill = try method == .zfill ? "0" : bound[1].map { value throws(TemplateError) in try self.text(value) } ?? " "
    if fill.unicodeScalars.count != 1 { throw fail("the fill character must be exactly one character long") }
    let width = try int(bound[0], or: 0)
    let missing = max(0, width.subtractingReportingOverflow(text.unicodeScalars.count).partialValue)
    try allocate(text.utf8.count)
    let padding = try filled(fill, missing)
    switch method {
    case .ljust: return .string(text + padding)
    case .center:
      // As in CPython, if the padding is odd, the extra character goes left if the width is odd too.
      let left = missing / 2 + (missing & width & 1)
      return .string(try filled(fill, left) + text + (try filled(fill, missing - left)))
    case .zfill where text.hasExact(prefix: "-") || text.hasExact(prefix: "+"):
      return .string(String(text.unicodeScalars.prefix(1)) + padding + String(text.unicodeScalars.dropFirst()))
    default: return .string(padding + text)
    }
  }

  /// Returns `text` without code points of `characters`, or without white space, at its ends.
  func stripped(
    _ text: String, of characters: String?, leading: Bool = true, trailing: Bool = true
  ) throws(TemplateError) -> String {
    try charge((characters?.utf8.count ?? 0) << 3, .scalars)
    try charge(text.utf8.count, .scan)
    try allocate(text.utf8.count)
    return text.stripped(of: characters, leading: leading, trailing: trailing)
  }

  /// `str.expandtabs`.
  private func tabsExpanded(_ text: String, _ size: Int) throws(TemplateError) -> String {
    try charge(text.utf8.count, .scalars)
    var result = ""
    var column = 0
    for scalar in text.unicodeScalars {
      if scalar == "\t" {
        let missing = size > 0 ? size - column % size : 0
        result += try filled(" ", missing)
        column += missing
        continue
      }
      result.unicodeScalars.append(scalar)
      column = scalar == "\n" || scalar == "\r" ? 0 : column + 1
    }
    try allocate(result.utf8.count)
    return result
  }
}

extension String {
  /// `str.casefold`: the lower case of the upper case, so that ß becomes ss; only ı is an exception.
  fileprivate var caseFolded: String {
    lowercased().unicodeScalars.map { $0 == "ı" ? "ı" : $0.properties.uppercaseMapping.lowercased() }.joined()
  }

  /// The code points in reverse order.
  var mirrored: String { String(scalars: unicodeScalars.reversed()) }

  /// Returns the result of the predicate `method` of Python's `str`.
  fileprivate func `is`(_ method: TemplateStringMethod) -> Bool {
    let scalars = unicodeScalars
    func all(_ passes: (Unicode.Scalar) -> Bool) -> Bool { !isEmpty && scalars.allSatisfy(passes) }
    switch method {
    case .isascii: return utf8.allSatisfy { $0 < 0x80 }
    case .isdecimal: return all { $0.properties.numericType == .decimal }
    case .isdigit: return all { $0.properties.numericType == .decimal || $0.properties.numericType == .digit }
    case .isnumeric: return all { $0.properties.numericType != nil }
    case .isalpha: return all(\.isLetter)
    case .isalnum: return all { $0.isLetter || $0.properties.numericType != nil }
    case .isspace: return all(\.isPythonSpace)
    case .isprintable: return scalars.allSatisfy(\.isPrintable)
    case .isidentifier:
      guard let first = scalars.first, first == "_" || first.properties.isXIDStart else { return false }
      return scalars.allSatisfy { $0 == "_" || $0.properties.isXIDContinue }
    case .isupper:
      return scalars.contains { $0.properties.isUppercase } && !scalars.contains { $0.properties.isLowercase }
    case .islower:
      return scalars.contains { $0.properties.isLowercase } && !scalars.contains { $0.properties.isUppercase }
    case .istitle:
      var (isInside, hasCased) = (false, false)
      for scalar in scalars {
        let isUpper = scalar.properties.isUppercase || scalar.properties.generalCategory == .titlecaseLetter
        if isUpper ? isInside : scalar.properties.isLowercase && !isInside { return false }
        isInside = isUpper || scalar.properties.isLowercase
        hasCased = hasCased || isInside
      }
      return hasCased
    default: return false
    }
  }
}
