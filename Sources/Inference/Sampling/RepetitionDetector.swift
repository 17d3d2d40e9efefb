// Detects a thought that repeats itself: its last tokens are one block, four times or more. The borders of the reversed
// tail (Knuth, Morris, Pratt 1977) give the shortest period of every length in one pass.
import GenerationTypes

/// Watches the tokens of one thought.
struct RepetitionDetector {
  /// The number of tokens at the end that are examined.
  private static let window = 1024
  /// The least number of repetitions, and of tokens in all of them; lists and sums repeat only a little.
  private static let repetitions = 4, fewest = 64
  /// The number of tokens between two examinations.
  private static let stride = 16
  /// The number of tokens in which a repeating thought may end its sentence.
  static let grace = 16

  private var tokens: [TokenID] = []
  private var borders: [Int] = []
  private var untilLook = Self.stride

  /// Adds a token; returns whether the tail repeats itself.
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
