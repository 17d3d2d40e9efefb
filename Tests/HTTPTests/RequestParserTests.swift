import Basics
import HTTP
import Testing

private let good = [
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "\r\nGET /v1/models?limit=3 HTTP/1.1\r\nHost: localhost:8080\r\nAccept:*/*\r\nX-Empty:\r\n\r\n",
  "POST /v1/chat/completions HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 11\r\n\r\nhello\r\nworl",
  "POST /x HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nT: v\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET http://example.com:81/a%20b?q#".dropLast() + " HTTP/1.1\r\nHost: other\r\n\r\n",
  "GET / HTTP/1.0\r\n\r\n",
  "DELETE /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz",
]

@Suite struct `Request parser` {
  @Test func `a request is parsed into its parts`() throws {
    let parsed = parse(
      "POST /a%2Fb%C3%A9?x=%20y HTTP/1.1\r\nHost: h\r\nX-A:  1 \t\r\nx-a: 2\r\nContent-Length: 2\r\n\r\nok")
    let head = try #require(parsed.heads.first)
    #expect(head.method == "POST")
    #expect(head.path == "/a/bé")
    #expect(head.query == "x=%20y")
    #expect(head.headers.all("X-a") == ["1", "2"])
    #expect(head.framing == .length(2))
    #expect(head.keepsAlive)
    #expect(parsed.bodies == [Array("ok".utf8)])
  }

  @Test(arguments: good) func `every prefix of a valid request needs more input`(request: String) {
    let bytes = Array(request.utf8)
    for length in 0..<bytes.count {
      let parsed = parse(Array(bytes[..<length]))
      #expect(parsed.violation == nil && parsed.bodies.isEmpty, "at \(length)")
      #expect(parsed.isWaiting == (length > 0), "at \(length)")
    }
  }

  @Test(arguments: good) func `the result does not depend on where the input is split`(request: String) {
    let whole = parse(request)
    #expect(whole.bodies.count == 1 && !whole.isWaiting)
    for cut in 0...request.utf8.count { #expect(parse(request, cuts: [cut]) == whole, "at \(cut)") }
    #expect(parse(request, cuts: Array(1..<request.utf8.count)) == whole)
  }

  @Test func `pipelined requests are separated, wherever the input is split`() {
    let text = good.joined()
    let whole = parse(text)
    #expect(whole.bodies.count == good.count)
    #expect(whole.heads.map(\.method) == ["GET", "GET", "POST", "POST", "OPTIONS", "GET", "GET", "DELETE"])
    for cut in stride(from: 1, to: text.utf8.count, by: 3) { #expect(parse(text, cuts: [cut]) == whole, "at \(cut)") }
  }

  @Test func `the authority of an absolute target replaces Host`() {
    let head = parse("GET HTTP://Example.com:81?q=1 HTTP/1.1\r\nHost: other\r\n\r\n").heads.first
    #expect(head?.path == "/")
    #expect(head?.query == "q=1")
    #expect(head?.headers.all("host") == ["Example.com:81"])
  }

  @Test(arguments: [
    ("HTTP/1.1\r\nHost: a", true), ("HTTP/1.1\r\nHost: a\r\nConnection: x, Close", false), ("HTTP/1.0", false),
    ("HTTP/1.0\r\nConnection: Keep-Alive", true), ("HTTP/1.0\r\nConnection: keep-alive, close", false),
    ("HTTP/1.9\r\nHost: a", true),
  ])
  func `keep-alive follows version and Connection`(rest: String, keeps: Bool) {
    #expect(parse("GET / \(rest)\r\n\r\n").heads.first?.keepsAlive == keeps)
  }

  @Test func `an expectation is recognised in HTTP/1.1 and ignored in HTTP/1.0`() {
    #expect(
      parse("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n").heads[0].expectsContinue)
    #expect(!parse("PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n").heads[0].expectsContinue)
  }

  @Test(arguments: [
    ("GET /\(String(repeating: "a", count: 300)) HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    ("GET /\(String(repeating: "a", count: 5000))", 414),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "a", count: 5000))\r\n\r\n", 431),
    ("GET / HTTP/1.1\r\nHost: a\r\n\(String(repeating: "X: 1\r\n", count: 9))\r\n", 431),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n", 413),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n", 413),
    (
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n\(String(repeating: "a", count: 64))\r\n25\r\n",
      413
    ),
    (
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;\(String(repeating: "e", count: 2000))\r\n",
      431
    ),
    (
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\(String(repeating: "X: 1\r\n", count: 9))\r\n",
      431
    ),
  ])
  func `each limit is reported with its status`(request: String, status: Int) {
    var limits = HTTPLimits()
    (limits.targetBytes, limits.headBytes, limits.headerCount, limits.bodyBytes) = (256, 1024, 8, 100)
    #expect(parse(request, limits: limits).violation?.status == status)
    #expect(parse(request, cuts: Array(1..<request.utf8.count), limits: limits).violation?.status == status)
  }

  @Test func `limits are inclusive`() {
    var limits = HTTPLimits()
    limits.bodyBytes = 100
    let body = String(repeating: "a", count: 100)
    #expect(
      parse("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n\(body)", limits: limits).bodies.first?.count
        == 100)
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n\(body)\r\n0\r\n\r\n"
    #expect(parse(chunked, limits: limits).bodies.first?.count == 100)
    limits.headBytes = chunked.utf8.count - "64\r\n\(body)\r\n0\r\n\r\n".utf8.count
    #expect(parse(chunked, limits: limits).violation == nil)
    limits.headBytes -= 1
    #expect(parse(chunked, limits: limits).violation?.status == 431)
  }

  @Test func `after a violation every call throws it again`() {
    var parser = RequestParser(limits: HTTPLimits())
    for text in ["GET / HTTP/1.1\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"] {
      let bytes = Array(text.utf8)
      var position = 0
      #expect(throws: HTTPViolation.self) { _ = try parser.parse(bytes.span, at: &position) }
    }
  }

  @Test func `mutated requests never crash, and splits never change the result`() {
    var random = SplitMix64(seed: 20_26)
    for round in 0..<1000 {
      var bytes = Array(good[round % good.count].utf8)
      for _ in 0..<random.index(below: 4) + 1 where !bytes.isEmpty {
        let place = random.index(below: bytes.count)
        switch random.index(below: 5) {
        case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes.remove(at: place)
        case 2: bytes.insert([0x0D, 0x0A, 0x20, 0x3A, 0x00, 0x25, 0x30][random.index(below: 7)], at: place)
        case 3: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + random.index(below: 12))], at: place)
        default: bytes.removeLast(min(bytes.count, random.index(below: 6)))
        }
      }
      let whole = parse(bytes)
      let cuts = (0..<3).map { _ in random.index(below: bytes.count + 1) }.sorted()
      #expect(parse(bytes, cuts: cuts) == whole, "round \(round)")
    }
  }
}
