// Filters that compare elements: sort, groupby, unique, min, max and dictsort.

import Text

extension TemplateRenderer {
  /// Returns the key that `sort`, `groupby` and similar filters compare: text is lower-cased unless case matters.
  private func key(
    of element: TemplateValue, _ path: TemplateValue?, _ keepsCase: Bool, splitsCommas: Bool = false
  ) throws(TemplateError) -> TemplateValue {
    if splitsCommas, let paths = path?.text?.split(at: ",", limit: -1), paths.count > 1 {
      var keys: [TemplateValue] = []
      for path in paths { keys.append(try folded(try picked(element, .string(path)), keepsCase)) }
      return try sequence(.list, keys)
    }
    return try folded(try picked(element, path), keepsCase)
  }

  private func folded(_ value: TemplateValue, _ keepsCase: Bool) throws(TemplateError) -> TemplateValue {
    guard !keepsCase, let text = value.text else { return value }
    try allocate(text.utf8.count, .scalars)
    return .string(text.lowercased())
  }

  func ranked(
    _ filter: TemplateFilter, _ elements: [TemplateValue], _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    let names = filter == .sort ? ["reverse", "case_sensitive", "attribute"] : ["case_sensitive", "attribute"]
    let bound = try bind(arguments, names)
    let reverses = filter == .sort && bound[0]?.isTrue ?? false
    let (caseFlag, path) = filter == .sort ? (bound[1], bound[2]) : (bound[0], bound[1])
    var keys: [TemplateValue] = []
    for element in elements {
      keys.append(try key(of: element, path, caseFlag?.isTrue ?? false, splitsCommas: filter == .sort))
    }
    if filter == .unique {
      var known: Set<TemplateMapping.Key> = []
      var unique: [TemplateValue] = []
      for (element, key) in zip(elements, keys) {
        try charge(keyBytes(key))
        guard let hashed = key.hashed else { throw fail("unhashable type: '\(key.typeName)'") }
        if known.insert(hashed).inserted { unique.append(element) }
      }
      return try sequence(.iterator, unique)
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

  /// Returns the stable order of `keys`. A merge sort, because comparisons may throw.
  func sorted(_ keys: [TemplateValue], descending: Bool = false) throws(TemplateError) -> [Int] {
    var order = Array(keys.indices)
    var merged = order
    var width = 1
    while width < order.count {
      for start in stride(from: 0, to: order.count, by: 2 * width) {
        let middle = min(start + width, order.count)
        let end = min(start + 2 * width, order.count)
        var (left, right) = (start, middle)
        for index in start..<end {
          var takesRight = left == middle
          if left < middle, right < end {
            let (a, b) = (keys[order[right]], keys[order[left]])
            takesRight = descending ? try ordered(b, a, "<") < 0 : try ordered(a, b, "<") < 0
          }
          merged[index] = takesRight ? order[right] : order[left]
          if takesRight { right += 1 } else { left += 1 }
        }
      }
      swap(&order, &merged)
      width *= 2
    }
    return order
  }

  func sortedItems(_ value: TemplateValue, _ arguments: TemplateArguments) throws(TemplateError)
    -> TemplateValue
  {
    let bound = try bind(arguments, ["case_sensitive", "by", "reverse"])
    guard case .mapping(let mapping) = value else { throw fail("dictsort needs a mapping") }
    let by = try bound[1].map { value throws(TemplateError) in try text(value) } ?? "key"
    if by != "key" && by != "value" { throw fail("you can only sort by either \"key\" or \"value\"") }
    var keys: [TemplateValue] = []
    for key in by == "key" ? mapping.keys : mapping.values { keys.append(try folded(key, bound[0]?.isTrue ?? false)) }
    var pairs: [TemplateValue] = []
    for index in try sorted(keys, descending: bound[2]?.isTrue ?? false) {
      pairs.append(try sequence(.tuple, [mapping.keys[index], mapping.values[index]]))
    }
    return try sequence(.list, pairs)
  }

  /// `groupby`: named tuples of a value and the elements that have it, in the order of the values.
  func grouped(_ elements: [TemplateValue], _ arguments: TemplateArguments) throws(TemplateError) -> TemplateValue {
    let bound = try bind(arguments, ["attribute", "default", "case_sensitive"], required: 1)
    let keepsCase = bound[2]?.isTrue ?? false
    var names: [TemplateValue] = []
    var keys: [TemplateValue] = []
    for element in elements {
      var name = try picked(element, bound[0])
      if let fallback = bound[1], !fallback.isNone { name = try picked(element, bound[0], fallback: fallback) }
      names.append(name)
      keys.append(try folded(name, keepsCase))
    }
    let order = try sorted(keys)
    var groups: [TemplateValue] = []
    var start = 0
    while start < order.count {
      var end = start + 1
      while end < order.count, try equal(keys[order[end]], keys[order[start]]) { end += 1 }
      let members = try sequence(.list, order[start..<end].map { elements[$0] })
      groups.append(try sequence(.tuple, [names[order[start]], members], names: ["grouper", "list"]))
      start = end
    }
    return try sequence(.list, groups)
  }
}
