// One rollout as JSON: its text, as parts and as the model wrote it, and its log-probabilities.
import Chat
import GenerationTypes
import JSON

extension ReplyTranscript {
  /// A rollout; `reply` is how it ended.
  func rollout(_ reply: Reply, listsTokens: Bool, _ chat: any Chatting) -> JSONValue {
    let bytes = tokens.flatMap { chat.text(of: $0.id).bytes }
    let thought = thought
    return [
      "text": .string(WholeCharacters(bytes).text), "content": .string(content),
      "reasoning_content": thought.isEmpty ? .null : .string(thought), "finish_reason": .string(reply.finishWord),
      "thinking": reply.figures.thinking, "completion_tokens": .count(reply.counts.total),
      "logprob_sum": .number(logprobSum), "logprobs": listsTokens ? logprobs(chat) : .null,
    ]
  }

  /// The sum of the log-probabilities of all tokens in the model's own distribution, including the end of the turn and
  /// the tokens with which the server closed a thought.
  private var logprobSum: Double { tokens.reduce(0) { $0 + Self.finite($1.logprob ?? 0) } }

  /// A log-probability that JSON can write.
  private static func finite(_ logprob: Float) -> Double { Double(max(logprob, -9999)) }

  private func logprobs(_ chat: any Chatting) -> JSONValue {
    func entry(_ id: TokenID, _ logprob: Float) -> JSONObject {
      [
        "id": .integer(Int64(id)), "token": .string(chat.text(of: id).string), "logprob": .number(Self.finite(logprob)),
      ]
    }
    return .array(
      tokens.map { token in
        var object = entry(token.id, token.logprob ?? 0)
        object["top_logprobs"] = .array(token.top.map { .object(entry($0.id, $0.logprob)) })
        return .object(object)
      })
  }
}
