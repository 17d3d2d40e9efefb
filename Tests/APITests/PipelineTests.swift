import API
import HTTP
import JSON
import Scheduling
import Synchronization
import Telemetry
import Testing
import Work

@Suite struct `Around every endpoint` {
  @Test func `models are listed and found by name and alias`() async throws {
    let server = TestServer()
    let entry: JSONValue = ["id": "r4b", "object": "model", "created": 7, "owned_by": "us", "meta": ["context": 4096]]
    #expect(try await server.get("/v1/models").json == ["object": "list", "data": .array([entry])])
    #expect(try await server.get("/v1/models/r4b").json == entry)
    #expect(try await server.get("/v1/models/org/R").json == entry)
    let missing = try await server.get("/v1/models/x")
    #expect(missing.status == 404 && missing.json["error"]?["code"] == "model_not_found")
    #expect(
      try await server.post(#"{"model":"org/R","messages":[{"role":"user","content":"x"}]}"#).json["model"] == "r4b")
  }

  @Test func `unknown routes are 404, and other methods 405 with Allow`() async throws {
    let server = TestServer()
    let missing = try await server.get("/v2/x")
    #expect(missing.status == 404 && missing.json["error"]?.object?.names == ["message", "type", "param", "code"])
    let wrong = try await server.get("/v1/chat/completions")
    #expect(wrong.status == 405 && wrong.headers["allow"]?.contains("POST") == true)
    #expect(server.metrics.http.value("other", "GET", "404") == 1)
    #expect(server.metrics.http.value("/v1/chat/completions", "GET", "405") == 1)
  }

  @Test func `every response has an id and a time, and echoes a valid client id`() async throws {
    let server = TestServer()
    for path in ["/health", "/nope", "/v1/models"] {
      let answer = try await server.get(path, headers: ["x-request-id": "abc-1.2_3"])
      #expect(answer.headers["x-request-id"] == "abc-1.2_3")
      #expect(answer.headers["openai-processing-ms"].flatMap { Int($0) } != nil)
    }
    for odd in ["", "a b", "a\r\nb", String(repeating: "x", count: 129)] {
      let id = try await server.get("/health", headers: ["x-request-id": odd]).headers["x-request-id"]
      #expect(id?.hasPrefix("req_") == true)
    }
  }

  @Test func `with keys, only health and readiness need none`() async throws {
    var server = TestServer()
    server.configuration.keys.add("sk-one", name: "first")
    server.configuration.keys.add("sk-two", name: "second")
    for path in ["/health", "/ready"] { #expect(try await server.get(path).status == 200) }
    for path in ["/v1/models", "/metrics"] {
      for wrong in [nil, "Bearer", "Bearer ", "Bearer sk-on", "Basic sk-one", "sk-one", "Bearer sk-one sk-two"] {
        let answer = try await server.get(path, headers: wrong.map { ["authorization": $0] } ?? [:])
        #expect(answer.status == 401 && answer.headers["www-authenticate"] == "Bearer")
        #expect(answer.json["error"]?["code"] == "invalid_api_key")
      }
      #expect(try await server.get(path, headers: ["authorization": "bearer sk-two"]).status == 200)
    }
    #expect(server.metrics.failures.value("auth") == 14)
    #expect(server.log.contains(#""key":"second""#) && !server.log.contains("sk-"))
  }

  @Test func `a key can be given by its digest`() {
    var keys = APIKeys()
    let digest: [UInt8] = [
      0xBA, 0x78, 0x16, 0xBF, 0x8F, 0x01, 0xCF, 0xEA, 0x41, 0x41, 0x40, 0xDE, 0x5D, 0xAE, 0x22, 0x23, 0xB0, 0x03, 0x61,
      0xA3,
      0x96, 0x17, 0x7A, 0x9C, 0xB4, 0x10, 0xFF, 0x61, 0xF2, 0x00, 0x15, 0xAD,
    ]
    let isWhole = keys.add(digest: digest, name: "abc")
    let isShort = keys.add(digest: Array(digest.dropLast()), name: "short")
    #expect(isWhole && !isShort)
    // The digest of "abc" from FIPS 180-4.
    #expect(keys.name(authorization: "Bearer abc") == "abc")
    #expect(keys.name(authorization: "Bearer abd") == nil)
  }

  @Test(arguments: [
    ("localhost:8080", true), ("LOCALHOST", true), ("127.0.0.1", true), ("[::1]:80", true), ("evil.example", false),
    ("evil.example:127", false), ("localhost.evil.example", false), ("[::2]", false), ("", false), (nil, false),
  ])
  func `a loopback server accepts only its own host names`(host: String?, isAdmitted: Bool) async throws {
    var server = TestServer()
    server.configuration.allowedHosts = APIConfiguration.loopbackHosts
    let answer = try await server.get("/health", headers: host.map { ["host": $0] } ?? [:])
    #expect(answer.status == (isAdmitted ? 200 : 403))
  }

  @Test func `CORS is off unless origins are listed`() async throws {
    var server = TestServer()
    let preflight = HTTPRequest(
      method: "OPTIONS", path: "/v1/chat/completions",
      headers: [
        "origin": "https://a.example", "access-control-request-method": "POST",
        "access-control-request-headers": "Content-Type, X-Stainless-OS, x-evil, authorization",
      ])
    let off = try await server.ask(preflight)
    #expect(off.headers.fields.allSatisfy { !$0.name.lowercased().hasPrefix("access-control") && $0.name != "vary" })
    server.configuration.corsOrigins = ["https://a.example"]
    let on = try await server.ask(preflight)
    #expect(on.status == 204 && on.headers["access-control-allow-origin"] == "https://a.example")
    #expect(on.headers["access-control-allow-headers"] == "content-type, x-stainless-os, authorization")
    #expect(on.headers["access-control-allow-methods"]?.contains("POST") == true)
    #expect(on.headers["vary"] == "Origin" && on.headers["access-control-allow-credentials"] == nil)
    let reply = try await server.get("/health", headers: ["origin": "https://a.example"])
    #expect(reply.headers["access-control-allow-origin"] == "https://a.example")
    let other = try await server.get("/health", headers: ["origin": "https://b.example"])
    #expect(other.headers["access-control-allow-origin"] == nil && other.headers["vary"] == "Origin")
    server.configuration.corsOrigins = ["*"]
    #expect(try await server.get("/health", headers: ["origin": "x"]).headers["access-control-allow-origin"] == "*")
  }

  @Test func `a draining server rejects chats and is alive but not ready`() async throws {
    let server = TestServer()
    let api = APIServer(
      configuration: server.configuration, chat: server.chat, engine: server.engine, metrics: server.metrics,
      log: JSONLog { _ in })
    api.drain()
    let chat = await api.respond(to: HTTPRequest(method: "POST", path: "/v1/chat/completions"))
    let ready = await api.respond(to: HTTPRequest(method: "GET", path: "/ready"))
    #expect(chat.status == 503 && ready.status == 503 && ready.headers["retry-after"] == "10")
    let health = await api.respond(to: HTTPRequest(method: "GET", path: "/health"))
    #expect(health.status == 200)
  }

  @Test(arguments: [
    (AdmissionError.queueFull(limit: 4, retryAfter: .milliseconds(2500)), "queue_full", "3"),
    (.shuttingDown, "shutting_down", "10"),
  ])
  func `a server with a full queue is not ready and reports why`(
    refusal: AdmissionError, code: String, retry: String
  ) async throws {
    var server = TestServer()
    #expect(try await server.get("/ready").json["status"] == "ready")
    server.engine = FakeEngine([], refusal: refusal)
    let answer = try await server.get("/ready")
    #expect(answer.status == 503 && answer.headers["retry-after"] == retry)
    #expect(answer.json["error"]?["code"] == .string(code) && answer.json["error"]?["type"] == "server_error")
    #expect(try await server.get("/health").status == 200)
  }

  @Test(arguments: [
    ("GET /health", 413, "/health"), ("GET /metrics", 413, "/metrics"), ("GET /v1/models", 413, "/v1/models"),
    ("POST /nope", 404, "other"), ("PUT /v1/chat/completions", 405, "/v1/chat/completions"),
    ("POST /v1/chat/completions", 401, "/v1/chat/completions"),
  ])
  func `an unwanted body is rejected at the head`(line: String, status: Int, route: String) throws {
    var server = TestServer()
    server.configuration.keys.add("sk-one", name: "first")
    let api = APIServer(
      configuration: server.configuration, chat: server.chat, engine: server.engine, metrics: server.metrics,
      log: JSONLog { _ in })
    let words = line.split(separator: " ").map(String.init)
    func answer(_ key: String) -> HTTPResponse? {
      let request = HTTPRequest(
        method: words[0], path: words[1], headers: ["host": "a", "authorization": "Bearer \(key)"])
      if case .respond(let response) = api.admit(request, true) { return response }
      return nil
    }
    let refused = try #require(answer(line.contains("models") ? "sk-one" : "sk-two"))
    #expect(refused.status == status && refused.headers["x-request-id"] != nil)
    #expect(refused.headers["openai-processing-ms"] != nil)
    #expect(server.metrics.http.value(route, words[0], String(status)) == 1)
    #expect(answer("sk-one") == nil || status != 401, "with its key a chat may send its body")
  }

  @Test func `an admitted request has one record, whose id and times the response has`() async throws {
    let server = TestServer()
    let log = JSONLog { [lines = server.lines] line in lines.bytes.withLock { $0 += line } }
    let api = server.api(log)
    var request = HTTPRequest(
      method: "POST", path: "/v1/chat/completions", headers: ["content-type": "application/json"])
    guard case .handle(let handler) = api.admit(request, true) else {
      return #expect(Bool(false), "expected a handler")
    }
    log.flush()
    #expect(server.log.isEmpty && server.metrics.http.value("/v1/chat/completions", "POST", "200") == 0)
    // The time until the body has arrived does not count.
    try await Task.sleep(for: .milliseconds(200))
    request.body = Array(#"{"messages":[{"role":"user","content":"x"}]}"#.utf8)
    let start = ContinuousClock.now
    let response = await handler(request)
    let limit = ContinuousClock.now - start
    log.flush()
    let lines = try server.log.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    #expect(response.status == 200 && lines.count == 1)
    #expect(lines.first?["request_id"]?.string == response.headers["x-request-id"])
    let shown = try #require(response.headers["openai-processing-ms"].flatMap { Int($0) })
    #expect(.milliseconds(shown) <= limit)
  }

  @Test func `metrics have the requested format`() async throws {
    let server = TestServer()
    _ = try await server.chat()
    let old = try await server.get("/metrics")
    #expect(old.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
    #expect(old.text.contains(#"r4b_requests_total{requested_mode="auto",mode="thinking",finish="stop"} 1"#))
    let new = try await server.get("/metrics", headers: ["accept": "application/openmetrics-text"])
    #expect(
      new.headers["content-type"]?.hasPrefix("application/openmetrics-text") == true && new.text.hasSuffix("# EOF\n"))
  }

  @Test func `the log line has counts and times and no content`() async throws {
    let server = TestServer()
    let body = #"{"messages":[{"role":"user","content":"SECRET PROMPT"}],"user":"SECRETUSER"}"#
    _ = try await server.post(body, headers: ["x-request-id": "id-1"])
    _ = try await server.post(#"{"messages":[{"role":"SECRETROLE","content":"x"}],"SECRETNAME":1}"#)
    _ = try await server.get("/SECRETPATH")
    let lines = try server.log.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    #expect(lines.count == 3 && lines.allSatisfy { $0["event"] == "request" })
    let line = try #require(lines.first)
    #expect(line["request_id"] == "id-1" && line["route"] == "/v1/chat/completions" && line["status"] == 200)
    #expect(line["requested_mode"] == "auto" && line["mode"] == "thinking" && line["finish"] == "stop")
    #expect(line["prompt_text_tokens"] == 2 && line["thinking_tokens"] == 2 && line["answer_tokens"] == 3)
    #expect(line["first_token_ms"]?.double != nil && line["total_ms"]?.double != nil)
    #expect(!server.log.contains("SECRET") && !server.log.contains("w200"))
  }

  @Test func `a request over its processor time is rejected with 400 and the limit`() async throws {
    var limits = WorkLimits(workers: 2)
    limits.requestTime = .zero
    var server = TestServer()
    server.configuration.work = WorkQueue(limits: limits)
    for padding in [0, 1 << 20] {
      let answer = try await server.chat("\"filler\":\"\(String(repeating: "a", count: padding))\"")
      #expect(answer.status == 400 && answer.json["error"]?["code"] == "request_too_expensive")
      #expect(answer.json["error"]?["message"]?.string?.contains("more than 0 s of processor time") == true)
    }
  }

  @Test func `a full work queue is 503, and a full client queue 429, with Retry-After`() async throws {
    for (waiting, ofClient, status) in [(0, 1, 503), (1, 0, 429)] {
      var limits = WorkLimits(workers: 2)
      (limits.waiting, limits.waitingPerClient) = (waiting, ofClient)
      var server = TestServer()
      server.configuration.work = WorkQueue(limits: limits)
      let answer = try await server.chat("\"filler\":\"\(String(repeating: "a", count: 1 << 20))\"")
      #expect(answer.status == status && answer.headers["retry-after"] == "1")
      // A small body does not use the queue.
      #expect(try await server.chat().status == 200)
    }
  }
}
