// Why a conversation cannot become a prompt. Every case is the client's to mend.
import Imaging

/// Thrown by `ChatModel.prepare`; each case says which part of the request it is about.
package enum ChatError: Error, Sendable {
  /// The chat template refused the conversation; the text is the template's or the engine's.
  case template(String)
  /// The picture at `field` cannot be used.
  case image(field: String, ImageError)
  /// The pictures alone take more places than the context has.
  case tooManyImageTokens(value: Int, limit: Int)
  /// The model has no vision tower.
  case imagesUnsupported(field: String)
}
