// Splits text into the pieces that byte pair encoding processes separately. Every match of an expression is a piece,
// and so is the text between two matches (`Split` with behaviour `Isolated`, and `ByteLevel` with `use_regex`).
// Several expressions are applied one after the other.

struct PreTokenizer {
  var expressions: [RegularExpression]

  /// GPT-2's expression, used by `ByteLevel` with `use_regex`.
  static let byteLevelPattern = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  /// The window sizes in bytes for one search. When a text exceeds the expression's limits (10 MB of white space, for
  /// instance), the rest uses the next smaller window; after the last, the rest is one piece. So no text is rejected,
  /// and the number of searches that hit a limit is bounded.
  private static let windows = [Int.max, 1 << 19, 1 << 12]

  /// Calls `body` with each piece of `text[range]` in order, until it returns false. The pieces cover the range.
  /// Returns whether all pieces were processed.
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
    var done = range.lowerBound  // Everything before has been emitted.
    var at = range.lowerBound  // The start of the next search.
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
          // An empty match splits the text, except at the end of the previous match.
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

  /// Returns the end of the scalar that begins at `position`.
  private func after(_ position: Int, in text: [UInt8]) -> Int {
    var next = position + 1
    while next < text.count, text[next] & 0xC0 == 0x80 { next += 1 }
    return next
  }

  /// Returns a scalar boundary at most `length` bytes after `start`.
  private func windowEnd(_ text: [UInt8], from start: Int, upTo limit: Int, length: Int) -> Int {
    if limit - start <= length { return limit }
    var end = start + length
    while end > start + 1, text[end] & 0xC0 == 0x80 { end -= 1 }
    return end
  }
}
