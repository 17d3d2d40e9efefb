// Reads the body of a request as JSON. Only `application/json` is accepted, because a web page can send other types to
// any server without a preflight.
import HTTP
import JSON
import Text
import Work

enum JSONBody {
  /// Throws 415 if the body is compressed or otherwise coded.
  static func checkCoding(_ headers: HTTPHeaders) throws(APIError) {
    for list in headers.all("content-encoding") {
      for coding in list.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
        let name = coding.filter { $0 != 0x20 && $0 != 0x09 }.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
        if name.elementsEqual("identity".utf8) { continue }
        throw .codedBody
      }
    }
  }

  /// Parses the body and decodes it to a request, on the work queue unless the body is small.
  static func read<Wanted: Sendable>(
    _ request: HTTPRequest, _ configuration: APIConfiguration,
    _ decode: @escaping @Sendable (JSONValue) throws -> Wanted
  ) async throws -> Wanted {
    try await configuration.work.run(bytes: request.body.count) { budget in
      try self.decode(request, configuration, budget, decode)
    }
  }

  /// Does the same on the current thread, which is one of the work queue.
  static func decode<Wanted>(
    _ request: HTTPRequest, _ configuration: APIConfiguration, _ budget: WorkBudget,
    _ decode: (JSONValue) throws -> Wanted
  ) throws -> Wanted {
    try decode(try parse(request, configuration.limits) { budget.shouldStop })
  }

  /// Throws if the client has left or the request's processor time is used up. The work queue replaces the error with
  /// the reason.
  static func checkpoint() throws(APIError) {
    if WorkContext.shouldStop { throw APIError(503, "The request's work was stopped.", type: "server_error") }
  }

  /// Parses the body; throws 413, 415 or 400 with the byte offset.
  private static func parse(
    _ request: HTTPRequest, _ limits: RequestLimits, shouldStop: () -> Bool
  ) throws(APIError) -> JSONValue {
    if request.body.count > limits.bodyBytes {
      throw APIError(
        413, "The body must have at most \(limits.bodyBytes) bytes, got \(request.body.count).",
        code: "body_too_large")
    }
    let value = (request.headers["content-type"] ?? "").utf8.filter { $0 != 0x20 }
    let type = String(decoding: value, as: UTF8.self).lowercasedASCII.split(at: ";")
    let charsets: [ExactString] = type.dropFirst().filter { $0.hasPrefix(exactly: "charset=") }.map(\.exact)
    guard type.first?.exact == "application/json",
      charsets.allSatisfy({ ["charset=utf-8", "charset=\"utf-8\""].contains($0) })
    else {
      throw APIError(
        415, "The Content-Type must be application/json, with charset utf-8 or without charset.",
        code: "unsupported_media_type")
    }
    do {
      return try JSONValue(parsing: request.body, limits: JSONLimits(values: limits.values), shouldStop: shouldStop)
    } catch {
      throw .invalid(nil, "The body is not valid JSON: \(error).", code: "invalid_json")
    }
  }
}
