// POST /v1/rollouts: what bi-mode policy optimisation samples. One prompt is prepared in both modes with its images decoded once;
// all replies are submitted together, share the engine's KV of the prompt's beginning and are decoded as one batch.
import Chat
import GenerationTypes
import HTTP
import JSON
import Scheduling
import Telemetry
import Text
import Work

/// The endpoint of rollouts.
struct Rollouts: Sendable {
  let configuration: APIConfiguration
  let chat: any Chatting
  let launcher: ReplyLauncher

  /// Answers one request; throws what `APIError(translating:)` understands.
  func respond(to request: HTTPRequest, _ record: RequestRecord) async throws -> HTTPResponse {
    let wanted = try await JSONBody.read(request, configuration) { [configuration] in
      try RolloutRequest(body: $0, configuration: configuration)
    }
    try checkSize(wanted)
    let plans = try [ThinkingMode.long, .short].map { mode in try plan(mode, wanted, record) }
    let start = ContinuousClock.now
    let conversation = Conversation(messages: wanted.messages, mode: .long)
    let prepared = try await launcher.prepare(conversation, wanted.references, modes: plans.map(\.mode), record)
    let preparation = ContinuousClock.now - start
    var sources: [ReplyFeed.Source] = []
    for (prompt, plan) in zip(prepared, plans) {
      var options = wanted.options
      // The reply at place i of all has the seed of the request plus i.
      options.sampling.seed = options.sampling.seed.map { $0 &+ UInt64(sources.count) }
      sources += try launcher.launch(prompt, options, plan, record)
    }
    var rollouts = Array(repeating: Rollout(), count: sources.count)
    let replies = try await ReplyFeed(sources) { _ in }.read { signal in
      guard case .output(let index, .delta(let pieces, let tokens)) = signal else { return }
      rollouts[index].append(pieces, tokens)
    }
    let size = replies.reduce(0) { $0 + $1.counts.total } * (wanted.tellsTokens ? 256 : 16)
    let (groups, whole) = try await configuration.work.finish(bytes: size) {
      [self, rollouts] () -> ([Group], HTTPResponse) in
      let all = zip(prepared, [ThinkingOutcome.thinking, .nonThinking]).enumerated().map { place, group in
        let range = place * wanted.options.choices..<(place + 1) * wanted.options.choices
        return Group(
          outcome: group.1,
          figures: record.figures(
            of: Array(replies[range]), requestedMode: plans[place].mode, textTokens: group.0.textTokens,
            imageTokens: group.0.imageTokens, preparation: preparation),
          replies: range.map { rollouts[$0].json(replies[$0], tellsTokens: wanted.tellsTokens, chat) })
      }
      return (all, HTTPResponse.json(self.document(wanted, all)))
    }
    note(groups, replies, record)
    var response = whole
    if let names = wanted.ignored.header() { response.headers["x-ignored-parameters"] = names }
    return response
  }

  /// Log-probabilities of one response, alternatives included, at most: some hundred bytes each are held until all replies have ended.
  private static let mostLogprobs = 1 << 21

  /// Throws where the response might tell more log-probabilities than are held.
  private func checkSize(_ wanted: RolloutRequest) throws(APIError) {
    guard wanted.tellsTokens else { return }
    let tokens = min(wanted.options.maxTokens?.value ?? configuration.defaults.maxTokens, launcher.engine.contextLength)
    let each = 1 + (wanted.options.sampling.topLogprobs ?? 0)
    let count = 2 * wanted.options.choices * tokens * each
    guard count <= Self.mostLogprobs else {
      throw .invalid(
        wanted.options.maxTokens?.field ?? "max_completion_tokens",
        "\(2 * wanted.options.choices) replies of up to \(tokens) tokens with \(each) log-probabilities each are \(count); "
          + "at most \(Self.mostLogprobs) are told. Ask for fewer tokens, alternatives or replies.",
        code: "invalid_value")
    }
  }

  /// The replies of one mode.
  private struct Group: Sendable {
    let outcome: ThinkingOutcome
    let figures: AnswerFigures
    let replies: [JSONValue]
  }

  /// How the replies of one mode are to think; 403 where the key's policy leaves no such replies.
  private func plan(
    _ mode: ThinkingMode, _ wanted: RolloutRequest, _ record: RequestRecord
  ) throws(APIError) -> ThinkingPlan {
    let policy = configuration.policies.policy(of: record.keyName)
    var wish = wanted.bounds
    wish.mode = mode
    let plan = try ThinkingPlan(wish, policy, configuration.defaults)
    guard plan.mode == mode else {
      throw APIError(
        403, "The policy of this API key forces mode \(plan.mode.rawValue); rollouts take both.",
        type: "permission_error", code: "mode_forbidden")
    }
    return plan
  }

  private func document(_ wanted: RolloutRequest, _ groups: [Group]) -> JSONValue {
    let usages = groups.map(\.figures)
    return [
      "id": .string("rollouts-" + RequestID.random()), "object": "rollouts",
      "created": .integer(Int64(RequestID.secondsSinceEpoch())), "model": .string(configuration.model.id),
      "g": .integer(Int64(wanted.options.choices)),
      "seed": .integer(Int64(bitPattern: wanted.options.sampling.seed ?? 0)),
      "prompt_tokens": .count(usages[0].prompt.total),
      "groups": ["thinking": .array(groups[0].replies), "non_thinking": .array(groups[1].replies)],
      "usage": ["thinking": usages[0].usage, "non_thinking": usages[1].usage],
      "timings": usages[0].timings,
    ]
  }

  /// Rollouts have metrics of their own: they are no answers to anybody, and would make the modes' figures say what nobody chose.
  private func note(_ groups: [Group], _ replies: [Reply], _ record: RequestRecord) {
    for group in groups {
      for reply in group.figures.replies { launcher.metrics.record(rollout: reply, in: group.outcome) }
    }
    let count = replies.count, tokens = replies.reduce(0) { $0 + $1.counts.total }
    record.note {
      $0.more = ["rollouts": .integer(Int64(count)), "rollout_tokens": .integer(Int64(tokens))]
    }
  }
}
