// GET /v1/models: the one model this server has loaded.
import HTTP
import JSON
import Text

/// The model list and its one entry.
struct Models: Sendable {
  let model: ModelDescription

  var list: HTTPResponse { .json(["object": "list", "data": [entry]]) }

  /// Returns the model with this id or alias. Throws 404 for any other.
  func one(_ id: String) throws(APIError) -> HTTPResponse {
    guard model.isNamed(id) else {
      throw APIError(404, "No model of this name is loaded. Use \(model.id).", param: "model", code: "model_not_found")
    }
    return .json(entry)
  }

  private var entry: JSONValue {
    [
      "id": .string(model.id), "object": "model", "created": .integer(Int64(model.created)),
      "owned_by": .string(model.owner),
      "meta": .object(model.meta),
    ]
  }
}
