// Why a conversation cannot become a prompt. Every case is the client's to mend.
import Imaging
import StructuredOutput

/// Thrown by `ChatModel.prepare`; each case says which part of the request it is about.
package enum ChatError: Error, Sendable, CustomStringConvertible {
  /// The chat template refused the conversation; the text is the template's or the engine's.
  case template(String)
  /// The image at `field` cannot be used.
  case image(field: String, ImageError)
  /// The rendered text has more tokens than the context has places; how many more is not found out.
  case tooLong(limit: Int)
  /// The images alone take more positions than the context has; `text` is what the text takes beside them.
  case tooManyImageTokens(text: Int, images: Int, limit: Int)
  /// The answer cannot be kept to what a schema says.
  case schema(SchemaError)
  /// The model has no vision tower.
  case imagesUnsupported(field: String, model: String)

  /// For the terminal; API has its own words.
  package var description: String {
    switch self {
    case .template(let reason): "the chat template refuses this: \(reason)"
    case .image(let field, let error): "\(field): \(error)"
    case .tooLong(let limit): "the text takes more than \(limit) tokens, all that the context holds"
    case .tooManyImageTokens(_, let images, let limit):
      "the images alone take \(images) tokens, but the context holds \(limit)"
    case .schema(let error): "\(error)"
    case .imagesUnsupported(let field, let model): "\(field): the model \(model) does not take images"
    }
  }
}
