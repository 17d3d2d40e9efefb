import Fetching
import Testing

@Suite struct `URLs and allowed hosts` {
  @Test(
    arguments: [
      ("https://Example.ORG/a.png", "https", "example.org", 443), ("HTTP://example.org", "http", "example.org", 80),
      ("https://example.org:8443/a?b#c", "https", "example.org", 8443), ("http://127.1/", "http", "127.0.0.1", 80),
      ("http://0x7f000001/", "http", "127.0.0.1", 80), ("http://0177.0.0.1/", "http", "127.0.0.1", 80),
      ("http://2130706433/", "http", "127.0.0.1", 80), ("http://[::1]:81/", "http", "[::1]", 81),
      ("http://ex%61mple.org/", "http", "example.org", 80),
      ("https://xn--bcher-kva.example/", "https", "xn--bcher-kva.example", 443),
    ] as [(String, String, String, UInt16)])
  func `a URL is parsed as libcurl parses it`(text: String, scheme: String, host: String, port: UInt16) throws {
    let url = try #require(RemoteURL(text))
    #expect(url.scheme == scheme && url.host == host && url.port == port)
  }

  @Test(arguments: [
    "", "example.org", "//example.org", "ftp://example.org/", "file:///etc/passwd", "gopher://example.org",
    "dict://a:1/", "https://",
    "https:///a", "https:/example.org/", "https:example.org", "https://user@example.org/",
    "https://user:word@example.org/", "https://@example.org/",
    "https://:@example.org/",
    "https://example.org:0/", "https://example.org:65536/", "https://example.org:x/", "https://bücher.example/",
    "https://ex ample.org/",
    "https://example.org/\\@evil", "https://example.org\\.evil/", "https://example.org/\na",
    "https://example.org/\u{0}",
    "https://example.org/é", "https://[::1/", "https://[fe80::1%25eth0]/", "https://b%C3%BCcher.example/",
    "https://a%00b/",
    "https://a%2Fb/", "javascript:alert(1)", "https://example.org/" + String(repeating: "a", count: 9000),
  ])
  func `URLs that must not be fetched are rejected`(text: String) { #expect(RemoteURL(text) == nil) }

  @Test(arguments: [
    ("example.org", "https://example.org/a.png"), ("example.org", "https://EXAMPLE.org:443/"),
    ("Example.ORG", "https://example.org"),
    ("https://example.org", "https://example.org/"), ("http://example.org", "http://example.org/"),
    ("example.org:8443", "https://example.org:8443/"), ("http://example.org:8000", "http://example.org:8000/"),
    ("*.example.org", "https://a.example.org/"), ("*.example.org", "https://a.b.example.org/"),
    ("http://*.example.org:81", "http://a.example.org:81/"), ("http://127.0.0.1", "http://0x7f.1/"),
    ("http://[::1]:8000", "http://[0::1]:8000/"),
  ])
  func `an entry allows its own origin`(entry: String, text: String) throws {
    #expect(try #require(HostRule(entry)).admits(try #require(RemoteURL(text))))
  }

  @Test(arguments: [
    ("example.org", "http://example.org/"), ("example.org", "https://example.org:444/"),
    ("example.org", "https://a.example.org/"),
    ("example.org", "https://example.org.evil.net/"), ("example.org", "https://evilexample.org/"),
    ("example.org", "https://example.org./"),
    ("http://example.org", "https://example.org/"), ("http://example.org", "http://example.org:443/"),
    ("*.example.org", "https://example.org/"), ("*.example.org", "https://evilexample.org/"),
    ("*.example.org", "https://.example.org/"),
    ("*.example.org", "https://a.example.org.evil.net/"), ("*.example.org", "http://a.example.org/"),
    ("example.org", "https://evil.net/example.org"), ("example.org", "https://evil.net?https://example.org"),
    ("example.org", "https://evil.net#https://example.org"), ("http://127.0.0.1", "http://127.0.0.2/"),
  ])
  func `an entry allows no other origin`(entry: String, text: String) throws {
    guard let url = RemoteURL(text) else { return }
    #expect(try #require(HostRule(entry)).admits(url) == false)
  }

  @Test(arguments: [
    "", "*", "*.", "*.org", "*.*.org", "a.*.org", "*.127.0.0.1", "*.[::1]", "ftp://example.org", "example.org/",
    "example.org/a",
    "example.org?a", "example.org#a", "user@example.org", "https://https://example.org", "example.org:0",
    "example.org:99999", "bücher.example",
    "exa%6dple.org", "*..org", "*.example.org.", "a b", "https://",
  ])
  func `a malformed entry is rejected`(entry: String) { #expect(HostRule(entry) == nil) }
}
