// What the endpoints need of Chat, as a protocol: tests replace the template, the tokenizer and the image decoder.
import Chat
import GenerationTypes

/// Turns conversations into prompts and tokens into text.
package protocol Chatting: Sendable {
  /// Whether the model takes images at all.
  var takesImages: Bool { get }
  /// Prepares the conversation in each of `modes`, in their order; decodes its images once. Throws `ChatError`.
  func prepare(_ conversation: Conversation, modes: [ThinkingMode]) async throws -> [PreparedChat]
  /// Returns the ids of a text. Throws `ChatError.tooLong` for more than `limit`. `recognisesSpecial` says whether the
  /// spellings of special tokens stand for those tokens.
  func tokens(of text: String, recognisesSpecial: Bool, limit: Int) async throws -> [TokenID]
  /// Returns the prompt that `prepare` makes, as text with one placeholder per image.
  func prompt(of conversation: Conversation) async throws -> String
  /// Prepares a prompt that is nothing but `tokens`. With `isEchoed`, the completion follows the prompt's text and may
  /// complete its last character.
  func completion(of tokens: [TokenID], form: AnswerForm, isEchoed: Bool) async throws -> PreparedChat
  /// Returns the text of one token, and its bytes, which need not be whole characters.
  func text(of id: TokenID) -> (string: String, bytes: [UInt8])
}

extension ChatModel: Chatting {}
