// The reasons why an image is rejected. The messages are constant apart from numbers: clients never see decoder
// messages, image bytes or memory addresses.

import Text

/// The error type of this module.
package enum ImageError: Error, Equatable, CustomStringConvertible {
  /// The first bytes are not those of PNG, JPEG, WebP or GIF (415).
  case unsupportedFormat
  /// The encoded image is too large (413).
  case tooManyBytes(limit: Int, value: Int)
  /// Width times height is too large (413).
  case tooManyPixels(limit: Int, value: Int)
  /// The longer edge is too long (413).
  case edgeTooLong(limit: Int, value: Int)
  /// The scans of a JPEG, each counted as all pixels of the image, are too much work (413).
  case tooManyScans(scans: Int, limit: Int, value: Int)
  /// The pixels and a JPEG's coefficients need too much memory (413).
  case tooMuchMemory(limit: Int, value: Int)
  /// There are too many blocks of metadata before the pixels (413).
  case tooManyBlocks(ImageFormat, limit: Int)
  /// Decoding took more processor time, in seconds, than an image of this size may take (413).
  case tooSlow(limit: Double)
  /// The decode was cancelled because its result is no longer needed. No client sees this.
  case cancelled
  /// The image is truncated, corrupt or of an unsupported kind (422).
  case undecodable(ImageFormat)
  /// The checkpoint's preprocessor settings are inconsistent (at start-up, never for a request).
  case invalidProcessor(String)

  /// The class of the error, which determines the status of the response.
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
    case .unsupportedFormat: "the image must be PNG, JPEG, WebP or GIF"
    case .tooManyBytes(let limit, let value): "the image must have at most \(limit) bytes, got \(value)"
    case .tooManyPixels(let limit, let value): "the image must have at most \(limit) pixels, got \(value)"
    case .edgeTooLong(let limit, let value):
      "the longer edge of the image must have at most \(limit) pixels, got \(value)"
    case .tooManyScans(let scans, let limit, let value):
      "the \(scans) scans of the image must decode at most \(limit) pixels in total, got \(value); save it as a baseline JPEG"
    case .tooMuchMemory(let limit, let value):
      "decoding the image must take at most \(limit) bytes of memory, but needs \(value); save it as a baseline JPEG"
    case .tooManyBlocks(let format, let limit):
      "the \(format.rawValue) image must have at most \(limit) blocks of metadata before its pixels; save it without metadata"
    case .tooSlow(let limit):
      "decoding the image exceeded \((limit * 10).rounded() / 10) s of processor time, the limit for its size; save the image again"
    case .cancelled: "the decoding of the image was cancelled"
    case .undecodable(let format): "the \(format.rawValue) image is damaged or of an unsupported kind"
    case .invalidProcessor(let reason): "image preprocessor: \(reason)"
    }
  }
}
