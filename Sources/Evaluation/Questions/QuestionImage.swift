// An image of a question: a file beside the set, or a data URI. Files are read when a question is asked, so that a set of many images is
// not held in memory.
import Foundation

/// Where an image's bytes are.
package enum QuestionImage: Sendable, Equatable {
  /// An absolute path.
  case file(String)
  /// The URI as it stands in the set.
  case dataURI(String)

  /// What an image may have at most.
  package static let maxBytes = 20 << 20

  /// The image as a `data:` URI. Throws when the file cannot be read, is larger than `maxBytes` or is no PNG, JPEG, WebP or GIF.
  package func uri() throws(EvaluationError) -> String {
    switch self {
    case .dataURI(let uri): return uri
    case .file(let path):
      let data = try Self.read(path)
      return "data:\(try Self.type(of: data, path));base64,\(data.base64EncodedString())"
    }
  }

  /// The bytes that a digest of the set takes in. Throws as `uri` does.
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
      throw EvaluationError("\(path) is not there")
    }
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    if let size = attributes?[.size] as? Int, size > maxBytes {
      throw EvaluationError("\(path) has \(size) bytes, at most \(maxBytes) are taken")
    }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw EvaluationError("\(path) cannot be read")
    }
    return data
  }

  /// The media type by the first bytes.
  private static func type(of data: Data, _ path: String) throws(EvaluationError) -> String {
    let head = Array(data.prefix(12))
    if head.starts(with: [0x89, 0x50, 0x4E, 0x47]) { return "image/png" }
    if head.starts(with: [0xFF, 0xD8, 0xFF]) { return "image/jpeg" }
    if head.starts(with: Array("GIF8".utf8)) { return "image/gif" }
    if head.count == 12, head.starts(with: Array("RIFF".utf8)), head[8...] == Array("WEBP".utf8)[...] {
      return "image/webp"
    }
    throw EvaluationError("\(path) is no PNG, JPEG, WebP or GIF image")
  }
}
