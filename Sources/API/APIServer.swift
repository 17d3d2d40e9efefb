// The HTTP surface as one handler: the table of routes and what lies outside of it.
import HTTP
import JSON
import Scheduling
import Synchronization
import Telemetry

/// Answers HTTP requests.
package final class APIServer: Sendable {
  private let pipeline: RequestPipeline
  private let pages: StaticFiles?
  private let isDraining: DrainFlag
  private let router: Router

  /// Set once when the server goes down.
  private final class DrainFlag: Sendable {
    private let flag = Atomic(false)
    var isSet: Bool { flag.load(ordering: .relaxed) }
    func set() { flag.store(true, ordering: .relaxed) }
  }

  package init(
    configuration: APIConfiguration, chat: any Chatting, engine: any GenerationService, metrics: ServerMetrics,
    log: JSONLog
  ) {
    let pipeline = RequestPipeline(configuration: configuration, metrics: metrics, log: log)
    let isDraining = DrainFlag()
    var router = Router()
    func route(
      _ method: String, _ pattern: String, needsKey: Bool = true,
      _ endpoint: @escaping @Sendable (HTTPRequest, Router.Parameters, RequestRecord) async throws -> HTTPResponse
    ) {
      router.add(method, pattern) { request, parameters in
        await pipeline.serve(request, route: pattern, needsKey: needsKey) {
          try await endpoint(request, parameters, $0)
        }
      }
    }

    let completions = ChatCompletions(configuration: configuration, chat: chat, engine: engine, metrics: metrics)
    route("POST", "/v1/chat/completions") { request, _, record in
      if isDraining.isSet { throw APIError.draining }
      return try await completions.respond(to: request, record)
    }
    let models = Models(model: configuration.model)
    route("GET", "/v1/models") { _, _, _ in models.list }
    // Names of models may hold a slash.
    route("GET", "/v1/models/{id*}") { _, parameters, _ in try models.one(parameters["id"] ?? "") }
    // Orchestrators ask these without a secret; metrics tell what the server did, so they want the key.
    route("GET", "/health", needsKey: false) { _, _, _ in .json(["status": "ok"]) }
    route("GET", "/ready", needsKey: false) { _, _, _ in
      if isDraining.isSet { throw APIError.draining }
      return .json(["status": "ready", "model": .string(configuration.model.id)])
    }
    route("GET", "/metrics") { request, _, _ in
      let format = ExpositionFormat(accept: request.headers["accept"])
      return HTTPResponse(
        status: 200, headers: ["content-type": format.contentType, "cache-control": "no-store"],
        body: .bytes(Array(metrics.registry.text(format).utf8)))
    }
    (self.pipeline, self.pages, self.isDraining, self.router) = (
      pipeline, configuration.publicFiles, isDraining, router
    )
  }

  /// Refuses new chats from now on and says so to balancers; running replies continue.
  package func drain() { isDraining.set() }

  /// What the HTTP server asks at a request's head: a wrong Host or key is answered before a body is received.
  package var admission: HTTPAdmission {
    { head, remoteAddress in
      // What takes a body takes a key, too.
      guard head.method == "POST", case .handler = self.router.match(method: head.method, path: head.path) else { return nil }
      return self.pipeline.refusal(
        of: HTTPRequest(method: head.method, path: head.path, headers: head.headers, remoteAddress: remoteAddress))
    }
  }

  /// What the HTTP server calls for each request.
  package var handler: HTTPHandler { { await self.handle($0) } }

  private func handle(_ request: HTTPRequest) async -> HTTPResponse {
    switch router.match(method: request.method, path: request.path) {
    case .handler(let handler, let parameters, _): return await handler(request, parameters)
    case .options(let allow, let label):
      return await pipeline.serve(request, route: label, needsKey: false) { _ in
        pipeline.browsers.preflight(request, allow: allow) ?? HTTPResponse(status: 204, headers: ["allow": allow])
      }
    case .methodNotAllowed(let allow, let label):
      return await pipeline.serve(request, route: label, needsKey: false) { _ in
        var response = APIError(405, "This route takes \(allow) only.", code: "method_not_allowed").response
        response.headers["allow"] = allow
        return response
      }
    case .notFound:
      let reads = request.method == "GET" || request.method == "HEAD"
      if reads, let page = pages?.response(path: request.path, headers: request.headers) {
        return await pipeline.serve(request, route: "page", needsKey: false) { _ in page }
      }
      return await pipeline.serve(request, route: "other", needsKey: false) { _ in
        throw APIError(404, "There is no such route.", code: "not_found")
      }
    }
  }
}
