// The names of the filters and their dispatch. Text is never marked as safe: templates run without autoescaping, so
// `safe` has no effect and `escape` always escapes.

import Text

/// The supported filters. Any other filter is a syntax error, as in Jinja2.
enum TemplateFilter: String, CaseIterable {
  case `default`, d, trim, upper, lower, title, capitalize, length, count, join, replace, first, last, list, map, select
  case reject, selectattr, rejectattr, tojson, string, int, float, abs, round, sort, unique, reverse, items, dictsort
  case indent, safe, escape, e, forceescape, batch, slice, groupby, sum, min, max, wordcount, attr, center, format
  case truncate, wordwrap, urlencode, filesizeformat, xmlattr
  /// Parses a string of JSON. Not in Jinja2: templates that format calls use it for arguments that are strings.
  case fromJSON = "from_json"

  /// Returns the filter with this name. The name may come from a conversation, so long ones are not compared.
  init?(named name: String) {
    if name.utf8.count > Self.longestName { return nil }
    self.init(exactly: name)
  }

  /// The length of the longest name of a filter, test, method or parameter, in bytes.
  static let longestName = 32

  /// Filters of Jinja2 that are not supported, each with the reason.
  static let unsupported: [ExactString: String] = [
    "pprint": "its output is for a terminal", "random": "its result is random",
    "striptags": "it needs the table of HTML entities", "urlize": "it writes HTML links",
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

  /// Applies the filter `name`. `map` calls it with names that are values.
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
      // As in Jinja2, a false value has no elements, including none and 0.
      if !value.isTrue { return try sequence(.iterator, []) }
      let elements = try elements(of: value)
      return filter == .map ? try mapped(elements, arguments) : try selected(filter, elements, arguments)
    default: return try collection(filter, value, arguments)
    }
  }

  /// `attr` reads attributes only, never items.
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
