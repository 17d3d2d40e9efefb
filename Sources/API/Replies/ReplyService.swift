// From a validated request to running replies: every endpoint that generates takes this path to the engine. The
// engine's request is assembled here and nowhere else.
import Chat
import GenerationTypes
import Scheduling
import Telemetry

/// Prepares prompts, submits them to the engine and records the figures of the replies.
struct ReplyService: Sendable {
  let configuration: APIConfiguration
  let chat: any Chatting
  let engine: any GenerationService
  let metrics: ServerMetrics
  /// Answers some requests again in the other mode; nil never does.
  let shadows: Shadows?

  /// Starts the replies to a request. Throws what `APIError(translating:)` understands.
  func start(_ request: ReplyRequest, _ record: RequestRecord) async throws -> RunningReplies {
    try checkLogprobs(request)
    let plans = try plans(for: request, record)
    let begin = ContinuousClock.now
    let (prompts, drawn) = try await prompts(of: request, plans, record)
    let preparation = ContinuousClock.now - begin
    let sources = try submit(prompts, request, record)
    let (metrics, isRollout) = (metrics, request.isRollout)
    return RunningReplies(
      prompts: prompts, choices: request.options.choices, preparation: preparation,
      feed: ReplyFeed(sources) { if !isRollout { metrics.interToken.observe($0) } },
      shadow: drawn.map { candidate(prompts[0], $0, request, record) }, samplesShadows: shadows != nil,
      isRollout: isRollout)
  }

  /// Submits as many replies to each prompt as the options say. Throws the client's view of an admission error.
  private func submit(
    _ prompts: [PlannedPrompt], _ request: ReplyRequest, _ record: RequestRecord
  ) throws(APIError) -> [ReplyFeed.Source] {
    let options = request.options
    var sources: [ReplyFeed.Source] = []
    for prompt in prompts {
      var generation = generationRequest(prompt, options, record)
      let firstSeed = request.isRollout ? sources.count : 0
      for index in 0..<options.choices {
        generation.sampling.seed = options.sampling.seed.map { $0 &+ UInt64(firstSeed + index) }
        do {
          let events = try engine.submit(generation)
          let parser = prompt.chat.makeParser(stopStrings: options.stop)
          sources.append((Reply(parser: parser, arrival: record.arrival), events))
        } catch {
          throw APIError(
            error, param: options.maxTokens?.field ?? "max_completion_tokens", prompt: request.promptField,
            imageTokens: prompt.chat.imageTokens)
        }
      }
    }
    return sources
  }

  /// The engine's request for one reply to `prompt`.
  private func generationRequest(
    _ prompt: PlannedPrompt, _ options: GenerationOptions, _ record: RequestRecord
  ) -> GenerationRequest {
    let chat = prompt.chat
    let maxTokens = maxTokens(chat, options, configuration.policies.policy(of: record.keyName))
    var request = GenerationRequest(
      prompt: chat.prompt, sampling: options.sampling, control: chat.control, maxTokens: maxTokens,
      decides: chat.decides)
    request.start = chat.start
    request.thought = prompt.plan.rules
    request.constraint = chat.constraint
    request.serviceClass = options.serviceTier == .flex ? .batch : .interactive
    // All replies count together: many short ones hold slots as long as one long reply.
    let (work, overflow) = maxTokens.multipliedReportingOverflow(by: options.choices)
    request.isShort = !overflow && work <= configuration.defaults.shortTokens
    request.salt = record.keyName ?? ""
    request.client = record.client
    request.deadline = configuration.replyTimeout.map { record.arrival + $0 }
    return request
  }

  /// The most tokens of one reply. The default limit, and that of a client that wants none, shrink to what the context
  /// has left. A limit that the client named stays, but for the ceiling of its key.
  private func maxTokens(_ chat: PreparedChat, _ options: GenerationOptions, _ policy: KeyPolicy) -> Int {
    let left = max(1, engine.contextLength - chat.prompt.tokens.count)
    let wanted = options.maxTokens?.value ?? min(configuration.defaults.maxTokens, left)
    return min(wanted == .max ? left : wanted, policy.maxTokens ?? .max)
  }

  /// The engine's requests that would answer `request` again; `drawn` holds the conversation in modes long and short.
  private func candidate(
    _ prompt: PlannedPrompt, _ drawn: (long: PreparedChat, short: PreparedChat), _ request: ReplyRequest,
    _ record: RequestRecord
  ) -> ShadowCandidate {
    func variant(_ chat: PreparedChat) -> ShadowCandidate.Variant {
      var generation = generationRequest(PlannedPrompt(chat: chat, plan: prompt.plan), request.options, record)
      generation.serviceClass = .shadow
      generation.deadline = nil
      generation.sampling.topLogprobs = nil
      return ShadowCandidate.Variant(chat: chat, request: generation)
    }
    return ShadowCandidate(
      long: variant(drawn.long), short: variant(drawn.short), stop: request.options.stop,
      decisionTokens: max(0, drawn.long.textTokens - prompt.chat.textTokens))
  }

  /// Throws where the response could hold more log-probabilities than the request's limit.
  private func checkLogprobs(_ request: ReplyRequest) throws(APIError) {
    guard let limit = request.maxLogprobs else { return }
    let options = request.options
    let tokens = min(options.maxTokens?.value ?? configuration.defaults.maxTokens, engine.contextLength)
    let each = 1 + (options.sampling.topLogprobs ?? 0)
    let replies = (request.isRollout ? 2 : 1) * options.choices
    let count = replies * tokens * each
    guard count <= limit else {
      throw .invalid(
        options.maxTokens?.field ?? "max_completion_tokens",
        "The response must hold at most \(limit) log-probabilities, but \(replies) replies of up to \(tokens) tokens "
          + "with \(each) each make \(count). Ask for fewer tokens, alternatives or replies.",
        code: "invalid_value")
    }
  }
}
