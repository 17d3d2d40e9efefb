import Fetching
import Foundation
import Synchronization
import Testing

@Suite struct `Images fetched by URL` {
  private static let loopback = ["127.0.0.1", "::1"].compactMap(Network.init)

  /// Returns a fetcher for the hosts of `rules` (`PORT` is the server's) and addresses of this machine, unless
  /// `networks` is given.
  private func fetcher(
    _ server: ScriptedServer, _ rules: [String] = ["http://127.0.0.1:PORT"], networks: [Network] = loopback,
    image: Int = 100_000,
    timeout: Duration = .seconds(600)
  ) -> ImageFetcher {
    let rules = rules.compactMap { HostRule($0.replacing("PORT", with: "\(server.port)")) }
    return ImageFetcher(
      remote: RemotePolicy(rules: rules, networks: networks, timeout: timeout), folder: nil,
      limits: .init(image: image, request: 10 * image, total: 100 * image))
  }

  /// Returns the body, or the error.
  private func get(_ fetcher: ImageFetcher, _ server: ScriptedServer, _ path: String, host: String = "127.0.0.1")
    async throws -> Result<
      String, FetchError
    >
  {
    let place = try fetcher.location(of: "http://\(host):\(server.port)\(path)")
    do {
      return .success(try await fetcher.withImages(at: [place]) { String(decoding: $0[0], as: UTF8.self) })
    } catch let failure as ImageFailure { return .failure(failure.error) }
  }

  private func isFailed(_ result: Result<String, FetchError>) -> Bool {
    if case .failure(.failed) = result { true } else { false }
  }

  @Test func `an image is fetched, and the request contains only the necessary fields`() async throws {
    let server = try ScriptedServer { $0.reply(200, ["Content-Type: text/html", "Set-Cookie: a=b"], "image") }
    let fetcher = fetcher(server)
    #expect(try await get(fetcher, server, "/a.png?x=1#secret") == .success("image"))
    #expect(try await get(fetcher, server, "/b.png") == .success("image"))
    let heads = server.heads.withLock { $0 }
    #expect(
      heads.first
        == "GET /a.png?x=1 HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\nUser-Agent: r4b\r\nAccept: image/*\r\n\r\n")
    #expect(heads.count == 2 && heads.last?.lowercased().contains("cookie") == false)
    #expect(fetcher.bytesHeld == 0)
  }

  @Test func `chunked bodies and bodies that end with the connection are supported`() async throws {
    let server = try ScriptedServer { exchange in
      _ =
        exchange.path == "/chunked"
        ? exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        : exchange.send("HTTP/1.1 200 OK\r\n\r\nabcde")
    }
    for path in ["/chunked", "/plain"] { #expect(try await get(fetcher(server), server, path) == .success("abcde")) }
  }

  @Test(arguments: [100, 101, 201, 204, 206, 300, 304, 400, 401, 404, 500, 503])
  func `every status other than 200 is a failure`(status: Int) async throws {
    let server = try ScriptedServer {
      $0.reply(status, [], status == 204 || status == 304 || status < 200 ? "" : "body")
    }
    #expect(isFailed(try await get(fetcher(server), server, "/")))
  }

  @Test(arguments: [
    "not HTTP", "HTTP/0.9 hello", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "",
  ])
  func `broken responses are failures`(text: String) async throws {
    let server = try ScriptedServer { _ = $0.send(text) }
    #expect(isFailed(try await get(fetcher(server), server, "/")))
  }

  @Test func `a body beyond the limit is aborted, whether announced, endless or misdeclared`() async throws {
    let server = try ScriptedServer { exchange in
      switch exchange.path {
      case "/announced":
        _ = exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n")
        exchange.waitForEnd()
      case "/chunked":
        _ = exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while exchange.send("1000\r\n" + String(repeating: "x", count: 4096) + "\r\n") {}
      default:
        _ = exchange.send("HTTP/1.1 200 OK\r\n\r\n")
        while exchange.send([UInt8](repeating: 1, count: 4096)) {}
      }
    }
    let fetcher = fetcher(server)
    for path in ["/announced", "/chunked", "/endless"] {
      #expect(try await get(fetcher, server, path) == .failure(.tooLarge(limit: 100_000)), "\(path)")
    }
    #expect(fetcher.bytesHeld == 0)
  }

  @Test func `endless header fields are aborted`() async throws {
    let server = try ScriptedServer { exchange in
      _ = exchange.send("HTTP/1.1 200 OK\r\n")
      while exchange.send("X: " + String(repeating: "y", count: 1000) + "\r\n") {}
    }
    #expect(isFailed(try await get(fetcher(server), server, "/")))
  }

  @Test func `content encodings are neither requested nor decoded`() async throws {
    let server = try ScriptedServer { $0.reply(200, ["Content-Encoding: gzip"], "as it is") }
    #expect(try await get(fetcher(server), server, "/") == .success("as it is"))
    #expect(server.heads.withLock { $0.first?.lowercased().contains("encoding") } == false)
  }

  @Test(arguments: [301, 302, 303, 307, 308]) func `redirects on the same host are followed`(status: Int) async throws {
    let server = try ScriptedServer { exchange in
      switch exchange.path {
      case "/a": exchange.reply(status, ["Location: b?x"], "moved")
      case "/b?x":
        exchange.reply(
          status, ["Location: //127.0.0.1:\(exchange.head.split(separator: ":")[2].prefix { $0.isNumber })/c"])
      case "/c": exchange.reply(status, ["Location: /d#x"])
      default: exchange.reply(200, [], "there")
      }
    }
    #expect(try await get(fetcher(server), server, "/a") == .success("there"))
    #expect(server.count == 4)
  }

  @Test func `the fourth redirect is not followed`() async throws {
    let server = try ScriptedServer { $0.reply(302, ["Location: /again"]) }
    #expect(isFailed(try await get(fetcher(server), server, "/")))
    #expect(server.count == 4)
  }

  @Test(arguments: [
    "http://localhost:PORT/", "https://127.0.0.1:PORT/", "http://127.0.0.1/", "http://127.0.0.2:PORT/",
    "file:///etc/passwd", "ftp://127.0.0.1:PORT/",
    "gopher://127.0.0.1:PORT/", "http://user@127.0.0.1:PORT/", "http://[::1]:PORT/", "http://0/",
    "dict://127.0.0.1:PORT/", "http://", "",
  ])
  func `a redirect to a URL without an allow-list entry is a failure`(target: String) async throws {
    let server = try ScriptedServer { exchange in
      let port = exchange.head.split(separator: ":")[2].prefix { $0.isNumber }
      exchange.reply(
        exchange.path == "/begin" ? 302 : 200, ["Location: \(target.replacing("PORT", with: port))"], "secret")
    }
    #expect(isFailed(try await get(fetcher(server), server, "/begin")))
    #expect(server.count == 1)
  }

  @Test func `an allowed name that resolves to an address of this machine is not connected to`() async throws {
    let server = try ScriptedServer { $0.reply(200, [], "secret") }
    for host in ["127.0.0.1", "localhost"] {
      let fetcher = fetcher(server, ["http://\(host):PORT"], networks: [])
      #expect(isFailed(try await get(fetcher, server, "/", host: host)))
    }
    #expect(server.count == 0)
    let named = fetcher(server, ["http://localhost:PORT"])
    #expect(try await get(named, server, "/", host: "localhost") == .success("secret"))
  }

  @Test func `a redirect to an allowed name at a forbidden address is not connected to`() async throws {
    let inner = try ScriptedServer { $0.reply(200, [], "secret") }
    let port = inner.port
    let outer = try ScriptedServer { $0.reply(302, ["Location: http://127.0.0.2:\(port)/"]) }
    let fetcher = fetcher(
      outer, ["http://127.0.0.1:PORT", "http://127.0.0.2:\(port)"], networks: ["127.0.0.1"].compactMap(Network.init))
    #expect(isFailed(try await get(fetcher, outer, "/")))
    #expect(outer.count == 1 && inner.count == 0)
  }

  @Test func `silent and slow transfers end at the timeout`() async throws {
    let server = try ScriptedServer { exchange in
      if exchange.path == "/trickle" {
        _ = exchange.send("HTTP/1.1 200 OK\r\n\r\n")
        while exchange.send("x") { usleep(20_000) }
      }
      exchange.waitForEnd()
    }
    let fetcher = fetcher(server, timeout: .seconds(2))
    for path in ["/silence", "/trickle"] {
      // If other tests hold all threads of the pool, the fetch may not start in time.
      let result = try await get(fetcher, server, path)
      #expect(isFailed(result) || result == .failure(.busy))
    }
  }

  @Test func `a cancelled request closes its connections, and queued ones are never opened`() async throws {
    let server = try ScriptedServer { $0.waitForEnd() }
    let fetcher = fetcher(server)
    let place = try fetcher.location(of: "http://127.0.0.1:\(server.port)/")
    let task = Task { try await fetcher.withImages(at: Array(repeating: place, count: 20)) { _ in } }
    while server.count < 8 { try await Task.sleep(for: .milliseconds(5)) }
    try await Task.sleep(for: .milliseconds(100))
    #expect(server.count == 8)
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    while server.open.load(ordering: .sequentiallyConsistent) > 0 { try await Task.sleep(for: .milliseconds(5)) }
    #expect(server.count == 8)
  }

  @Test func `a request that waits in the queue for too long is told to retry`() async throws {
    let server = try ScriptedServer { exchange in
      _ = exchange.send("HTTP/1.1 200 OK\r\n\r\n")
      while exchange.send([UInt8](repeating: 1, count: 100)) { usleep(20_000) }
    }
    // Retried with more time if other tests delay the first eight.
    for seconds in [4, 16, 64] {
      let before = server.count
      let slow = fetcher(server, timeout: .seconds(seconds))
      let place = try slow.location(of: "http://127.0.0.1:\(server.port)/")
      let start = ContinuousClock.now
      let first = Task { try await slow.withImages(at: Array(repeating: place, count: 8)) { _ in } }
      defer { first.cancel() }
      while server.count < before + 8, ContinuousClock.now - start < .seconds(seconds) / 8 {
        try await Task.sleep(for: .milliseconds(5))
      }
      let failure = await #expect(throws: ImageFailure.self) { try await slow.withImages(at: [place]) { _ in } }
      if failure?.error == .busy { return }
    }
    Issue.record("nobody was told to come again")
  }

  @Test func `images arrive in order, and a failure has the index of its image`() async throws {
    let server = try ScriptedServer { exchange in
      if exchange.path == "/0" { usleep(100_000) }
      exchange.reply(exchange.path == "/missing" ? 404 : 200, [], exchange.path)
    }
    let fetcher = fetcher(server)
    var locations = try (0..<12).map { try fetcher.location(of: "http://127.0.0.1:\(server.port)/\($0)") }
    let texts = try await fetcher.withImages(at: locations) { $0.map { String(decoding: $0, as: UTF8.self) } }
    #expect(texts == (0..<12).map { "/\($0)" })
    locations[7] = try fetcher.location(of: "http://127.0.0.1:\(server.port)/missing")
    do {
      try await fetcher.withImages(at: locations) { _ in }
      Issue.record("a missing image was found")
    } catch let failure as ImageFailure { #expect(failure.index == 7) }
  }
}
