// Maps method and path to an endpoint. Literal segments take precedence over parameters, and parameters over a
// remainder. HEAD uses the endpoint of GET (the encoder omits the body). OPTIONS returns the list of methods; so does
// the 405 for an unsupported method.

import Text

/// A table of routes, built once at start-up and then read-only. `Endpoint` is chosen by its owner.
package struct Router<Endpoint: Sendable>: Sendable {
  /// The percent-decoded values of a pattern's parameters by name.
  package typealias Parameters = [ExactString: String]

  /// The result of looking up a method and path.
  package enum Match: Sendable {
    /// `label` is the pattern, so that a metrics label has few values.
    case endpoint(Endpoint, parameters: Parameters, label: String)
    /// `OPTIONS` on a path that has no endpoint for it.
    case options(allow: String, label: String)
    case methodNotAllowed(allow: String, label: String)
    case notFound
  }

  private enum Segment: Sendable {
    case literal(String)
    case parameter(String)
    /// The rest of the path, including slashes; at least one character.
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
    /// `endpoints[i]` answers `methods[i]`.
    var methods: [String]
    var endpoints: [Endpoint]
  }

  private var routes: [Route] = []
  /// The indices of the routes without parameters, which take precedence over all others.
  private var literals: [ExactString: Int] = [:]

  package init() {}

  /// Every pattern with the methods that have an endpoint.
  package var table: [(pattern: String, methods: [String])] { routes.map { ($0.pattern, $0.methods) } }

  /// Adds the endpoint of `method` for `pattern`, for instance `/health`, `/v1/models/{id}` or `/assets/{path*}` (the
  /// rest of the path).
  package mutating func add(_ method: String, _ pattern: String, _ endpoint: Endpoint) {
    precondition(pattern.hasPrefix(exactly: "/"), "a pattern must begin with /")
    if let index = routes.firstIndex(where: { $0.pattern.isEqual(exactly: pattern) }) {
      precondition(!routes[index].methods.contains(exactly: method), "\(method) \(pattern) is registered twice")
      routes[index].methods.append(method)
      routes[index].endpoints.append(endpoint)
      return
    }
    let segments = pattern.dropFirst().split(at: "/", omittingEmpty: false).map { part -> Segment in
      guard part.hasPrefix(exactly: "{"), part.hasSuffix(exactly: "}") else { return .literal(String(part)) }
      let name = part.dropFirst().dropLast()
      return name.hasSuffix(exactly: "*") ? .remainder(String(name.dropLast())) : .parameter(String(name))
    }
    let isRemainderLast = segments.dropLast().allSatisfy { $0.rank < 2 }
    precondition(isRemainderLast, "a remainder must be the last segment of \(pattern)")
    let route = Route(pattern: pattern, segments: segments, methods: [method], endpoints: [endpoint])
    // More specific routes come first, so that the first match is the best.
    let index = routes.firstIndex { Self.isMoreSpecific(segments, than: $0.segments) } ?? routes.endIndex
    routes.insert(route, at: index)
    literals = [:]
    for (index, route) in routes.enumerated() where route.segments.allSatisfy({ $0.rank == 0 }) {
      literals[route.pattern.exact] = index
    }
  }

  private static func isMoreSpecific(_ a: [Segment], than b: [Segment]) -> Bool {
    for (left, right) in zip(a, b) where left.rank != right.rank { return left.rank < right.rank }
    return a.count > b.count
  }

  /// Returns the route of `path` and the endpoint of `method`.
  package func match(method: String, path: String) -> Match {
    guard path.hasPrefix(exactly: "/") else {
      // `OPTIONS *` asks about the whole server.
      let all = allow(routes.flatMap(\.methods))
      return method.exact == "OPTIONS" && path.exact == "*" ? .options(allow: all, label: "*") : .notFound
    }
    if let index = literals[path.exact] { return match(method, routes[index], [:]) }
    let parts = Substring(path.utf8.dropFirst()).split(at: "/", omittingEmpty: false)
    for route in routes {
      if let parameters = Self.parameters(route.segments, parts) { return match(method, route, parameters) }
    }
    return .notFound
  }

  private func match(_ method: String, _ route: Route, _ parameters: Parameters) -> Match {
    let found =
      route.methods.firstIndex(exactly: method)
      ?? (method.exact == "HEAD" ? route.methods.firstIndex(exactly: "GET") : nil)
    if let found { return .endpoint(route.endpoints[found], parameters: parameters, label: route.pattern) }
    let methods = allow(route.methods)
    return method.exact == "OPTIONS"
      ? .options(allow: methods, label: route.pattern) : .methodNotAllowed(allow: methods, label: route.pattern)
  }

  private static func parameters(_ segments: [Segment], _ parts: [Substring]) -> Parameters? {
    var parameters: Parameters = [:]
    for (index, segment) in segments.enumerated() {
      guard index < parts.count else { return nil }
      switch segment {
      case .literal(let text): guard parts[index].isEqual(exactly: text) else { return nil }
      case .parameter(let name):
        guard !parts[index].isEmpty else { return nil }
        parameters[name.exact] = String(parts[index])
      case .remainder(let name):
        let rest = parts[index...].joined(separator: "/")
        guard !rest.isEmpty else { return nil }
        parameters[name.exact] = rest
        return parameters
      }
    }
    return parts.count == segments.count ? parameters : nil
  }

  private func allow(_ methods: [String]) -> String {
    var all = Set(methods.map(\.exact)).union(["OPTIONS"])
    if all.contains("GET") { all.insert("HEAD") }
    return all.sorted().map(\.string).joined(separator: ", ")
  }
}
