// Prevents clients from forging control tokens. In the text of a conversation, every spelling of a special token
// (`<|im_start|>`, `<image>`) gets a private-use sentinel after its first character before the template runs. After
// rendering, the sentinels are removed and these spellings are tokenised as plain text.
import GenerationTypes
import JSON

/// Marks spellings of special tokens in client text and finds them in the rendered prompt.
package struct LiteralText {
  /// Longest first, so that a spelling inside a longer one does not split it.
  private let spellings: [[UInt8]]
  /// Which bytes begin a spelling.
  private let begins: [Bool]
  /// A scalar that does not occur in the conversation.
  private let sentinel: [UInt8]
  /// The forms in which a template may print the sentinel: itself, and its escapes in JSON, Python's `repr` and URLs.
  private let printed: [[UInt8]]

  /// - Parameter texts: every text of the client.
  package init(spellings: [String], texts: [String]) {
    self.spellings = spellings.map { Array($0.utf8) }.filter { $0.count > 1 && $0[0] < 0x80 }
      .sorted { $0.count > $1.count }
    var begins = [Bool](repeating: false, count: 256)
    for spelling in self.spellings { begins[Int(spelling[0])] = true }
    self.begins = begins
    var scalar: UInt32 = 0xE000
    var present = Set<UInt32>()
    for text in texts {
      if !text.utf8.allSatisfy({ $0 < 0xEE }) {
        for scalar in text.unicodeScalars where (0xE000...0xF8FF).contains(scalar.value) {
          present.insert(scalar.value)
        }
      }
      Self.collectEscapes(in: text, into: &present)
    }
    while present.contains(scalar), scalar < 0xF8FF { scalar += 1 }
    sentinel = Array(String(Unicode.Scalar(scalar) ?? "\u{F8FF}").utf8)
    let url = sentinel.map { "%" + String($0, radix: 16, uppercase: true) }.joined()
    printed = [sentinel, Array("\\u\(String(scalar, radix: 16))".utf8), Array(url.utf8)]
  }

  /// Finds scalars that `text` escapes as `\uE000` or `%EE%80%80`.
  private static func collectEscapes(in text: String, into present: inout Set<UInt32>) {
    let bytes = Array(text.utf8)
    for at in bytes.indices where bytes[at] == UInt8(ascii: "\\") || bytes[at] == UInt8(ascii: "%") {
      let isURL = bytes[at] == UInt8(ascii: "%")
      let end = at + (isURL ? 9 : 6)
      if end > bytes.count { continue }
      let digits = bytes[at..<end].filter {
        $0 != UInt8(ascii: "%") && $0 != UInt8(ascii: "\\") && $0 != UInt8(ascii: "u")
      }
      guard let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16) else { continue }
      present.insert(isURL ? (value >> 16 & 0xF) << 12 | (value >> 8 & 0x3F) << 6 | value & 0x3F : value)
    }
  }

  /// Returns `text` with a sentinel in every spelling of a special token.
  package func mark(_ text: String) -> String {
    let bytes = Array(text.utf8)
    var marked: [UInt8] = []
    var at = 0
    var copied = 0
    while at < bytes.count {
      if begins[Int(bytes[at])], let spelling = spelling(in: bytes, at: at) {
        marked += bytes[copied...at]
        marked += sentinel
        copied = at + 1
        at += spelling.count
      } else {
        at += 1
      }
    }
    if copied == 0 { return text }
    marked += bytes[copied...]
    return String(decoding: marked, as: UTF8.self)
  }

  /// Returns `value` with all strings marked, including member names, because templates print them.
  package func mark(_ value: JSONValue) -> JSONValue {
    switch value {
    case .string(let text): return .string(mark(text))
    case .array(let values): return .array(values.map(mark))
    case .object(let object):
      var marked = JSONObject()
      for member in object.members { marked[mark(member.name)] = mark(member.value) }
      return .object(marked)
    default: return value
    }
  }

  /// Returns the rendered prompt without sentinels, and the UTF-8 ranges of the marked spellings.
  package func unmark(_ rendered: String) -> (text: String, literal: [Range<Int>]) {
    let bytes = Array(rendered.utf8)
    var begins = [Bool](repeating: false, count: 256)
    for spelling in printed { begins[Int(spelling[0])] = true }
    guard bytes.contains(where: { begins[Int($0)] }) else { return (rendered, []) }
    var plain: [UInt8] = []
    var starts: [Int] = []
    plain.reserveCapacity(bytes.count)
    var at = 0
    while at < bytes.count {
      if begins[Int(bytes[at])], let spelling = printed.first(where: { bytes[at...].starts(with: $0) }) {
        starts.append(max(0, plain.count - 1))
        at += spelling.count
      } else {
        plain.append(bytes[at])
        at += 1
      }
    }
    let literal = starts.map { start in
      start..<(spelling(in: plain, at: start).map { start + $0.count } ?? min(plain.count, start + 1))
    }
    return (String(decoding: plain, as: UTF8.self), literal)
  }

  private func spelling(in bytes: [UInt8], at start: Int) -> [UInt8]? {
    spellings.first { $0[0] == bytes[start] && bytes[start...].starts(with: $0) }
  }
}
