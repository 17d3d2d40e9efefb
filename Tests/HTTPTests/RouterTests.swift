import HTTP
import Testing

@Suite struct `Routing` {
  private let router: Router = {
    var router = Router()
    func answer(_ name: String) -> Router.Handler {
      { _, parameters in
        let list = parameters.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "&")
        return HTTPResponse(status: 200, body: .bytes(Array("\(name)?\(list)".utf8)))
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
    let request = HTTPRequest(method: method, path: path)
    let (response, label) = await router.respond(to: request) { status, message in
      HTTPResponse(status: status, body: .bytes(Array(message.utf8)))
    }
    var body = ""
    if case .bytes(let bytes) = response.body { body = String(decoding: bytes, as: UTF8.self) }
    return (response.status, response.headers["Allow"], body, label)
  }

  @Test(arguments: [
    ("/", "root?", "/"), ("/v1/models/default", "default?", "/v1/models/default"),
    ("/v1/models/r", "model?id=r", "/v1/models/{id}"),
    ("/v1/models/a/b", "deep?id=a/b", "/v1/models/{id*}"),
    ("/assets/css/a.css", "assets?path=css/a.css", "/assets/{path*}"),
    ("/assets/../x", "assets?path=../x", "/assets/{path*}"),
  ])
  func `the most specific route answers and names itself`(path: String, body: String, label: String) async {
    let found = await answer("GET", path)
    #expect(found == (200, nil, body, label))
  }

  @Test(arguments: ["/v1", "/v1/models", "/v1/models/", "/assets/", "//", "/v1/chat/completions/", "*", "/V1/models/r"])
  func `other paths are 404`(path: String) async {
    let found = await answer("GET", path)
    #expect(found.status == 404)
    #expect(found.label == "other")
  }

  @Test func `another method is 405 with Allow`() async {
    #expect(await answer("GET", "/v1/chat/completions").allow == "OPTIONS, POST")
    let found = await answer("BREW", "/v1/models/r")
    #expect(found.status == 405)
    #expect(found.allow == "DELETE, GET, HEAD, OPTIONS")
    #expect(found.label == "/v1/models/{id}")
    #expect(await answer("HEAD", "/v1/chat/completions").status == 405)
  }

  @Test func `HEAD goes to GET and OPTIONS answers itself`() async {
    #expect(await answer("HEAD", "/").body == "root?")
    let options = await answer("OPTIONS", "/")
    #expect(options.status == 204)
    #expect(options.allow == "GET, HEAD, OPTIONS")
    #expect(await answer("OPTIONS", "*").allow == "DELETE, GET, HEAD, OPTIONS, POST")
  }
}
