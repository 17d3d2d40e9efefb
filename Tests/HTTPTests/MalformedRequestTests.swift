import HTTP
import Testing

private func get(_ fields: String) -> String { "GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n" }
private func post(_ fields: String, _ body: String = "") -> String {
  "POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n\(body)"
}
private func chunked(_ body: String) -> String { post("Transfer-Encoding: chunked", body) }
private func target(_ target: String, method: String = "GET") -> String {
  "\(method) \(target) HTTP/1.1\r\nHost: a\r\n\r\n"
}

private let zoo: [(String, Int)] = [
  // Lines.
  ("GET / HTTP/1.1\nHost: a\n\n", 400), ("GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
  ("GET / HTTP/1.1\rHost: a\r\n\r\n", 400),
  (get("X: a\rb"), 400), (get("X: a\nb"), 400), ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  ("\rGET / HTTP/1.1", 400),
  ("\nGET / HTTP/1.1", 400), ("GET / HTTP/1.1\r\n\r\r\n", 400),
  // Request line.
  (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  ("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
  ("GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", 400),
  ("GET /\r\nHost: a\r\n\r\n", 400), ("GET\r\n\r\n", 400), ("/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  ("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("G\u{0}T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  ("\(String(repeating: "G", count: 33)) / HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("\u{16}\u{3}\u{1}\u{2}", 400),
  // Version.
  ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
  ("GET / HTTP/0.9\r\n\r\n", 505),
  ("GET / http/1.1\r\nHost: a\r\n\r\n", 400), ("GET / HTTP/1\r\nHost: a\r\n\r\n", 400),
  ("GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400),
  ("GET / HTTP/+1.1\r\nHost: a\r\n\r\n", 400), ("GET / HTTP/1,1\r\nHost: a\r\n\r\n", 400),
  ("GET / XTTP/1.1\r\nHost: a\r\n\r\n", 400),
  // Target.
  (target("*"), 400), (target("a"), 400), (target("a:80"), 400), (target("a:80", method: "CONNECT"), 501),
  (target("ftp://a/"), 400), (target("http:///x"), 400), (target("http://u@a/"), 400), (target("http://a:b/"), 400),
  (target("/a#b"), 400), (target("/%"), 400), (target("/%4"), 400), (target("/%zz"), 400), (target("/%00"), 400),
  (target("/%ff"), 400), (target("/%c3"), 400), (target("/%ed%a0%80"), 400), (target("/a\\b"), 400),
  (target("/a\"b"), 400),
  (target("/é"), 400), (target("/?é"), 400), (target("/?a#b"), 400), (target("/a\u{7F}"), 400), (target("/<a>"), 400),
  // Fields.
  (get("X : 1"), 400), (get("X\t: 1"), 400), (get(" X: 1"), 400), (get("X: 1\r\n folded"), 400),
  (get("X: 1\r\n\tfolded"), 400),
  (get("X"), 400), (get(": 1"), 400), (get("X\u{0}: 1"), 400), (get("X: a\u{0}b"), 400), (get("X: a\u{1}b"), 400),
  (get("X: a\u{7F}b"), 400), (get("(X): 1"), 400), (get("X/Y: 1"), 400), (get("é: 1"), 400),
  // Host.
  ("GET / HTTP/1.1\r\n\r\n", 400), (get("Host: a"), 400), ("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400),
  ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
  ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
  ("GET / HTTP/1.1\r\nHost: a,b:1:2\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
  ("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", 400),
  ("GET / HTTP/1.1\r\nHost: :80\r\n\r\n", 400),
  ("GET / HTTP/1.1\r\nHost: a:123456\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: [g::]\r\n\r\n", 400),
  // Lengths.
  (post("Content-Length: 1\r\nContent-Length: 1", "a"), 400),
  (post("Content-Length: 1\r\nContent-Length: 2", "ab"), 400),
  (post("Content-Length: 1, 1", "a"), 400), (post("Content-Length: +1", "a"), 400), (post("Content-Length: -1"), 400),
  (post("Content-Length: 0x1", "a"), 400), (post("Content-Length: 1 1", "a"), 400), (post("Content-Length:"), 400),
  (post("Content-Length: 1.0", "a"), 400), (post("Content-Length: 99999999999999999999"), 400),
  (post("Content-Length: ١"), 400),
  (post("Content-Length: 999999999999"), 413), (post("X: 1"), 411), ("POST / HTTP/1.0\r\n\r\n", 411),
  // Transfer coding.
  (post("Transfer-Encoding: chunked\r\nContent-Length: 1", "0\r\n\r\n"), 400),
  (post("Content-Length: 1\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), 400),
  (post("Content-Length: 1\r\nTransfer-Encoding: identity"), 400),
  (post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), 400),
  (post("Transfer-Encoding: gzip, chunked"), 501),
  (post("Transfer-Encoding: identity"), 501), (post("Transfer-Encoding: xchunked"), 501),
  (post("Transfer-Encoding:"), 400), (post("Transfer-Encoding: chunked, gzip"), 400),
  (post("Transfer-Encoding: chunked, chunked", "0\r\n\r\n"), 400),
  (post("Transfer-Encoding: chunked,", "0\r\n\r\n"), 400),
  (post("Transfer-Encoding: ,chunked", "0\r\n\r\n"), 400), (post("Transfer-Encoding: gzip,, chunked"), 400),
  (post("Transfer-Encoding: chunked;x", "0\r\n\r\n"), 400), (post("Transfer-Encoding: chunked;q=1, gzip"), 400),
  (post("Transfer-Encoding: gzip, chunked;x=1"), 400), (post("Transfer-Encoding: CHUNKED , GZIP"), 400),
  (post("Transfer-Encoding: \"chunked\"", "0\r\n\r\n"), 400), (post("Transfer-Encoding: chunked chunked"), 400),
  (post("Transfer-Encoding: chunked identity"), 400), (post("Transfer-Encoding: ;chunked"), 400),
  (post("Transfer-Encoding: gzip"), 501), (post("Transfer-Encoding: gzip;q=1"), 501),
  (post("Transfer-Encoding: gzip, deflate"), 501), (post("Transfer-Encoding: gzip , Chunked"), 501),
  (post("Transfer-Encoding: \u{B}chunked"), 400), (post("Transfer-Encoding : chunked", "0\r\n\r\n"), 400),
  ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
  // Chunks.
  (chunked("\r\n"), 400), (chunked("g\r\n"), 400), (chunked("-1\r\n"), 400), (chunked("+1\r\na\r\n"), 400),
  (chunked("0x1\r\na\r\n"), 400),
  (chunked(" 1\r\na\r\n"), 400), (chunked("1\na\r\n"), 400), (chunked("1\ra\r\n"), 400), (chunked("1 1\r\na\r\n"), 400),
  (chunked("1\r\nab\r\n"), 400), (chunked("1\r\na\n"), 400), (chunked("1\r\na\rb"), 400),
  (chunked("2\r\na\r\n0\r\n\r\n"), 400),
  (chunked("FFFFFFFFFFFFFFFF\r\n"), 400), (chunked("10000000000000000\r\n"), 400), (chunked("7fffffffffffff\r\n"), 413),
  (chunked("1;a\u{0}\r\n"), 400), (chunked("0\r\nX : 1\r\n\r\n"), 400), (chunked("0\r\n folded\r\n\r\n"), 400),
  (chunked("0\r\nX\r\n\r\n"), 400), (chunked("0\r\nX: 1\n\r\n"), 400), (chunked(";a\r\n"), 400),
  // Expectations.
  (post("Expect: 200-ok\r\nContent-Length: 1", "a"), 417),
  (post("Expect: 100-continue, x\r\nContent-Length: 1", "a"), 417),
]

@Suite struct `Malformed requests` {
  @Test(arguments: zoo) func `are rejected with their status, wherever the input is split`(request: String, status: Int)
  {
    let whole = parse(request)
    #expect(whole.violation?.status == status)
    #expect(whole.bodies.isEmpty)
    for cut in 1..<request.utf8.count { #expect(parse(request, cuts: [cut]).violation == whole.violation, "at \(cut)") }
  }

  @Test func `there are many cases, and no message repeats the input`() {
    #expect(zoo.count >= 60)
    for (request, _) in zoo {
      let message = parse(request).violation?.message ?? ""
      #expect(
        !message.isEmpty && !message.contains("\"") && !message.contains("\\")
          && message.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
    }
  }
}
