// A request for replies after validation. Every API decodes its body to this value, so that modes, limits and counting
// are the same for all of them.
import Chat
import GenerationTypes

/// A validated request for replies.
package struct ReplyRequest: Sendable {
  /// What the model reads.
  package enum Prompt: Sendable {
    /// A conversation for the chat template. Images that are named by URL are empty until they are fetched.
    case conversation([Conversation.Message], images: [ImageReference])
    /// Texts without turns, each with replies of its own. With `isEchoed`, a reply begins with its text.
    case texts([RawText], isEchoed: Bool)
  }

  /// A text as the client sent it.
  package enum RawText: Sendable {
    case text(String)
    case tokens([TokenID])
  }

  package let prompt: Prompt
  /// The field that holds the prompt, for errors.
  let promptField: String
  package let options: GenerationOptions
  /// How the replies are to think; ignored for raw texts.
  package var thinking = ThinkingWish()
  /// What the answer must look like, and the tools that it may call.
  package var form = AnswerForm()
  /// Whether the replies are samples for training: as many in mode long as in mode short, each with its own seed, and
  /// counted apart from answers.
  var isRollout = false
  /// The most log-probabilities that the response may hold; nil for no limit.
  var maxLogprobs: Int?
  /// Fields that were accepted and have no effect.
  package let ignored: IgnoredFields
}
