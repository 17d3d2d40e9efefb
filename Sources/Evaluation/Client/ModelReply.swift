// The contents of a reply, complete from this project's server and partial from others.
import JSON

/// The parts of a chat completion that an evaluation uses.
package struct ModelReply: Sendable, Equatable {
  /// The answer without the thought.
  package var answer: String
  /// The text of the thought; nil if the reply has none.
  package var thought: String?
  /// The reason why the reply ended: `stop`, `length` and so on.
  package var finish: String?
  /// The reason why the thought ended, if the server reports it.
  package var stop: String?
  /// The number of tokens in the prompt.
  package var promptTokens: Int?
  /// The number of generated tokens.
  package var outputTokens: Int?
  /// The number of tokens in the thought.
  package var thinkingTokens: Int?
  /// The number of tokens in tags, white space around them and the end of the turn; nil if the server does not count
  /// them separately.
  package var controlTokens: Int?
  /// The number of tokens in the answer. For other servers: all tokens outside the thought.
  package var answerTokens: Int?
  /// Whether there was a thought; nil if unknown.
  package var isThinking: Bool?
  /// The model's probability of thinking, in `auto`.
  package var thinkProbability: Double?

  /// Reads a reply. Throws if it has no choice with a message.
  package init(_ reply: JSONValue) throws(ModelClientError) {
    guard let choice = reply["choices"]?.array?.first, let message = choice["message"]?.object else {
      throw Self.noMessage(reply)
    }
    (answer, thought) = Self.texts(of: message)
    finish = choice["finish_reason"]?.string
    let usage = reply["usage"]
    promptTokens = Self.count(usage?["prompt_tokens"])
    outputTokens = Self.count(usage?["completion_tokens"])
    if let thinking = reply["thinking"]?.object, let count = Self.count(thinking["thinking_tokens"]) {
      thinkingTokens = count
      controlTokens = Self.count(thinking["control_tokens"])
      answerTokens = Self.count(thinking["answer_tokens"])
      isThinking = thinking["mode"]?.string.map { $0 == "thinking" } ?? (count > 0)
      thinkProbability = thinking["p_think"]?.double.flatMap { (0...1).contains($0) ? $0 : nil }
      stop = thinking["stop"]?.string
    } else {
      thinkingTokens = Self.count(usage?["completion_tokens_details"]?["reasoning_tokens"])
      let thinks = thought.map { $0.contains { !$0.isWhitespace } }
      // A server that does not recognise the thought counts no tokens for it.
      if thinks == true, thinkingTokens == 0 { thinkingTokens = nil }
      if let all = outputTokens, let thinking = thinkingTokens { answerTokens = max(0, all - thinking) }
      isThinking = thinkingTokens.map { $0 > 0 } ?? thinks
    }
  }

  /// Returns the answers of all choices, without thoughts. Throws if there are none.
  static func answers(_ reply: JSONValue) throws(ModelClientError) -> [String] {
    let messages = (reply["choices"]?.array ?? []).compactMap { $0["message"]?.object }
    guard !messages.isEmpty else { throw noMessage(reply) }
    return messages.map { texts(of: $0).answer }
  }

  /// Returns a count; nil for impossible values, so that sums of counts do not overflow.
  static func count(_ value: JSONValue?) -> Int? {
    value?.int.flatMap { (0...Int(Int32.max)).contains($0) ? $0 : nil }
  }

  /// Returns a message's answer and thought. A server without a thought parser leaves the thought in the content, up
  /// to a closing tag. The opening tag may be in the prompt, and the token limit may be reached before the closing
  /// tag.
  private static func texts(of message: JSONObject) -> (answer: String, thought: String?) {
    let content = message["content"]?.string ?? ""
    if let thought = message["reasoning_content"]?.string ?? message["reasoning"]?.string { return (content, thought) }
    let end = content.ranges(of: "</think>").last
    var thought = content[..<(end?.lowerBound ?? content.endIndex)].drop(while: \.isWhitespace)
    let opening = "<think>"
    let isOpened = thought.hasPrefix(opening)
    guard end != nil || isOpened else { return (content, nil) }
    if isOpened { thought = thought.dropFirst(opening.count) }
    return (end.map { String(content[$0.upperBound...].drop(while: \.isWhitespace)) } ?? "", String(thought))
  }

  private static func noMessage(_ reply: JSONValue) -> ModelClientError {
    let message = reply["error"]?["message"]?.string.map { ": \($0.prefix(500))" } ?? ""
    return .fatal("the reply has no choices[0].message\(message)")
  }
}
