import Foundation
import HTTP
import Synchronization
import Testing

/// Answers with method, path and body of the request; `/stream` answers in pieces.
@Sendable private func echo(_ request: HTTPRequest) async -> HTTPResponse {
  switch request.path {
  case "/stream":
    return HTTPResponse(
      status: 200,
      body: .stream { writer in for piece in ["one", "", "two"] { try await writer.write(Array(piece.utf8)) } })
  case "/fail":
    return HTTPResponse(
      status: 200,
      body: .stream { writer in
        try await writer.write([0x61])
        throw TestPeerError()
      })
  case "/split": return HTTPResponse(status: 200, headers: ["X": "a\r\nSet-Cookie: b"], body: .bytes([0x61]))
  case "/none": return HTTPResponse(status: 204, headers: ["Content-Length": "5"])
  case "/lies":
    return HTTPResponse(status: 200, headers: ["content-length": "99", "Transfer-Encoding": "x"], body: .bytes([0x61]))
  case "/same": return HTTPResponse(status: 304, headers: ["ETag": "\"a\""])
  case "/slow":
    try? await Task.sleep(for: .milliseconds(100))
    return HTTPResponse(status: 200, body: .bytes(Array("slow".utf8)))
  default:
    return HTTPResponse(status: 200, body: .bytes(Array("\(request.method) \(request.path) ".utf8) + request.body))
  }
}

private func get(_ path: String, _ fields: String = "", method: String = "GET") -> String {
  "\(method) \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n"
}

@Suite(.timeLimit(.minutes(10))) struct `HTTP server` {
  private func exchange(_ request: String, limits: HTTPLimits = .unhurried) async -> String {
    let server = HTTPServer(limits: limits, handler: echo)
    let peer = TestPeer(server)
    await peer.send(request)
    return await peer.read()
  }

  @Test func `a response has a date, a length and a body`() async {
    let text = await exchange(get("/a", "Connection: close\r\n"))
    #expect(text.hasPrefix("HTTP/1.1 200 OK\r\nDate: "))
    #expect(text.contains(" GMT\r\nContent-Length: 7\r\nConnection: close\r\n\r\nGET /a "))
  }

  @Test func `a connection serves several requests in sequence`() async {
    let peer = TestPeer(HTTPServer(limits: .unhurried, handler: echo))
    for number in 0..<5 {
      await peer.send("POST /\(number) HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok")
      #expect(await peer.read { $0.hasSuffix("ok") }.hasSuffix("POST /\(number) ok"))
    }
  }

  @Test func `pipelined requests are answered in order, also when the first is slow`() async {
    let text = await exchange(get("/slow") + get("/2") + get("/stream") + get("/3", "Connection: close\r\n"))
    let bodies = text.components(separatedBy: "HTTP/1.1 200 OK").dropFirst().map {
      $0.components(separatedBy: "\r\n\r\n").dropFirst().joined(separator: "|")
    }
    #expect(bodies == ["slow", "GET /2 ", "3\r\none\r\n3\r\ntwo\r\n0|", "GET /3 "])
  }

  @Test func `read-ahead is bounded and loses no bytes`() async {
    var limits = HTTPLimits.unhurried
    limits.readAheadBytes = 64
    let count = 200
    let text = await exchange(
      get("/slow") + (0..<count).map { get("/\($0)") }.joined() + get("/end", "Connection: close\r\n"), limits: limits)
    #expect(text.components(separatedBy: "HTTP/1.1 200 OK").count == count + 3)
    #expect(text.hasSuffix("GET /end "))
  }

  @Test func `a stream is chunked in HTTP/1.1 and ends with the connection in HTTP/1.0`() async {
    let modern = await exchange(get("/stream", "Connection: close\r\n"))
    #expect(
      modern.contains("Transfer-Encoding: chunked\r\n") && modern.hasSuffix("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
    )
    let old = await exchange("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    #expect(
      !old.contains("Transfer-Encoding") && old.contains("Connection: close\r\n") && old.hasSuffix("\r\n\r\nonetwo"))
  }

  @Test func `a stream that fails has no last chunk`() async {
    let text = await exchange(get("/fail"))
    #expect(text.hasSuffix("1\r\na\r\n"))
  }

  @Test func `HEAD, 204 and 304 have no body`() async {
    let head = await exchange(get("/a", "Connection: close\r\n", method: "HEAD"))
    #expect(head.contains("Content-Length: 8\r\n") && head.hasSuffix("\r\n\r\n"))
    let stream = await exchange(get("/stream", "Connection: close\r\n", method: "HEAD"))
    #expect(
      stream.contains("Transfer-Encoding: chunked\r\n") && stream.hasSuffix("\r\n\r\n") && !stream.contains("one"))
    let none = await exchange(get("/none", "Connection: close\r\n"))
    #expect(none.hasPrefix("HTTP/1.1 204 No Content") && !none.contains("Content-Length") && none.hasSuffix("\r\n\r\n"))
    let same = await exchange(get("/same", "Connection: close\r\n"))
    #expect(same.hasPrefix("HTTP/1.1 304") && same.contains("ETag: \"a\"") && !same.contains("Content-Length"))
  }

  @Test func `a handler's headers can neither split the response nor contradict its length`() async {
    let split = await exchange(get("/split", "Connection: close\r\n"))
    #expect(split.hasPrefix("HTTP/1.1 500 ") && !split.contains("Set-Cookie"))
    let lies = await exchange(get("/lies", "Connection: close\r\n"))
    #expect(lies.contains("Content-Length: 1\r\n") && !lies.contains("99") && !lies.contains("Transfer-Encoding"))
  }

  @Test func `an HTTP/1.0 connection is kept open on request`() async {
    let text = await exchange("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\n\r\n")
    #expect(text.contains("Connection: keep-alive\r\n\r\nGET /a HTTP/1.1 200 OK") && text.hasSuffix("GET /b "))
  }

  @Test func `100 Continue is sent when the server is ready for the body`() async {
    let peer = TestPeer(HTTPServer(limits: .unhurried, handler: echo))
    await peer.send("PUT /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    #expect(await peer.read { $0.hasSuffix("\r\n\r\n") } == "HTTP/1.1 100 Continue\r\n\r\n")
    await peer.send("ok")
    #expect(await peer.read { $0.hasSuffix("ok") }.hasSuffix("\r\n\r\nPUT /a ok"))
  }

  @Test func `a body that is too large is rejected after the head, without 100 Continue`() async {
    var limits = HTTPLimits.unhurried
    limits.bodyBytes = 10
    let text = await exchange(
      "PUT /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n", limits: limits)
    #expect(text.hasPrefix("HTTP/1.1 413 Content Too Large\r\n"))
  }

  @Test func `a rejection has a JSON error body and an id, and closes the connection`() async {
    let text = await exchange("GET / HTTP/1.1\r\nHost : a\r\n\r\n" + get("/next"))
    #expect(text.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
    #expect(text.contains("\r\nx-request-id: req_") && text.contains("\r\nConnection: close\r\n"))
    #expect(
      text.hasSuffix(
        #"{"error":{"message":"a field name contains an invalid character","type":"invalid_request_error","param":null,"code":null}}"#
      ))
    #expect(text.components(separatedBy: "HTTP/1.1 ").count == 2)
  }

  @Test func `a rejection is received although the server leaves bytes unread`() async throws {
    let server = HTTPServer(limits: .unhurried, handler: echo)
    let address = try #require(try server.listen(host: "127.0.0.1", port: 0).first)
    let peer = try TestPeer(host: address.host, port: address.port)
    await peer.send("BAD\r\n\r\n" + String(repeating: "x", count: 500_000))
    #expect(await peer.read { $0.hasSuffix("}}") }.hasPrefix("HTTP/1.1 400 "))
    await server.shutdown(grace: .zero)
  }

  @Test func `admission rejects before the body, and keeps the connection open only if there is no body`() async {
    let server = HTTPServer(limits: .unhurried) { request, _ in
      request.headers["Authorization"] == nil ? .respond(HTTPResponse(status: 401)) : .handle(echo)
    }
    let peer = TestPeer(server)
    await peer.send(get("/a") + get("/b", "Authorization: x\r\n"))
    let text = await peer.read { $0.hasSuffix("GET /b ") }
    #expect(text.hasPrefix("HTTP/1.1 401 ") && text.hasSuffix("GET /b "))
    await peer.send("POST /c HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n")
    let refused = await peer.read()
    #expect(refused.hasPrefix("HTTP/1.1 401 ") && refused.contains("Connection: close\r\n"))
  }

  @Test func `a body of thirty megabytes arrives complete`() async {
    let server = HTTPServer(limits: .unhurried) { request in
      let sum = stride(from: 0, to: request.body.count, by: 1024).reduce(0) { $0 + Int(request.body[$1]) }
      return HTTPResponse(status: 200, body: .bytes(Array("\(request.body.count) \(sum)".utf8)))
    }
    let peer = TestPeer(server)
    let count = 30 << 20
    await peer.send("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: \(count)\r\n\r\n")
    await peer.send([UInt8](repeating: 3, count: count))
    #expect(await peer.read().hasSuffix("\r\n\r\n\(count) \(count / 1024 * 3)"))
  }

  @Test(arguments: ["127.0.0.1", "::1", "localhost", "::"])
  func `a listening port answers over IPv4 and IPv6`(host: String) async throws {
    let server = HTTPServer(limits: .unhurried) {
      HTTPResponse(status: 200, body: .bytes(Array($0.remoteAddress.utf8)))
    }
    let addresses = try server.listen(host: host, port: 0)
    #expect(addresses.count == (host == "localhost" ? 2 : 1))
    #expect(Set(addresses.map(\.port)).count == 1)
    let targets = [
      "127.0.0.1": ["127.0.0.1"], "::1": ["::1"], "localhost": ["127.0.0.1", "::1"], "::": ["127.0.0.1", "::1"],
    ]
    for target in targets[host] ?? [] {
      let peer = try TestPeer(host: target, port: addresses[0].port)
      await peer.send(get("/", "Connection: close\r\n"))
      #expect(await peer.read().hasSuffix("\r\n\r\n\(target)"))
    }
    await server.shutdown(grace: .seconds(600))
    #expect(server.connectionCount == 0)
    #expect(throws: TestPeerError.self) { try TestPeer(host: host == "::" ? "::1" : host, port: addresses[0].port) }
  }
}
