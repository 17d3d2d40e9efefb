// The response object around its items.
import GenerationTypes
import JSON
import Text

/// The members that all versions of one response share.
struct ResponseFrame: Sendable {
  let id: String
  /// Seconds since the epoch.
  let created: Int
  let model: String
  let serviceTier: ServiceTier?
  /// Members that repeat the request.
  let echo: JSONObject

  /// The response with the items so far; `figures` are set once it has ended.
  func response(_ status: String, _ items: [JSONValue], _ figures: AnswerFigures?) -> JSONValue {
    var object: JSONObject = [
      "id": .string(id), "object": "response", "created_at": .integer(Int64(created)), "status": .string(status),
      "error": nil, "incomplete_details": status.exact == "incomplete" ? ["reason": "max_output_tokens"] : .null,
      "model": .string(model), "output": .array(items),
    ]
    object = object + echo
    if let serviceTier { object["service_tier"] = .string(serviceTier.rawValue) }
    object["usage"] = figures?.responseUsage ?? .null
    if let figures { (object["thinking"], object["timings"]) = (figures.thinking, figures.timings) }
    return .object(object)
  }

  /// The response that ended with an error.
  func failed(_ error: APIError) -> JSONValue {
    var object = response("failed", [], nil).object ?? JSONObject()
    object["error"] = ["code": .string(error.code ?? error.type), "message": .string(error.message)]
    return .object(object)
  }
}
