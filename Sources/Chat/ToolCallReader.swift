// Finds tool calls in a streamed answer: `<tool_call>{"name": …, "arguments": …}</tool_call>`, the form of Qwen's
// templates. A call is reported as soon as its name is known, its arguments as they arrive. A body in another form
// (another order of members, broken JSON, an unknown tool) is examined once it is complete, and is text if it is no
// call.
import GenerationTypes
import JSON
import Text

/// The search state of one answer.
struct ToolCallReader: Sendable {
  private enum State: Sendable {
    case text
    /// After the opening tag, before the arguments.
    case head
    case arguments(JSONScope)
    /// After the arguments of a reported call.
    case tail
    /// A body that is examined when its closing tag has arrived.
    case body
  }

  static let opening = "<tool_call>", closing = "</tool_call>"
  private static let open = Array(opening.utf8), close = Array(closing.utf8)

  private let names: [String]
  private var state = State.text
  private var held: [UInt8] = []
  /// The number of bytes of `held` without a closing tag.
  private var searched = 0
  /// The number of calls found so far.
  private(set) var count = 0
  /// Whether the answer was cut off within a call or its opening tag.
  private(set) var endsInCall = false

  /// - Parameter names: the tools that may be called.
  init(names: [String]) { self.names = names }

  /// Adds text; returns the pieces that it completes.
  mutating func append(_ text: String) -> [ReplyPiece] {
    held += text.utf8
    var pieces: [ReplyPiece] = []
    while let piece = step() { pieces += piece }
    return pieces
  }

  /// Ends the answer. Held text is returned, except the rest of a reported call. If the token limit cut the answer off,
  /// an unfinished call is reported if its name is known, and dropped otherwise.
  mutating func finish(_ reason: FinishReason) -> [ReplyPiece] {
    defer { held = [] }
    let isCut = reason == .length
    switch state {
    case .text:
      let begun = isCut ? Self.overlap(of: held, with: Self.open) : 0
      endsInCall = begun > 0
      var text = held.dropLast(begun)
      // White space before a tag belongs to the tag. After a call there is only white space.
      if begun > 0 { text = text[..<Self.endWithoutWhite(text)] }
      return count > 0 && text.allSatisfy(Self.isWhite) ? [] : content(Array(text))
    case .head where isCut:
      endsInCall = true
      var cursor = CallHead(bytes: held)
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

  /// Reads the next part of `held`; returns nil if it needs more text.
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

  /// Returns the range of the closing tag, without searching the same bytes again.
  private mutating func closingTag() -> Range<Int>? {
    let start = max(0, min(searched, held.count) - Self.close.count)
    let tag = held[start...].firstRange(of: Self.close)
    searched = tag == nil ? held.count : 0
    return tag
  }

  /// Reads text up to a tag, or up to bytes that may begin one. White space before a tag belongs to the tag.
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

  /// Reads `{"name": "NAME", "arguments": ` with any white space. Other forms wait for the whole body.
  private mutating func readHead() -> [ReplyPiece]? {
    var cursor = CallHead(bytes: held)
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

  /// Returns the call in a whole body.
  private mutating func call(in body: [UInt8]) -> [ReplyPiece]? {
    guard let object = try? JSONValue(parsing: body).object, let name = object["name"]?.string, names.contains(name)
    else {
      return nil
    }
    // Some models write the arguments as a JSON string.
    let arguments = object["arguments"] ?? object["parameters"] ?? .object(JSONObject())
    let text = arguments.string ?? String(decoding: arguments.encoded, as: UTF8.self)
    guard (try? JSONValue(parsing: text))?.object != nil else { return nil }
    count += 1
    return [.toolCall(index: count - 1, name: name), .toolArguments(index: count - 1, text)]
  }

  private static func isWhite(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

  /// The end of `bytes` without trailing white space.
  private static func endWithoutWhite(_ bytes: ArraySlice<UInt8>) -> Int {
    bytes.lastIndex { !isWhite($0) }.map { $0 + 1 } ?? bytes.startIndex
  }

  /// The number of bytes at the end of `bytes` that begin `tag`.
  private static func overlap(of bytes: [UInt8], with tag: [UInt8]) -> Int {
    (0...min(bytes.count, tag.count - 1)).last { bytes.suffix($0).elementsEqual(tag.prefix($0)) } ?? 0
  }
}
