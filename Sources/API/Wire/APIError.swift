// An error as a client sees it. Messages state field, limit and value, and never contain internal errors.
import HTTP
import JSON
import Text

/// Ends a request with an error body.
package struct APIError: Error, Equatable, Sendable {
  package var status: Int
  package var message: String
  package var type: String
  /// The JSON path of the invalid field, such as `messages[2].content[0].image_url.url`.
  package var param: String?
  package var code: String?
  /// Seconds after which a retry may succeed.
  package var retryAfter: Int?
  /// The methods that the route accepts, for 405.
  package var allow: String?
  /// The content codings that the route accepts, for 415.
  package var acceptEncoding: String?

  package init(
    _ status: Int, _ message: String, type: String = "invalid_request_error", param: String? = nil, code: String? = nil,
    retryAfter: Int? = nil
  ) {
    (self.status, self.message, self.type) = (status, message, type)
    (self.param, self.code, self.retryAfter) = (param, code, retryAfter)
  }

  /// 400 for the field at `param`.
  static func invalid(_ param: String?, _ message: String, code: String? = nil) -> APIError {
    APIError(400, message, param: param, code: code)
  }

  /// 404 for an unknown path.
  static let noRoute = APIError(404, "This server has no route for this path.", code: "not_found")

  /// 405 on a route that accepts the methods in `allow`.
  static func wrongMethod(allow: String) -> APIError {
    var error = APIError(405, "This route accepts only \(allow).", code: "method_not_allowed")
    error.allow = allow
    return error
  }

  /// 413 for a body on a route that accepts none.
  static let unexpectedBody = APIError(
    413, "This route accepts no body. Send the request without one.", code: "body_too_large")

  /// 403 for a Host header that names another server.
  static let unknownHost = APIError(
    403, "The Host header names another server. Use a name that server.allowed_hosts lists.", type: "permission_error",
    code: "host_not_allowed")

  /// 401 for a request without a valid key.
  static let missingKey = APIError(
    401, "A valid API key is required. Send the header Authorization: Bearer KEY.", type: "authentication_error",
    code: "invalid_api_key")

  /// 415 for a body with a content coding, RFC 9110 8.4 and 15.5.16.
  static let codedBody: APIError = {
    var error = APIError(
      415,
      "Content-Encoding must be identity, because this server does not decompress request bodies. "
        + "Send the body uncompressed.",
      param: "Content-Encoding", code: "unsupported_content_encoding")
    error.acceptEncoding = "identity"
    return error
  }()

  /// 500 without internal text. The log has the cause under the request's id.
  static func inner(requestID: String) -> APIError {
    APIError(
      500, "The server failed to answer this request. Its log has the cause under \(requestID).", type: "server_error")
  }

  /// `{"error": {message, type, param, code}}`; all four members are always present.
  package var body: JSONValue {
    [
      "error": [
        "message": .string(message), "type": .string(type), "param": param.map(JSONValue.string) ?? .null,
        "code": code.map(JSONValue.string) ?? .null,
      ]
    ]
  }

  /// The error as a whole response.
  package var response: HTTPResponse {
    var response = HTTPResponse.json(body, status: status)
    if let retryAfter { response.headers["retry-after"] = String(retryAfter) }
    if let allow { response.headers["allow"] = allow }
    if let acceptEncoding { response.headers["accept-encoding"] = acceptEncoding }
    if status == 401 { response.headers["www-authenticate"] = "Bearer" }
    return response
  }
}

extension HTTPResponse {
  /// A JSON document as a response.
  static func json(_ value: JSONValue, status: Int = 200) -> HTTPResponse {
    json(encoded: value.encoded, status: status)
  }

  /// An encoded JSON document as a response.
  static func json(encoded bytes: [UInt8], status: Int = 200) -> HTTPResponse {
    HTTPResponse(
      status: status, headers: ["content-type": "application/json", "cache-control": "no-store"], body: .bytes(bytes))
  }
}
