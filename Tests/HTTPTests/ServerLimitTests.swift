import HTTP
import Synchronization
import Testing

private func get(_ path: String, _ fields: String = "") -> String { "GET \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n" }

@Sendable private func answer(_ request: HTTPRequest) async -> HTTPResponse {
  HTTPResponse(status: 200, body: .bytes([0x61]))
}

@Suite(.serialized, .timeLimit(.minutes(10))) struct `Server limits` {
  @Test(arguments: [
    ("GET / HTTP/1.1\r\nHo", "head"), ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab", "body"),
  ])
  func `a slow head or body is 408`(start: String, what: String) async {
    var limits = HTTPLimits.unhurried
    (limits.headTimeout, limits.bodyTimeout) = (.milliseconds(150), .milliseconds(150))
    let observer = TestObserver()
    let peer = TestPeer(HTTPServer(limits: limits, observer: observer, handler: answer), sending: start)
    let text = await peer.read()
    #expect(text.hasPrefix("HTTP/1.1 408 Request Timeout\r\n") && text.contains("\(what) arrived too slowly"))
    #expect(observer.counts.rejected.map(\.reason) == [.timeout])
  }

  @Test func `a slowly sent head is 408, a body that keeps its rate is not`() async {
    var limits = HTTPLimits.unhurried
    (limits.headTimeout, limits.bodyTimeout, limits.bodyBytesPerSecond) = (.milliseconds(300), .seconds(2), 10)
    let server = HTTPServer(limits: limits, handler: answer)
    let dripping = TestPeer(server, sending: "GET / HTTP/1.1\r\n")
    async let heads: Void = dripping.drip("X: 1\r\n", times: 6, pause: .milliseconds(250))
    let head = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 120\r\n\r\n"
    let steady = TestPeer(server, sending: head)
    // Twice the required rate, for longer than the time without a required rate.
    await steady.drip(String(repeating: "b", count: 10), times: 12, pause: .milliseconds(250))
    await heads
    #expect(await dripping.read { $0.hasSuffix("}}") }.hasPrefix("HTTP/1.1 408"))
    #expect(await steady.read().hasPrefix("HTTP/1.1 200"))
  }

  @Test func `idle connections are closed without a response`() async {
    var limits = HTTPLimits.unhurried
    (limits.headTimeout, limits.idleTimeout) = (.milliseconds(100), .milliseconds(100))
    let server = HTTPServer(limits: limits, handler: answer)
    let (fresh, used) = (TestPeer(server), TestPeer(server, sending: get("/")))
    #expect(await used.read().hasSuffix("\r\n\r\na"))
    #expect(await fresh.read() == "")
    #expect(await eventually { server.connectionCount == 0 })
  }

  /// With pieces larger than the kernel buffer plus the limit, the writer is waiting when the timeout passes. With
  /// small pieces it may be between two writes, and the next one throws.
  @Test(arguments: [16 << 10, 4 << 20])
  func `a slow reader blocks the writer at the limit and is disconnected after the write timeout`(piece: Int) async {
    var limits = HTTPLimits.unhurried
    (limits.unsentBytes, limits.writeTimeout) = (64 << 10, .milliseconds(400))
    let (observer, recorder) = (TestObserver(), Recorder())
    let server = HTTPServer(limits: limits, observer: observer) { recorder.endless($0, piece: piece) }
    let peer = TestPeer(server)
    await peer.send(get("/"))
    #expect(await eventually { recorder.failure != nil })
    if piece > 2 << 20 {
      #expect(recorder.failure as? HTTPAbort == .writeTimeout)
      #expect(recorder.written == 0)
    } else {
      // The limit, one piece and the kernel's socket buffers.
      #expect((64 << 10...2 << 20).contains(recorder.written))
    }
    #expect(observer.counts.aborted == [.writeTimeout])
    #expect(await eventually { server.connectionCount == 0 })
  }

  @Test func `a reader below the required rate is disconnected`() async {
    var limits = HTTPLimits.unhurried
    (limits.writeTimeout, limits.sendBytesPerSecond) = (.seconds(1), 100 << 20)
    let observer = TestObserver()
    let server = HTTPServer(limits: limits, observer: observer) { _ in
      HTTPResponse(status: 200, body: .bytes([UInt8](repeating: 0x62, count: 64 << 20)))
    }
    let peer = TestPeer(server)
    await peer.send(get("/"))
    // The reader takes some bytes every few milliseconds, but reading everything would last minutes.
    #expect(await peer.sip(64 << 10, pause: .milliseconds(100)) < 32 << 20)
    #expect(observer.counts.aborted == [.writeTimeout])
    #expect(await eventually { observer.counts.unsentBytes == 0 })
  }

  @Test func `a slowly generated stream requires no rate of its reader`() async {
    var limits = HTTPLimits.unhurried
    (limits.writeTimeout, limits.sendBytesPerSecond) = (.milliseconds(100), 1 << 30)
    let server = HTTPServer(limits: limits) { _ in
      HTTPResponse(
        status: 200,
        body: .stream { writer in
          for _ in 0..<10 {
            try await writer.write([0x62])
            try await Task.sleep(for: .milliseconds(50))
          }
        })
    }
    let peer = TestPeer(server)
    await peer.send("GET / HTTP/1.0\r\n\r\n")
    #expect(await peer.read().hasSuffix("bbbbbbbbbb"))
  }

  @Test(arguments: [true, false])
  func `responses beyond the send budget are 503, or disconnect a slow reader`(isPatient: Bool) async {
    var limits = HTTPLimits.unhurried
    limits.allUnsentBytes = 16 << 20
    limits.readerPatience = isPatient ? .seconds(3600) : .zero
    let observer = TestObserver()
    let server = HTTPServer(limits: limits, observer: observer) { request in
      HTTPResponse(status: 200, body: .bytes([UInt8](repeating: 0x62, count: request.path == "/small" ? 1 : 12 << 20)))
    }
    let first = TestPeer(server)
    await first.send(get("/"))
    #expect(await eventually { observer.counts.unsentBytes > 8 << 20 })
    let second = TestPeer(server)
    await second.send(get("/", "Connection: close\r\n"))
    let text = await second.read()
    if isPatient {
      #expect(text.hasPrefix("HTTP/1.1 503 ") && text.contains("Retry-After: 1") && text.contains("read slowly"))
      #expect(observer.counts.rejected.map(\.status) == [503] && observer.counts.aborted == [])
    } else {
      #expect(text.hasPrefix("HTTP/1.1 200 ") && text.utf8.count > 12 << 20)
      #expect(observer.counts.aborted == [.sendBudgetExceeded])
    }
    let small = TestPeer(server)
    await small.send(get("/small", "Connection: close\r\n"))
    #expect(await small.read().hasPrefix("HTTP/1.1 200 "))
    #expect(observer.counts.mostUnsentBytes <= 16 << 20)
    first.endBoth()
    #expect(await eventually { observer.counts.unsentBytes == 0 && server.connectionCount == 0 })
  }

  @Test func `a stream beyond the send budget ends`() async {
    var limits = HTTPLimits.unhurried
    (limits.allUnsentBytes, limits.unsentBytes) = (8 << 20, 64 << 20)
    let (observer, recorder) = (TestObserver(), Recorder())
    let server = HTTPServer(limits: limits, observer: observer) { recorder.endless($0, piece: 1 << 20) }
    let peer = TestPeer(server)
    await peer.send(get("/"))
    #expect(await eventually { observer.counts.aborted == [.sendBudgetExceeded] })
    #expect(await eventually { recorder.failure != nil && observer.counts.unsentBytes == 0 })
  }

  @Test func `a steady reader receives everything`() async {
    var limits = HTTPLimits.unhurried
    limits.unsentBytes = 32 << 10
    let server = HTTPServer(limits: limits) { _ in
      HTTPResponse(
        status: 200,
        body: .stream { writer in
          for _ in 0..<100 { try await writer.write([UInt8](repeating: 0x62, count: 20_000)) }
        })
    }
    let peer = TestPeer(server)
    await peer.send("GET / HTTP/1.0\r\n\r\n")
    #expect(await peer.read().utf8.count { $0 == 0x62 } == 2_000_000)
  }

  @Test(arguments: [true, false]) func `a disconnect cancels the handler, before and during the response`(
    isStreaming: Bool
  ) async {
    let (observer, recorder) = (TestObserver(), Recorder())
    let server = HTTPServer(limits: .unhurried, observer: observer) { request in
      if isStreaming { return recorder.trickle(request) }
      recorder.begin()
      do { try await Task.sleep(for: .seconds(3600)) } catch { recorder.fail(error) }
      return HTTPResponse(status: 200)
    }
    let peer = TestPeer(server)
    await peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
    #expect(await eventually { recorder.hasBegun })
    #expect(recorder.failure == nil)
    peer.endBoth()
    #expect(await eventually { recorder.failure is CancellationError })
    #expect(await eventually { server.connectionCount == 0 })
    #expect(observer.counts.aborted == [.peerGone])
  }

  @Test func `connections beyond the limits are rejected with 503 and 429`() async throws {
    var limits = HTTPLimits.unhurried
    limits.connections = 2
    let observer = TestObserver()
    let server = HTTPServer(limits: limits, observer: observer, handler: answer)
    var peers = [TestPeer(server), TestPeer(server)]
    #expect(await TestPeer(server).read().hasPrefix("HTTP/1.1 503 "))
    peers.removeLast()
    #expect(await eventually { server.connectionCount == 1 })
    peers.append(TestPeer(server))
    await peers[1].send(get("/"))
    #expect(await peers[1].read { $0.hasSuffix("a") }.hasPrefix("HTTP/1.1 200 "))
    #expect(observer.counts.rejected.map(\.status) == [503])

    limits.connections = 10
    limits.connectionsPerAddress = 1
    let perAddress = HTTPServer(limits: limits, handler: answer)
    let address = try #require(try perAddress.listen(host: "127.0.0.1", port: 0).first)
    let first = try TestPeer(host: address.host, port: address.port)
    await first.send(get("/"))
    #expect(await first.read { $0.hasSuffix("a") }.hasPrefix("HTTP/1.1 200 "))
    let second = try TestPeer(host: address.host, port: address.port)
    let text = await second.read()
    #expect(text.hasPrefix("HTTP/1.1 429 ") && text.contains("Retry-After: 1\r\n"))
    await perAddress.shutdown(grace: .zero)
  }

  @Test func `bodies of all connections share one budget, and memory is released`() async {
    var limits = HTTPLimits.unhurried
    limits.bufferedBodyBytes = 800 << 10
    let (observer, recorder) = (TestObserver(), Recorder())
    let server = HTTPServer(limits: limits, observer: observer) { request in
      recorder.begin()
      while !recorder.isReleased { try? await Task.sleep(for: .milliseconds(2)) }
      return HTTPResponse(status: 200, body: .bytes(Array("\(request.body.count)".utf8)))
    }
    func post(_ count: Int) -> String { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n" }
    let body = [UInt8](repeating: 0x62, count: 300 << 10)
    // One body is with its handler, one is partial: 550 of the 700 KiB that large bodies may use.
    let (whole, part) = (TestPeer(server), TestPeer(server))
    await whole.send(Array(post(body.count).utf8) + body)
    await part.send(Array(post(body.count).utf8) + body.prefix(250 << 10))
    #expect(await eventually { recorder.begun == 1 && observer.counts.bodyBytes == 550 << 10 })
    let announced = await TestPeer(server, sending: post(body.count)).read()
    #expect(announced.hasPrefix("HTTP/1.1 503 ") && announced.contains("\r\nRetry-After: 1\r\n"))
    let growing = TestPeer(server, sending: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n30000\r\n")
    await growing.send([UInt8](body.prefix(192 << 10)))
    #expect(await growing.read { $0.hasSuffix("}}") }.hasPrefix("HTTP/1.1 503 "))
    #expect(observer.counts.bodyBytes == 550 << 10 && observer.counts.mostBodyBytes <= 700 << 10)
    #expect(observer.counts.rejected.map(\.reason) == [.capacity, .capacity])
    // A small body may use the rest.
    let small = TestPeer(server, sending: post(2) + "ok")
    #expect(await eventually { recorder.begun == 2 })
    recorder.release()
    #expect(await small.read { $0.hasSuffix("\r\n\r\n2") }.hasPrefix("HTTP/1.1 200 "))
    #expect(await whole.read { $0.hasSuffix("\(body.count)") }.hasPrefix("HTTP/1.1 200 "))
    await part.send([UInt8](body.suffix(50 << 10)))
    #expect(await part.read { $0.hasSuffix("\(body.count)") }.hasPrefix("HTTP/1.1 200 "))
    #expect(await eventually { observer.counts.bodyBytes == 0 })
  }

  @Test func `a body that takes too long is rejected only when another one needs its memory`() async {
    var limits = HTTPLimits.unhurried
    (limits.bufferedBodyBytes, limits.bodyTimeout) = (400 << 10, .seconds(2))
    let observer = TestObserver()
    let server = HTTPServer(limits: limits, observer: observer, handler: answer)
    let head = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: \(300 << 10)\r\n\r\n"
    let slow = TestPeer(server)
    await slow.send(Array(head.utf8) + [UInt8](repeating: 0x62, count: 200 << 10))
    // It keeps its rate, so its duration alone does not end it.
    await slow.drip("b", times: 10, pause: .milliseconds(250))
    #expect(observer.counts.rejected == [])
    let other = TestPeer(server)
    await other.send(Array(head.utf8) + [UInt8](repeating: 0x62, count: 300 << 10))
    #expect(await other.read().hasPrefix("HTTP/1.1 200 "))
    #expect(await slow.read().hasPrefix("HTTP/1.1 503 "))
    #expect(await eventually { observer.counts.bodyBytes == 0 })
  }

  @Test(arguments: [false, true])
  func `a closed connection releases its memory, that of its handler when the handler returns`(
    isWhole: Bool
  ) async {
    let (observer, recorder) = (TestObserver(), Recorder())
    let server = HTTPServer(limits: .unhurried, observer: observer) { _ in
      recorder.begin()
      while !recorder.isReleased { try? await Task.sleep(for: .milliseconds(2)) }
      return HTTPResponse(status: 200)
    }
    let peer = TestPeer(server, sending: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(isWhole ? 3 : 4)\r\n\r\nabc")
    #expect(await eventually { observer.counts.bodyBytes == 3 && recorder.hasBegun == isWhole })
    peer.endBoth()
    #expect(await eventually { server.connectionCount == 0 })
    if isWhole { #expect(observer.counts.bodyBytes == 3) }
    recorder.release()
    #expect(await eventually { observer.counts.bodyBytes == 0 })
  }

  @Test func `a connection is closed after its maximum number of requests`() async {
    var limits = HTTPLimits.unhurried
    limits.requestsPerConnection = 2
    let peer = TestPeer(HTTPServer(limits: limits, handler: answer))
    await peer.send(get("/") + get("/") + get("/"))
    let text = await peer.read()
    #expect(text.split(separator: "HTTP/1.1 200 OK").count == 2 && text.contains("Connection: close\r\n"))
  }

  @Test func `shutdown closes idle connections, lets requests finish and aborts them after the grace period`() async {
    let recorder = Recorder()
    let server = HTTPServer(limits: .unhurried) { request in
      recorder.begin()
      do {
        while request.path == "/long" || !recorder.isReleased { try await Task.sleep(for: .milliseconds(10)) }
      } catch {
        recorder.fail(error)
      }
      return HTTPResponse(status: 200, body: .bytes([0x61]))
    }
    let (idle, short, long) = (TestPeer(server), TestPeer(server), TestPeer(server))
    await short.send(get("/short"))
    await long.send(get("/long"))
    #expect(await eventually { recorder.begun == 2 && server.connectionCount == 3 })
    async let down: Void = server.shutdown(grace: .seconds(3600))
    #expect(await idle.isEnded())
    recorder.release()
    let text = await short.read()
    #expect(text.hasPrefix("HTTP/1.1 200 ") && text.contains("Connection: close\r\n"))
    await server.shutdown(grace: .zero)
    #expect(await long.read() == "")
    await down
    #expect(await eventually { recorder.failure is CancellationError })
    #expect(server.connectionCount == 0)
  }

  @Test func `every opened connection is reported as closed, whatever the peers do`() async {
    let observer = TestObserver()
    let server = HTTPServer(limits: .unhurried, loops: 2, observer: observer, handler: answer)
    await withTaskGroup { group in
      for number in 0..<60 {
        group.addTask {
          let peer = TestPeer(server)
          switch number % 4 {
          case 0: await peer.send(get("/"))
          case 1: await peer.send("BAD\r\n\r\n")
          case 2: await peer.send("GET / HT")
          default: break
          }
          peer.endBoth()
        }
      }
    }
    #expect(await eventually { observer.counts.closed == 60 })
    #expect(observer.counts.opened == 60 && server.connectionCount == 0)
  }
}

/// Records what happens to a handler.
private final class Recorder: Sendable {
  private struct State {
    var begun = 0
    var written = 0
    var isReleased = false
    var failure: (any Error)?
  }
  private let state = Mutex(State())

  var hasBegun: Bool { begun > 0 }
  var begun: Int { state.withLock { $0.begun } }
  var written: Int { state.withLock { $0.written } }
  var failure: (any Error)? { state.withLock { $0.failure } }
  var isReleased: Bool { state.withLock { $0.isReleased } }
  func release() { state.withLock { $0.isReleased = true } }
  func begin() { state.withLock { $0.begun += 1 } }
  func fail(_ error: any Error) { state.withLock { $0.failure = error } }

  /// Writes pieces as fast as the writer accepts them.
  func endless(_ request: HTTPRequest, piece: Int) -> HTTPResponse { stream(piece: piece, pause: .zero) }

  /// Writes one byte per hour.
  func trickle(_ request: HTTPRequest) -> HTTPResponse { stream(piece: 1, pause: .seconds(3600)) }

  private func stream(piece: Int, pause: Duration) -> HTTPResponse {
    HTTPResponse(
      status: 200,
      body: .stream { writer in
        do {
          while true {
            try await writer.write([UInt8](repeating: 0, count: piece))
            self.state.withLock { $0.written += piece }
            self.begin()
            if pause > .zero { try await Task.sleep(for: pause) }
          }
        } catch {
          self.fail(error)
          throw error
        }
      })
  }
}
