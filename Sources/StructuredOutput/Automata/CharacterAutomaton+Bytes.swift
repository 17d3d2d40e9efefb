// Encodes characters as bytes. Every character has exactly one encoding: UTF-8 (Unicode 16, table 3-7); JSON strings
// use the short escapes. Control characters without a short escape are never generated.

import Text

/// The encoding of an automaton's texts.
enum TextEncoding: Sendable {
  /// A JSON string, including quotes.
  case json
  /// Plain UTF-8.
  case plain
}

extension CharacterAutomaton {
  /// Returns the automaton over bytes that accepts the same texts; nil if none of them can be encoded.
  func bytes(_ encoding: TextEncoding, _ budget: CompilationBudget) throws(PatternError) -> ByteAutomaton? {
    try counted(encoding, budget)?.automaton
  }

  /// Returns the byte automaton and the states at character boundaries.
  func counted(
    _ encoding: TextEncoding, _ budget: CompilationBudget
  ) throws(PatternError) -> (automaton: ByteAutomaton, isBoundary: [Bool])? {
    var builder = ByteAutomatonBuilder()
    let open: Int32?, close: Int32?
    if encoding == .json {
      let start = builder.state()
      let first = builder.state()
      builder.connect(start, "\"", first)
      (open, close) = (first, builder.state(accepting: true))
    } else {
      (open, close) = (nil, nil)
    }
    let boundaries = try encode(into: &builder, encoding, from: open, to: close, budget)
    switch builder.build(entries: SchemaLimits.tableEntries) {
    case .automaton(let automaton):
      var isBoundary = [Bool](repeating: false, count: automaton.count)
      for state in boundaries {
        if let number = builder.number(of: state) { isBoundary[Int(number)] = true }
      }
      return (automaton, isBoundary)
    case .empty: return nil
    case .tooLarge: throw PatternError(reason: "is too complex to compile")
    }
  }

  /// Adds the texts to `builder`. The first character starts at `open`, and a JSON string's closing quote leads to
  /// `close`. Returns the states between characters.
  func encode(
    into builder: inout ByteAutomatonBuilder, _ encoding: TextEncoding, from open: Int32?, to close: Int32?,
    _ budget: CompilationBudget
  ) throws(PatternError) -> [Int32] {
    var states: [Int32] = []
    for state in 0..<count {
      states.append(state == 0 ? open ?? builder.state() : builder.state())
      if close == nil, accepting[state] { builder.accept(states[state]) }
    }
    var encoder = CharacterEncoder(builder: builder, encoding: encoding, states: states)
    for state in 0..<count {
      try budget.spend(64 + 2 * classes.runs.count)
      // Runs of characters that lead to the same state.
      var segments: [CharacterEncoder.Segment] = []
      for run in classes.runs {
        let target = next(Int32(state), Int(run.number))
        if target < 0 { continue }
        if let last = segments.last, last.target == states[Int(target)], last.high + 1 == run.low {
          segments[segments.count - 1].high = run.high
        } else {
          segments.append(CharacterEncoder.Segment(low: run.low, high: run.high, target: states[Int(target)]))
        }
      }
      try budget.spend(64 * segments.count)
      try encoder.connect(segments, from: states[state], budget)
      if let close, accepting[state] { encoder.builder.connect(states[state], "\"", close) }
    }
    builder = encoder.builder
    return states
  }
}

/// Encodes transitions on characters as transitions on bytes, sharing identical continuations.
private struct CharacterEncoder {
  /// Characters, or their remaining bytes, that lead to one state.
  struct Segment: Hashable {
    var low, high: UInt32
    var target: Int32
  }
  private struct Tail: Hashable {
    var bytes: Int
    var segments: [Segment]
  }

  var builder: ByteAutomatonBuilder
  let encoding: TextEncoding
  /// The states by the bytes that must follow.
  private var tails: [Tail: Int32] = [:]
  /// The states for the most frequent case, in which any continuation byte may follow, by byte count and target.
  private var anyTails: [Int64: Int32] = [:]
  private var escapes: [[Segment]: Int32] = [:]

  init(builder: ByteAutomatonBuilder, encoding: TextEncoding, states: [Int32]) {
    (self.builder, self.encoding) = (builder, encoding)
  }

  private static let escapes: [(value: UInt32, letter: Unicode.Scalar)] = [
    (0x08, "b"), (0x09, "t"), (0x0A, "n"), (0x0C, "f"), (0x0D, "r"), (0x22, "\""), (0x5C, "\\"),
  ]

  /// Connects the characters of `segments`, which must be sorted.
  mutating func connect(
    _ segments: [Segment], from source: Int32, _ budget: CompilationBudget
  ) throws(PatternError) {
    if segments.isEmpty { return }
    let plain: [ClosedRange<UInt32>] = encoding == .json ? [0x20...0x21, 0x23...0x5B, 0x5D...0x7F] : [0...0x7F]
    for segment in segments where segment.low <= 0x7F {
      for range in plain where range.overlaps(segment.low...segment.high) {
        let bytes = (segment.low...segment.high).clamped(to: range)
        builder.connect(source, UInt8(bytes.lowerBound)...UInt8(bytes.upperBound), segment.target)
      }
    }
    if encoding == .json, segments[0].low <= 0x5C { connectEscapes(segments, from: source) }
    for (range, bytes, mark) in [
      (0x80...0x7FF, 1, 0xC0), (0x800...0xFFFF, 2, 0xE0), (0x10000...0x10FFFF, 3, 0xF0),
    ] as [(ClosedRange<UInt32>, Int, UInt32)] {
      let inside = segments.compactMap { segment -> Segment? in
        guard range.overlaps(segment.low...segment.high) else { return nil }
        let part = (segment.low...segment.high).clamped(to: range)
        return Segment(low: part.lowerBound, high: part.upperBound, target: segment.target)
      }
      if inside.isEmpty { continue }
      try connect(inside, bytes: bytes, mark: mark, from: source, budget)
    }
  }

  private mutating func connectEscapes(_ segments: [Segment], from source: Int32) {
    var letters: [Segment] = []
    for (value, letter) in Self.escapes {
      guard let target = segments.first(where: { $0.low <= value && value <= $0.high })?.target else { continue }
      letters.append(Segment(low: letter.value, high: letter.value, target: target))
    }
    if letters.isEmpty { return }
    let middle: Int32
    if let known = escapes[letters] {
      middle = known
    } else {
      middle = builder.state()
      escapes[letters] = middle
      for letter in letters { builder.connect(middle, UInt8(letter.low)...UInt8(letter.low), letter.target) }
    }
    builder.connect(source, "\\", middle)
  }

  /// Connects values with `bytes` continuation bytes after a leading byte marked with `mark`.
  private mutating func connect(
    _ segments: [Segment], bytes: Int, mark: UInt32, from source: Int32, _ budget: CompilationBudget
  ) throws(PatternError) {
    let shift = UInt32(6 * bytes)
    let span = UInt32(1) << shift - 1
    var pending: (low: UInt32, high: UInt32, state: Int32)?
    func flush() {
      if let pending {
        builder.connect(source, UInt8(mark | pending.low)...UInt8(mark | pending.high), pending.state)
      }
    }
    var next = 0
    var lead = segments[0].low >> shift
    let last = segments[segments.count - 1].high >> shift
    while lead <= last {
      while next < segments.count, segments[next].high >> shift < lead { next += 1 }
      var parts: [Segment] = []
      var index = next
      while index < segments.count, segments[index].low >> shift <= lead {
        let part = segments[index]
        parts.append(
          Segment(
            low: part.low >> shift == lead ? part.low & span : 0,
            high: part.high >> shift == lead ? part.high & span : span,
            target: part.target))
        index += 1
      }
      try budget.spend(8 + 8 * parts.count)
      if !parts.isEmpty {
        let state = try tail(parts, bytes: bytes, budget)
        if let before = pending, before.state == state, before.high + 1 == lead {
          pending = (before.low, lead, state)
        } else {
          flush()
          pending = (lead, lead, state)
        }
      }
      lead += 1
    }
    flush()
  }

  /// Returns the state in which the continuation bytes of `segments` follow.
  private mutating func tail(
    _ segments: [Segment], bytes: Int, _ budget: CompilationBudget
  ) throws(PatternError) -> Int32 {
    if bytes == 0 { return segments[0].target }
    let isAny = segments.count == 1 && segments[0].low == 0 && segments[0].high == UInt32(1) << UInt32(6 * bytes) - 1
    let anyKey = Int64(bytes) << 32 | Int64(segments[0].target)
    let key = Tail(bytes: bytes, segments: segments)
    if isAny {
      if let known = anyTails[anyKey] { return known }
    } else if let known = tails[key] {
      return known
    }
    let state = builder.state()
    if isAny { anyTails[anyKey] = state } else { tails[key] = state }
    try connect(segments, bytes: bytes - 1, mark: 0x80, from: state, budget)
    return state
  }
}
