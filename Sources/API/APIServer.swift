// The routes of the server. Requests that take no time are answered on the event loop, when their head has arrived; the
// others in tasks of their own.
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
    /// On the event loop, without a body.
    case instant(needsKey: Bool, @Sendable (Router<Endpoint>.Parameters) throws(APIError) -> HTTPResponse)
    /// In a task, with a key.
    case task(takesBody: Bool, RequestPipeline.Handler)
  }

  private let pipeline: RequestPipeline
  private let pages: StaticFiles?
  private let isDraining: DrainFlag
  /// nil if shadow requests are disabled.
  private let shadows: Shadows?
  private let router: Router<Endpoint>

  /// Set once, when the server shuts down.
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
    let shadows =
      configuration.shadowFraction > 0
      ? Shadows(fraction: configuration.shadowFraction, engine: engine, metrics: metrics.savings, ledger: ledger) : nil
    let service = ReplyService(
      configuration: configuration, chat: chat, engine: engine, metrics: metrics, shadows: shadows)
    /// Adds an endpoint that generates. A server that shuts down rejects its requests.
    func generate<Codec: ReplyCodec>(_ path: String, _: Codec.Type) {
      let endpoint = GenerationEndpoint<Codec>(service: service)
      router.add(
        "POST", path,
        .task(takesBody: true) { request, record in
          if isDraining.isSet { throw APIError.draining }
          return try await endpoint.respond(to: request, record)
        })
    }
    generate("/v1/chat/completions", ChatCompletionsCodec.self)
    generate("/v1/completions", CompletionsCodec.self)
    generate("/v1/responses", ResponsesCodec.self)
    generate("/v1/rollouts", RolloutsCodec.self)
    let texts = TextEndpoints(service: service)
    router.add("POST", "/tokenize", .task(takesBody: true) { try await texts.tokenize($0, $1) })
    router.add("POST", "/detokenize", .task(takesBody: true) { try await texts.detokenize($0, $1) })
    router.add("POST", "/apply-template", .task(takesBody: true) { try await texts.applyTemplate($0, $1) })
    router.add(
      "POST", "/v1/chat/completions/input_tokens", .task(takesBody: true) { try await texts.countTokens($0, $1) })
    let usage = Usage(chat: chat, ledger: ledger)
    router.add("GET", "/v1/usage", .task(takesBody: false) { try await usage.respond(to: $0, $1) })
    let models = Models(model: configuration.model)
    router.add("GET", "/v1/models", .instant(needsKey: true) { _ in models.list })
    // Model names may contain slashes.
    router.add(
      "GET", "/v1/models/{id*}",
      .instant(needsKey: true) { parameters throws(APIError) in try models.one(parameters["id"] ?? "") })
    // Orchestrators call these without a secret. Metrics reveal what the server did, so they need the key.
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
      .task(takesBody: false) { request, _ in
        let format = ExpositionFormat(accept: request.headers["accept"])
        return HTTPResponse(
          status: 200, headers: ["content-type": format.contentType, "cache-control": "no-store", "vary": "Accept"],
          body: .bytes(Array(metrics.registry.text(format).utf8)))
      })
    let description = OpenAPIDocument(configuration).json.encoded
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

  /// Every route with its methods.
  package var routes: [(pattern: String, methods: [String])] { router.table }

  /// Rejects new requests for replies from now on and reports not ready; running replies continue.
  package func drain() {
    isDraining.set()
    shadows?.stop()
  }

  /// Decides how to answer a request whose head has arrived.
  package var admit: HTTPAdmit { { self.admit($0, hasBody: $1) } }

  /// Answers a complete request, for callers within the process.
  package func respond(to request: HTTPRequest) async -> HTTPResponse {
    switch admit(request, hasBody: !request.body.isEmpty) {
    case .respond(let response): response
    case .handle(let handler): await handler(request)
    }
  }

  private func admit(_ request: HTTPRequest, hasBody: Bool) -> HTTPAdmission {
    func admit(_ route: String, _ answer: RequestPipeline.Answer) -> HTTPAdmission {
      pipeline.admit(request, hasBody: hasBody, route: route, answer)
    }
    switch router.match(method: request.method, path: request.path) {
    case .endpoint(.task(let takesBody, let handler), _, let label):
      return admit(label, .task(takesBody: takesBody, handler))
    case .endpoint(.instant(let needsKey, let respond), let parameters, let label):
      return admit(label, .instant(needsKey: needsKey) { () throws(APIError) in try respond(parameters) })
    case .options(let allow, let label): return admit(label, options(request, allow: allow))
    case .methodNotAllowed(let allow, let label): return admit(label, .error(.wrongMethod(allow: allow)))
    case .notFound:
      guard let pages, pages.contains(request.path) else { return admit("other", .error(.noRoute)) }
      return admit("page", page(request, of: pages))
    }
  }

  /// The answer to `OPTIONS`, a browser's preflight among them.
  private func options(_ request: HTTPRequest, allow: String) -> RequestPipeline.Answer {
    .instant(needsKey: false) {
      self.pipeline.browsers.preflight(request, allow: allow) ?? HTTPResponse(status: 204, headers: ["allow": allow])
    }
  }

  private func page(_ request: HTTPRequest, of pages: StaticFiles) -> RequestPipeline.Answer {
    let allow = "GET, HEAD, OPTIONS"
    switch request.method.exact {
    case "GET", "HEAD":
      return .instant(needsKey: false) { () throws(APIError) in
        guard let page = pages.response(path: request.path, headers: request.headers) else { throw .noRoute }
        return page
      }
    case "OPTIONS": return options(request, allow: allow)
    default: return .error(.wrongMethod(allow: allow))
    }
  }
}
