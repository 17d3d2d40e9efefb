// The objects of a rollouts' response as JSON.
import Chat
import GenerationTypes
import JSON

/// One rollout while it is generated: its text in parts and as the model wrote it, and its log-probabilities.
struct Rollout: Sendable {
  private(set) var text = ReplyText()
  private(set) var tokens: [GeneratedToken] = []

  mutating func append(_ pieces: [ReplyPiece], _ new: [GeneratedToken]) {
    for piece in pieces { text.append(piece) }
    tokens += new
  }

  /// Sum of the log-probabilities of all its tokens in the model's own distribution, the end of the turn among them, and those
  /// that were written for the model to close a thought.
  private var logprobSum: Double { tokens.reduce(0) { $0 + Self.finite($1.logprob ?? 0) } }

  /// A log-probability that JSON can write.
  private static func finite(_ logprob: Float) -> Double { Double(max(logprob, -9999)) }

  /// `reply` is how it ended.
  func json(_ reply: Reply, tellsTokens: Bool, _ chat: any Chatting) -> JSONValue {
    let bytes = tokens.flatMap { chat.text(of: $0.id).bytes }
    var object: JSONObject = [
      "text": .string(WholeCharacters(bytes).text), "content": .string(text.content),
      "reasoning_content": text.thought.isEmpty ? .null : .string(text.thought),
      "finish_reason": .string(reply.finishWord),
    ]
    object["thinking"] = reply.figures.thinking
    object["completion_tokens"] = .integer(Int64(reply.counts.total))
    object["logprob_sum"] = .number(logprobSum)
    object["logprobs"] = tellsTokens ? entries(chat) : .null
    return .object(object)
  }

  private func entries(_ chat: any Chatting) -> JSONValue {
    .array(
      tokens.map { token in
        [
          "id": .integer(Int64(token.id)), "token": .string(chat.text(of: token.id).string),
          "logprob": .number(Self.finite(token.logprob ?? 0)),
          "top_logprobs": .array(
            token.top.map { top in
              [
                "id": .integer(Int64(top.id)), "token": .string(chat.text(of: top.id).string),
                "logprob": .number(Self.finite(top.logprob)),
              ]
            }),
        ]
      })
  }
}
