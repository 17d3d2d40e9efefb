// How much prompt work fits beside replies: what steps and images took so far tells how long the next will take.
//
// A step of replies alone takes about as long as reading the weights; each row of a prompt adds its products. Both are smoothed
// over recent steps, so that depth, batch and a busy machine are followed. Until rows have been measured few are taken.

/// The cost of prompt work, learned as it is done.
package struct StepPace {
  /// Seconds of a step that only goes on with replies.
  package private(set) var replies = 0.0
  /// Seconds that a prompt place adds to a step, and that a block of the vision tower takes.
  package private(set) var row: Double?
  package private(set) var block: Double?
  /// Rows taken last beside replies: the next step takes at most twice as many.
  private var latest = 4

  package init() {}

  /// Below this a step costs what its weights take to read, and tells nothing about rows.
  private static let fewest = 8

  /// Prompt places, `most` at most, for a step of `seconds`; `besideReplies` says whether replies wait for it.
  package func rows(within seconds: Double, most: Int, besideReplies: Bool) -> Int {
    guard besideReplies else {
      guard let row else { return most }
      return min(most, max(Self.fewest, Self.count(seconds / row)))
    }
    var rows = min(most, 2 * latest)
    if let row { rows = min(rows, max(Self.fewest, Self.count((seconds - replies) / row))) }
    return rows
  }

  /// Blocks of the tower for a piece of `seconds`; replies' own step comes on top when they wait for it.
  package func blocks(within seconds: Double, besideReplies: Bool) -> Int {
    guard let block else { return 1 }
    return max(1, Self.count((seconds - (besideReplies ? replies : 0)) / block))
  }

  /// Takes note of a step.
  package mutating func learn(decodeRows: Int, prefillRows: Int, seconds: Double) {
    if decodeRows > 0, prefillRows > 0 { latest = max(prefillRows, Self.fewest / 2) }
    if prefillRows == 0 { return replies = Self.smooth(replies == 0 ? nil : replies, seconds) }
    guard prefillRows >= Self.fewest else { return }
    let own = max(seconds - (decodeRows > 0 ? replies : 0), seconds / 4)
    row = Self.smooth(row, own / Double(prefillRows))
  }

  /// Takes note of a piece of an image.
  package mutating func learn(blocks: Int, seconds: Double) {
    if blocks > 0 { block = Self.smooth(block, seconds / Double(blocks)) }
  }

  private static func smooth(_ old: Double?, _ new: Double) -> Double { old.map { $0 + (new - $0) * 0.3 } ?? new }

  private static func count(_ value: Double) -> Int { Int(min(max(value, 0), 1e6)) }
}
