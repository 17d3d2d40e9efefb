// The objects of a raw completion as JSON, whole or in chunks.
import GenerationTypes
import JSON

/// What all parts of one response share.
struct CompletionFrame: Sendable {
  let id: String
  /// Seconds since the epoch.
  let created: Int
  let model: String
  /// Every chunk has a `usage` member, null but in the last.
  let includeUsage: Bool

  private var head: JSONObject {
    [
      "id": .string(id), "object": "text_completion", "created": .integer(Int64(created)), "model": .string(model),
    ]
  }

  /// A whole response.
  func completion(_ choices: [JSONValue], _ account: AnswerAccount) -> JSONValue {
    var object = head
    object["choices"] = .array(choices)
    object["usage"] = account.usage
    object["timings"] = account.timings
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

  /// The chunk without choices that ends a stream whose client asked for usage.
  func usageChunk(_ account: AnswerAccount) -> JSONValue { completion([], account) }
}

/// The older form of log-probabilities, whose offsets go on from chunk to chunk.
struct CompletionLogprobs: Sendable {
  /// Characters (Unicode scalars) of the completion so far.
  private var offset = 0

  /// The next tokens; null when none were asked for.
  mutating func take(_ tokens: [GeneratedToken], _ chat: any Chatting) -> JSONValue {
    var texts: [JSONValue] = [], logprobs: [JSONValue] = [], tops: [JSONValue] = [], offsets: [JSONValue] = []
    for token in tokens {
      guard let logprob = token.logprob else { continue }
      let text = chat.text(of: token.id).string
      texts.append(.string(text))
      logprobs.append(.number(Double(max(logprob, -9999))))
      var top = JSONObject()
      for entry in token.top { top[chat.text(of: entry.id).string] = .number(Double(max(entry.logprob, -9999))) }
      tops.append(.object(top))
      offsets.append(.integer(Int64(offset)))
      offset += text.unicodeScalars.count
    }
    if texts.isEmpty { return .null }
    return [
      "tokens": .array(texts), "token_logprobs": .array(logprobs), "top_logprobs": .array(tops),
      "text_offset": .array(offsets),
    ]
  }
}
