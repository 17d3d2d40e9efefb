import API
import Foundation
import HTTP
import JSON
import Telemetry
import Testing

@Suite struct `Pages` {
  /// A server that serves a few files from a new directory, which is removed afterwards.
  private func withPages(_ body: (TestServer) async throws -> Void) async throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "pages-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: directory) }
    let secret = directory.appending(path: "secret.txt")
    let root = directory.appending(path: "Public")
    try FileManager.default.createDirectory(at: root.appending(path: "assets"), withIntermediateDirectories: true)
    try Data("secret".utf8).write(to: secret)
    try Data("<p>hello</p>".utf8).write(to: root.appending(path: "index.html"))
    try Data("<p>board</p>".utf8).write(to: root.appending(path: "dashboard.html"))
    try Data("let a = 1".utf8).write(to: root.appending(path: "assets/a.js"))
    try Data("hidden".utf8).write(to: root.appending(path: ".env"))
    try FileManager.default.createSymbolicLink(at: root.appending(path: "link.txt"), withDestinationURL: secret)
    var server = TestServer()
    server.configuration.publicFiles = try StaticFiles(directory: root.path)
    server.configuration.keys.add("k", name: "k")
    try await body(server)
  }

  @Test func `pages have type, tag and a strict policy and need no key`() async throws {
    try await withPages { server in
      let page = try await server.get("/")
      #expect(page.status == 200 && page.text == "<p>hello</p>")
      #expect(page.headers["content-type"] == "text/html; charset=utf-8")
      #expect(page.headers["content-security-policy"]?.hasPrefix("default-src 'none'; script-src 'self';") == true)
      #expect(page.headers["x-content-type-options"] == "nosniff")
      #expect(try await server.get("/dashboard").text == "<p>board</p>")
      #expect(try await server.get("/assets/a.js").headers["content-type"] == "text/javascript; charset=utf-8")
      let again = try await server.get("/", headers: ["if-none-match": "\"x\", \(page.headers["etag"] ?? "")"])
      #expect(again.status == 304 && again.text.isEmpty)
      #expect(server.metrics.http.value("page", "GET", "200") == 3)
    }
  }

  @Test(arguments: ["/", "/dashboard", "/assets/a.js"])
  func `a page accepts only GET and HEAD`(path: String) async throws {
    try await withPages { server in
      for method in ["POST", "DELETE"] {
        let answer = try await server.ask(HTTPRequest(method: method, path: path))
        #expect(answer.status == 405 && answer.headers["allow"] == "GET, HEAD, OPTIONS")
        #expect(answer.json["error"]?["code"] == "method_not_allowed")
      }
      let options = try await server.ask(HTTPRequest(method: "OPTIONS", path: path))
      #expect(options.status == 204 && options.headers["allow"] == "GET, HEAD, OPTIONS")
      #expect(try await server.ask(HTTPRequest(method: "OPTIONS", path: "/nope")).status == 404)
    }
  }

  @Test(arguments: [
    "/../secret.txt", "/assets/../../secret.txt", "//etc/passwd", "/link.txt", "/.env", "/assets", "/assets/",
    "/index.html/",
    "/%2e%2e/secret.txt", "/a\0.js",
  ])
  func `files outside the directory and hidden files are not served`(path: String) async throws {
    try await withPages { server in
      let answer = try await server.get(path)
      #expect(answer.status == 404)
    }
  }

  @Test(arguments: [
    ("bytes=0-3", 206, "<p>h"), ("bytes=8-", 206, "</p>"), ("bytes=-4", 206, "</p>"), ("bytes=10-99", 206, "p>"),
    ("bytes=-99", 206, "<p>hello</p>"), ("bytes=12-", 416, ""), ("bytes=99-100", 416, ""), ("bytes=-0", 416, ""),
    ("bytes=3-1", 200, "<p>hello</p>"), ("bytes=-", 200, "<p>hello</p>"), ("bytes=0-1,3-4", 200, "<p>hello</p>"),
    ("lines=0-1", 200, "<p>hello</p>"), ("bytes=99999999999999999999-", 200, "<p>hello</p>"),
    ("bytes=0-9223372036854775807", 206, "<p>hello</p>"),
  ])
  func `one range is served, others are ignored`(range: String, status: Int, text: String) async throws {
    try await withPages { server in
      let answer = try await server.get("/", headers: ["range": range])
      #expect(answer.status == status && answer.text == text)
      let changed = try await server.get("/", headers: ["range": range, "if-range": "\"other\""])
      #expect(changed.status == 200)
    }
  }

  @Test func `a missing directory is an error`() {
    #expect(throws: StaticFiles.LoadError.self) { try StaticFiles(directory: "/nonexistent/pages") }
  }
}
