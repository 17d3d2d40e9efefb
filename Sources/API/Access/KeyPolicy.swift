// What the operator allows the holder of a key: forced and forbidden modes, and limits on tokens.
import GenerationTypes
import Text

/// The rules of one key. `init()` allows everything.
package struct KeyPolicy: Sendable, Equatable {
  /// The mode of all replies, whatever the request says.
  package var forcedMode: ThinkingMode?
  /// Modes that requests must not name.
  package var forbiddenModes: Set<ThinkingMode> = []
  /// The maximum number of thinking tokens of one reply.
  package var thinkingBudget: Int?
  /// The maximum number of generated tokens of one reply.
  package var maxTokens: Int?

  package init() {}
}

/// The policies of all keys.
package struct KeyPolicies: Sendable {
  /// Policies by the name of the key.
  package var byName: [ExactString: KeyPolicy] = [:]
  /// The policy of all other keys and of requests without a key.
  package var others = KeyPolicy()

  package init() {}

  package func policy(of keyName: String?) -> KeyPolicy { keyName.flatMap { byName[$0.exact] } ?? others }
}
