// Finds tool calls in the text of an answer as it streams: `<tool_call>{"name": …, "arguments": …}</tool_call>`, the form of Qwen's
// templates. A call is told as soon as its name is known, its arguments byte for byte as they come. What only looks like a call
// (another order of members, broken JSON, a tool nobody offered) is looked at once it is whole, and is text if it is none.
import GenerationTypes
import JSON
import Text

/// The search state of one answer.
struct ToolCallReader: Sendable {
  private enum State: Sendable {
    case text
    /// Behind the opening tag, before the arguments.
    case head
    case arguments(JSONScope)
    /// Behind the arguments of a call that was told.
    case tail
    /// A body that is looked at when its closing tag has come.
    case body
  }

  static let opening = "<tool_call>", closing = "</tool_call>"
  private static let open = Array(opening.utf8), close = Array(closing.utf8)

  private let names: [String]
  private var state = State.text
  private var held: [UInt8] = []
  /// Bytes of `held` that were searched for the closing tag in vain.
  private var searched = 0
  /// Calls found so far.
  private(set) var count = 0
  /// Whether the answer was cut off within a call, or within its opening tag.
  private(set) var endsInCall = false

  /// `names` are the tools that may be called.
  init(names: [String]) { self.names = names }

  /// Adds text; returns what is certain of it.
  mutating func append(_ text: String) -> [ReplyPiece] {
    held += text.utf8
    var pieces: [ReplyPiece] = []
    while let piece = step() { pieces += piece }
    return pieces
  }

  /// Ends the answer: what was held back is text, but for the rest of a call that was told. Where the limit cut the answer off, what
  /// has begun as a call is none either: it is told if its name is known, and dropped otherwise.
  mutating func finish(_ reason: FinishReason) -> [ReplyPiece] {
    defer { held = [] }
    let isCut = reason == .length
    switch state {
    case .text:
      let begun = isCut ? Self.overlap(of: held, with: Self.open) : 0
      endsInCall = begun > 0
      var text = held.dropLast(begun)
      // White space before a tag belongs to it; behind a call there is white space at most.
      if begun > 0 { text = text[..<Self.endWithoutWhite(text)] }
      return count > 0 && text.allSatisfy(Self.isWhite) ? [] : content(Array(text))
    case .head where isCut:
      endsInCall = true
      var cursor = Cursor(bytes: held)
      guard let name = try? cursor.nameOfCall(), names.contains(name) else { return [] }
      count += 1
      return [.toolCall(index: count - 1, name: name)]
    case .body where isCut:
      endsInCall = true
      return []
    case .head, .body: return content(Self.open + held)
    case .arguments, .tail:
      endsInCall = isCut
      return []
    }
  }

  private func content(_ bytes: [UInt8]) -> [ReplyPiece] {
    bytes.isEmpty ? [] : [.content(String(decoding: bytes, as: UTF8.self))]
  }

  /// One step in the text held; nil when more is needed.
  private mutating func step() -> [ReplyPiece]? {
    switch state {
    case .text: return readText()
    case .head: return readHead()
    case .arguments(let scope): return readArguments(scope)
    case .tail:
      guard let end = closingTag() else { return nil }
      held.removeSubrange(..<end.upperBound)
      state = .text
      return []
    case .body:
      guard let end = closingTag() else { return nil }
      let body = Array(held[..<end.lowerBound])
      held.removeSubrange(..<end.upperBound)
      state = .text
      return call(in: body) ?? content(Self.open + body + Self.close)
    }
  }

  /// Where the closing tag is; what was searched before is not searched again.
  private mutating func closingTag() -> Range<Int>? {
    let start = max(0, min(searched, held.count) - Self.close.count)
    let tag = held[start...].firstRange(of: Self.close)
    searched = tag == nil ? held.count : 0
    return tag
  }

  /// Text up to a tag, or up to what may begin one; white space before a tag belongs to it.
  private mutating func readText() -> [ReplyPiece]? {
    if let tag = held.firstRange(of: Self.open) {
      let text = Array(held[..<Self.endWithoutWhite(held[..<tag.lowerBound])])
      held.removeSubrange(..<tag.upperBound)
      state = .head
      return content(text)
    }
    let end = Self.endWithoutWhite(held.dropLast(Self.overlap(of: held, with: Self.open)))
    if end == 0 { return nil }
    let text = Array(held[..<end])
    held.removeSubrange(..<end)
    return content(text)
  }

  /// `{"name": "NAME", "arguments": ` with any white space; anything else is left to the whole body.
  private mutating func readHead() -> [ReplyPiece]? {
    var cursor = Cursor(bytes: held)
    let name: String
    do {
      name = try cursor.nameOfCall()
      try cursor.expect(",")
      try cursor.expect("\"arguments\"")
      try cursor.expect(":")
      cursor.skipWhite()
    } catch .incomplete {
      return nil
    } catch {
      state = .body
      return []
    }
    guard let first = cursor.peek else { return nil }
    guard names.contains(name), first == UInt8(ascii: "{") else {
      state = .body
      return []
    }
    held.removeSubrange(..<cursor.at)
    state = .arguments(JSONScope())
    count += 1
    return [.toolCall(index: count - 1, name: name)]
  }

  private mutating func readArguments(_ start: JSONScope) -> [ReplyPiece]? {
    if held.isEmpty { return nil }
    var scope = start
    var end = 0
    while end < held.count, !scope.isClosed {
      scope.take(held[end])
      end += 1
    }
    // Whole characters only.
    let text = String(decoding: held[..<end], as: UTF8.self)
    held.removeSubrange(..<end)
    state = scope.isClosed ? .tail : .arguments(scope)
    return [.toolArguments(index: count - 1, text)]
  }

  /// The call in a whole body.
  private mutating func call(in body: [UInt8]) -> [ReplyPiece]? {
    guard let object = try? JSONValue(parsing: body).object, let name = object["name"]?.string, names.contains(name)
    else {
      return nil
    }
    // Some write the arguments as a string of JSON.
    let arguments = object["arguments"] ?? object["parameters"] ?? .object(JSONObject())
    let text = arguments.string ?? String(decoding: arguments.encoded, as: UTF8.self)
    guard (try? JSONValue(parsing: text))?.object != nil else { return nil }
    count += 1
    return [.toolCall(index: count - 1, name: name), .toolArguments(index: count - 1, text)]
  }

  private static func isWhite(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

  /// Where `bytes` end without the white space at their end.
  private static func endWithoutWhite(_ bytes: ArraySlice<UInt8>) -> Int {
    bytes.lastIndex { !isWhite($0) }.map { $0 + 1 } ?? bytes.startIndex
  }

  /// How many bytes at the end of `bytes` begin `tag`.
  private static func overlap(of bytes: [UInt8], with tag: [UInt8]) -> Int {
    (0...min(bytes.count, tag.count - 1)).last { bytes.suffix($0).elementsEqual(tag.prefix($0)) } ?? 0
  }
}

/// How deep a place in the text of a JSON object is.
struct JSONScope: Sendable {
  private var depth = 0
  private var isString = false, isEscape = false
  private(set) var isClosed = false

  /// Takes the next byte of an object's text.
  mutating func take(_ byte: UInt8) {
    if isEscape { isEscape = false; return }
    switch byte {
    case UInt8(ascii: "\\") where isString: isEscape = true
    case UInt8(ascii: "\""): isString.toggle()
    case UInt8(ascii: "{") where !isString, UInt8(ascii: "[") where !isString: depth += 1
    case UInt8(ascii: "}") where !isString, UInt8(ascii: "]") where !isString:
      depth -= 1
      isClosed = depth <= 0
    default: break
    }
  }
}

/// Reads the head of a call that may not have come as a whole yet.
private struct Cursor {
  enum Miss: Error { case incomplete, mismatch }

  let bytes: [UInt8]
  var at = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

  mutating func skipWhite() {
    while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
  }

  /// `{"name": "NAME"`, where a call begins.
  mutating func nameOfCall() throws(Miss) -> String {
    try expect("{")
    try expect("\"name\"")
    try expect(":")
    return try string()
  }

  mutating func expect(_ text: String) throws(Miss) {
    skipWhite()
    for wanted in text.utf8 {
      guard let byte = peek else { throw .incomplete }
      guard byte == wanted else { throw .mismatch }
      at += 1
    }
  }

  /// A JSON string; names are short.
  mutating func string() throws(Miss) -> String {
    skipWhite()
    let start = at
    try expect("\"")
    while let byte = peek {
      at += byte == UInt8(ascii: "\\") ? 2 : 1
      if byte == UInt8(ascii: "\"") {
        guard let text = try? JSONValue(parsing: Array(bytes[start..<at])).string else { throw .mismatch }
        return text
      }
      if at - start > 1024 { throw .mismatch }
    }
    throw .incomplete
  }
}
