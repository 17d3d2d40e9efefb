// Why a conversation cannot become a prompt. The client can correct every case.
import Imaging
import StructuredOutput

/// An error of `ChatModel.prepare` about one part of the request.
package enum ChatError: Error, Sendable, CustomStringConvertible {
  /// The chat template rejected the conversation, with this message.
  case template(String)
  /// The image at `field` cannot be used.
  case image(field: String, ImageError)
  /// The rendered text has more than `limit` tokens, the size of the context. Tokenisation stops there.
  case tooLong(limit: Int)
  /// The images alone take more positions than the context has; the text takes `text` positions.
  case tooManyImageTokens(text: Int, images: Int, limit: Int)
  /// A schema cannot be enforced.
  case schema(SchemaError)
  /// The model has no vision tower.
  case imagesUnsupported(field: String, model: String)

  /// The message for the terminal; API has its own messages.
  package var description: String {
    switch self {
    case .template(let reason): "the chat template rejects this conversation: \(reason)"
    case .image(let field, let error): "\(field): \(error)"
    case .tooLong(let limit): "the text has more than \(limit) tokens, the size of the context"
    case .tooManyImageTokens(_, let images, let limit):
      "the images take \(images) tokens, but the context has only \(limit)"
    case .schema(let error): "\(error)"
    case .imagesUnsupported(let field, let model): "\(field): the model \(model) does not support images"
    }
  }
}
