// Why an image is refused. The texts are fixed: nothing of the decoder's own messages, of the image's bytes or of memory
// addresses reaches a client.

import Text

/// The room's one error.
package enum ImageError: Error, Equatable, CustomStringConvertible {
  /// The first bytes are not those of PNG, JPEG, WebP or GIF (415).
  case unsupportedFormat
  /// The encoded image is too long (413).
  case tooManyBytes(limit: Int, value: Int)
  /// Width times height is too much (413).
  case tooManyPixels(limit: Int, value: Int)
  /// The longer edge is too long (413).
  case edgeTooLong(limit: Int, value: Int)
  /// The scans of a JPEG, each counted with the image's pixels, are too much work (413).
  case tooManyScans(scans: Int, limit: Int, value: Int)
  /// Pixels and a JPEG's coefficients take too much memory (413).
  case tooMuchMemory(limit: Int, value: Int)
  /// More blocks of metadata stand before the pixels than are read (413).
  case tooManyBlocks(ImageFormat, limit: Int)
  /// Decoding took longer, in seconds of processor time, than an image of this size may take (413).
  case tooSlow(limit: Double)
  /// The decode was stopped because nobody waits for it any more; no client reads this.
  case cancelled
  /// Truncated, corrupt or of a kind that the codec does not know (422).
  case undecodable(ImageFormat)
  /// The checkpoint's preprocessor settings make no sense (start-up, never a request).
  case invalidProcessor(String)

  /// How a server answers.
  package enum Kind: Sendable { case unsupported, tooLarge, undecodable, configuration }

  package var kind: Kind {
    switch self {
    case .unsupportedFormat: .unsupported
    case .tooManyBytes, .tooManyPixels, .edgeTooLong, .tooManyScans, .tooMuchMemory, .tooManyBlocks, .tooSlow: .tooLarge
    case .undecodable, .cancelled: .undecodable
    case .invalidProcessor: .configuration
    }
  }

  package var description: String {
    switch self {
    case .unsupportedFormat: "the image is neither PNG, JPEG, WebP nor GIF"
    case .tooManyBytes(let limit, let value): "the image has \(value) bytes; the limit is \(limit)"
    case .tooManyPixels(let limit, let value): "the image has \(value) pixels; the limit is \(limit)"
    case .edgeTooLong(let limit, let value): "the image's longer edge has \(value) pixels; the limit is \(limit)"
    case .tooManyScans(let scans, let limit, let value):
      "the image has \(scans) scans, \(value) pixels to decode in all; the limit is \(limit); save it as a baseline JPEG"
    case .tooMuchMemory(let limit, let value):
      "the image takes \(value) bytes of memory to decode; the limit is \(limit); save it as a baseline JPEG"
    case .tooManyBlocks(let format, let limit):
      "the \(format.rawValue) image has more than \(limit) blocks of metadata before its pixels; save it without metadata"
    case .tooSlow(let limit):
      "the image took more than \((limit * 10).rounded() / 10) s of processor time to decode, the limit for its size; save it again"
    case .cancelled: "the decoding of the image was cancelled"
    case .undecodable(let format): "the \(format.rawValue) image is damaged or of a kind that cannot be decoded"
    case .invalidProcessor(let reason): "image preprocessor: \(reason)"
    }
  }
}
