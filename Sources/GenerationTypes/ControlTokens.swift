// The token ids that steer a generation.

/// Ids that steer generation; Chat derives them from the tokenizer and the checkpoint.
package struct ControlTokens: Sendable {
  /// End the reply when sampled.
  package var stop: Set<TokenID>
  /// Never sampled: the image placeholder.
  package var forbidden: Set<TokenID>
  /// Begin a whitespace-only close of the thought: `</think>` and white-space tokens that hold two line feeds.
  package var closing: Set<TokenID>
  /// Ids at or beyond this are padding rows of the head and never sampled.
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
