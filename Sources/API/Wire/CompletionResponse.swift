// The JSON objects of a raw completion and of its chunks.
import Chat
import GenerationTypes
import JSON
import Text

/// The members that all objects of one response share.
struct CompletionFrame: Sendable {
  let id: String
  /// Seconds since the epoch.
  let created: Int
  let model: String
  /// Whether every chunk has a `usage` member, null except in the last.
  let includeUsage: Bool

  private var head: JSONObject {
    [
      "id": .string(id), "object": "text_completion", "created": .integer(Int64(created)), "model": .string(model),
    ]
  }

  /// A whole response.
  func completion(_ choices: [JSONValue], _ figures: AnswerFigures) -> JSONValue {
    var object = head
    object["choices"] = .array(choices)
    object["usage"] = figures.usage
    object["timings"] = figures.timings
    return .object(object)
  }

  func choice(_ index: Int, text: String, logprobs: JSONValue, finish: String?) -> JSONValue {
    [
      "text": .string(text), "index": .integer(Int64(index)), "logprobs": logprobs,
      "finish_reason": finish.map(JSONValue.string) ?? .null,
    ]
  }

  /// A chunk with one choice.
  func chunk(_ choice: JSONValue) -> JSONValue {
    var object = head
    object["choices"] = [choice]
    if includeUsage { object["usage"] = .null }
    return .object(object)
  }

  /// The last chunk of a stream with include_usage; it has no choices.
  func usageChunk(_ figures: AnswerFigures) -> JSONValue { completion([], figures) }
}

/// The older form of log-probabilities, whose offsets continue from chunk to chunk.
struct CompletionLogprobs: Sendable {
  /// The number of Unicode scalars of the completion so far, and the first bytes of an incomplete one.
  private var offset = 0
  private var unfinished: [UInt8] = []

  /// Encodes the next tokens; null if no log-probabilities were requested.
  mutating func take(_ tokens: [GeneratedToken], _ chat: any Chatting) -> JSONValue {
    var texts: [JSONValue] = [], logprobs: [JSONValue] = [], tops: [JSONValue] = [], offsets: [JSONValue] = []
    for token in tokens {
      guard let logprob = token.logprob else { continue }
      texts.append(.string(Self.name(of: token.id, chat)))
      logprobs.append(.number(Double(max(logprob, -9999))))
      var top = JSONObject()
      for entry in token.top { top[Self.name(of: entry.id, chat)] = .number(Double(max(entry.logprob, -9999))) }
      tops.append(.object(top))
      offsets.append(.integer(Int64(offset)))
      let whole = WholeCharacters(unfinished + chat.text(of: token.id).bytes)
      offset += whole.text.unicodeScalars.count
      unfinished = whole.unfinished
    }
    if texts.isEmpty { return .null }
    return [
      "tokens": .array(texts), "token_logprobs": .array(logprobs), "top_logprobs": .array(tops),
      "text_offset": .array(offsets),
    ]
  }

  /// The text of a token, or its bytes in OpenAI's form `bytes:\xf0\x9f` if they are not whole characters.
  private static func name(of id: TokenID, _ chat: any Chatting) -> String {
    let bytes = chat.text(of: id).bytes
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    return "bytes:" + bytes.map { "\\x" + Hexadecimal.text(of: CollectionOfOne($0)) }.joined()
  }
}
