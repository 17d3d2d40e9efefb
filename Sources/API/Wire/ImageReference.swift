// Images that a request names by `https:`, `http:` or `file:` URL. Decoding checks the name only; the bytes are fetched after the
// whole request was found valid.
import Chat
import Fetching
import Text

/// An image of the conversation whose bytes are still elsewhere.
package struct ImageReference: Sendable {
  /// JSON path of the URL, which no other image of the request has.
  let field: String
  let location: ImageLocation

  /// Where the image of `url` is; nil where the URL is to be read as `data:`. Throws what the client is told.
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
  /// Puts the bytes of each reference into its place.
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
  /// The client's view of an image that cannot be had. What went wrong on the way is one text: a refused address, a closed port
  /// and a missing file are not told apart. 400, because libraries repeat what is answered with 5xx.
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
