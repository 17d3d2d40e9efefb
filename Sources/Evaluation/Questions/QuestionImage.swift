// An image of a question: a file beside the set, or a data URI. Files are read when a question is asked, so that
// large sets of images are not held in memory.
import Foundation

/// The location of an image's bytes.
package enum QuestionImage: Sendable, Equatable {
  /// An absolute path.
  case file(String)
  /// The URI as written in the set.
  case dataURI(String)

  /// The limit on the size of an image in bytes.
  package static let maxBytes = 20 << 20

  /// Returns the image as a `data:` URI. Throws if the file cannot be read, exceeds `maxBytes` or is not PNG, JPEG,
  /// WebP or GIF.
  package func uri() throws(EvaluationError) -> String {
    switch self {
    case .dataURI(let uri): return uri
    case .file(let path):
      let data = try Self.read(path)
      return "data:\(try Self.type(of: data, path));base64,\(data.base64EncodedString())"
    }
  }

  /// Returns the bytes that contribute to the digest of the set. Throws as `uri` does.
  func contents() throws(EvaluationError) -> [UInt8] {
    switch self {
    case .dataURI(let uri): return Array(uri.utf8)
    case .file(let path):
      let data = try Self.read(path)
      _ = try Self.type(of: data, path)
      return Array(data)
    }
  }

  private static func read(_ path: String) throws(EvaluationError) -> Data {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), !isDirectory.boolValue else {
      throw EvaluationError("\(path) does not exist")
    }
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    if let size = attributes?[.size] as? Int, size > maxBytes {
      throw EvaluationError("\(path) must have at most \(maxBytes) bytes, got \(size)")
    }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw EvaluationError("\(path) cannot be read")
    }
    return data
  }

  /// Returns the media type, recognised by the first bytes.
  private static func type(of data: Data, _ path: String) throws(EvaluationError) -> String {
    let head = Array(data.prefix(12))
    if head.starts(with: [0x89, 0x50, 0x4E, 0x47]) { return "image/png" }
    if head.starts(with: [0xFF, 0xD8, 0xFF]) { return "image/jpeg" }
    if head.starts(with: Array("GIF8".utf8)) { return "image/gif" }
    if head.count == 12, head.starts(with: Array("RIFF".utf8)), head[8...] == Array("WEBP".utf8)[...] {
      return "image/webp"
    }
    throw EvaluationError("\(path) must be a PNG, JPEG, WebP or GIF image")
  }
}
