// The HTTP surface: the table of routes and what lies outside of it. What takes no time is answered at the request's head, on the
// event loop; the rest by the handler, in a task of its own.
import HTTP
import JSON
import Ledger
import Scheduling
import Synchronization
import Telemetry
import Text

/// Answers HTTP requests.
package final class APIServer: Sendable {
  /// What answers a route.
  private enum Endpoint: Sendable {
    /// At once and without a body.
    case instant(needsKey: Bool, @Sendable (Router<Endpoint>.Parameters) throws(APIError) -> HTTPResponse)
    /// In a task. All of them want the key.
    case task(@Sendable (HTTPRequest, RequestRecord) async throws -> HTTPResponse)
  }

  /// Where a request goes, with the route's label for metrics and log.
  private enum Destination {
    case endpoint(Endpoint, Router<Endpoint>.Parameters, label: String)
    case options(allow: String, label: String)
    case page(StaticFiles)
    case nowhere(APIError, label: String)
  }

  private let pipeline: RequestPipeline
  private let pages: StaticFiles?
  private let isDraining: DrainFlag
  /// nil where none are drawn.
  private let shadows: Shadows?
  private let router: Router<Endpoint>

  /// Set once when the server goes down.
  private final class DrainFlag: Sendable {
    private let flag = Atomic(false)
    var isSet: Bool { flag.load(ordering: .relaxed) }
    func set() { flag.store(true, ordering: .relaxed) }
  }

  package init(
    configuration: APIConfiguration, chat: any Chatting, engine: any GenerationService, metrics: ServerMetrics,
    log: JSONLog, ledger: Ledger? = nil
  ) {
    let isDraining = DrainFlag()
    var router = Router<Endpoint>()
    /// Adds an endpoint that generates, which a server that goes down refuses.
    func generate(
      _ path: String, _ respond: @escaping @Sendable (HTTPRequest, RequestRecord) async throws -> HTTPResponse
    ) {
      router.add(
        "POST", path,
        .task { request, record in
          if isDraining.isSet { throw APIError.draining }
          return try await respond(request, record)
        })
    }
    let shadows =
      configuration.shadowFraction > 0
      ? Shadows(fraction: configuration.shadowFraction, engine: engine, metrics: metrics.savings, ledger: ledger) : nil
    let launcher = ReplyLauncher(
      configuration: configuration, chat: chat, engine: engine, metrics: metrics, shadows: shadows)
    let completions = ChatCompletions(configuration: configuration, chat: chat, launcher: launcher)
    generate("/v1/chat/completions") { try await completions.respond(to: $0, $1) }
    let raw = Completions(configuration: configuration, chat: chat, launcher: launcher)
    generate("/v1/completions") { try await raw.respond(to: $0, $1) }
    let responses = Responses(configuration: configuration, chat: chat, launcher: launcher)
    generate("/v1/responses") { try await responses.respond(to: $0, $1) }
    let rollouts = Rollouts(configuration: configuration, chat: chat, launcher: launcher)
    generate("/v1/rollouts") { try await rollouts.respond(to: $0, $1) }
    let texts = TextEndpoints(configuration: configuration, chat: chat, launcher: launcher)
    router.add("POST", "/tokenize", .task { try await texts.tokenize($0, $1) })
    router.add("POST", "/detokenize", .task { try await texts.detokenize($0, $1) })
    router.add("POST", "/apply-template", .task { try await texts.applyTemplate($0, $1) })
    router.add("POST", "/v1/chat/completions/input_tokens", .task { try await texts.countTokens($0, $1) })
    let usage = Usage(chat: chat, ledger: ledger)
    router.add("GET", "/v1/usage", .task { try await usage.respond(to: $0, $1) })
    let models = Models(model: configuration.model)
    router.add("GET", "/v1/models", .instant(needsKey: true) { _ in models.list })
    // Names of models may hold a slash.
    router.add(
      "GET", "/v1/models/{id*}",
      .instant(needsKey: true) { parameters throws(APIError) in try models.one(parameters["id"] ?? "") })
    // Orchestrators ask these without a secret; metrics tell what the server did, so they want the key.
    let alive = HTTPResponse.json(["status": "ok"])
    router.add("GET", "/health", .instant(needsKey: false) { _ in alive })
    let ready = HTTPResponse.json(["status": "ready", "model": .string(configuration.model.id)])
    router.add(
      "GET", "/ready",
      .instant(needsKey: false) { _ throws(APIError) in
        if isDraining.isSet { throw .draining }
        if let refusal = engine.refusal { throw APIError(notReady: refusal) }
        return ready
      })
    router.add(
      "GET", "/metrics",
      .task { request, _ in
        let format = ExpositionFormat(accept: request.headers["accept"])
        return HTTPResponse(
          status: 200, headers: ["content-type": format.contentType, "cache-control": "no-store", "vary": "Accept"],
          body: .bytes(Array(metrics.registry.text(format).utf8)))
      })
    let description = Array(OpenAPIDocument(configuration).text.utf8)
    router.add(
      "GET", "/openapi.json",
      .instant(needsKey: false) { _ in
        HTTPResponse(
          status: 200, headers: ["content-type": "application/json", "cache-control": "no-cache"],
          body: .bytes(description))
      })
    pipeline = RequestPipeline(configuration: configuration, metrics: metrics, log: log, ledger: ledger)
    (pages, self.isDraining, self.router) = (configuration.publicFiles, isDraining, router)
    self.shadows = shadows
  }

  /// Every route: its pattern and the methods that it was given.
  package var routes: [(pattern: String, methods: [String])] { router.table }

  /// Refuses new chats from now on and says so to balancers; running replies continue.
  package func drain() {
    isDraining.set()
    shadows?.stop()
  }

  /// What the HTTP server asks at a request's head. A wrong Host, key, route or method is answered before a body is received,
  /// and only chats can make the server hold one.
  package var admission: HTTPAdmission {
    { head, remoteAddress in
      let request = HTTPRequest(
        method: head.method, path: head.path, query: head.query, headers: head.headers, remoteAddress: remoteAddress)
      let destination = self.destination(of: request)
      let hasBody = head.framing != .length(0)
      if let response = self.answer(request, destination, hasBody: hasBody) { return response }
      guard case .endpoint(_, _, let label) = destination else { return nil }
      return self.pipeline.refusal(of: request, route: label, hasBody: hasBody)
    }
  }

  /// What the HTTP server calls for each request that `admission` let in.
  package var handler: HTTPHandler { { await self.handle($0) } }

  private func handle(_ request: HTTPRequest) async -> HTTPResponse {
    let destination = destination(of: request)
    if let response = answer(request, destination, hasBody: !request.body.isEmpty) { return response }
    guard case .endpoint(.task(let endpoint), _, let label) = destination else {
      return APIError.noRoute.response
    }
    return await pipeline.serve(request, route: label, needsKey: true) { try await endpoint(request, $0) }
  }

  private func destination(of request: HTTPRequest) -> Destination {
    switch router.match(method: request.method, path: request.path) {
    case .endpoint(let endpoint, let parameters, let label): return .endpoint(endpoint, parameters, label: label)
    case .options(let allow, let label): return .options(allow: allow, label: label)
    case .methodNotAllowed(let allow, let label): return .nowhere(.wrongMethod(allow: allow), label: label)
    case .notFound:
      guard let pages, pages.contains(request.path) else { return .nowhere(.noRoute, label: "other") }
      let allow = "GET, HEAD, OPTIONS"
      switch request.method.exact {
      case "GET", "HEAD": return .page(pages)
      case "OPTIONS": return .options(allow: allow, label: "page")
      default: return .nowhere(.wrongMethod(allow: allow), label: "page")
      }
    }
  }

  /// The answer to everything but what needs a task.
  private func answer(_ request: HTTPRequest, _ destination: Destination, hasBody: Bool) -> HTTPResponse? {
    func instantly(
      _ label: String, needsKey: Bool = false, _ endpoint: () throws(APIError) -> HTTPResponse
    ) -> HTTPResponse {
      pipeline.answer(request, route: label, needsKey: needsKey) { () throws(APIError) in
        if hasBody { throw .needlessBody }
        return try endpoint()
      }
    }
    switch destination {
    case .endpoint(.task, _, let label):
      // A chat has a body; what else runs in a task reads none.
      return hasBody && request.method.exact != "POST"
        ? instantly(label) { () throws(APIError) in throw .needlessBody } : nil
    case .endpoint(.instant(let needsKey, let endpoint), let parameters, let label):
      return instantly(label, needsKey: needsKey) { () throws(APIError) in try endpoint(parameters) }
    case .options(let allow, let label):
      return instantly(label) {
        pipeline.browsers.preflight(request, allow: allow) ?? HTTPResponse(status: 204, headers: ["allow": allow])
      }
    case .page(let pages):
      return instantly("page") { () throws(APIError) in
        guard let page = pages.response(path: request.path, headers: request.headers) else { throw .noRoute }
        return page
      }
    case .nowhere(let error, let label):
      return pipeline.answer(request, route: label, needsKey: false) { () throws(APIError) in throw error }
    }
  }
}
