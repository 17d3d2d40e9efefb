// The filters. Text is never marked safe: templates run without autoescaping, so `safe` changes nothing and `escape`
// escapes each time it is asked.

/// The filters this engine knows; any other is a syntax error, as in Jinja2.
enum TemplateFilter: String {
  case `default`, d, trim, upper, lower, title, capitalize, length, count, join, replace, first, last, list, map, select
  case reject, selectattr, rejectattr, tojson, string, int, float, abs, round, sort, unique, reverse, items, dictsort
  case indent, safe, escape, e, forceescape, batch, sum, min, max, wordcount, attr, center, format
}

extension TemplateRenderer {
  func apply(
    _ filter: TemplateFilterUse, to value: TemplateValue, _ scope: TemplateScope
  ) throws(TemplateError) -> TemplateValue {
    let arguments = try arguments(filter.arguments, scope)
    position = filter.position
    return try apply(filter.name, to: value, arguments)
  }

  private func apply(
    _ name: String, to value: TemplateValue, _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    guard let filter = TemplateFilter(rawValue: name) else { throw fail("no filter named '\(name)'") }
    try charge()
    switch filter {
    case .default, .d:
      let bound = try bind(arguments, ["default_value", "boolean"])
      let isMissing = value.isUndefined || (bound[1]?.isTrue ?? false) && !value.isTrue
      return isMissing ? bound[0] ?? .string("") : value
    case .trim, .upper, .lower, .title, .capitalize, .escape, .e, .forceescape, .replace, .indent, .wordcount, .center:
      return try text(filter, try string(value), arguments)
    case .string:
      _ = try bind(arguments, [])
      return .string(try string(value))
    case .safe:
      _ = try bind(arguments, [])
      return .string(try string(value))
    case .format: return .string(try formatted(try string(value), try sequence(.tuple, arguments.positional)))
    case .length, .count:
      _ = try bind(arguments, [])
      return .integer(try length(of: value))
    case .int, .float, .abs, .round: return try number(filter, value, arguments)
    case .tojson: return try json(value, arguments)
    case .attr: return try attribute(try text(try bind(arguments, ["name"], required: 1)[0]), only: value)
    case .items:
      _ = try bind(arguments, [])
      if value.isUndefined { return try sequence(.iterator, []) }
      guard case .mapping(let mapping) = value else { throw fail("can only get item pairs from a mapping") }
      return try items(of: mapping, as: .iterator)
    case .dictsort: return try sortedItems(value, arguments)
    default: return try collection(filter, value, arguments)
    }
  }

  /// `attr` looks at attributes only, never at items.
  private func attribute(_ name: String, only value: TemplateValue) throws(TemplateError) -> TemplateValue {
    if case .mapping(let mapping) = value, mapping.value(of: name) != nil {
      return .undefined("'dict object' has no attribute '\(name)'")
    }
    return try attribute(name, of: value)
  }

  private func text(
    _ filter: TemplateFilter, _ text: String, _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    try allocate(text.utf8.count)
    switch filter {
    case .trim:
      let given = try bind(arguments, ["chars"])[0]
      let characters = try given.flatMap { $0.isNone ? nil : $0 }.map { value throws(TemplateError) in
        try self.text(value)
      }
      try charge((characters?.utf8.count ?? 0) << 6)
      return .string(text.stripped(of: characters))
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
    let margin: String
    if let given = bound[0]?.text {
      margin = given
    } else {
      let width = try int(bound[0], or: 4)
      try allocate(max(width, 0))
      margin = String(repeating: " ", count: max(width, 0))
    }
    let withBlank = bound[2]?.isTrue ?? false
    let lines = (text + "\n").lines()
    let (bytes, overflow) = lines.count.multipliedReportingOverflow(by: margin.utf8.count + 1)
    try allocate(overflow ? .max : bytes)
    var result = bound[1]?.isTrue ?? false ? margin : ""
    for (index, line) in lines.enumerated() {
      if index > 0 { result += "\n" + (withBlank || !line.isEmpty ? margin : "") }
      result += line
    }
    return result
  }

  private func length(of value: TemplateValue) throws(TemplateError) -> Int {
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

  private func number(
    _ filter: TemplateFilter, _ value: TemplateValue, _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    if case .undefined(let hint) = value { throw fail(hint) }
    try charge(value.text?.utf8.count ?? 0)
    switch filter {
    case .int:
      let bound = try bind(arguments, ["default", "base"])
      let base = try int(bound[1], or: 10)
      if let text = value.text, let int = text.pythonInteger(base: base) { return .integer(int) }
      let double = value.text.map { $0.pythonFloat } ?? value.double
      if value.text == nil, let int = value.int { return .integer(int) }
      return double.flatMap { Int(exactly: $0.rounded(.towardZero)) }.map { .integer($0) } ?? bound[0] ?? .integer(0)
    case .float:
      let fallback = try bind(arguments, ["default"])[0] ?? .float(0)
      return (value.text.map { $0.pythonFloat } ?? value.double).map { .float($0) } ?? fallback
    case .abs:
      _ = try bind(arguments, [])
      let number = try number(value)
      return number.double.map { $0 < 0 } == true
        ? try negated(number) : number.double == 0 ? number.magnitudeOfZero : number
    default: return try rounded(value, arguments)
    }
  }

  private func rounded(_ value: TemplateValue, _ arguments: TemplateArguments) throws(TemplateError) -> TemplateValue {
    let bound = try bind(arguments, ["precision", "method"])
    let precision = try int(bound[0], or: 0)
    let method = try bound[1].map { value throws(TemplateError) in try text(value) } ?? "common"
    if !["common", "ceil", "floor"].contains(method) { throw fail("method must be common, ceil or floor") }
    guard let double = value.double, abs(precision) <= 300 else { throw fail("'\(value.typeName)' cannot be rounded") }
    if method == "common" {
      if let int = value.int {
        if precision >= 0 { return .integer(int) }
        throw fail("integers are not rounded to tens")
      }
      return .float(double.rounded(toDecimals: precision))
    }
    let scale = TemplateValue.integer(10)
    let power = try binary(scale, "**", .integer(precision))
    guard let scaled = try binary(value, "*", power).double else { return value }
    let whole = scaled.rounded(method == "ceil" ? .up : .down)
    guard let int = Int(exactly: whole) else { throw fail("the number is too large to be rounded") }
    return try binary(.integer(int), "/", power)
  }

  private func json(_ value: TemplateValue, _ arguments: TemplateArguments) throws(TemplateError) -> TemplateValue {
    let bound = try bind(arguments, ["ensure_ascii", "indent", "separators", "sort_keys"])
    var style = JSONStyle()
    style.escapesNonASCII = bound[0]?.isTrue ?? false
    style.sortsKeys = bound[3]?.isTrue ?? false
    if let indent = bound[1], !indent.isNone {
      if let text = indent.text {
        style.indent = text
      } else {
        let width = max(0, try int(indent, or: 0))
        if width > 64 { throw fail("an indent of more than 64") }
        style.indent = String(repeating: " ", count: width)
      }
      style.itemSeparator = ","
    }
    if let separators = bound[2], !separators.isNone {
      let pair = try elements(of: separators)
      if pair.count != 2 { throw fail("separators must be a pair") }
      style.itemSeparator = try text(pair[0])
      style.keySeparator = try text(pair[1])
    }
    var text = ""
    try dump(value, style, level: 0, into: &text)
    try allocate(text.utf8.count)
    return .string(text)
  }

  private func collection(
    _ filter: TemplateFilter, _ value: TemplateValue, _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    if filter == .reverse {
      _ = try bind(arguments, [])
      if let text = value.text {
        try allocate(text.utf8.count)
        return .string(String(scalars: text.unicodeScalars.reversed()))
      }
      return try sequence(.iterator, try elements(of: value).reversed())
    }
    let elements = try elements(of: value)
    try charge(elements.count << 6)
    switch filter {
    case .list:
      _ = try bind(arguments, [])
      return try sequence(.list, elements)
    case .first:
      _ = try bind(arguments, [])
      return elements.first ?? .undefined("no first item, sequence was empty")
    case .last:
      _ = try bind(arguments, [])
      if case .sequence(let sequence) = value, sequence.kind == .iterator { throw fail("a generator has no last item") }
      return elements.last ?? .undefined("no last item, sequence was empty")
    case .join:
      let bound = try bind(arguments, ["d", "attribute"])
      var pieces: [String] = []
      for element in elements { pieces.append(try string(try picked(element, bound[1]))) }
      return .string(
        try joined(pieces, by: try bound[0].map { value throws(TemplateError) in try string(value) } ?? ""))
    case .map: return try mapped(elements, arguments)
    case .select, .reject, .selectattr, .rejectattr: return try selected(filter, elements, arguments)
    case .sort, .unique, .min, .max: return try ranked(filter, elements, arguments)
    case .sum:
      let bound = try bind(arguments, ["attribute", "start"])
      var total = bound[1] ?? .integer(0)
      if total.text != nil { throw fail("sum() cannot sum strings") }
      for element in elements { total = try binary(total, "+", try picked(element, bound[0])) }
      return total
    default: return try batches(elements, arguments)
    }
  }

  private func batches(_ elements: [TemplateValue], _ arguments: TemplateArguments) throws(TemplateError)
    -> TemplateValue
  {
    let bound = try bind(arguments, ["linecount", "fill_with"], required: 1)
    let count = try int(bound[0], or: 1)
    if count < 1 || count > 1_000_000 { throw fail("batches must have at least one item") }
    var batches: [TemplateValue] = []
    for start in stride(from: 0, to: elements.count, by: count) {
      var batch = Array(elements[start..<min(start + count, elements.count)])
      if let fill = bound[1], !fill.isNone, batch.count < count {
        try allocate((count - batch.count) * 32)
        batch += repeatElement(fill, count: count - batch.count)
      }
      batches.append(try sequence(.list, batch))
    }
    return try sequence(.iterator, batches)
  }

  /// What an `attribute=` argument picks: a dotted path of names and indices, or the value itself.
  private func picked(_ value: TemplateValue, _ path: TemplateValue?, fallback: TemplateValue? = nil)
    throws(TemplateError) -> TemplateValue
  {
    guard let path, !path.isNone else { return value }
    var result = value
    if path.int != nil { return try item(path, of: value) }
    for part in try text(path).split(at: ".", limit: -1) {
      // `environment.getitem`: items first.
      result = try item(Int(part).map { .integer($0) } ?? .string(part), of: result)
      if let fallback, result.isUndefined { result = fallback }
    }
    return result
  }

  private func mapped(_ elements: [TemplateValue], _ arguments: TemplateArguments) throws(TemplateError)
    -> TemplateValue
  {
    var results: [TemplateValue] = []
    if arguments.positional.isEmpty, !arguments.named.isEmpty {
      let bound = try bind(arguments, ["attribute", "default"], required: 1)
      for element in elements { results.append(try picked(element, bound[0], fallback: bound[1])) }
    } else {
      let name = try text(arguments.positional.first)
      let rest = TemplateArguments(positional: Array(arguments.positional.dropFirst()), named: arguments.named)
      try enter()
      defer { leave() }
      for element in elements { results.append(try apply(name, to: element, rest)) }
    }
    return try sequence(.iterator, results)
  }

  private func selected(
    _ filter: TemplateFilter, _ elements: [TemplateValue], _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    var positional = arguments.positional[...]
    var path: TemplateValue?
    if filter == .selectattr || filter == .rejectattr {
      guard let first = positional.popFirst() else { throw fail("missing parameter for attribute name") }
      path = first
    }
    let name = try positional.popFirst().map { value throws(TemplateError) in try text(value) }
    let keeps = filter == .select || filter == .selectattr
    var kept: [TemplateValue] = []
    for element in elements {
      try charge()
      let value = try picked(element, path)
      let passes =
        try name.map { name throws(TemplateError) in
          try test(value, name, TemplateArguments(positional: Array(positional), named: arguments.named))
        } ?? value.isTrue
      if passes == keeps { kept.append(element) }
    }
    return try sequence(.iterator, kept)
  }

  /// A sort key: text without its case unless case matters.
  private func folded(_ value: TemplateValue, _ keepsCase: Bool) -> TemplateValue {
    keepsCase ? value : value.text.map { .string($0.lowercased()) } ?? value
  }

  private func ranked(
    _ filter: TemplateFilter, _ elements: [TemplateValue], _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    let names = filter == .sort ? ["reverse", "case_sensitive", "attribute"] : ["case_sensitive", "attribute"]
    let bound = try bind(arguments, names)
    let reverses = filter == .sort && bound[0]?.isTrue ?? false
    let (caseFlag, path) = filter == .sort ? (bound[1], bound[2]) : (bound[0], bound[1])
    var keys: [TemplateValue] = []
    for element in elements { keys.append(folded(try picked(element, path), caseFlag?.isTrue ?? false)) }
    if filter == .unique {
      var seen: Set<TemplateMapping.Key> = []
      var kept: [TemplateValue] = []
      for (element, key) in zip(elements, keys) {
        try charge(keyBytes(key))
        guard let hashed = key.hashed else { throw fail("unhashable type: '\(key.typeName)'") }
        if seen.insert(hashed).inserted { kept.append(element) }
      }
      return try sequence(.iterator, kept)
    }
    if filter == .sort {
      let order = try sorted(keys, descending: reverses)
      return try sequence(.list, order.map { elements[$0] })
    }
    guard var best = keys.indices.first else { return .undefined("no aggregated item, sequence was empty") }
    for index in keys.indices.dropFirst() {
      let isBetter =
        filter == .min ? try ordered(keys[index], keys[best], "<") < 0 : try ordered(keys[best], keys[index], "<") < 0
      if isBetter { best = index }
    }
    return elements[best]
  }

  /// The stable order of `keys`: a merge sort, because comparisons may throw.
  func sorted(_ keys: [TemplateValue], descending: Bool = false) throws(TemplateError) -> [Int] {
    var order = Array(keys.indices)
    var merged = order
    var width = 1
    while width < order.count {
      for start in stride(from: 0, to: order.count, by: 2 * width) {
        let middle = min(start + width, order.count)
        let end = min(start + 2 * width, order.count)
        var (left, right) = (start, middle)
        for place in start..<end {
          var takesRight = left == middle
          if left < middle, right < end {
            let (a, b) = (keys[order[right]], keys[order[left]])
            takesRight = descending ? try ordered(b, a, "<") < 0 : try ordered(a, b, "<") < 0
          }
          merged[place] = takesRight ? order[right] : order[left]
          if takesRight { right += 1 } else { left += 1 }
        }
      }
      swap(&order, &merged)
      width *= 2
    }
    return order
  }

  private func sortedItems(_ value: TemplateValue, _ arguments: TemplateArguments) throws(TemplateError)
    -> TemplateValue
  {
    let bound = try bind(arguments, ["case_sensitive", "by", "reverse"])
    guard case .mapping(let mapping) = value else { throw fail("dictsort needs a mapping") }
    let by = try bound[1].map { value throws(TemplateError) in try text(value) } ?? "key"
    if by != "key" && by != "value" { throw fail("you can only sort by either \"key\" or \"value\"") }
    var keys: [TemplateValue] = []
    for key in by == "key" ? mapping.keys : mapping.values { keys.append(folded(key, bound[0]?.isTrue ?? false)) }
    var pairs: [TemplateValue] = []
    for index in try sorted(keys, descending: bound[2]?.isTrue ?? false) {
      pairs.append(try sequence(.tuple, [mapping.keys[index], mapping.values[index]]))
    }
    return try sequence(.list, pairs)
  }
}
