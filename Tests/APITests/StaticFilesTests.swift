import API
import Foundation
import HTTP
import JSON
import Telemetry
import Testing

@Suite struct `Pages` {
  /// A house that serves a few files from a new directory, which is removed afterwards.
  private func withPages(_ body: (House) async throws -> Void) async throws {
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
    var house = House()
    house.configuration.publicFiles = try StaticFiles(directory: root.path)
    house.configuration.keys.add("k", name: "k")
    try await body(house)
  }

  @Test func `pages come with type, tag and a strict policy, without a key`() async throws {
    try await withPages { house in
      let page = try await house.get("/")
      #expect(page.status == 200 && page.text == "<p>hello</p>")
      #expect(page.headers["content-type"] == "text/html; charset=utf-8")
      #expect(page.headers["content-security-policy"]?.hasPrefix("default-src 'none'; script-src 'self';") == true)
      #expect(page.headers["x-content-type-options"] == "nosniff")
      #expect(try await house.get("/dashboard").text == "<p>board</p>")
      #expect(try await house.get("/assets/a.js").headers["content-type"] == "text/javascript; charset=utf-8")
      let again = try await house.get("/", headers: ["if-none-match": "\"x\", \(page.headers["etag"] ?? "")"])
      #expect(again.status == 304 && again.text.isEmpty)
      #expect(house.metrics.http.value("page", "GET", "200") == 3)
    }
  }

  @Test(arguments: ["/", "/dashboard", "/assets/a.js"])
  func `a page takes GET and HEAD only and says so`(path: String) async throws {
    try await withPages { house in
      for method in ["POST", "DELETE"] {
        let answer = try await house.ask(HTTPRequest(method: method, path: path))
        #expect(answer.status == 405 && answer.headers["allow"] == "GET, HEAD, OPTIONS")
        #expect(answer.json["error"]?["code"] == "method_not_allowed")
      }
      let options = try await house.ask(HTTPRequest(method: "OPTIONS", path: path))
      #expect(options.status == 204 && options.headers["allow"] == "GET, HEAD, OPTIONS")
      #expect(try await house.ask(HTTPRequest(method: "OPTIONS", path: "/nope")).status == 404)
    }
  }

  @Test(arguments: [
    "/../secret.txt", "/assets/../../secret.txt", "//etc/passwd", "/link.txt", "/.env", "/assets", "/assets/",
    "/index.html/",
    "/%2e%2e/secret.txt", "/a\0.js",
  ])
  func `nothing outside and nothing hidden is served`(path: String) async throws {
    try await withPages { house in
      let answer = try await house.get(path)
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
    try await withPages { house in
      let answer = try await house.get("/", headers: ["range": range])
      #expect(answer.status == status && answer.text == text)
      let changed = try await house.get("/", headers: ["range": range, "if-range": "\"other\""])
      #expect(changed.status == 200)
    }
  }

  @Test func `a missing directory is an error`() {
    #expect(throws: StaticFiles.LoadError.self) { try StaticFiles(directory: "/nonexistent/pages") }
  }
}
