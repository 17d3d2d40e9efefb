import HTTP
import Testing
import Text

@Suite struct `Routing` {
  private typealias Endpoint = @Sendable (Router<Never>.Parameters) -> String

  private let router = {
    var router = Router<Endpoint>()
    func answer(_ name: String) -> Endpoint {
      { parameters in
        let list = parameters.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "&")
        return "\(name)?\(list)"
      }
    }
    router.add("GET", "/assets/{path*}", answer("assets"))
    router.add("GET", "/v1/models/{id*}", answer("deep"))
    router.add("GET", "/v1/models/{id}", answer("model"))
    router.add("DELETE", "/v1/models/{id}", answer("delete"))
    router.add("GET", "/v1/models/default", answer("default"))
    router.add("POST", "/v1/chat/completions", answer("chat"))
    router.add("GET", "/", answer("root"))
    return router
  }()

  private func answer(_ method: String, _ path: String) async -> (
    status: Int, allow: String?, body: String, label: String
  ) {
    switch router.match(method: method, path: path) {
    case .endpoint(let endpoint, let parameters, let label): return (200, nil, endpoint(parameters), label)
    case .options(let allow, let label): return (204, allow, "", label)
    case .methodNotAllowed(let allow, let label): return (405, allow, "", label)
    case .notFound: return (404, nil, "", "other")
    }
  }

  @Test(arguments: [
    ("/", "root?", "/"), ("/v1/models/default", "default?", "/v1/models/default"),
    ("/v1/models/r", "model?id=r", "/v1/models/{id}"),
    ("/v1/models/a/b", "deep?id=a/b", "/v1/models/{id*}"),
    ("/assets/css/a.css", "assets?path=css/a.css", "/assets/{path*}"),
    ("/assets/../x", "assets?path=../x", "/assets/{path*}"),
  ])
  func `the most specific route answers and supplies the label`(path: String, body: String, label: String) async {
    let found = await answer("GET", path)
    #expect(found == (200, nil, body, label))
  }

  @Test(arguments: ["/v1", "/v1/models", "/v1/models/", "/assets/", "//", "/v1/chat/completions/", "*", "/V1/models/r"])
  func `other paths are 404`(path: String) async {
    let found = await answer("GET", path)
    #expect(found.status == 404)
    #expect(found.label == "other")
  }

  @Test func `an unsupported method is 405 with Allow`() async {
    #expect(await answer("GET", "/v1/chat/completions").allow == "OPTIONS, POST")
    let found = await answer("BREW", "/v1/models/r")
    #expect(found.status == 405)
    #expect(found.allow == "DELETE, GET, HEAD, OPTIONS")
    #expect(found.label == "/v1/models/{id}")
    #expect(await answer("HEAD", "/v1/chat/completions").status == 405)
  }

  @Test func `HEAD uses the endpoint of GET, and OPTIONS needs no endpoint`() async {
    #expect(await answer("HEAD", "/").body == "root?")
    let options = await answer("OPTIONS", "/")
    #expect(options.status == 204)
    #expect(options.allow == "GET, HEAD, OPTIONS")
    #expect(await answer("OPTIONS", "*").allow == "DELETE, GET, HEAD, OPTIONS, POST")
  }

  @Test func `a path that is equal only after Unicode normalisation is a different path`() async {
    var router = Router<String>()
    router.add("GET", "/é", "composed")
    router.add("GET", "/v1/{name}", "named")
    guard case .endpoint("composed", _, _) = router.match(method: "GET", path: "/é") else {
      Issue.record("the path itself is not found")
      return
    }
    guard case .notFound = router.match(method: "GET", path: "/e\u{301}") else {
      Issue.record("the decomposed path is found")
      return
    }
    // A combining mark after a slash would form one Character with it.
    guard case .endpoint("named", let parameters, _) = router.match(method: "GET", path: "/v1/\u{301}x") else {
      Issue.record("the parameter is not found")
      return
    }
    #expect(Array((parameters["name"] ?? "").utf8) == Array("\u{301}x".utf8))
  }

  @Test(.timeLimit(.minutes(1)))
  func `a path or header full of combining marks costs no more than any other`() async {
    // Normalising a run of marks in non-canonical order takes time quadratic in its length.
    let marks = String(repeating: "\u{301}\u{316}", count: 500_000)
    #expect(await answer("GET", "/v1/models/" + marks).label == "/v1/models/{id}")
    #expect(await answer("GET", "/" + marks).status == 404)
    #expect(await answer(marks, "/").status == 405)
    let (a, b): (HTTPHeaders, HTTPHeaders) = (["X": marks + "a"], ["x": marks + "b"])
    #expect(a != b && a == ["x": marks + "a"])
  }
}
