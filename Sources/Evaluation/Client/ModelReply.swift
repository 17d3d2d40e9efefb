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
      // A server that sees no thought where there is one counts none.
      if thinks == true, thinkingTokens == 0 { thinkingTokens = nil }
      if let all = outputTokens, let thinking = thinkingTokens { answerTokens = max(0, all - thinking) }
      isThinking = thinkingTokens.map { $0 > 0 } ?? thinks
    }
  }

  /// The answers of all choices, without thoughts. Throws when there is none.
  static func answers(_ reply: JSONValue) throws(ModelClientError) -> [String] {
    let messages = (reply["choices"]?.array ?? []).compactMap { $0["message"]?.object }
    guard !messages.isEmpty else { throw noMessage(reply) }
    return messages.map { texts(of: $0).answer }
  }

  /// A count; nil for what none can be, so that sums of counts do not overflow.
  static func count(_ value: JSONValue?) -> Int? {
    value?.int.flatMap { (0...Int(Int32.max)).contains($0) ? $0 : nil }
  }

  /// A message's answer and thought. Servers without a parser for thoughts leave them in the content, up to a closing tag; the opening one may
  /// be the prompt's, and a limit of tokens may come before the closing one.
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
    let told = reply["error"]?["message"]?.string.map { ": \($0.prefix(500))" } ?? ""
    return .fatal("the reply has no choices[0].message\(told)")
  }
}
