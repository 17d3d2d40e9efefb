// Filters over the elements of a sequence: picking, mapping, selecting and splitting.

import Text

extension TemplateRenderer {
  func collection(
    _ filter: TemplateFilter, _ value: TemplateValue, _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    if filter == .reverse {
      _ = try bind(arguments, [])
      if let text = value.text {
        try allocate(text.utf8.count, .scalars)
        return .string(text.mirrored)
      }
      return try sequence(.iterator, try elements(of: value).reversed())
    }
    if filter == .first {
      _ = try bind(arguments, [])
      if case .sequence(let sequence) = value {
        return sequence.take(1).first ?? .undefined("no first item, sequence was empty")
      }
    }
    if filter == .last, case .sequence(let sequence) = value, sequence.kind == .iterator {
      throw fail("a generator has no last item")
    }
    let elements = try elements(of: value)
    try charge(elements.count << 4)
    switch filter {
    case .list:
      _ = try bind(arguments, [])
      return try sequence(.list, elements)
    case .first: return elements.first ?? .undefined("no first item, sequence was empty")
    case .last:
      _ = try bind(arguments, [])
      return elements.last ?? .undefined("no last item, sequence was empty")
    case .join:
      let bound = try bind(arguments, ["d", "attribute"])
      var pieces: [String] = []
      for element in elements { pieces.append(try string(try picked(element, bound[1]))) }
      return .string(
        try joined(pieces, by: try bound[0].map { value throws(TemplateError) in try string(value) } ?? ""))
    case .sort, .unique, .min, .max: return try ranked(filter, elements, arguments)
    case .sum:
      let bound = try bind(arguments, ["attribute", "start"])
      var total = bound[1] ?? .integer(0)
      if total.text != nil { throw fail("sum() cannot sum strings") }
      for element in elements { total = try binary(total, "+", try picked(element, bound[0])) }
      return total
    case .groupby: return try grouped(elements, arguments)
    case .slice: return try slices(elements, arguments)
    default: return try batches(elements, arguments)
    }
  }

  private func batches(_ elements: [TemplateValue], _ arguments: TemplateArguments) throws(TemplateError)
    -> TemplateValue
  {
    let bound = try bind(arguments, ["linecount", "fill_with"], required: 1)
    let count = try int(bound[0], or: 1)
    if count > 1_000_000 { throw TemplateError(.limit, "a batch may have at most 1000000 items", position) }
    if count < 1 { throw fail("batches must have at least one item") }
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

  private func slices(_ elements: [TemplateValue], _ arguments: TemplateArguments) throws(TemplateError)
    -> TemplateValue
  {
    let bound = try bind(arguments, ["slices", "fill_with"], required: 1)
    let count = try int(bound[0], or: 1)
    if count == 0 { throw fail("integer division or modulo by zero") }
    if count < 0 { return try sequence(.iterator, []) }
    let (size, longer) = elements.count.quotientAndRemainder(dividingBy: count)
    try allocate(count.multipliedReportingOverflow(by: 128).overflow ? .max >> 1 : count * 128)
    var slices: [TemplateValue] = []
    var start = 0
    for number in 0..<count {
      let end = start + size + (number < longer ? 1 : 0)
      var slice = Array(elements[start..<end])
      if let fill = bound[1], !fill.isNone, number >= longer { slice.append(fill) }
      slices.append(try sequence(.list, slice))
      start = end
    }
    return try sequence(.iterator, slices)
  }

  /// Returns what an `attribute=` argument selects: a dotted path of names and indices, or the value itself.
  func picked(_ value: TemplateValue, _ path: TemplateValue?, fallback: TemplateValue? = nil)
    throws(TemplateError) -> TemplateValue
  {
    guard let path, !path.isNone else { return value }
    var result = value
    if path.int != nil { return try item(path, of: value) }
    for part in try text(path).split(at: ".", limit: -1) {
      // Like `environment.getitem`: items take precedence.
      result = try item(Int(part).map { .integer($0) } ?? .string(part), of: result)
      if let fallback, result.isUndefined { result = fallback }
    }
    return result
  }

  func mapped(_ elements: [TemplateValue], _ arguments: TemplateArguments) throws(TemplateError)
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

  func selected(
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
    var selected: [TemplateValue] = []
    for element in elements {
      try charge()
      let value = try picked(element, path)
      let passes =
        try name.map { name throws(TemplateError) in
          try test(value, name, TemplateArguments(positional: Array(positional), named: arguments.named))
        } ?? value.isTrue
      if passes == keeps { selected.append(element) }
    }
    return try sequence(.iterator, selected)
  }
}
