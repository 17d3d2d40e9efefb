// The JSON objects of a chat completion and of its chunks.
import Chat
import GenerationTypes
import JSON
import Telemetry

/// The members that all objects of one response share.
struct ChatCompletionFrame: Sendable {
  let id: String
  /// Seconds since the epoch.
  let created: Int
  let model: String
  let reasoningField: ReasoningField
  /// Whether every chunk has a `usage` member, null except in the last.
  let includeUsage: Bool
  /// The tier that the client named, or nil.
  let serviceTier: ServiceTier?

  /// The first members of every object of the response.
  private func head(_ object: String) -> JSONObject {
    var head: JSONObject = [
      "id": .string(id), "object": .string(object), "created": .integer(Int64(created)), "model": .string(model),
    ]
    if let serviceTier { head["service_tier"] = .string(serviceTier.rawValue) }
    return head
  }

  /// A whole response.
  func completion(_ choices: [JSONValue], _ figures: AnswerFigures) -> JSONValue {
    var object = head("chat.completion")
    object["choices"] = .array(choices)
    object["usage"] = figures.usage
    object["thinking"] = figures.thinking
    object["timings"] = figures.timings
    return .object(object)
  }

  /// One choice of a whole response.
  func choice(_ index: Int, _ text: ReplyTranscript, logprobs: JSONValue, reply: Reply, single: Bool) -> JSONValue {
    let (thought, content, calls) = (text.thought, text.content, text.calls)
    let isSilent = content.isEmpty && (!calls.isEmpty || reply.endsInCall)
    var message: JSONObject = [
      "role": "assistant", "content": isSilent ? .null : .string(content), "refusal": nil,
    ]
    for name in reasoningField.names { message[name] = thought.isEmpty ? .null : .string(thought) }
    if !calls.isEmpty {
      message["tool_calls"] = .array(
        calls.map { Self.call(id: $0.id, name: $0.name, arguments: $0.arguments) }.map(JSONValue.object))
    }
    var choice: JSONObject = [
      "index": .integer(Int64(index)), "message": .object(message), "logprobs": logprobs,
      "finish_reason": .string(reply.finishWord),
    ]
    if !single { choice["thinking"] = reply.figures.thinking }
    return .object(choice)
  }

  /// A chunk with one choice.
  func chunk(
    _ index: Int, delta: JSONObject, logprobs: JSONValue = .null, finish: String? = nil,
    figures: AnswerFigures? = nil
  ) -> JSONValue {
    var object = head("chat.completion.chunk")
    object["choices"] = [
      [
        "index": .integer(Int64(index)), "delta": .object(delta), "logprobs": logprobs,
        "finish_reason": finish.map(JSONValue.string) ?? .null,
      ]
    ]
    if includeUsage { object["usage"] = .null }
    if let figures { (object["thinking"], object["timings"]) = (figures.thinking, figures.timings) }
    return .object(object)
  }

  /// The last chunk of a stream with include_usage; it has no choices.
  func usageChunk(_ figures: AnswerFigures) -> JSONValue {
    var object = head("chat.completion.chunk")
    object["choices"] = []
    object["usage"] = figures.usage
    object["thinking"] = figures.thinking
    object["timings"] = figures.timings
    return .object(object)
  }

  /// A chunk without choices with the progress of a reply's prompt.
  func progressChunk(_ index: Int, _ progress: ReplyProgress) -> JSONValue {
    var object = head("chat.completion.chunk")
    object["choices"] = []
    if includeUsage { object["usage"] = .null }
    object["progress"] = progress.json(of: index)
    return .object(object)
  }

  private static func call(id: String, name: String, arguments: String) -> JSONObject {
    ["id": .string(id), "type": "function", "function": ["name": .string(name), "arguments": .string(arguments)]]
  }

  /// The delta that adds one piece.
  func delta(_ piece: ReplyPiece) -> JSONObject {
    switch piece {
    case .content(let text): return ["content": .string(text)]
    case .thinking(let text):
      var delta: JSONObject = [:]
      for name in reasoningField.names { delta[name] = .string(text) }
      return delta
    case .toolCall(let index, let name):
      var call: JSONObject = ["index": .integer(Int64(index))]
      for member in Self.call(id: ReplyTranscript.callID(), name: name, arguments: "").members {
        call[member.name] = member.value
      }
      return ["tool_calls": [.object(call)]]
    case .toolArguments(let index, let text):
      return ["tool_calls": [["index": .integer(Int64(index)), "function": ["arguments": .string(text)]]]]
    }
  }

  /// `logprobs` of a run of tokens; null if none were requested.
  static func logprobs(_ tokens: [GeneratedToken], _ chat: any Chatting) -> JSONValue {
    let entries = logprobEntries(tokens[...], chat)
    return entries.isEmpty ? .null : ["content": .array(entries), "refusal": nil]
  }

  /// One entry for each token with a log-probability.
  static func logprobEntries(_ tokens: ArraySlice<GeneratedToken>, _ chat: any Chatting) -> [JSONValue] {
    func entry(_ id: TokenID, _ logprob: Float) -> JSONObject {
      let text = chat.text(of: id)
      return [
        "token": .string(text.string), "logprob": .number(Double(max(logprob, -9999))),
        "bytes": .array(text.bytes.map { .integer(Int64($0)) }),
      ]
    }
    return tokens.compactMap { token in
      token.logprob.map { logprob -> JSONValue in
        var object = entry(token.id, logprob)
        object["top_logprobs"] = .array(token.top.map { .object(entry($0.id, $0.logprob)) })
        return .object(object)
      }
    }
  }
}
