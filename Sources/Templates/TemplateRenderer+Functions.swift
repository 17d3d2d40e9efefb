// Calls of global functions and of dictionary and list methods, and the binding of their arguments.
import Foundation
import Text

extension TemplateRenderer {
  /// Returns the arguments by parameter; nil for omitted ones. Throws if there are too many, unknown or missing ones.
  func bind(
    _ arguments: TemplateArguments, _ names: [String], required: Int = 0
  ) throws(TemplateError) -> [TemplateValue?] {
    var bound = [TemplateValue?](repeating: nil, count: names.count)
    if arguments.positional.count > names.count { throw fail("takes at most \(names.count) arguments") }
    for (index, value) in arguments.positional.enumerated() { bound[index] = value }
    for (name, value) in arguments.named {
      guard let index = names.firstIndex(where: { $0.isIdentical(to: name) }) else {
        throw fail("unexpected keyword argument '\(name.shown)'")
      }
      if bound[index] != nil { throw fail("multiple values for argument '\(name)'") }
      bound[index] = value
    }
    for index in 0..<required where bound[index] == nil { throw fail("missing argument '\(names[index])'") }
    return bound
  }

  /// Returns an integer argument, or `fallback` if it is omitted.
  func int(_ value: TemplateValue?, or fallback: Int) throws(TemplateError) -> Int {
    guard let value else { return fallback }
    guard let int = value.int else { throw fail("'\(value.typeName)' object cannot be interpreted as an integer") }
    return int
  }

  /// Returns a string argument.
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
    case .joiner:
      let separator = try bind(arguments, ["sep"])[0] ?? .string(", ")
      _ = try containerDepth(over: [separator])
      return .function(.join(TemplateJoiner(separator)))
    case .join(let joiner):
      _ = try bind(arguments, [])
      defer { joiner.isUsed = true }
      return joiner.isUsed ? joiner.separator : .string("")
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

  /// Returns the pairs that `dict(value)` reads: a mapping's members, or a sequence of pairs.
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

  /// The sandbox's limit on `range`.
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

  /// `datetime.now().strftime(format)`: the local time, formatted by the C library.
  private func timeNow(_ format: String) throws(TemplateError) -> String {
    if format.utf8.count > 256 { throw fail("the time format must have at most 256 bytes") }
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
      guard let method = TemplateStringMethod(exactly: name) else { throw fail("str has no method '\(name)'") }
      return try call(method, text, arguments)
    case .mapping(let mapping): return try call(name, mapping, arguments)
    case .sequence(let sequence): return try call(name, sequence, arguments)
    default: throw fail("'\(receiver.typeName)' has no method '\(name)'")
    }
  }

  private func call(
    _ name: String, _ sequence: TemplateSequence, _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    if name == "copy" {
      _ = try bind(arguments, [])
      return try self.sequence(sequence.kind, sequence.elements)
    }
    let bound = try bind(arguments, name == "index" ? ["value", "start", "stop"] : ["value"], required: 1)
    guard let wanted = bound[0] else { return .none }
    let indices = sliceIndices(
      count: sequence.elements.count, from: try int(bound.count > 1 ? bound[1] : nil, or: 0),
      to: try int(bound.count > 2 ? bound[2] : nil, or: .max), step: 1)
    var count = 0
    for index in indices where try equal(sequence.elements[index], wanted) {
      if name == "index" { return .integer(index) }
      count += 1
    }
    if name == "count" { return .integer(count) }
    throw fail("the value is not in the \(sequence.kind == .tuple ? "tuple" : "list")")
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

  /// Returns the members of a mapping as pairs.
  func items(of mapping: TemplateMapping, as kind: TemplateSequence.Kind = .items) throws(TemplateError)
    -> TemplateValue
  {
    var pairs: [TemplateValue] = []
    for (key, value) in zip(mapping.keys, mapping.values) { pairs.append(try sequence(.tuple, [key, value])) }
    return try sequence(kind, pairs)
  }
}

extension String {
  /// The text for an error message, truncated if it is long.
  var shown: String { utf8.count <= 64 ? self : String(String.UnicodeScalarView(unicodeScalars.prefix(48))) + "…" }
}

extension TemplateValue {
  var isNone: Bool { if case .none = self { true } else { false } }
}

extension Unicode.Scalar {
  /// Whether `str.isalpha` accepts the scalar.
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

  /// Returns the number of code points that end at or before a UTF-8 offset.
  func codePoints(before offset: Int) -> Int {
    utf8.prefix(offset).reduce(into: 0) { count, byte in if byte & 0xC0 != 0x80 { count += 1 } }
  }
}
