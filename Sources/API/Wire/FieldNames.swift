// What to do with a name nobody reads: a near miss of a field of ours is a mistake worth a 400, since ignoring it would answer
// another question than the one asked; anything else is ignored and named in a header. `IgnoredFields` bounds how many are looked at.
import Text

enum FieldNames {
  /// Bytes of a name that may be meant as one of ours.
  static let mostBytes = 64

  /// Names other servers use that are close to ours but mean something else.
  private static let foreign: Set<ExactString> = [
    "min_tokens", "top_a", "logprob_token_ids", "stop_token_ids", "best_of",
  ]

  /// The known name that `name` was probably meant to be.
  static func suggestion(for name: String, among known: [String]) -> String? {
    if name.utf8.count > mostBytes || foreign.contains(name.exact) { return nil }
    let plain = normalised(name)
    if plain.isEmpty { return nil }
    if let same = known.first(where: { normalised($0) == plain }) { return same }
    return known.first { candidate in
      let other = normalised(candidate)
      // One letter in a short name makes another word (`user`, `used`); lengths must differ or letters be swapped.
      if other.count < 6 { return isWithin(1, plain, other, substitution: 2) }
      return isWithin(other.count < 9 ? 1 : 2, plain, other, substitution: 1)
    }
  }

  /// Without case and separators, so that `maxTokens` and `max-tokens` are `max_tokens`.
  private static func normalised(_ name: String) -> [UInt8] {
    name.lowercasedASCII.utf8.filter { $0 != UInt8(ascii: "_") && $0 != UInt8(ascii: "-") }
  }

  /// Whether the edit distance with transpositions (optimal string alignment) is at most `limit`. Three rows; ends at the first
  /// row without a value within the limit, which for unrelated names is one of the first.
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
