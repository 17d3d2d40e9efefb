// Method and path to handler. Literal segments win over parameters, parameters over a remainder; HEAD is answered by GET's
// handler (the encoder drops the body), OPTIONS by the list of methods, other methods by 405 with that list.

/// A table of routes, built once at start-up and then only read.
package struct Router: Sendable {
  /// Values of a pattern's parameters by name, percent-decoded.
  package typealias Parameters = [String: String]
  package typealias Handler = @Sendable (HTTPRequest, Parameters) async -> HTTPResponse

  /// What a request's method and path lead to.
  package enum Match: Sendable {
    /// `label` is the pattern, which bounds the values of a metrics label.
    case handler(Handler, parameters: Parameters, label: String)
    /// `OPTIONS` without a handler of its own.
    case options(allow: String, label: String)
    case methodNotAllowed(allow: String, label: String)
    case notFound
  }

  private enum Segment: Sendable, Equatable {
    case literal(String)
    case parameter(String)
    /// The rest of the path, slashes included, at least one character.
    case remainder(String)

    var rank: Int {
      switch self {
      case .literal: 0
      case .parameter: 1
      case .remainder: 2
      }
    }
  }

  private struct Route: Sendable {
    var pattern: String
    var segments: [Segment]
    var handlers: [(method: String, handler: Handler)]
  }

  private var routes: [Route] = []

  package init() {}

  /// Adds a handler for `method` on `pattern`: `/health`, `/v1/models/{id}`, `/assets/{path*}` (the rest, slashes included).
  package mutating func add(_ method: String, _ pattern: String, _ handler: @escaping Handler) {
    precondition(pattern.hasPrefix("/"), "a pattern begins with /")
    if let index = routes.firstIndex(where: { $0.pattern == pattern }) {
      precondition(!routes[index].handlers.contains { $0.method == method }, "\(method) \(pattern) is there twice")
      routes[index].handlers.append((method, handler))
      return
    }
    let segments = pattern.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map { part -> Segment in
      guard part.hasPrefix("{"), part.hasSuffix("}") else { return .literal(String(part)) }
      let name = part.dropFirst().dropLast()
      return name.hasSuffix("*") ? .remainder(String(name.dropLast())) : .parameter(String(name))
    }
    let isRemainderLast = segments.dropLast().allSatisfy { $0.rank < 2 }
    precondition(isRemainderLast, "a remainder is the last segment of \(pattern)")
    let route = Route(pattern: pattern, segments: segments, handlers: [(method, handler)])
    // More specific routes stand first, so that the first match is the best.
    let place = routes.firstIndex { Self.isMoreSpecific(segments, than: $0.segments) } ?? routes.endIndex
    routes.insert(route, at: place)
  }

  private static func isMoreSpecific(_ a: [Segment], than b: [Segment]) -> Bool {
    for (left, right) in zip(a, b) where left.rank != right.rank { return left.rank < right.rank }
    return a.count > b.count
  }

  /// Finds the route of `path` and the handler of `method`.
  package func match(method: String, path: String) -> Match {
    guard path.hasPrefix("/") else {
      // `OPTIONS *` asks about the server as a whole.
      let all = allow(routes.flatMap { $0.handlers.map(\.method) })
      return method == "OPTIONS" && path == "*" ? .options(allow: all, label: "*") : .notFound
    }
    let parts = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    for route in routes {
      guard let parameters = Self.parameters(route.segments, parts) else { continue }
      func handler(_ name: String) -> Handler? { route.handlers.first { $0.method == name }?.handler }
      if let found = handler(method) ?? (method == "HEAD" ? handler("GET") : nil) {
        return .handler(found, parameters: parameters, label: route.pattern)
      }
      let methods = allow(route.handlers.map(\.method))
      return method == "OPTIONS"
        ? .options(allow: methods, label: route.pattern) : .methodNotAllowed(allow: methods, label: route.pattern)
    }
    return .notFound
  }

  /// Answers `request`. `error` makes the bodies of 404 and 405 in the contract's shape.
  package func respond(
    to request: HTTPRequest, error: @Sendable (_ status: Int, _ message: String) -> HTTPResponse
  ) async -> (response: HTTPResponse, label: String) {
    switch match(method: request.method, path: request.path) {
    case .handler(let handler, let parameters, let label): return (await handler(request, parameters), label)
    case .options(let allow, let label): return (HTTPResponse(status: 204, headers: ["Allow": allow]), label)
    case .methodNotAllowed(let allow, let label):
      var response = error(405, "this route does not take the request's method; it takes \(allow)")
      response.headers["Allow"] = allow
      return (response, label)
    case .notFound: return (error(404, "no such route"), "other")
    }
  }

  private static func parameters(_ segments: [Segment], _ parts: [Substring]) -> Parameters? {
    var parameters: Parameters = [:]
    for (index, segment) in segments.enumerated() {
      guard index < parts.count else { return nil }
      switch segment {
      case .literal(let text): guard parts[index] == text else { return nil }
      case .parameter(let name):
        guard !parts[index].isEmpty else { return nil }
        parameters[name] = String(parts[index])
      case .remainder(let name):
        let rest = parts[index...].joined(separator: "/")
        guard !rest.isEmpty else { return nil }
        parameters[name] = rest
        return parameters
      }
    }
    return parts.count == segments.count ? parameters : nil
  }

  private func allow(_ methods: [String]) -> String {
    var all = Set(methods).union(["OPTIONS"])
    if all.contains("GET") { all.insert("HEAD") }
    return all.sorted().joined(separator: ", ")
  }
}
