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
