// The token ids that steer a generation.

/// Ids with a meaning for the generation. Chat derives them from the tokenizer and the checkpoint.
package struct ControlTokens: Sendable {
  /// The ids that end a reply.
  package var stop: Set<TokenID>
  /// The ids that are never sampled: the image placeholder.
  package var forbidden: Set<TokenID>
  /// The ids that begin a whitespace-only close of the thought: `</think>` and white-space tokens with two line feeds.
  package var closing: Set<TokenID>
  /// The number of ids of the tokenizer. Further columns of a row of logits are padding.
  package var vocabularySize: Int
  package var thinking: ThinkingTokens
  package init(
    stop: Set<TokenID>, forbidden: Set<TokenID>, closing: Set<TokenID>, vocabularySize: Int,
    thinking: ThinkingTokens = ThinkingTokens()
  ) {
    (self.stop, self.forbidden, self.closing, self.vocabularySize) = (stop, forbidden, closing, vocabularySize)
    self.thinking = thinking
  }
}
