// Finds a thought that goes in circles: its last tokens are one block, four times or more. The borders of the reversed tail
// (Knuth, Morris, Pratt 1977) give the shortest period of every length at once, in one pass over it.
import GenerationTypes

/// Watches the tokens of one thought.
struct RepetitionDetector {
  /// Tokens at the end that are looked at.
  private static let window = 1024
  /// Repetitions, and tokens that they take together at least: lists and sums repeat a little, circles do not stop.
  private static let repetitions = 4, fewest = 64
  /// Tokens between two looks.
  private static let stride = 16
  /// Tokens that a thought in circles gets to end a sentence.
  static let grace = 16

  private var tokens: [TokenID] = []
  private var borders: [Int] = []
  private var untilLook = Self.stride

  /// Adds a token; says whether the tail repeats itself.
  mutating func append(_ id: TokenID) -> Bool {
    tokens.append(id)
    untilLook -= 1
    if untilLook > 0 || tokens.count < Self.fewest { return false }
    untilLook = Self.stride
    if tokens.count >= 2 * Self.window { tokens.removeFirst(tokens.count - Self.window) }
    return repeats()
  }

  private mutating func repeats() -> Bool {
    let count = min(tokens.count, Self.window)
    func token(_ index: Int) -> TokenID { tokens[tokens.count - 1 - index] }
    borders.removeAll(keepingCapacity: true)
    borders.append(0)
    var border = 0
    for index in 1..<count {
      while border > 0, token(index) != token(border) { border = borders[border - 1] }
      if token(index) == token(border) { border += 1 }
      borders.append(border)
      let length = index + 1
      if length >= Self.fewest, length >= Self.repetitions * (length - border) { return true }
    }
    return false
  }
}
