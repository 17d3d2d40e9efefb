// Calls: the global functions, the methods of strings and dictionaries, and how their arguments are bound.
import Foundation

/// The methods of `str` that templates may call.
enum TemplateStringMethod: String {
  case strip, lstrip, rstrip, split, rsplit, splitlines, startswith, endswith, replace, upper, lower, title, capitalize
  case join, find, rfind, count, index, partition, rpartition, removeprefix, removesuffix, zfill, casefold, swapcase
  case isdigit, isalpha, isalnum, isspace, isupper, islower, ljust, rjust, center, format
}

extension TemplateRenderer {
  /// Arguments by parameter name; nil where none is given. Throws for too many, unknown and missing ones.
  func bind(
    _ arguments: TemplateArguments, _ names: [String], required: Int = 0
  ) throws(TemplateError) -> [TemplateValue?] {
    var bound = [TemplateValue?](repeating: nil, count: names.count)
    if arguments.positional.count > names.count { throw fail("takes at most \(names.count) arguments") }
    for (index, value) in arguments.positional.enumerated() { bound[index] = value }
    for (name, value) in arguments.named {
      guard let index = names.firstIndex(of: name) else { throw fail("unexpected keyword argument '\(name)'") }
      if bound[index] != nil { throw fail("multiple values for argument '\(name)'") }
      bound[index] = value
    }
    for index in 0..<required where bound[index] == nil { throw fail("missing argument '\(names[index])'") }
    return bound
  }

  /// A whole-number argument, or `fallback` when it is not given.
  func int(_ value: TemplateValue?, or fallback: Int) throws(TemplateError) -> Int {
    guard let value else { return fallback }
    guard let int = value.int else { throw fail("'\(value.typeName)' object cannot be interpreted as an integer") }
    return int
  }

  /// A string argument.
  func text(_ value: TemplateValue?) throws(TemplateError) -> String {
    guard let text = value?.text else { throw fail("expected str, not \(value?.typeName ?? "nothing")") }
    return text
  }

  func call(_ function: TemplateFunction, _ arguments: TemplateArguments) throws(TemplateError) -> TemplateValue {
    switch function {
    case .range: return try range(arguments)
    case .namespace, .dict:
      var members: [(TemplateValue, TemplateValue)] = []
      if let first = arguments.positional.first { members = try pairs(of: first) }
      if arguments.positional.count > 1 { throw fail("expected at most 1 argument") }
      members += arguments.named.map { (.string($0.name), $0.value) }
      let result = try mapping(members)
      guard case .namespace = function, case .mapping(let mapping) = result else { return result }
      let namespace = TemplateNamespace(zip(mapping.keys, mapping.values).map { ($0.text ?? "", $1) })
      register(namespace)
      return .namespace(namespace)
    case .cycler:
      if arguments.positional.isEmpty || !arguments.named.isEmpty { throw fail("at least one item has to be provided") }
      return .cycler(TemplateCycler(arguments.positional, depth: try containerDepth(over: arguments.positional)))
    case .raiseException:
      let message = try bind(arguments, ["message"], required: 1)[0] ?? .none
      throw TemplateError(.raised, try string(message), position)
    case .strftimeNow: return .string(try timeNow(try text(try bind(arguments, ["format"], required: 1)[0])))
    case .cycle(let loop):
      if arguments.positional.isEmpty { throw fail("no items for cycling given") }
      return arguments.positional[loop.index % arguments.positional.count]
    case .changed(let loop):
      if let last = loop.lastChanged, last.count == arguments.positional.count {
        var isSame = true
        for (a, b) in zip(last, arguments.positional) where !(try equal(a, b)) { isSame = false }
        if isSame { return .bool(false) }
      }
      if loop.lastChanged == nil { register(loop) }
      loop.lastChanged = arguments.positional
      return .bool(true)
    case .next(let cycler):
      let item = cycler.items[cycler.position]
      cycler.position = (cycler.position + 1) % cycler.items.count
      return item
    case .reset(let cycler):
      cycler.position = 0
      return .none
    }
  }

  /// What `dict(value)` reads: a mapping's members or a sequence of pairs.
  private func pairs(of value: TemplateValue) throws(TemplateError) -> [(TemplateValue, TemplateValue)] {
    if case .mapping(let mapping) = value { return Array(zip(mapping.keys, mapping.values)) }
    var pairs: [(TemplateValue, TemplateValue)] = []
    for element in try elements(of: value) {
      let pair = try elements(of: element)
      if pair.count != 2 { throw fail("dictionary update sequence element has length \(pair.count); 2 is required") }
      pairs.append((pair[0], pair[1]))
    }
    return pairs
  }

  /// The sandbox's bound on `range`.
  private static let longestRange = 100_000

  private func range(_ arguments: TemplateArguments) throws(TemplateError) -> TemplateValue {
    if !arguments.named.isEmpty || arguments.positional.isEmpty || arguments.positional.count > 3 {
      throw fail("range takes from 1 to 3 arguments")
    }
    var numbers: [Int] = []
    for value in arguments.positional {
      if case .undefined(let hint) = value { throw fail(hint) }
      numbers.append(try int(value, or: 0))
    }
    let start = numbers.count > 1 ? numbers[0] : 0
    let stop = numbers.count > 1 ? numbers[1] : numbers[0]
    let step = numbers.count > 2 ? numbers[2] : 1
    if step == 0 { throw fail("range() arg 3 must not be zero") }
    var elements: [TemplateValue] = []
    for value in stride(from: start, to: stop, by: step) {
      if elements.count == Self.longestRange { throw fail("range too big: at most \(Self.longestRange) numbers") }
      elements.append(.integer(value))
    }
    return try sequence(.range(start: start, stop: stop, step: step), elements)
  }

  /// `datetime.now().strftime(format)`: the local time by the C library.
  private func timeNow(_ format: String) throws(TemplateError) -> String {
    if format.utf8.count > 256 { throw fail("the time format is longer than 256 bytes") }
    if format.isEmpty { return "" }
    var now = time(nil)
    var parts = tm()
    localtime_r(&now, &parts)
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = buffer.withUnsafeMutableBytes { bytes in
      bytes.withMemoryRebound(to: CChar.self) { chars in
        chars.baseAddress.map { strftime($0, chars.count, format, &parts) } ?? 0
      }
    }
    return String(decoding: buffer.prefix(count), as: UTF8.self)
  }

  func call(
    method name: String, of receiver: TemplateValue, _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    switch receiver {
    case .string(let text):
      guard let method = TemplateStringMethod(rawValue: name) else { throw fail("str has no method '\(name)'") }
      try charge(text.utf8.count)
      return try call(method, text, arguments)
    case .mapping(let mapping): return try call(name, mapping, arguments)
    case .sequence(let sequence):
      guard let wanted = try bind(arguments, ["value"], required: 1)[0] else { return .none }
      var places: [Int] = []
      for (index, element) in sequence.elements.enumerated() where try equal(element, wanted) { places.append(index) }
      if name == "count" { return .integer(places.count) }
      guard let first = places.first else { throw fail("the value is not in the list") }
      return .integer(first)
    default: throw fail("'\(receiver.typeName)' has no method '\(name)'")
    }
  }

  private func call(
    _ name: String, _ mapping: TemplateMapping, _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    if name == "get" {
      let bound = try bind(arguments, ["key", "default"], required: 1)
      guard let key = bound[0] else { return .none }
      try charge(keyBytes(key))
      if key.hashed == nil { throw fail("unhashable type: '\(key.typeName)'") }
      return mapping.value(of: key) ?? bound[1] ?? .none
    }
    if !arguments.positional.isEmpty || !arguments.named.isEmpty { throw fail("dict.\(name)() takes no arguments") }
    switch name {
    case "keys": return try sequence(.keys, mapping.keys)
    case "values": return try sequence(.values, mapping.values)
    case "items": return try items(of: mapping)
    default: return .mapping(mapping)
    }
  }

  /// The members of a mapping as pairs.
  func items(of mapping: TemplateMapping, as kind: TemplateSequence.Kind = .items) throws(TemplateError)
    -> TemplateValue
  {
    var pairs: [TemplateValue] = []
    for (key, value) in zip(mapping.keys, mapping.values) { pairs.append(try sequence(.tuple, [key, value])) }
    return try sequence(kind, pairs)
  }

  private func strings(_ pieces: [String], _ kind: TemplateSequence.Kind = .list) throws(TemplateError) -> TemplateValue
  {
    var bytes = 0
    for piece in pieces { bytes += piece.utf8.count }
    try allocate(bytes)
    return try sequence(kind, pieces.map { .string($0) })
  }

  private func call(
    _ method: TemplateStringMethod, _ text: String, _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    switch method {
    case .strip, .lstrip, .rstrip:
      let given = try bind(arguments, ["chars"])[0]
      var characters: String?
      if let given, !given.isNone { characters = try self.text(given) }
      try allocate(text.utf8.count)
      try charge((characters?.utf8.count ?? 0) << 6)
      return .string(text.stripped(of: characters, leading: method != .rstrip, trailing: method != .lstrip))
    case .split, .rsplit: return try split(text, arguments, fromEnd: method == .rsplit)
    case .splitlines:
      let keeps = try bind(arguments, ["keepends"])[0]?.isTrue ?? false
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
    case .find, .rfind, .index, .count: return try find(method, text, arguments)
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
    case .format: throw fail("str.format is not supported")
    default: break
    }
    _ = try bind(arguments, [])
    return try unary(method, text)
  }

  private func unary(_ method: TemplateStringMethod, _ text: String) throws(TemplateError) -> TemplateValue {
    try allocate(text.utf8.count)
    let scalars = text.unicodeScalars
    switch method {
    case .upper: return .string(text.uppercased())
    case .lower, .casefold: return .string(text.lowercased())
    case .title: return .string(text.titled)
    case .capitalize: return .string(text.capitalizedFirst)
    case .swapcase:
      return .string(
        scalars.map { $0.properties.isUppercase ? $0.properties.lowercaseMapping : $0.properties.uppercaseMapping }
          .joined())
    case .isdigit:
      return .bool(
        !text.isEmpty
          && scalars.allSatisfy { $0.properties.numericType == .decimal || $0.properties.numericType == .digit })
    case .isalpha: return .bool(!text.isEmpty && scalars.allSatisfy(\.isLetter))
    case .isalnum: return .bool(!text.isEmpty && scalars.allSatisfy { $0.isLetter || $0.properties.numericType != nil })
    case .isspace: return .bool(!text.isEmpty && scalars.allSatisfy(\.isPythonSpace))
    case .isupper:
      return .bool(scalars.contains { $0.properties.isUppercase } && !scalars.contains { $0.properties.isLowercase })
    case .islower:
      return .bool(scalars.contains { $0.properties.isLowercase } && !scalars.contains { $0.properties.isUppercase })
    default: throw fail("str has no method '\(method.rawValue)'")
    }
  }

  private func split(_ text: String, _ arguments: TemplateArguments, fromEnd: Bool) throws(TemplateError)
    -> TemplateValue
  {
    let bound = try bind(arguments, ["sep", "maxsplit"])
    let limit = try int(bound[1], or: -1)
    guard let given = bound[0], !given.isNone else {
      if fromEnd, limit >= 0 { throw fail("rsplit at white space with a limit is not supported") }
      return try strings(text.splitAtSpace(limit: limit))
    }
    let separator = try self.text(given)
    if separator.isEmpty { throw fail("empty separator") }
    try charge(separator.utf8.count)
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

  /// `str.replace`; the result is measured before it is built.
  func replace(_ text: String, _ old: String, _ new: String, _ limit: Int) throws(TemplateError) -> String {
    try charge(text.utf8.count + old.utf8.count)
    let most = limit < 0 ? Int.max : limit
    let count = old.isEmpty ? min(text.unicodeScalars.count + 1, most) : text.offsets(of: old, limit: most).count
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
    if bound[1] != nil || bound[2] != nil { throw fail("\(method.rawValue) within bounds is not supported") }
    try charge(needle.utf8.count)
    let length = text.unicodeScalars.count
    if method == .count { return .integer(needle.isEmpty ? length + 1 : text.offsets(of: needle).count) }
    if needle.isEmpty { return .integer(method == .rfind ? length : 0) }
    let place: Int
    if method == .rfind {
      let mirrored = String(scalars: text.unicodeScalars.reversed())
      let mark = String(scalars: needle.unicodeScalars.reversed())
      let offset = mirrored.offsets(of: mark, limit: 1).first
      place = offset.map { length - mirrored.codePoints(before: $0) - needle.unicodeScalars.count } ?? -1
    } else {
      place = text.offsets(of: needle, limit: 1).first.map { text.codePoints(before: $0) } ?? -1
    }
    if method == .index, place < 0 { throw fail("substring not found") }
    return .integer(place)
  }

  private func partition(_ text: String, _ arguments: TemplateArguments, fromEnd: Bool) throws(TemplateError)
    -> TemplateValue
  {
    let separator = try self.text(try bind(arguments, ["sep"], required: 1)[0])
    if separator.isEmpty { throw fail("empty separator") }
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
    try allocate(missing.multipliedReportingOverflow(by: 4).overflow ? .max : missing * 4)
    let padding = String(repeating: fill, count: missing)
    switch method {
    case .ljust: return .string(text + padding)
    case .center:
      // As CPython: with an odd rest the extra one goes left when the width is odd too.
      let left = missing / 2 + (missing & width & 1)
      return .string(String(repeating: fill, count: left) + text + String(repeating: fill, count: missing - left))
    case .zfill where text.hasExact(prefix: "-") || text.hasExact(prefix: "+"):
      return .string(String(text.unicodeScalars.prefix(1)) + padding + String(text.unicodeScalars.dropFirst()))
    default: return .string(padding + text)
    }
  }
}

extension TemplateValue {
  var isNone: Bool { if case .none = self { true } else { false } }
}

extension Unicode.Scalar {
  /// What `str.isalpha` accepts.
  var isLetter: Bool {
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }
}

extension String {
  func hasExact(prefix: String) -> Bool { utf8.starts(with: prefix.utf8) }

  func hasExact(suffix: String) -> Bool {
    utf8.count >= suffix.utf8.count && utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
  }

  /// How many code points end at or before a UTF-8 offset.
  func codePoints(before offset: Int) -> Int {
    utf8.prefix(offset).reduce(into: 0) { count, byte in if byte & 0xC0 != 0x80 { count += 1 } }
  }
}
