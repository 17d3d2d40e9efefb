// What the operator allows the holder of a key: a mode that is forced or forbidden, and ceilings on tokens.
import GenerationTypes
import Text

/// The rules of one key. The neutral value of `init()` allows everything.
package struct KeyPolicy: Sendable, Equatable {
  /// Replies are generated in this mode, whatever is asked.
  package var forcedMode: ThinkingMode?
  /// Requests that name one of these are refused.
  package var forbiddenModes: Set<ThinkingMode> = []
  /// Thinking tokens of one reply at most.
  package var thinkingBudget: Int?
  /// Generated tokens of one reply at most.
  package var maxTokens: Int?

  package init() {}
}

/// The policies of all keys.
package struct KeyPolicies: Sendable {
  /// By name of the key.
  package var byName: [ExactString: KeyPolicy] = [:]
  /// For keys that are not named, and for requests without one.
  package var others = KeyPolicy()

  package init() {}

  package func policy(of keyName: String?) -> KeyPolicy { keyName.flatMap { byName[$0.exact] } ?? others }
}

/// How a request's replies are to think, once the wish has met the policy and the defaults.
struct ThinkingPlan: Sendable, Equatable {
  /// What the client asked for, or would have got without a policy.
  var requestedMode: ThinkingMode
  /// What the prompt asks the model for.
  var mode: ThinkingMode
  var rules: ThoughtRules

  /// Whether the model chooses, as it was asked to.
  var isDecided: Bool { requestedMode == .auto && mode == .auto }

  /// Throws 403 where the policy forbids the wish.
  init(_ wish: ThinkingWish, _ policy: KeyPolicy, _ defaults: RequestDefaults) throws(APIError) {
    if let mode = wish.mode, policy.forcedMode == nil, policy.forbiddenModes.contains(mode) {
      throw APIError(
        403, "The policy of this API key forbids mode \(mode.rawValue).", type: "permission_error",
        param: wish.modeField, code: "mode_forbidden")
    }
    let fallback = policy.forbiddenModes.contains(defaults.mode) ? nil : defaults.mode
    requestedMode = wish.mode ?? defaults.mode
    mode =
      policy.forcedMode ?? wish.mode ?? fallback
      ?? [.auto, .short, .long].first { !policy.forbiddenModes.contains($0) } ?? .short
    rules = defaults.thought
    rules.bias = wish.threshold == nil ? wish.bias ?? 0 : 0
    rules.threshold = wish.threshold
    let budget = min(wish.budget ?? defaults.thought.budget ?? .max, policy.thinkingBudget ?? .max)
    rules.budget = budget == .max ? nil : budget
    if let reserve = wish.reserve { rules.answerReserve = reserve }
  }

  /// A reply that does not think: a raw completion.
  init(withoutThought: Void) { (requestedMode, mode, rules) = (.short, .short, ThoughtRules()) }
}
