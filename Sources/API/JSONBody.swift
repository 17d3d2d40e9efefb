// The body of a request as JSON. Only `application/json` is taken: a web page can send other types anywhere without asking.
import HTTP
import JSON

enum JSONBody {
  /// Throws 415 where the head says that the body is compressed or otherwise coded.
  static func checkCoding(_ headers: HTTPHeaders) throws(APIError) {
    for list in headers.all("content-encoding") {
      for coding in list.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
        let name = coding.filter { $0 != 0x20 && $0 != 0x09 }.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
        if name.elementsEqual("identity".utf8) { continue }
        throw .codedBody
      }
    }
  }

  /// Parses the body; throws 413, 415 or 400 with the byte offset.
  static func parse(_ request: HTTPRequest, _ limits: RequestLimits) throws(APIError) -> JSONValue {
    try checkCoding(request.headers)
    if request.body.count > limits.bodyBytes {
      throw APIError(
        413, "The body has \(request.body.count) bytes; at most \(limits.bodyBytes) are accepted.",
        code: "body_too_large")
    }
    let type = (request.headers["content-type"] ?? "").lowercased().split(separator: ";").map {
      $0.filter { $0 != " " }
    }
    let charsets = type.dropFirst().filter { $0.hasPrefix("charset=") }
    guard type.first == "application/json", charsets.allSatisfy({ $0.filter { $0 != "\"" } == "charset=utf-8" }) else {
      throw APIError(415, "The content-type must be application/json in UTF-8.", code: "unsupported_media_type")
    }
    do {
      return try JSONValue(parsing: request.body, limits: JSONLimits(values: limits.values))
    } catch {
      throw .invalid(nil, "The body is not valid JSON: \(error).", code: "invalid_json")
    }
  }
}
