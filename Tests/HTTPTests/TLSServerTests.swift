import Foundation
import HTTP
import Synchronization
import TLSTestSupport
import Testing
import Transport

private let certificate = TestCertificate()

private func context() throws -> TLSContext {
  try TLSContext(certificate: certificate.certificate, key: certificate.key)
}

private func get(_ path: String, _ fields: String = "") -> String { "GET \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n" }

@Sendable private func echo(_ request: HTTPRequest) async -> HTTPResponse {
  HTTPResponse(status: 200, body: .bytes(Array("\(request.path) \(request.body.count) ".utf8) + request.body))
}

/// The client's end of a socket pair; `server` serves the other end over TLS.
private func pair(_ server: HTTPServer) throws -> Int32 {
  var pair: [Int32] = [0, 0]
  #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
  server.serve(SocketDescriptor(owning: pair[1]), tls: try context())
  return pair[0]
}

private func connected(to address: HTTPServer.Address) -> Int32 {
  var target = sockaddr_in()
  target.sin_family = sa_family_t(AF_INET)
  target.sin_port = in_port_t(address.port).bigEndian
  target.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  let result = withUnsafePointer(to: target) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
  #expect(result == 0)
  return number
}

@Suite(.timeLimit(.minutes(10))) struct `The server over TLS` {
  @Test func `requests are answered in sequence, including large bodies and pipelines`() async throws {
    let peer = TLSPeer(try pair(HTTPServer(limits: .unhurried, handler: echo)), trusting: certificate.certificate)
    #expect(await peer.handshake() == nil)
    let body = [UInt8](repeating: 0x62, count: 5_000_000)
    await peer.send(Array("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n\r\n".utf8) + body)
    let head = "/a 5000000 "
    let reply = await peer.read { $0.count > body.count && $0.suffix(body.count).elementsEqual(body) }
    #expect(String(decoding: reply.dropLast(body.count), as: UTF8.self).hasSuffix("\r\n\r\n" + head))
    await peer.send((0..<300).map { get("/\($0)") }.joined() + get("/end", "Connection: close\r\n"))
    let text = await peer.readText()
    #expect(text.components(separatedBy: "HTTP/1.1 200 OK").count == 302 && text.hasSuffix("/end 0 "))
    #expect(peer.end == .closed)
  }

  @Test func `read-ahead is bounded and loses no bytes`() async throws {
    var limits = HTTPLimits.unhurried
    limits.readAheadBytes = 64
    let peer = TLSPeer(try pair(HTTPServer(limits: limits, handler: echo)))
    #expect(await peer.handshake() == nil)
    // Many small records in one read: reading pauses between two of them.
    for number in 0..<400 { await peer.send(get("/\(number)")) }
    await peer.send(get("/end", "Connection: close\r\n"))
    let text = await peer.readText()
    let paths = text.components(separatedBy: "\r\n\r\n/").dropFirst().map { $0.prefix { $0 != " " } }
    #expect(paths == (0..<400).map { "\($0)" } + ["end"])
  }

  @Test func `a plain HTTP request is told that the port requires TLS`() async throws {
    let observer = TestObserver()
    let server = HTTPServer(limits: .unhurried, observer: observer, handler: echo)
    let address = try #require(
      try server.listen(
        host: "127.0.0.1", port: 0, tls: TLSIdentity(certificate: certificate.certificate, key: certificate.key)
      ).first)
    let peer = try TestPeer(host: address.host, port: address.port)
    await peer.send(get("/"))
    let text = await peer.read { $0.hasSuffix("}}") }
    #expect(text.hasPrefix("HTTP/1.1 400 ") && text.contains("this port requires TLS"))
    #expect(observer.counts.rejected.map(\.reason) == [.malformed])
    peer.endBoth()
    #expect(await eventually { server.connectionCount == 0 })
    await server.shutdown(grace: .zero)
  }

  @Test(arguments: [[], [22, 3, 1, 2, 0, 1]] as [[UInt8]])
  func `a missing or stalled handshake ends after the head timeout`(start: [UInt8]) async throws {
    var limits = HTTPLimits.unhurried
    limits.headTimeout = .milliseconds(150)
    let observer = TestObserver()
    let server = HTTPServer(limits: limits, observer: observer, handler: echo)
    let peer = TLSPeer(try pair(server))
    await peer.sendRaw(start)
    #expect(await peer.read() == [])
    #expect(await eventually { server.connectionCount == 0 })
    #expect(observer.counts.rejected == [])
  }

  @Test func `an idle connection is closed with close_notify`() async throws {
    var limits = HTTPLimits.unhurried
    limits.idleTimeout = .milliseconds(100)
    let peer = TLSPeer(try pair(HTTPServer(limits: limits, handler: echo)))
    #expect(await peer.handshake() == nil)
    await peer.send(get("/"))
    #expect(await peer.readText().hasSuffix("/ 0 "))
    #expect(peer.end == .closed)
  }

  @Test func `a slow reader blocks the writer at the limit and is disconnected after the write timeout`() async throws {
    var limits = HTTPLimits.unhurried
    (limits.unsentBytes, limits.writeTimeout) = (64 << 10, .milliseconds(400))
    let observer = TestObserver()
    let written = Count()
    let server = HTTPServer(limits: limits, observer: observer) { _ in
      HTTPResponse(
        status: 200,
        body: .stream { writer in
          while true {
            try await writer.write([UInt8](repeating: 0, count: 16 << 10))
            written.add(16 << 10)
          }
        })
    }
    let peer = TLSPeer(try pair(server))
    #expect(await peer.handshake() == nil)
    await peer.send(get("/"))
    #expect(await eventually { server.connectionCount == 0 })
    #expect(observer.counts.aborted == [.writeTimeout])
    #expect((64 << 10...2 << 20).contains(written.value))
    _ = await peer.read()
    #expect(peer.end == .cut)
  }

  @Test func `a disconnect cancels the handler`() async throws {
    let observer = TestObserver()
    let began = Count()
    let server = HTTPServer(limits: .unhurried, observer: observer) { _ in
      began.add(1)
      do { try await Task.sleep(for: .seconds(3600)) } catch { began.add(1) }
      return HTTPResponse(status: 200)
    }
    let peer = TLSPeer(try pair(server))
    #expect(await peer.handshake() == nil)
    await peer.send(get("/"))
    #expect(await eventually { began.value == 1 })
    await peer.sendClose()
    #expect(await eventually { began.value == 2 && server.connectionCount == 0 })
    #expect(observer.counts.aborted == [.peerGone])
  }

  @Test func `a renewed certificate applies to new connections, and open ones continue`() async throws {
    let (made, renewed) = (TestCertificate(name: "old"), TestCertificate(name: "new"))
    let identity = try TLSIdentity(certificate: made.certificate, key: made.key)
    let server = HTTPServer(limits: .unhurried, handler: echo)
    let address = try #require(try server.listen(host: "127.0.0.1", port: 0, tls: identity).first)
    let old = TLSPeer(connected(to: address))
    #expect(await old.handshake() == nil)
    try made.take(certificate: renewed, key: renewed)
    try identity.reload()
    let new = TLSPeer(connected(to: address))
    #expect(await new.handshake() == nil)
    #expect(old.serverName == "/CN=old" && new.serverName == "/CN=new")
    for peer in [old, new] {
      await peer.send(get("/"))
      #expect(await peer.readText { $0.hasSuffix("/ 0 ") }.hasPrefix("HTTP/1.1 200 "))
    }
    await server.shutdown(grace: .zero)
    #expect(await old.read() == [])
    #expect(old.end == .closed)
  }

  @Test func `a connection beyond a limit is closed without a handshake`() async throws {
    var limits = HTTPLimits.unhurried
    limits.connections = 1
    let server = HTTPServer(limits: limits, handler: echo)
    let first = TLSPeer(try pair(server))
    #expect(await first.handshake() == nil)
    #expect(await TLSPeer(try pair(server)).handshake() == .cut)
  }
}

private final class Count: Sendable {
  private let state = Mutex(0)
  var value: Int { state.withLock { $0 } }
  func add(_ number: Int) { state.withLock { $0 += number } }
}
