// What a reply says, from our server in full and from others as far as they tell.
import JSON

/// The parts of a chat completion that an evaluation looks at.
package struct ModelReply: Sendable, Equatable {
  /// The answer, without the thought.
  package var answer: String
  /// The thought's text; nil when the reply has none.
  package var thought: String?
  /// Why the reply ended: `stop`, `length` and so on.
  package var finish: String?
  /// Why the thought ended, where the server says.
  package var stop: String?
  /// Tokens of the prompt.
  package var promptTokens: Int?
  /// All tokens that were generated.
  package var outputTokens: Int?
  /// Tokens of the thought.
  package var thinkingTokens: Int?
  /// Tags, white space beside them and the end of the turn; nil for servers that do not count them apart.
  package var controlTokens: Int?
  /// Tokens of the answer. For other servers than ours: all that are not the thought's.
  package var answerTokens: Int?
  /// Whether there was a thought; nil when nothing in the reply tells.
  package var isThinking: Bool?
  /// The probability that the model gave to thinking, in `auto`.
  package var thinkProbability: Double?

  /// Reads a reply. Throws when it has no choice with a message.
  package init(_ reply: JSONValue) throws(ModelClientError) {
    guard let choice = reply["choices"]?.array?.first, let message = choice["message"]?.object else {
      throw Self.noMessage(reply)
    }
    answer = message["content"]?.string ?? ""
    thought = message["reasoning_content"]?.string ?? message["reasoning"]?.string
    finish = choice["finish_reason"]?.string
    let usage = reply["usage"]
    promptTokens = usage?["prompt_tokens"]?.int
    outputTokens = usage?["completion_tokens"]?.int
    if let thinking = reply["thinking"]?.object, let count = thinking["thinking_tokens"]?.int {
      thinkingTokens = count
      controlTokens = thinking["control_tokens"]?.int
      answerTokens = thinking["answer_tokens"]?.int
      isThinking = thinking["mode"]?.string.map { $0 == "thinking" } ?? (count > 0)
      thinkProbability = thinking["p_think"]?.double
      stop = thinking["stop"]?.string
    } else {
      thinkingTokens = usage?["completion_tokens_details"]?["reasoning_tokens"]?.int
      if let all = outputTokens, let thinking = thinkingTokens { answerTokens = max(0, all - thinking) }
      isThinking = thinkingTokens.map { $0 > 0 } ?? thought.map { !$0.isEmpty }
    }
  }

  /// The answers of all choices. Throws when there is none.
  static func answers(_ reply: JSONValue) throws(ModelClientError) -> [String] {
    let messages = (reply["choices"]?.array ?? []).compactMap { $0["message"]?.object }
    guard !messages.isEmpty else { throw noMessage(reply) }
    return messages.map { $0["content"]?.string ?? "" }
  }

  private static func noMessage(_ reply: JSONValue) -> ModelClientError {
    let told = reply["error"]?["message"]?.string.map { ": \($0.prefix(500))" } ?? ""
    return .fatal("the reply has no choices[0].message\(told)")
  }
}
