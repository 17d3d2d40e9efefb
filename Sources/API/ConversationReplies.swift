// The replies to one conversation, whatever endpoint asked for them: policy, pictures, prompt, admission, books.
import Chat
import GenerationTypes

/// Replies that the engine has taken.
struct ConversationReplies: Sendable {
  let plan: ThinkingPlan
  let prepared: any PreparedConversation
  /// Reading pictures and rendering the prompt.
  let preparation: Duration
  let feed: ReplyFeed

  /// The books of the request, once its replies have ended.
  func account(_ replies: [Reply]) -> AnswerAccount {
    AnswerAccount(
      requestedMode: plan.requestedMode, textTokens: prepared.textTokens, imageTokens: prepared.imageTokens,
      replies: replies, preparation: preparation)
  }
}

/// What a request that holds a conversation asks for, after validation.
protocol ConversationRequest: Sendable {
  var messages: [Conversation.Message] { get }
  var references: [PictureReference] { get }
  var options: GenerationOptions { get }
  var thinking: ThinkingWish { get }
  var form: AnswerForm { get }
}

extension ChatCompletionRequest: ConversationRequest {}
extension ResponsesRequest: ConversationRequest {}

extension ReplyLauncher {
  /// The conversation of a request in the mode that its key's policy leaves.
  func conversation(
    of wanted: some ConversationRequest, _ record: RequestRecord
  ) throws(APIError) -> (Conversation, ThinkingPlan) {
    let policy = configuration.policies.policy(of: record.keyName)
    let plan = try ThinkingPlan(wanted.thinking, policy, configuration.defaults)
    return (Conversation(messages: wanted.messages, mode: plan.mode, answer: wanted.form), plan)
  }

  /// Prepares and submits; `prompt` is the field that holds the conversation.
  func replies(
    to wanted: some ConversationRequest, _ record: RequestRecord, prompt: String = "messages"
  ) async throws -> ConversationReplies {
    let (conversation, plan) = try conversation(of: wanted, record)
    let start = ContinuousClock.now
    let prepared = try await prepare(conversation, wanted.references, record, prompt: prompt)
    let preparation = ContinuousClock.now - start
    return ConversationReplies(
      plan: plan, prepared: prepared, preparation: preparation,
      feed: feed(try launch(prepared, wanted.options, plan, record, prompt: prompt)))
  }
}
