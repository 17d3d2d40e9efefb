// Wraps lines like Python's `textwrap.wrap` without expanding tabs or replacing white space.

import Text

struct TextWrapper {
  /// The number of code points per line; at least 1.
  let width: Int
  /// Whether to split words that are longer than a line.
  let breaksLongWords: Bool
  /// Whether a line may end after a hyphen.
  let breaksAtHyphens: Bool

  private typealias Chunk = ArraySlice<Unicode.Scalar>

  /// Returns the lines of one paragraph, in linear time.
  func lines(of paragraph: String) -> [String] {
    let text = Array(paragraph.unicodeScalars)
    var chunks = (breaksAtHyphens ? hyphenated(text) : words(text))[...]
    var lines: [String] = []
    while !chunks.isEmpty {
      var line: [Chunk] = []
      var length = 0
      if let first = chunks.first, !lines.isEmpty, isBlank(first) { chunks.removeFirst() }
      while let next = chunks.first, length + next.count <= width {
        line.append(next)
        length += next.count
        chunks.removeFirst()
      }
      if let long = chunks.first, long.count > width {
        if breaksLongWords {
          let end = long.startIndex + cut(long, width - length)
          line.append(long[..<end])
          chunks[chunks.startIndex] = long[end...]
        } else if line.isEmpty {
          line.append(long)
          chunks.removeFirst()
        }
      }
      if let last = line.last, isBlank(last) { line.removeLast() }
      if !line.isEmpty { lines.append(String(scalars: line.joined())) }
    }
    return lines
  }

  /// Returns how many code points of an overlong word go into the `space` left in a line.
  private func cut(_ word: Chunk, _ space: Int) -> Int {
    if breaksAtHyphens, word.count > space, let hyphen = word.prefix(space).lastIndex(of: "-"),
      hyphen > word.startIndex,
      word[..<hyphen].contains(where: { $0 != "-" })
    {
      return hyphen - word.startIndex + 1
    }
    return space
  }

  private func isBlank(_ chunk: Chunk) -> Bool { chunk.allSatisfy(\.isPythonSpace) }

  /// Whether the scalar separates words.
  private func isSpace(_ scalar: Unicode.Scalar) -> Bool { (0x09...0x0D).contains(scalar.value) || scalar == " " }

  private func words(_ text: [Unicode.Scalar]) -> [Chunk] {
    var chunks: [Chunk] = []
    var at = 0
    while at < text.count {
      let start = at
      let isWhite = isSpace(text[at])
      while at < text.count, isSpace(text[at]) == isWhite { at += 1 }
      chunks.append(text[start..<at])
    }
    return chunks
  }

  /// Splits into words, parts of hyphenated words, dashes between words, and white space: `TextWrapper.wordsep_re`.
  private func hyphenated(_ text: [Unicode.Scalar]) -> [Chunk] {
    func isWord(_ at: Int) -> Bool {
      at >= 0 && at < text.count && (text[at] == "_" || text[at].isLetter || text[at].properties.numericType != nil)
    }
    func isLetter(_ at: Int) -> Bool { isWord(at) && text[at].properties.numericType != .decimal }
    func isPunctuated(_ at: Int) -> Bool {
      isWord(at) || at >= 0 && at < text.count && "!\"'&.,?".unicodeScalars.contains(text[at])
    }
    /// Returns the end of a dash of two or more hyphens at `at`, if it is between words.
    func dash(_ at: Int) -> Int? {
      guard isPunctuated(at - 1) else { return nil }
      var end = at
      while end < text.count, text[end] == "-" { end += 1 }
      return end - at >= 2 && isWord(end) ? end : nil
    }
    var chunks: [Chunk] = []
    var at = 0
    while at < text.count {
      let start = at
      if isSpace(text[at]) {
        while at < text.count, isSpace(text[at]) { at += 1 }
      } else if text[at] == "-", let end = dash(at) {
        at = end
      } else {
        at += 1
        while at < text.count, !isSpace(text[at]) {
          if text[at] == "-" {
            let isBehindLetters =
              isLetter(at - 1) && isLetter(at - 2) || isLetter(at - 3) && text[at - 2] == "-" && isPunctuated(at - 1)
            let isBeforeLetters =
              isLetter(at + 1) && (isLetter(at + 2) || at + 2 < text.count && text[at + 2] == "-" && isLetter(at + 3))
            if isBehindLetters, isBeforeLetters { at += 1; break }
            if dash(at) != nil { break }
          }
          at += 1
        }
      }
      chunks.append(text[start..<at])
    }
    return chunks
  }
}

extension String {
  /// `urllib.parse.quote`, or `quote_plus` if `inQuery`.
  func percentEncoded(inQuery: Bool) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var result: [UInt8] = []
    result.reserveCapacity(utf8.count)
    for byte in utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"),
        UInt8(ascii: "~"):
        result.append(byte)
      case UInt8(ascii: "/") where !inQuery: result.append(byte)
      case UInt8(ascii: " ") where inQuery: result.append(UInt8(ascii: "+"))
      default: result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
