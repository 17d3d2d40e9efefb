// How much of prompts and images fits between two tokens of a reply, estimated from the times that steps and images
// took.
//
// A step of replies alone takes about as long as reading the weights; each prompt row adds its products. Both are
// smoothed over recent steps, so that the estimate follows depth, batch and load. Chunks are small until rows have been
// measured.

/// The measured cost of steps, prompt rows and image blocks.
package struct StepPace {
  /// Seconds of a step without prompt rows.
  package private(set) var replies = 0.0
  /// Seconds that a prompt row adds to a step, and seconds of a block of the vision tower; nil before the first.
  package private(set) var row: Double?
  package private(set) var block: Double?
  /// The last number of prompt rows beside replies: the next step has at most twice as many.
  private var latest = 4

  package init() {}

  /// With fewer rows a step costs as much as reading the weights, and tells nothing about rows.
  private static let fewest = 8

  /// Returns the number of prompt rows, at most `most`, for a step of `seconds`; `besideReplies` says whether replies
  /// wait for it.
  package func rows(within seconds: Double, most: Int, besideReplies: Bool) -> Int {
    guard besideReplies else {
      guard let row else { return most }
      return min(most, max(Self.fewest, Self.count(seconds / row)))
    }
    var rows = min(most, 2 * latest)
    if let row { rows = min(rows, max(Self.fewest, Self.count((seconds - replies) / row))) }
    return rows
  }

  /// Returns the number of blocks for a piece of `seconds`; when replies wait, their step is part of it.
  package func blocks(within seconds: Double, besideReplies: Bool) -> Int {
    guard let block else { return 1 }
    return max(1, Self.count((seconds - (besideReplies ? replies : 0)) / block))
  }

  /// Learns from a step.
  package mutating func learn(decodeRows: Int, prefillRows: Int, seconds: Double) {
    if decodeRows > 0, prefillRows > 0 { latest = max(prefillRows, Self.fewest / 2) }
    if prefillRows == 0 { return replies = Self.smooth(replies == 0 ? nil : replies, seconds) }
    guard prefillRows >= Self.fewest else { return }
    let own = max(seconds - (decodeRows > 0 ? replies : 0), seconds / 4)
    row = Self.smooth(row, own / Double(prefillRows))
  }

  /// Learns from a piece of an image.
  package mutating func learn(blocks: Int, seconds: Double) {
    if blocks > 0 { block = Self.smooth(block, seconds / Double(blocks)) }
  }

  private static func smooth(_ old: Double?, _ new: Double) -> Double { old.map { $0 + (new - $0) * 0.3 } ?? new }

  private static func count(_ value: Double) -> Int { Int(min(max(value, 0), 1e6)) }
}
