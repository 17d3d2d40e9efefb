// How many tokens a thought may take: its budget, and the part of the reply's limit that is reserved for the answer.
import GenerationTypes

/// The limits of one thought. At a soft limit it ends at the next boundary, at a hard limit at once.
struct ThoughtLimits {
  /// Soft and hard limit of thinking tokens.
  let budget, hardBudget: Int
  /// Soft and hard limit of all generated tokens, which leave room for the answer.
  let softLength, hardLength: Int

  /// The limits of a reply of at most `maxTokens` tokens; `.max` if there is no limit.
  init(_ rules: ThoughtRules, _ thinking: ThinkingTokens, maxTokens: Int) {
    budget = rules.budget ?? .max
    hardBudget = rules.budget.map { $0 + Self.grace($0) } ?? .max
    let tags = max(thinking.lineEnd.count, thinking.emptyThought.count) + 1 + thinking.answerGap.count
    let room = maxTokens - tags
    guard rules.answerReserve > 0, thinking.close != nil, room > 0 else {
      (softLength, hardLength) = (.max, .max)
      return
    }
    hardLength = max(0, room - min(rules.answerReserve, max(1, maxTokens / 4)))
    softLength = hardLength - Self.grace(hardLength)
  }

  /// 5 %, at least one token.
  private static func grace(_ count: Int) -> Int { count == 0 ? 0 : count / 20 + (count % 20 == 0 ? 0 : 1) }
}
