// How the replies to a request think: what the client wished, within what the policy of its key allows.
import GenerationTypes

/// The modes and rules of a request's replies.
struct ThinkingPlan: Sendable, Equatable {
  /// The mode that the client asked for, or would have had without a policy.
  let requestedMode: ThinkingMode
  /// The mode that the prompt is rendered in.
  let mode: ThinkingMode
  let rules: ThoughtRules

  /// The plan of a raw completion, which does not think.
  static let withoutThought = ThinkingPlan(requestedMode: .short, mode: .short, rules: ThoughtRules())

  /// Whether the model chooses, as the client asked.
  var isDecided: Bool { requestedMode == .auto && mode == .auto }
}

extension ThinkingPlan {
  /// Combines a wish with the policy of its key and the server's defaults. Throws 403 where the policy forbids the
  /// mode.
  init(_ wish: ThinkingWish, _ policy: KeyPolicy, _ defaults: RequestDefaults) throws(APIError) {
    if let mode = wish.mode, policy.forcedMode == nil, policy.forbiddenModes.contains(mode) {
      throw APIError(
        403, "The policy of this API key forbids mode \(mode.rawValue). Choose another mode.", type: "permission_error",
        param: wish.modeField, code: "mode_forbidden")
    }
    let fallback = policy.forbiddenModes.contains(defaults.mode) ? nil : defaults.mode
    let budget = min(wish.budget ?? defaults.thought.budget ?? .max, policy.thinkingBudget ?? .max)
    var rules = defaults.thought
    rules.bias = wish.threshold == nil ? wish.bias ?? 0 : 0
    rules.threshold = wish.threshold
    rules.budget = budget == .max ? nil : budget
    if let reserve = wish.reserve { rules.answerReserve = reserve }
    self.init(
      requestedMode: wish.mode ?? defaults.mode,
      mode: policy.forcedMode ?? wish.mode ?? fallback
        ?? [.auto, .short, .long].first { !policy.forbiddenModes.contains($0) } ?? .short,
      rules: rules)
  }
}
