import API
import Configuration
import Evaluation
import Foundation
import HTTP
import JSON
// The model in this process as a client. Requests go through the server's own handler, so that evaluations give the
// same results with and without a socket.
import ModelLoading
import Scheduling
import Telemetry

struct LocalModelClient: ModelClient {
  /// The model's name, as requests give it.
  let name: String
  /// The type of the weights in memory.
  let weights: String
  /// The properties on which answers depend: the checkpoint, the types of weights and cache, and the settings of
  /// replies.
  let source: JSONValue

  private let loaded: LoadedModel
  private let server: APIServer

  /// Loads the model; throws an error that names the file.
  init(settings: Settings, base: URL) async throws {
    loaded = try await LoadedModel(settings, base)
    (name, weights) = (loaded.name, loaded.weightType)
    source = Self.source(settings, base, weights: weights)
    let engine = loaded.engine
    server = APIServer(
      configuration: APIConfiguration(settings, loaded), chat: loaded.chat, engine: engine,
      metrics: ServerMetrics(model: loaded.name, version: R4B.version) { LoadSample(engine.load) },
      log: JSONLog(level: .error))
  }

  private static func source(_ settings: Settings, _ base: URL, weights: String) -> JSONValue {
    let document = settings.document
    var model = document["model"]?.object ?? JSONObject()
    model["name"] = nil
    for name in ["path", "mmproj"] {
      guard let path = model[name]?.string else { continue }
      let absolute = URL(fileURLWithPath: path, relativeTo: base).path
      model[name] = .string(URL(fileURLWithPath: absolute).resolvingSymlinksInPath().path)
    }
    model["weights"] = .string(weights)
    return [
      "model": .object(model), "generation": document["generation"] ?? .null,
      "kv_type": document["scheduling"]?["kv_type"] ?? .null,
    ]
  }

  func complete(_ body: JSONValue) async throws -> JSONValue {
    let response = await server.respond(
      to: HTTPRequest(
        method: "POST", path: "/v1/chat/completions",
        headers: ["host": "localhost", "content-type": "application/json"], body: body.encoded))
    try Task.checkCancellation()
    guard case .bytes(let bytes) = response.body else {
      throw ModelClientError.fatal("status \(response.status) without a body")
    }
    guard (200...299).contains(response.status) else {
      throw ModelClientError(status: response.status, body: bytes, retryAfter: response.headers["retry-after"])
    }
    do { return try JSONValue(parsing: bytes) } catch {
      throw ModelClientError.fatal("the reply is not JSON: \(error)")
    }
  }

  /// Ends the engine's thread; running replies are dropped.
  func shutdown() async { await loaded.engine.shutdown(grace: .zero) }
}
