// The images of a conversation: decoded, cut into views and placed in the prompt.
import GenerationTypes
import Imaging
import Work

extension ChatModel {
  /// Decodes every image and cuts it into views, after checking by the headers that all images fit the context.
  /// `tokens` is the number of tokens of the text, with one placeholder per image.
  func prepareImages(of conversation: Conversation, beside tokens: Int) async throws -> [PreparedImage] {
    var parts: [(bytes: [UInt8], detail: ImageProcessor.Detail, field: String)] = []
    for message in conversation.messages {
      for case .image(let bytes, let detail, let field) in message.parts {
        parts.append((bytes, detail == .low ? .low : .full, field))
      }
    }
    guard let first = parts.first else { return [] }
    guard let imageProcessor else { throw ChatError.imagesUnsupported(field: first.field, model: configuration.name) }
    let limits = configuration.imageLimits
    // This uses the stored size. The layout of a rotated image may differ by a few positions, which the engine checks.
    // The header of a GIF file can be arbitrarily long, so that this runs on a work thread.
    let positions = try await work.run(.text(bytes: parts.reduce(0) { $0 + $1.bytes.count })) { [parts] _ in
      var positions = 0
      for part in parts {
        do {
          let size = try ImageDecoder.check(part.bytes, limits)
          positions += imageProcessor.layout(width: size.width, height: size.height, detail: part.detail).tokenCount
        } catch let error as ImageError { throw ChatError.image(field: part.field, error) }
      }
      return positions
    }
    if positions > configuration.contextLength {
      throw ChatError.tooManyImageTokens(
        text: max(0, tokens - parts.count), images: positions, limit: configuration.contextLength)
    }
    var images: [PreparedImage] = []
    for part in parts {
      do {
        images.append(
          try await work.run(.image) { budget in
            let decoded = try ImageDecoder.decode(part.bytes, limits: limits) { budget.shouldStop }
            var image = imageProcessor.prepare(decoded, detail: part.detail)
            image.digest = ContentDigest(of: image)
            return image
          })
      } catch let error as ImageError { throw ChatError.image(field: part.field, error) }
    }
    return images
  }

  /// Expands each image placeholder to the positions of its image.
  func place(_ images: [PreparedImage], in tokens: [TokenID]) throws(ChatError) -> ([TokenID], [Prompt.Image]) {
    let found = imageToken.map { image in tokens.count { $0 == image } } ?? 0
    if found != images.count {
      throw .template("the chat template wrote \(found) image placeholders for \(images.count) images")
    }
    guard let imageToken, found > 0 else { return (tokens, []) }
    var expanded: [TokenID] = []
    var placed: [Prompt.Image] = []
    for token in tokens {
      if token == imageToken {
        let image = images[placed.count]
        placed.append(Prompt.Image(image: image, position: expanded.count))
        expanded += repeatElement(imageToken, count: image.layout.tokenCount)
      } else {
        expanded.append(token)
      }
    }
    return (expanded, placed)
  }
}
