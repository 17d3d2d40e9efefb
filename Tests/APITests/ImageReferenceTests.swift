import API
import Chat
import Fetching
import GenerationTypes
import JSON
import Scheduling
import Synchronization
import Testing

/// Serves `file:NAME` as the bytes of NAME, or fails with `error`; counts its calls.
private final class FakeFetcher: ImageFetching {
  let asked = Mutex(0)
  let error: FetchError?
  init(_ error: FetchError? = nil) { self.error = error }

  func location(of url: String) throws(FetchError) -> ImageLocation {
    if url.hasPrefix("http") { throw .notAllowed }
    return .file(try FilePath(url: url, root: "/root"))
  }

  func withImages<Value: Sendable>(
    at locations: [ImageLocation], _ body: ([[UInt8]]) async throws -> Value
  ) async throws -> Value {
    asked.withLock { $0 += 1 }
    if let error { throw ImageFailure(index: locations.count - 1, error: error) }
    return try await body(
      locations.map { if case .file(let path) = $0 { Array(path.relative.utf8) } else { [] } })
  }
}

@Suite struct `Images by reference` {
  private static let part = #"{"type":"image_url","image_url":{"url":"file:NAME","detail":"low"}}"#

  private func body(_ parts: [String], _ fields: String = "") -> String {
    #"{"messages":[{"role":"system","content":"s"},{"role":"user","content":["#
      + (parts + [#"{"type":"text","text":"what"}"#]).joined(separator: ",") + "]}]\(fields)}"
  }

  private func server(_ fetcher: FakeFetcher) -> TestServer {
    var server = TestServer()
    server.configuration.imageFetcher = fetcher
    return server
  }

  @Test func `fetched images are filled in beside images in data URIs`() async throws {
    let server = server(FakeFetcher())
    let answer = try await server.post(
      body([
        Self.part.replacing("NAME", with: "a"),
        #"{"type":"image_url","image_url":{"url":"data:image/png;base64,AQID"}}"#,
        #"{"type":"input_image","image_url":"file:/root/b"}"#,
      ]))
    #expect(answer.status == 200 && answer.json["usage"]?["prompt_tokens_details"]?["image_tokens"] == 30)
    let parts = try #require(server.chat.seen.withLock { $0.first?.messages.last?.parts })
    let images = parts.compactMap { part -> (bytes: [UInt8], detail: Conversation.Detail, field: String)? in
      if case .image(let bytes, let detail, let field) = part { (bytes, detail, field) } else { nil }
    }
    #expect(images.map(\.bytes) == [Array("a".utf8), [1, 2, 3], Array("b".utf8)])
    #expect(images.map(\.detail) == [.low, .high, .high])
    #expect(
      images.map(\.field) == [
        "messages[1].content[0].image_url.url", "messages[1].content[1].image_url.url",
        "messages[1].content[2].image_url",
      ])
  }

  @Test(
    arguments: [
      (.failed(reason: "an address is not allowed"), 400, "image_fetch_failed", "could not be fetched"),
      (.tooLarge(limit: 7), 413, "image_too_large", "at most 7 bytes"), (.busy, 503, "overloaded", "Try again"),
    ] as [(FetchError, Int, String, String)])
  func `a failure names its field and no internal reason`(error: FetchError, status: Int, code: String, says: String)
    async throws
  {
    let server = server(FakeFetcher(error))
    let answer = try await server.post(body([Self.part, Self.part]))
    #expect(answer.status == status && answer.json["error"]?["code"] == .string(code))
    #expect(answer.text.contains(says) && !answer.text.contains("address"))
    if status != 503 { #expect(answer.json["error"]?["param"] == "messages[1].content[1].image_url.url") }
    if code == "image_fetch_failed" { #expect(server.log.contains("an address is not allowed")) }
    #expect(server.chat.seen.withLock { $0.isEmpty })
  }

  @Test(arguments: [
    ("http://example.org/a", "does not fetch from this host"), ("file:../a", "malformed"),
    ("FILE:///etc/passwd", "outside its image directory"),
  ])
  func `a rejected URL is 400 and nothing is fetched`(url: String, says: String) async throws {
    let fetcher = FakeFetcher()
    let answer = try await server(fetcher).post(body([Self.part, Self.part.replacing("file:NAME", with: url)]))
    #expect(answer.status == 400 && answer.json["error"]?["code"] == "invalid_image_url" && answer.text.contains(says))
    #expect(answer.json["error"]?["param"] == "messages[1].content[1].image_url.url")
    #expect(fetcher.asked.withLock { $0 } == 0)
  }

  @Test(arguments: [#","temperature":9"#, #","thinking_mode":"x""#, #","n":99"#, #","tool_choice":"required""#])
  func `a request that is invalid elsewhere fetches nothing`(field: String) async throws {
    let fetcher = FakeFetcher()
    #expect(try await server(fetcher).post(body([Self.part], field)).status == 400)
    #expect(fetcher.asked.withLock { $0 } == 0)
  }

  @Test func `too many images, a full queue or a model without images fetch nothing`() async throws {
    let fetcher = FakeFetcher()
    var server = server(fetcher)
    server.configuration.limits.images = 1
    #expect(try await server.post(body([Self.part, Self.part])).json["error"]?["code"] == "too_many_images")
    server.engine = FakeEngine([], refusal: .queueFull(limit: 1, retryAfter: .seconds(1)))
    #expect(try await server.post(body([Self.part])).status == 429)
    (server.chat, server.engine) = (FakeChat(takesImages: false), FakeEngine(tokens: [Fake.end]))
    _ = try await server.post(body([Self.part]))
    #expect(fetcher.asked.withLock { $0 } == 0)
  }
}
