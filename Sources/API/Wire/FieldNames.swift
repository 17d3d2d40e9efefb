// What to do with a name nobody reads: a near miss of a field of ours is a mistake worth a 400, since ignoring it would answer
// another question than the one asked; anything else is ignored and named in a header.
import JSON

enum FieldNames {
  /// Names other servers use that are close to ours but mean something else.
  private static let foreign: Set<String> = ["min_tokens", "top_a", "logprob_token_ids", "stop_token_ids", "best_of"]

  /// Names of `reader`'s members that are not in `known`. Throws for the first that looks like a misspelling.
  static func unknown(in reader: FieldReader, known: [String]) throws(APIError) -> [String] {
    var unknown: [String] = []
    for name in reader.object.names where !known.contains(name) {
      if let meant = suggestion(for: name, among: known) {
        let shown = name.utf8.count <= 64 ? name : "This field"
        throw .invalid(
          reader.path(to: name.utf8.count <= 64 ? name : ""),
          "\(shown) is not a field of this API; did you mean \(meant)?",
          code: "unknown_parameter")
      }
      unknown.append(reader.path(to: name))
    }
    return unknown
  }

  /// The known name that `name` was probably meant to be.
  static func suggestion(for name: String, among known: [String]) -> String? {
    if foreign.contains(name) || name.utf8.count > 64 { return nil }
    let plain = normalised(name)
    if plain.isEmpty { return nil }
    if let same = known.first(where: { normalised($0) == plain }) { return same }
    return known.first { candidate in
      let other = normalised(candidate)
      // One letter in a short name makes another word (`user`, `used`); lengths must differ or letters be swapped.
      if other.count < 6 { return distance(plain, other, substitution: 2) == 1 }
      return distance(plain, other, substitution: 1) <= (other.count < 9 ? 1 : 2)
    }
  }

  /// Without case and separators, so that `maxTokens` and `max-tokens` are `max_tokens`.
  private static func normalised(_ name: String) -> [UInt8] {
    name.lowercased().utf8.filter { $0 != UInt8(ascii: "_") && $0 != UInt8(ascii: "-") }
  }

  /// Edit distance with transpositions (optimal string alignment).
  private static func distance(_ a: [UInt8], _ b: [UInt8], substitution: Int) -> Int {
    if abs(a.count - b.count) > 2 { return 3 }
    var rows = [Array(0...b.count)]
    for i in 0..<a.count {
      var row = [i + 1]
      for j in 0..<b.count {
        var best = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (a[i] == b[j] ? 0 : substitution))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, rows[i - 1][j - 1] + 1) }
        row.append(best)
      }
      rows.append(row)
    }
    return rows[a.count][b.count]
  }

  /// The value of `x-ignored-parameters`: at most 16 names, only those that are safe in a header.
  static func header(_ ignored: [String]) -> String? {
    let safe = ignored.filter { name in
      !name.isEmpty && name.utf8.count <= 96
        && name.utf8.allSatisfy { byte in
          switch byte {
          case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
          default: "_.-[]".utf8.contains(byte)
          }
        }
    }
    var seen: [String] = []
    for name in safe where !seen.contains(name) && seen.count < 16 { seen.append(name) }
    return seen.isEmpty ? nil : seen.joined(separator: ", ")
  }
}
