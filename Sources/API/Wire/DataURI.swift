// Images inside a request: `data:image/png;base64,…` (RFC 2397). Clients guess the media type from a file's name or
// omit it, so it is ignored: the bytes determine the format.

import Text

enum DataURI {
  /// The maximum number of bytes before the comma.
  private static let maxHeadBytes = 1024

  /// The encoded image in `url`. `field` is the JSON path for errors.
  static func image(_ url: String, field: String, maxBytes: Int) throws(APIError) -> [UInt8] {
    try JSONBody.checkpoint()
    let text = url.utf8
    guard scheme(of: url).exact == "data" else {
      throw .invalid(field, "\(field) must be a data: URI with an image.")
    }
    let rest = text.dropFirst(5)
    guard let comma = rest.prefix(maxHeadBytes).firstIndex(of: UInt8(ascii: ",")) else {
      throw .invalid(field, "\(field): the data: URI must have a comma between its type and its data.")
    }
    let payload = rest[rest.index(after: comma)...]
    let isBase64 = rest[..<comma].split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false).dropFirst()
      .contains { parameter in parameter.filter { $0 != UInt8(ascii: " ") }.map { $0 | 0x20 } == base64Word }
    // A lower bound of the size, checked before anything is allocated: three bytes per four characters, or fewer with
    // escapes or line breaks.
    let isPlain = isBase64 && !payload.prefix(128).contains { $0 == UInt8(ascii: "%") || Base64.isWhite($0) }
    let least = isPlain ? payload.count / 4 * 3 - 2 : payload.count / 4
    try check(size: least, field: field, maxBytes: maxBytes)
    guard let bytes = isBase64 ? base64(payload) : percentDecoded(payload) else {
      throw .invalid(field, "\(field): the data: URI is not valid \(isBase64 ? "base64" : "percent-encoding").")
    }
    if bytes.isEmpty { throw .invalid(field, "\(field): the image is empty.") }
    try check(size: bytes.count, field: field, maxBytes: maxBytes)
    return bytes
  }

  private static let base64Word = Array("base64".utf8).map { $0 | 0x20 }

  /// The text before the first colon, in lower case, cut to 16 bytes.
  static func scheme(of url: String) -> String {
    String(decoding: url.utf8.prefix { $0 != UInt8(ascii: ":") }.prefix(16), as: UTF8.self).lowercasedASCII
  }

  private static func check(size: Int, field: String, maxBytes: Int) throws(APIError) {
    if size > maxBytes {
      throw APIError(
        413, "\(field): the image must have at most \(maxBytes) bytes, got about \(size).", param: field,
        code: "image_too_large")
    }
  }

  private static func base64(_ payload: Substring.UTF8View) -> [UInt8]? {
    if let bytes = Base64.decode(payload) { return bytes }
    // A URI may escape `+`, `/` and `=`.
    guard payload.contains(UInt8(ascii: "%")), let plain = percentDecoded(payload) else { return nil }
    return Base64.decode(plain)
  }

  private static func percentDecoded(_ text: Substring.UTF8View) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    var rest = text[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else { bytes.append(byte); continue }
      guard let high = rest.popFirst().flatMap(Hexadecimal.value), let low = rest.popFirst().flatMap(Hexadecimal.value)
      else {
        return nil
      }
      bytes.append(high << 4 | low)
    }
    return bytes
  }
}
