// A pattern as an automaton over the bytes of a JSON string: Thompson's construction, then subsets. Characters are written as they
// are; a quotation mark, a backslash and the control characters that have one in their short escape, other control characters not.

/// Builds the automaton of one pattern.
struct PatternAutomaton {
  private struct Edge {
    var low, high: UInt8
    var target: Int32
  }
  private var edges: [[Edge]] = []
  private var skips: [[Int32]] = []

  /// The automaton of the JSON strings whose value `expression` matches as a whole; nil where there is none.
  static func automaton(of expression: PatternExpression) throws(PatternError) -> ByteAutomaton? {
    var nfa = PatternAutomaton()
    let start = try nfa.state(), open = try nfa.state()
    nfa.edges[Int(start)].append(Edge(low: 0x22, high: 0x22, target: open))
    let close = try nfa.add(expression, from: open)
    let end = try nfa.state()
    nfa.edges[Int(close)].append(Edge(low: 0x22, high: 0x22, target: end))
    return try nfa.determinised(from: start, to: end)
  }

  private mutating func state() throws(PatternError) -> Int32 {
    if edges.count >= SchemaLimits.patternStates {
      throw PatternError(reason: "takes more than \(SchemaLimits.patternStates) states")
    }
    edges.append([])
    skips.append([])
    return Int32(edges.count - 1)
  }

  /// Adds `expression` behind `source`; the state behind it.
  private mutating func add(_ expression: PatternExpression, from source: Int32) throws(PatternError) -> Int32 {
    switch expression {
    case .empty: return source
    case .set(let ranges):
      let target = try state()
      for range in ranges { try connect(range, from: source, to: target) }
      return target
    case .sequence(let parts):
      var at = source
      for part in parts { at = try add(part, from: at) }
      return at
    case .alternatives(let parts):
      let target = try state()
      for part in parts {
        let begin = try state()
        skips[Int(source)].append(begin)
        skips[Int(try add(part, from: begin))].append(target)
      }
      return target
    case .repeated(let part, let least, let most):
      var at = source
      for _ in 0..<least { at = try add(part, from: at) }
      let target = try state()
      if let most {
        for _ in least..<max(least, most) {
          skips[Int(at)].append(target)
          at = try add(part, from: at)
        }
      } else {
        let loop = try state()
        skips[Int(at)].append(loop)
        skips[Int(try add(part, from: loop))].append(loop)
        at = loop
      }
      skips[Int(at)].append(target)
      return target
    }
  }

  /// Transitions for characters of a range, as JSON writes them.
  private mutating func connect(_ range: ClosedRange<UInt32>, from source: Int32, to target: Int32) throws(PatternError)
  {
    let escapes: [(UInt32, Unicode.Scalar)] = [
      (0x08, "b"), (0x09, "t"), (0x0A, "n"), (0x0C, "f"), (0x0D, "r"), (0x22, "\""), (0x5C, "\\"),
    ]
    for (value, letter) in escapes where range.contains(value) {
      let middle = try state()
      edges[Int(source)].append(Edge(low: 0x5C, high: 0x5C, target: middle))
      edges[Int(middle)].append(Edge(low: UInt8(ascii: letter), high: UInt8(ascii: letter), target: target))
    }
    // Plain characters, by the length of their UTF-8 (Unicode 16, table 3-7).
    for plain in [
      0x20...0x21, 0x23...0x5B, 0x5D...0x7F, 0x80...0x7FF, 0x800...0xD7FF, 0xE000...0xFFFF, 0x10000...0x10FFFF,
    ]
      as [ClosedRange<UInt32>] where plain.overlaps(range)
    {
      try connectUTF8(range.clamped(to: plain), from: source, to: target)
    }
  }

  /// Splits a range of one length until each byte runs over a range of its own.
  private mutating func connectUTF8(
    _ range: ClosedRange<UInt32>, from source: Int32, to target: Int32
  ) throws(PatternError) {
    let low = Self.utf8(range.lowerBound), high = Self.utf8(range.upperBound)
    for shift in stride(from: 6 * (low.count - 1), to: 0, by: -6) {
      // The lower bytes must run over all of their values, or the upper ones be equal.
      let mask = UInt32(1) << UInt32(shift) - 1
      if range.lowerBound & ~mask == range.upperBound & ~mask { continue }
      if range.lowerBound & mask != 0 {
        try connectUTF8(range.lowerBound...(range.lowerBound | mask), from: source, to: target)
        return try connectUTF8((range.lowerBound | mask) + 1...range.upperBound, from: source, to: target)
      }
      if range.upperBound & mask != mask {
        try connectUTF8(range.lowerBound...(range.upperBound & ~mask) - 1, from: source, to: target)
        return try connectUTF8(range.upperBound & ~mask...range.upperBound, from: source, to: target)
      }
    }
    var at = source
    for place in low.indices {
      let next = place == low.count - 1 ? target : try state()
      edges[Int(at)].append(Edge(low: low[place], high: high[place], target: next))
      at = next
    }
  }

  private static func utf8(_ value: UInt32) -> [UInt8] {
    guard let scalar = Unicode.Scalar(value) else { return [] }
    return Array(UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
  }

  // MARK: Subsets

  private func closure(_ states: [Int32]) -> [Int32] {
    var seen = Set(states)
    var waiting = states
    while let state = waiting.popLast() {
      for next in skips[Int(state)] where seen.insert(next).inserted { waiting.append(next) }
    }
    return seen.sorted()
  }

  private func determinised(from start: Int32, to end: Int32) throws(PatternError) -> ByteAutomaton? {
    var builder = ByteAutomatonBuilder()
    let first = closure([start])
    var numbers = [first: builder.state()]
    var waiting = [first]
    var steps = 0
    while let set = waiting.popLast() {
      guard let number = numbers[set] else { continue }
      var leaving: [Edge] = []
      for state in set { leaving += edges[Int(state)] }
      steps += leaving.count + set.count
      if steps > SchemaLimits.patternSteps { throw PatternError(reason: "is too complicated") }
      // Between two cuts no edge begins or ends.
      var cuts = Set<Int>()
      for edge in leaving {
        cuts.insert(Int(edge.low))
        cuts.insert(Int(edge.high) + 1)
      }
      let sorted = cuts.sorted()
      for (low, beyond) in zip(sorted, sorted.dropFirst()) {
        let targets = leaving.filter { Int($0.low) <= low && low <= Int($0.high) }.map(\.target)
        if targets.isEmpty { continue }
        steps += targets.count
        let next = closure(targets)
        if numbers[next] == nil {
          if builder.count >= SchemaLimits.patternStates {
            throw PatternError(reason: "takes more than \(SchemaLimits.patternStates) states")
          }
          numbers[next] = builder.state(accepting: next.contains(end))
          waiting.append(next)
        }
        if let target = numbers[next] { builder.connect(number, UInt8(low)...UInt8(beyond - 1), target) }
      }
    }
    switch builder.build(entries: SchemaLimits.tableEntries) {
    case .automaton(let automaton): return automaton
    case .empty: return nil
    case .tooLarge: throw PatternError(reason: "is too complicated")
    }
  }
}
