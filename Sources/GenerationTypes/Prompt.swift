// A prompt in token ids and images.

/// A prompt in ids. Each image's places hold the image token id and are overwritten by its features.
package struct Prompt: Sendable {
  package struct Image: Sendable {
    package var image: PreparedImage
    /// Index in `tokens` of the first of `image.layout.tokenCount` places.
    package var position: Int
    package init(image: PreparedImage, position: Int) { (self.image, self.position) = (image, position) }
  }
  package var tokens: [TokenID]
  /// In order of position, without overlap.
  package var images: [Image]

  package init(tokens: [TokenID], images: [Image] = []) { (self.tokens, self.images) = (tokens, images) }
}
