// From a prepared prompt to running replies: every endpoint that generates takes this way to the engine.
import Chat
import GenerationTypes
import Scheduling
import Telemetry

/// Hands prompts to the engine.
struct ReplyLauncher: Sendable {
  let configuration: APIConfiguration
  let chat: any Chatting
  let engine: any GenerationService
  let metrics: ServerMetrics
  /// Answers some requests again; nil never does.
  var shadows: Shadows?

  /// Submits as many replies to a prompt as `options` want; `prompt` is the field that it came in. Throws the client's view of a refused admission.
  func launch(
    _ prepared: any PreparedConversation, _ options: GenerationOptions, _ plan: ThinkingPlan, _ record: RequestRecord,
    prompt: String = "messages"
  ) throws(APIError) -> [ReplyFeed.Source] {
    var request = request(prepared, options, plan, record)
    var sources: [ReplyFeed.Source] = []
    for index in 0..<options.choices {
      request.sampling.seed = options.sampling.seed.map { $0 &+ UInt64(index) }
      do {
        let events = try engine.submit(request)
        sources.append((Reply(reader: prepared.makeReader(stopStrings: options.stop), arrival: record.arrival), events))
      } catch {
        throw APIError(
          error, param: options.maxTokens?.field ?? "max_completion_tokens", prompt: prompt,
          imageTokens: prepared.imageTokens)
      }
    }
    return sources
  }

  /// What the engine is asked for one reply.
  func request(
    _ prepared: any PreparedConversation, _ options: GenerationOptions, _ plan: ThinkingPlan, _ record: RequestRecord
  ) -> GenerationRequest {
    let maxTokens = limit(prepared, options, configuration.policies.policy(of: record.keyName))
    var request = GenerationRequest(
      prompt: prepared.prompt, sampling: options.sampling, control: prepared.control, maxTokens: maxTokens,
      decides: prepared.decides)
    (request.start, request.thought, request.constraint) = (prepared.start, plan.rules, prepared.constraint)
    request.serviceClass = options.serviceTier == .flex ? .batch : .interactive
    // All replies together: many short ones hold slots as long as a long one.
    let (work, overflow) = maxTokens.multipliedReportingOverflow(by: options.choices)
    request.isShort = !overflow && work <= configuration.defaults.briefTokens
    request.salt = record.keyName ?? ""
    request.client = record.client
    request.deadline = configuration.replyTimeout.map { record.arrival + $0 }
    return request
  }

  /// Brings replies together for one reader.
  func feed(_ sources: [ReplyFeed.Source]) -> ReplyFeed {
    let metrics = metrics
    return ReplyFeed(sources) { metrics.interToken.observe($0) }
  }

  /// Tokens that a reply may have. A limit nobody asked for shrinks to what the context has left, which is also what a client gets
  /// that wants none; one the client named is held to, but for the key's ceiling.
  private func limit(_ prepared: any PreparedConversation, _ options: GenerationOptions, _ policy: KeyPolicy) -> Int {
    let room = max(1, engine.contextLength - prepared.prompt.tokens.count)
    let wanted = options.maxTokens?.value ?? min(configuration.defaults.maxTokens, room)
    return min(wanted == .max ? room : wanted, policy.maxTokens ?? .max)
  }
}
