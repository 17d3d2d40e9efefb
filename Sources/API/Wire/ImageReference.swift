// Images that a request names by `https:`, `http:` or `file:` URL. Decoding checks only the URL; the bytes are fetched
// when the whole request is valid.
import Chat
import Fetching
import Text

/// An image of the conversation that is not fetched yet.
package struct ImageReference: Sendable {
  /// The JSON path of the URL, which identifies the image within the request.
  let field: String
  let location: ImageLocation

  /// The location of the image; nil for a `data:` URI. Throws the client's view of a rejected URL.
  static func location(
    of url: String, field: String, _ images: (any ImageFetching)?
  ) throws(APIError) -> ImageLocation? {
    let scheme = DataURI.scheme(of: url)
    guard ["http", "https", "file"].contains(exactly: scheme) else { return nil }
    do throws(FetchError) {
      guard let images else { throw scheme.exact == "file" ? .filesOff : .remoteOff }
      return try images.location(of: url)
    } catch {
      throw APIError(error, field: field)
    }
  }
}

extension Conversation {
  /// Fills in the bytes of the images.
  mutating func fill(_ references: [ImageReference], with images: [[UInt8]]) {
    let fetched = Dictionary(zip(references.map(\.field.exact), images), uniquingKeysWith: { first, _ in first })
    for message in messages.indices {
      for part in messages[message].parts.indices {
        guard case .image(_, let detail, let field) = messages[message].parts[part], let bytes = fetched[field.exact]
        else {
          continue
        }
        messages[message].parts[part] = .image(bytes: bytes, detail: detail, field: field)
      }
    }
  }
}

extension APIError {
  /// The client's view of an image that cannot be fetched. The message does not distinguish a forbidden address, a
  /// closed port and a missing file. The status is 400 because libraries retry after 5xx.
  init(_ error: FetchError, field: String) {
    func refusal(_ what: String, code: String) -> APIError { .invalid(field, "\(field): \(what).", code: code) }
    switch error {
    case .remoteOff:
      self = refusal(
        "this server does not fetch remote images; send the image as a data: URI", code: "invalid_image_url")
    case .filesOff:
      self = refusal(
        "this server does not read file: images; send the image as a data: URI", code: "invalid_image_url")
    case .malformed: self = refusal("the URL is malformed or has an unsupported form", code: "invalid_image_url")
    case .notAllowed:
      self = refusal(
        "this server does not fetch from this host; send the image as a data: URI", code: "invalid_image_url")
    case .outside:
      self = refusal(
        "this server reads no files outside its image directory; send the image as a data: URI",
        code: "invalid_image_url")
    case .failed: self = refusal("the image could not be fetched", code: "image_fetch_failed")
    case .tooLarge(let limit):
      self.init(
        413, "\(field): the image must have at most \(limit) bytes.", param: field,
        code: "image_too_large")
    case .busy:
      self.init(
        503, "The server is fetching too many images. Try again.", type: "server_error", code: "overloaded",
        retryAfter: 1)
    }
  }
}
