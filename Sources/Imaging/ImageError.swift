// Why a picture is refused. The texts are fixed: nothing of the decoder's own messages, of the picture's bytes or of memory
// addresses reaches a client.

/// The room's one error.
package enum ImageError: Error, Equatable, CustomStringConvertible {
  /// The first bytes are not those of PNG, JPEG, WebP or GIF (415).
  case unsupportedFormat
  /// The encoded picture is too long (413).
  case tooManyBytes(limit: Int, value: Int)
  /// Width times height is too much (413).
  case tooManyPixels(limit: Int, value: Int)
  /// The longer edge is too long (413).
  case edgeTooLong(limit: Int, value: Int)
  /// Truncated, corrupt or of a kind that the codec does not know (422).
  case undecodable(ImageFormat)
  /// The checkpoint's preprocessor settings make no sense (start-up, never a request).
  case invalidProcessor(String)

  /// How a server answers.
  package enum Kind: Sendable { case unsupported, tooLarge, undecodable, configuration }

  package var kind: Kind {
    switch self {
    case .unsupportedFormat: .unsupported
    case .tooManyBytes, .tooManyPixels, .edgeTooLong: .tooLarge
    case .undecodable: .undecodable
    case .invalidProcessor: .configuration
    }
  }

  package var description: String {
    switch self {
    case .unsupportedFormat: "the image is neither PNG, JPEG, WebP nor GIF"
    case .tooManyBytes(let limit, let value): "the image has \(value) bytes; the limit is \(limit)"
    case .tooManyPixels(let limit, let value): "the image has \(value) pixels; the limit is \(limit)"
    case .edgeTooLong(let limit, let value): "the image's longer edge has \(value) pixels; the limit is \(limit)"
    case .undecodable(let format): "the \(format.rawValue) image is damaged or of a kind that cannot be decoded"
    case .invalidProcessor(let reason): "image preprocessor: \(reason)"
    }
  }
}
