// The filters: their names, and which code each is. Text is never marked safe: templates run without autoescaping, so `safe`
// changes nothing and `escape` escapes each time it is asked.

import Text

/// The filters this engine knows. Any other is a syntax error, as in Jinja2.
enum TemplateFilter: String, CaseIterable {
  case `default`, d, trim, upper, lower, title, capitalize, length, count, join, replace, first, last, list, map, select
  case reject, selectattr, rejectattr, tojson, string, int, float, abs, round, sort, unique, reverse, items, dictsort
  case indent, safe, escape, e, forceescape, batch, slice, groupby, sum, min, max, wordcount, attr, center, format
  case truncate, wordwrap, urlencode, filesizeformat, xmlattr
  /// Reads a string of JSON. Not Jinja2's: templates that print calls name it for arguments that are still a string.
  case fromJSON = "from_json"

  /// The filter of that name. The name may be text of a conversation: long ones are not compared.
  init?(named name: String) {
    if name.utf8.count > Self.longestName { return nil }
    self.init(exactly: name)
  }

  /// Bytes of the longest name that a filter, test, method or parameter can have.
  static let longestName = 32

  /// Jinja2's filters that are left out, each with the reason.
  static let refused: [ExactString: String] = [
    "pprint": "it prints for a terminal", "random": "its result differs each time",
    "striptags": "it needs HTML's table of characters", "urlize": "it writes HTML links",
  ]
}

extension TemplateRenderer {
  func apply(
    _ filter: TemplateFilterUse, to value: TemplateValue, _ scope: TemplateScope
  ) throws(TemplateError) -> TemplateValue {
    let arguments = try arguments(filter.arguments, scope)
    position = filter.position
    return try apply(filter.name, to: value, arguments)
  }

  /// Applies the filter `name`; `map` calls it with names that it got as values.
  func apply(
    _ name: String, to value: TemplateValue, _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    guard let filter = TemplateFilter(named: name) else { throw fail("no filter named '\(name.shown)'") }
    try charge()
    switch filter {
    case .default, .d:
      let bound = try bind(arguments, ["default_value", "boolean"])
      let isMissing = value.isUndefined || (bound[1]?.isTrue ?? false) && !value.isTrue
      return isMissing ? bound[0] ?? .string("") : value
    case .trim, .upper, .lower, .title, .capitalize, .escape, .e, .forceescape, .replace, .indent, .wordcount, .center:
      return try text(filter, try string(value), arguments)
    case .truncate, .wordwrap, .urlencode, .filesizeformat, .xmlattr: return try layout(filter, value, arguments)
    case .string, .safe:
      _ = try bind(arguments, [])
      return .string(try string(value))
    case .format:
      if arguments.named.isEmpty {
        return .string(try formatted(try string(value), try sequence(.tuple, arguments.positional)))
      }
      if !arguments.positional.isEmpty { throw fail("format takes positional or keyword arguments, not both") }
      return .string(
        try formatted(try string(value), try mapping(arguments.named.map { (.string($0.name), $0.value) })))
    case .length, .count:
      _ = try bind(arguments, [])
      return .integer(try length(of: value))
    case .int, .float, .abs, .round: return try number(filter, value, arguments)
    case .tojson: return try json(value, arguments)
    case .fromJSON:
      _ = try bind(arguments, [])
      return try parsed(try text(value))
    case .attr: return try attribute(try text(try bind(arguments, ["name"], required: 1)[0]), only: value)
    case .items:
      _ = try bind(arguments, [])
      if value.isUndefined { return try sequence(.iterator, []) }
      guard case .mapping(let mapping) = value else { throw fail("can only get item pairs from a mapping") }
      return try items(of: mapping, as: .iterator)
    case .dictsort: return try sortedItems(value, arguments)
    case .map, .select, .reject, .selectattr, .rejectattr:
      // As Jinja2: whatever is false has nothing to walk, none and 0 too.
      if !value.isTrue { return try sequence(.iterator, []) }
      let elements = try elements(of: value)
      return filter == .map ? try mapped(elements, arguments) : try selected(filter, elements, arguments)
    default: return try collection(filter, value, arguments)
    }
  }

  /// `attr` looks at attributes only, never at items.
  private func attribute(_ name: String, only value: TemplateValue) throws(TemplateError) -> TemplateValue {
    if case .mapping(let mapping) = value, mapping.value(of: name) != nil {
      return .undefined("'dict object' has no attribute '\(name.shown)'")
    }
    return try attribute(name, of: value)
  }

  /// `len`.
  func length(of value: TemplateValue) throws(TemplateError) -> Int {
    switch value {
    case .undefined: return 0
    case .string(let text):
      try charge(text.utf8.count)
      return text.unicodeScalars.count
    case .sequence(let sequence) where sequence.kind != .iterator: return sequence.elements.count
    case .mapping(let mapping): return mapping.keys.count
    case .loop(let loop): return loop.elements.count
    default: throw fail("object of type '\(value.typeName)' has no len()")
    }
  }
}
