// Added tokens (`<|im_start|>`, `<think>`) are separated from the text first: leftmost first, and the longest of
// those that begin at the same offset. Those marked `normalized` are searched after normalisation, the others before.

import GenerationTypes
import Text

/// An entry of `added_tokens`.
struct AddedToken {
  var id: TokenID
  var content: String
  var special = false
  /// Whether the token matches only if no letter, digit or mark touches it.
  var singleWord = false
  /// Whether the token includes the white space before it.
  var stripsLeft = false
  /// Whether the token includes the white space after it.
  var stripsRight = false
}

/// A part of a text: an added token, or the text between two.
struct Segment: Equatable {
  var range: Range<Int>
  var token: TokenID?
}

struct AddedTokens {
  private(set) var tokens: [AddedToken] = []
  /// A trie: `children[node << 8 | byte]` is the next node. Node 0 is the root.
  private var children: [Int: Int] = [:]
  /// The token that ends at each node.
  private var endings: [Int?] = [nil]
  /// The bytes that begin a token.
  private var begins = [Bool](repeating: false, count: 256)

  var isEmpty: Bool { tokens.isEmpty }

  /// Adds a token, whose content must not be empty.
  mutating func add(_ token: AddedToken) {
    var node = 0
    for (depth, byte) in token.content.utf8.enumerated() {
      if depth == 0 { begins[Int(byte)] = true }
      if let next = children[node << 8 | Int(byte)] {
        node = next
      } else {
        endings.append(nil)
        children[node << 8 | Int(byte)] = endings.count - 1
        node = endings.count - 1
      }
    }
    endings[node] = tokens.count
    tokens.append(token)
  }

  /// Splits `text[range]` into added tokens and the text between them, which together cover the range. Special tokens
  /// that overlap a range of `literal` (sorted and disjoint) are treated as text.
  func segments(of text: [UInt8], in range: Range<Int>, literal: [Range<Int>]) -> [Segment] {
    if isEmpty { return range.isEmpty ? [] : [Segment(range: range)] }
    var segments: [Segment] = []
    var done = range.lowerBound
    var at = range.lowerBound
    while at < range.upperBound {
      guard begins[Int(text[at])], let (token, end) = longest(text, at, range.upperBound, literal) else {
        at += 1
        continue
      }
      var found = at..<end
      at = end
      if token.singleWord, touchesWord(text, found, range) { continue }
      if token.stripsLeft { found = max(spaceStart(text, before: found.lowerBound, range), done)..<end }
      if token.stripsRight { found = found.lowerBound..<spaceEnd(text, after: end, range) }
      if done < found.lowerBound { segments.append(Segment(range: done..<found.lowerBound)) }
      segments.append(Segment(range: found, token: token.id))
      done = found.upperBound
      at = done
    }
    if done < range.upperBound { segments.append(Segment(range: done..<range.upperBound)) }
    return segments
  }

  /// Returns the longest token that begins at `start`.
  private func longest(_ text: [UInt8], _ start: Int, _ limit: Int, _ literal: [Range<Int>]) -> (AddedToken, end: Int)?
  {
    var best: (AddedToken, end: Int)?
    var node = 0
    var at = start
    while at < limit, let next = children[node << 8 | Int(text[at])] {
      node = next
      at += 1
      guard let token = endings[node].map({ tokens[$0] }) else { continue }
      if token.special, Self.touches(literal, start..<at) { continue }
      best = (token, at)
    }
    return best
  }

  /// Whether one of the sorted, disjoint ranges `literal` overlaps `range`. A binary search: a text may have a
  /// million of them.
  private static func touches(_ literal: [Range<Int>], _ range: Range<Int>) -> Bool {
    var (low, high) = (0, literal.count)
    while low < high {
      let middle = (low + high) / 2
      if literal[middle].upperBound <= range.lowerBound { low = middle + 1 } else { high = middle }
    }
    return low < literal.count && literal[low].overlaps(range)
  }

  private func touchesWord(_ text: [UInt8], _ found: Range<Int>, _ range: Range<Int>) -> Bool {
    let before = scalar(endingAt: found.lowerBound, text, range)
    let after = scalar(startingAt: found.upperBound, text, range)
    return before.map { isWord($0.scalar) } ?? false || after.map { isWord($0.scalar) } ?? false
  }

  private func spaceStart(_ text: [UInt8], before position: Int, _ range: Range<Int>) -> Int {
    var at = position
    while let (scalar, width) = scalar(endingAt: at, text, range), scalar.properties.isWhitespace { at -= width }
    return at
  }

  private func spaceEnd(_ text: [UInt8], after position: Int, _ range: Range<Int>) -> Int {
    var at = position
    while let (scalar, width) = scalar(startingAt: at, text, range), scalar.properties.isWhitespace { at += width }
    return at
  }

  private func scalar(endingAt end: Int, _ text: [UInt8], _ range: Range<Int>) -> (scalar: Unicode.Scalar, width: Int)?
  {
    var start = end - 1
    while start > range.lowerBound, text[start] & 0xC0 == 0x80 { start -= 1 }
    return scalar(startingAt: start, text, range)
  }

  private func scalar(startingAt start: Int, _ text: [UInt8], _ range: Range<Int>) -> (
    scalar: Unicode.Scalar, width: Int
  )? {
    guard range.contains(start) else { return nil }
    let width = min(Unicode.Scalar.utf8Width(lead: text[start]), range.upperBound - start)
    return String(decoding: text[start..<start + width], as: UTF8.self).unicodeScalars.first.map { ($0, width) }
  }

  /// Whether `scalar` matches `\w` as Unicode defines it for regular expressions (UTS #18, annex C).
  private func isWord(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.properties.isAlphabetic || scalar.properties.isJoinControl { return true }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
    default: return false
    }
  }
}

extension Unicode.Scalar {
  /// Returns the length of the UTF-8 sequence that begins with `lead`.
  static func utf8Width(lead: UInt8) -> Int {
    switch lead {
    case 0..<0x80: 1
    case 0..<0xE0: 2
    case 0..<0xF0: 3
    default: 4
    }
  }
}
