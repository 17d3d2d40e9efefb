// The prompts of a valid request: the plan of each mode, images by URL, template and tokens. Images are fetched last,
// so that a request that fails for another reason causes no traffic.
import Chat
import Fetching
import GenerationTypes
import Scheduling
import Text
import Work

/// A prompt and the plan of its replies.
struct PlannedPrompt: Sendable {
  let chat: PreparedChat
  let plan: ThinkingPlan
  /// The text that each reply begins with.
  var echo = ""
}

extension ReplyService {
  /// The conversation in modes long and short, for a request that was drawn to be answered again.
  typealias Drawn = (long: PreparedChat, short: PreparedChat)

  /// The conversation of a request in the mode that the policy of its key leaves, and its images by URL. Empty for raw
  /// texts.
  func conversation(
    of request: ReplyRequest, _ record: RequestRecord
  ) throws(APIError) -> (Conversation, images: [ImageReference]) {
    let plan = try plans(for: request, record)[0]
    guard case .conversation(let messages, let images) = request.prompt else {
      return (Conversation(messages: [], mode: plan.mode), [])
    }
    return (Conversation(messages: messages, mode: plan.mode, answer: request.form), images)
  }

  /// The plans of a request's prompts: one, or for rollouts one with a thought and one without.
  func plans(for request: ReplyRequest, _ record: RequestRecord) throws(APIError) -> [ThinkingPlan] {
    guard case .conversation = request.prompt else { return [.withoutThought] }
    let policy = configuration.policies.policy(of: record.keyName)
    guard request.isRollout else { return [try ThinkingPlan(request.thinking, policy, configuration.defaults)] }
    var plans: [ThinkingPlan] = []
    for mode in [ThinkingMode.long, .short] {
      var wish = request.thinking
      wish.mode = mode
      let plan = try ThinkingPlan(wish, policy, configuration.defaults)
      guard plan.mode == mode else {
        throw APIError(
          403,
          "Rollouts need the modes long and short, but the policy of this API key forces mode \(plan.mode.rawValue).",
          type: "permission_error", code: "mode_forbidden")
      }
      plans.append(plan)
    }
    return plans
  }

  /// Prepares the prompts of a request, and those of its shadows where it was drawn.
  func prompts(
    of request: ReplyRequest, _ plans: [ThinkingPlan], _ record: RequestRecord
  ) async throws -> ([PlannedPrompt], Drawn?) {
    switch request.prompt {
    case .texts(let texts, let isEchoed):
      return (try await prompts(of: texts, isEchoed: isEchoed, request, plans[0]), nil)
    case .conversation(let messages, let images):
      let conversation = Conversation(messages: messages, mode: plans[0].mode, answer: request.form)
      let modes = plans.map(\.mode)
      var drawn: Drawn?
      var chats: [PreparedChat] = []
      if shadows?.draws(plans[0], request.options) == true {
        do {
          chats = try await prepare(
            conversation, images, modes: modes + [.long, .short], record, field: request.promptField)
          drawn = (chats[1], chats[2])
        } catch let error as APIError where error.code?.exact == "context_length_exceeded" {
          // The prompts of the other modes are some tokens longer. The draw must not fail a request that would fit.
        }
      }
      if drawn == nil {
        chats = try await prepare(conversation, images, modes: modes, record, field: request.promptField)
      }
      return (zip(chats, plans).map { PlannedPrompt(chat: $0, plan: $1) }, drawn)
    }
  }

  private func prompts(
    of texts: [ReplyRequest.RawText], isEchoed: Bool, _ request: ReplyRequest, _ plan: ThinkingPlan
  ) async throws -> [PlannedPrompt] {
    var prompts: [PlannedPrompt] = []
    do {
      for text in texts {
        let ids: [TokenID]
        var echo = ""
        switch text {
        case .text(let text):
          ids = try await chat.tokens(of: text, recognisesSpecial: true, limit: engine.contextLength)
          if isEchoed { echo = text }
        case .tokens(let tokens):
          ids = tokens
          if isEchoed {
            echo = try await configuration.work.run(bytes: ids.count * 16) { [chat] _ in
              WholeCharacters(ids.flatMap { chat.text(of: $0).bytes }).text
            }
          }
        }
        let chat = try await chat.completion(of: ids, form: request.form, isEchoed: isEchoed)
        prompts.append(PlannedPrompt(chat: chat, plan: plan, echo: echo))
      }
    } catch let error as ChatError {
      throw APIError(error, prompt: request.promptField)
    }
    return prompts
  }

  /// Fetches the images of a conversation and prepares it in each of `modes`, whatever its own. The images are held
  /// only meanwhile. `field` is the field that holds the conversation, for errors.
  func prepare(
    _ conversation: Conversation, _ images: [ImageReference], modes: [ThinkingMode], _ record: RequestRecord,
    field: String
  ) async throws -> [PreparedChat] {
    do {
      // A model without images rejects them by name; fetching them first would be in vain.
      guard !images.isEmpty, chat.takesImages, let fetcher = configuration.imageFetcher else {
        return try await chat.prepare(conversation, modes: modes)
      }
      if let refusal = engine.refusal { throw APIError(refusal, param: field) }
      return try await fetcher.withImages(at: images.map(\.location)) { bytes in
        var filled = conversation
        filled.fill(images, with: bytes)
        return try await chat.prepare(filled, modes: modes)
      }
    } catch let error as ChatError {
      throw APIError(error, prompt: field)
    } catch let failure as ImageFailure {
      if case .failed(let reason) = failure.error { record.note { $0.detail = "image: \(reason)" } }
      throw APIError(failure.error, field: images[failure.index].field)
    }
  }
}
