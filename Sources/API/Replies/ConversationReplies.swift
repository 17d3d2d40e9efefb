// The replies to one conversation, whatever endpoint asked for them: policy, images, prompt, admission, books.
import Chat
import GenerationTypes
import Text

/// Replies that the engine has taken.
struct ConversationReplies: Sendable {
  let plan: ThinkingPlan
  let prepared: any PreparedConversation
  /// Reading images and rendering the prompt.
  let preparation: Duration
  let feed: ReplyFeed
  /// Set where the request was drawn to be answered again.
  let shadow: ShadowCandidate?
  private let shadows: Shadows?

  init(
    plan: ThinkingPlan, prepared: any PreparedConversation, preparation: Duration, feed: ReplyFeed,
    shadow: ShadowCandidate?, shadows: Shadows?
  ) {
    (self.plan, self.prepared, self.preparation, self.feed) = (plan, prepared, preparation, feed)
    (self.shadow, self.shadows) = (shadow, shadows)
  }

  /// Hands the figures of the answered request to the record and to the shadows.
  func settle(_ figures: AnswerFigures, _ record: RequestRecord) {
    record.answered(figures)
    shadows?.note(figures, shadow)
  }

  /// The figures of the request, whose replies have ended.
  func figures(of replies: [Reply], _ record: RequestRecord) -> AnswerFigures {
    var figures = record.figures(
      of: replies, requestedMode: plan.requestedMode, textTokens: prepared.textTokens,
      imageTokens: prepared.imageTokens, preparation: preparation)
    figures.isDecided = plan.isDecided && replies.count == 1
    figures.isSampled = figures.isDecided && shadows != nil
    return figures
  }
}

/// What a request that holds a conversation asks for, after validation.
protocol ConversationRequest: Sendable {
  var messages: [Conversation.Message] { get }
  var references: [ImageReference] { get }
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
    var isDrawn = shadows?.draws(plan, wanted.options) ?? false
    let prepared: [any PreparedConversation]
    do {
      let modes = isDrawn ? [plan.mode, .long, .short] : [plan.mode]
      prepared = try await prepare(conversation, wanted.references, modes: modes, record, prompt: prompt)
    } catch let error as APIError where isDrawn && error.code?.exact == "context_length_exceeded" {
      // The other modes' prompts are some tokens longer: the draw must not refuse what else would be served.
      isDrawn = false
      prepared = try await prepare(conversation, wanted.references, modes: [plan.mode], record, prompt: prompt)
    }
    let preparation = ContinuousClock.now - start
    return ConversationReplies(
      plan: plan, prepared: prepared[0], preparation: preparation,
      feed: feed(try launch(prepared[0], wanted.options, plan, record, prompt: prompt)),
      shadow: isDrawn ? candidate(prepared, wanted.options, plan, record) : nil, shadows: shadows)
  }

  /// What would be asked of the engine to answer a request again; `prepared` is the conversation in modes auto, long and short.
  private func candidate(
    _ prepared: [any PreparedConversation], _ options: GenerationOptions, _ plan: ThinkingPlan, _ record: RequestRecord
  ) -> ShadowCandidate {
    func variant(_ prepared: any PreparedConversation) -> ShadowCandidate.Variant {
      var request = request(prepared, options, plan, record)
      (request.serviceClass, request.deadline, request.sampling.topLogprobs) = (.shadow, nil, nil)
      return ShadowCandidate.Variant(prepared: prepared, request: request)
    }
    return ShadowCandidate(
      long: variant(prepared[1]), short: variant(prepared[2]), stop: options.stop,
      decisionTokens: max(0, prepared[1].textTokens - prepared[0].textTokens))
  }
}
