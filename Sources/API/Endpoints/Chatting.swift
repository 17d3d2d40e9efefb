// What the endpoints need of Chat, as protocols: the real model conforms by forwarding, tests answer with scripted tokens.
import Chat
import GenerationTypes

/// Turns conversations into prompts and tokens into text.
package protocol Chatting: Sendable {
  /// Whether the model takes images at all.
  var takesImages: Bool { get }
  /// Renders and tokenises the conversation in each of `modes`, in their order; decodes images once, away from the caller's
  /// thread. Throws `ChatError`.
  func prepareReplies(to conversation: Conversation, modes: [ThinkingMode]) async throws -> [any PreparedConversation]
  /// The ids of a text, at most `limit`; `recognisesSpecial` says whether spellings of special tokens are those tokens.
  func tokens(of text: String, recognisesSpecial: Bool, limit: Int) async throws -> [TokenID]
  /// The prompt that `prepareReplies` makes, as text, images as their placeholder.
  func prompt(of conversation: Conversation) async throws -> String
  /// A prompt that is nothing but these ids. `isEchoed` says that the completion follows the prompt's text, whose last character
  /// it may end.
  func prepareCompletion(
    of tokens: [TokenID], form: AnswerForm, isEchoed: Bool
  ) async throws -> any PreparedConversation
  /// The text of one token, and its bytes where those are not whole characters.
  func text(of id: TokenID) -> (string: String, bytes: [UInt8])
}

/// A prompt ready for the engine, and how to read what the engine answers.
package protocol PreparedConversation: Sendable {
  var prompt: Prompt { get }
  var textTokens: Int { get }
  var imageTokens: Int { get }
  var control: ControlTokens { get }
  var decides: Bool { get }
  /// Where the reply begins.
  var start: ReplyStart { get }
  /// The form of the answer; nil leaves it free.
  var constraint: (any TokenConstraint)? { get }
  /// Paths of schemas in the request that the answer is not held to.
  var loose: [String] { get }
  func makeReader(stopStrings: [String]) -> any ReplyReading
}

/// Splits generated tokens into thought and answer, and counts them.
package protocol ReplyReading: Sendable {
  mutating func consume(_ token: GeneratedToken) -> [ReplyPiece]
  /// A stop string was found; nothing after it is wanted.
  var isStopped: Bool { get }
  /// Ends the reply, for the engine's reason or a stop string.
  mutating func finish(_ reason: FinishReason) -> [ReplyPiece]
  /// Whether the reply ended within a call, or owed one, so that it has no text beside what it told.
  var endsInCall: Bool { get }
  var counts: TokenCounts { get }
  var outcome: ThinkingOutcome { get }
  /// How the thought ended; nil without one.
  var thoughtEnd: ThoughtEnd? { get }
}

extension ChatModel: Chatting {
  package func prepareReplies(
    to conversation: Conversation, modes: [ThinkingMode]
  ) async throws -> [any PreparedConversation] {
    try await prepare(conversation, modes: modes)
  }

  package func prepareCompletion(
    of tokens: [TokenID], form: AnswerForm, isEchoed: Bool
  ) async throws -> any PreparedConversation {
    try await completion(of: tokens, form: form, isEchoed: isEchoed)
  }
}

extension PreparedChat: PreparedConversation {
  package func makeReader(stopStrings: [String]) -> any ReplyReading { makeParser(stopStrings: stopStrings) }
}

extension ReplyParser: ReplyReading {}
