// Recognises misspelt field names. A near miss of a known field is rejected with 400, because ignoring it would change
// the request's meaning. Other unknown names are ignored and listed in a header.
import Text

enum FieldNames {
  /// The longest name that may be a misspelling, in bytes.
  static let maxBytes = 64

  /// Names of other servers that resemble known names but mean something else.
  private static let foreign: Set<ExactString> = [
    "min_tokens", "top_a", "logprob_token_ids", "stop_token_ids", "best_of",
  ]

  /// Returns the known name that `name` probably means.
  static func suggestion(for name: String, among known: [String]) -> String? {
    if name.utf8.count > maxBytes || foreign.contains(name.exact) { return nil }
    let plain = normalised(name)
    if plain.isEmpty { return nil }
    if let same = known.first(where: { normalised($0) == plain }) { return same }
    return known.first { candidate in
      let other = normalised(candidate)
      // A different letter makes another word of a short name (`user`, `used`), so only insertions, deletions and swaps
      // count.
      if other.count < 6 { return isWithin(1, plain, other, substitution: 2) }
      return isWithin(other.count < 9 ? 1 : 2, plain, other, substitution: 1)
    }
  }

  /// The name without case and separators, so that `maxTokens` and `max-tokens` are `max_tokens`.
  private static func normalised(_ name: String) -> [UInt8] {
    name.lowercasedASCII.utf8.filter { $0 != UInt8(ascii: "_") && $0 != UInt8(ascii: "-") }
  }

  /// Whether the edit distance with transpositions (optimal string alignment) is at most `limit`. Three rows; ends at
  /// the first row without a value within the limit, which for unrelated names is one of the first.
  private static func isWithin(_ limit: Int, _ a: [UInt8], _ b: [UInt8], substitution: Int) -> Bool {
    if abs(a.count - b.count) > limit { return false }
    var (before, last, row) = ([Int](repeating: 0, count: b.count + 1), Array(0...b.count), Array(0...b.count))
    for i in 0..<a.count {
      row[0] = i + 1
      var least = row[0]
      for j in 0..<b.count {
        var best = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : substitution))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, before[j - 1] + 1) }
        row[j + 1] = best
        least = min(least, best)
      }
      // A transposition reaches back two rows and costs one.
      if least > limit, (last.min() ?? 0) >= limit { return false }
      (before, last, row) = (last, row, before)
    }
    return last[b.count] <= limit
  }
}
