// A prompt as token ids and images.

/// A prompt in token ids. The positions of an image hold the image token's id; the image's features replace them.
package struct Prompt: Sendable {
  /// An image and where it stands in the prompt.
  package struct Image: Sendable {
    package var image: PreparedImage
    /// Index in `tokens` of the first of `image.layout.tokenCount` positions.
    package var position: Int
    package init(image: PreparedImage, position: Int) { (self.image, self.position) = (image, position) }
  }
  package var tokens: [TokenID]
  /// In order of position, without overlap.
  package var images: [Image]

  package init(tokens: [TokenID], images: [Image] = []) { (self.tokens, self.images) = (tokens, images) }

  /// The number of positions that images take.
  package var imageTokens: Int { images.reduce(0) { $0 + $1.image.layout.tokenCount } }
  /// The number of positions that hold text.
  package var textTokens: Int { tokens.count - imageTokens }
}
