// Cuts text into the pieces that byte pair encoding sees one by one: every match of an expression is a piece, and so is what
// lies between two matches (`Split` with behaviour `Isolated`, and `ByteLevel` with `use_regex`). Several expressions refine
// one another in turn.

struct PreTokenizer {
  var expressions: [RegularExpression]

  /// The expression of `ByteLevel` with `use_regex`: GPT-2's.
  static let byteLevelPattern = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  /// Bytes that one search sees once a text has exceeded the expression's limits: 10 MB of white space in a row, say. Each time it
  /// happens the rest of the text drops one level; beyond the last it is one piece. So no text is refused, and the number of
  /// searches that run into a limit is bounded by the number of levels.
  private static let windows = [Int.max, 1 << 19, 1 << 12]

  /// Calls `body` with each piece of `text[range]`, in order, until it returns false; together they cover the range. Returns
  /// whether `body` saw them all.
  func forEachPiece(
    of text: [UInt8], in range: Range<Int>, with work: RegularExpression.Workspace, _ body: (Range<Int>) -> Bool
  ) -> Bool {
    refine(text, range, expressions[...], work, body)
  }

  private func refine(
    _ text: [UInt8], _ range: Range<Int>, _ expressions: ArraySlice<RegularExpression>,
    _ work: RegularExpression.Workspace, _ body: (Range<Int>) -> Bool
  ) -> Bool {
    guard let expression = expressions.first, !range.isEmpty else {
      return range.isEmpty || body(range)
    }
    let rest = expressions.dropFirst()
    func emit(_ piece: Range<Int>) -> Bool {
      rest.isEmpty ? body(piece) : refine(text, piece, rest, work, body)
    }
    var level = 0
    var done = range.lowerBound  // everything before has been emitted
    var at = range.lowerBound  // where the next search starts
    var lastEnd = -1
    while at < range.upperBound, level < Self.windows.count {
      let end = windowEnd(text, from: done, upTo: range.upperBound, length: Self.windows[level])
      let outcome = text.withUnsafeBufferPointer {
        expression.search($0, window: range.lowerBound..<end, from: at, with: work)
      }
      switch outcome {
      case .limit: level += 1
      case .none:
        if end < range.upperBound {
          if !emit(done..<end) { return false }
          done = end
        }
        at = end
      case .match(let match):
        if match.isEmpty {
          // An empty match cuts the text, but not where the match before it ended.
          if match.lowerBound != lastEnd, done < match.lowerBound {
            if !emit(done..<match.lowerBound) { return false }
            done = match.lowerBound
          }
          lastEnd = match.lowerBound
          at = min(after(match.lowerBound, in: text), range.upperBound)
        } else {
          if done < match.lowerBound, !emit(done..<match.lowerBound) { return false }
          if !emit(match) { return false }
          (done, at, lastEnd) = (match.upperBound, match.upperBound, match.upperBound)
        }
      }
    }
    return done == range.upperBound || emit(done..<range.upperBound)
  }

  /// The end of the scalar that begins at `position`.
  private func after(_ position: Int, in text: [UInt8]) -> Int {
    var next = position + 1
    while next < text.count, text[next] & 0xC0 == 0x80 { next += 1 }
    return next
  }

  /// At most `length` bytes on from `start`, between two scalars.
  private func windowEnd(_ text: [UInt8], from start: Int, upTo limit: Int, length: Int) -> Int {
    if limit - start <= length { return limit }
    var end = start + length
    while end > start + 1, text[end] & 0xC0 == 0x80 { end -= 1 }
    return end
  }
}
