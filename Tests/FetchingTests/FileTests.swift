import Fetching
import Foundation
import Testing

/// A directory tree with a secret file beside the root.
private final class Tree: Sendable {
  let base: String
  var root: String { base + "/root" }

  init() throws {
    base = FileManager.default.temporaryDirectory.appendingPathComponent("images-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: root + "/sub/deep", withIntermediateDirectories: true)
    for (name, text) in [
      ("secret", "secret"), ("root/a.png", "A"), ("root/sub/b c.png", "B"), ("root/sub/deep/ü.png", "Ü"),
      ("root/empty", ""),
      ("root/large", String(repeating: "x", count: 1001)), ("root/%2e", "dot"),
    ] { try Data(text.utf8).write(to: URL(fileURLWithPath: "\(base)/\(name)")) }
    for (link, target) in [
      ("out", "../secret"), ("inside", "a.png"), ("folder", "sub"), ("up", ".."), ("device", "/dev/zero"),
      ("magic", "/proc/self/fd/0"),
    ] { try FileManager.default.createSymbolicLink(atPath: "\(root)/\(link)", withDestinationPath: target) }
    #expect(mkfifo("\(root)/fifo", 0o600) == 0)
  }

  deinit { try? FileManager.default.removeItem(atPath: base) }

  func fetcher(walks: Bool, request: Int = 10_000) throws -> ImageFetcher {
    let folder: ImageFolder = try #require(ImageFolder(path: root, walks: walks))
    return ImageFetcher(
      remote: RemotePolicy(rules: []), folder: folder,
      limits: .init(image: 1000, request: request, total: 100_000),
      // Other suites may keep the threads of the pool busy for long.
      readTimeout: .seconds(600))
  }

  /// Returns the file's text, or the error.
  func read(_ url: String, walks: Bool) async throws -> Result<String, FetchError> {
    let fetcher = try fetcher(walks: walks)
    do throws(FetchError) {
      _ = try fetcher.location(of: url)
    } catch { return .failure(error) }
    do {
      return .success(
        try await fetcher.withImages(at: [try fetcher.location(of: url)]) { String(decoding: $0[0], as: UTF8.self) })
    } catch let failure as ImageFailure { return .failure(failure.error) }
  }
}

@Suite struct `Images below one directory` {
  @Test(arguments: [false, true]) func `files are read by absolute and by relative URL`(walks: Bool) async throws {
    let tree = try Tree()
    for (url, text) in [
      ("file://\(tree.root)/a.png", "A"), ("file:a.png", "A"), ("FILE:\(tree.root)/a.png", "A"),
      ("file://localhost\(tree.root)/a.png", "A"), ("file:sub/b%20c.png", "B"), ("file:sub/deep/%C3%BC.png", "Ü"),
      ("file:sub/deep/ü.png", "Ü"),
      ("file:empty", ""), ("file:%61.png", "A"), ("file:%252e", "dot"),
    ] { #expect(try await tree.read(url, walks: walks) == .success(text), "\(url)") }
  }

  @Test(arguments: [
    "file:", "file:/", "file://", "file:///", "file://host/a.png", "file:../secret", "file:sub/../a.png",
    "file:./a.png", "file:sub//b",
    "file:%2e%2e/secret", "file:..%2fsecret", "file:a.png%00", "file:a%2fb", "file:a.png?x", "file:a.png#x",
    "file:a\\b", "file:a png", "file:%",
    "file:%4", "file:%zz", "file:%ff", "file:a.png/", "file:" + String(repeating: "a", count: 256),
    "file:" + String(repeating: "a/", count: 3000) + "a",
  ])
  func `malformed URLs are rejected without disk access`(url: String) async throws {
    #expect(try await Tree().read(url, walks: false) == .failure(.malformed))
  }

  @Test func `paths outside the root are rejected without disk access`() async throws {
    let tree = try Tree()
    for url in [
      "file:///etc/passwd", "file://\(tree.base)/secret", "file://\(tree.root)x/a.png", "file:///a.png",
      "file://\(tree.root)",
    ] {
      #expect(try await tree.read(url, walks: false) == .failure(.outside), "\(url)")
    }
  }

  @Test(arguments: [false, true]) func `links, pipes, devices and directories are not read`(walks: Bool) async throws {
    let tree = try Tree()
    for name in ["out", "inside", "folder/b%20c.png", "up/secret", "device", "magic", "fifo", "sub", "none", "a.png/b"]
    {
      guard case .failure(.failed) = try await tree.read("file:\(name)", walks: walks) else {
        Issue.record("\(name) was read")
        continue
      }
    }
  }

  @Test func `files, requests and the total are limited, and memory is released`() async throws {
    let tree = try Tree()
    #expect(try await tree.read("file:large", walks: false) == .failure(.tooLarge(limit: 1000)))
    let fetcher = try tree.fetcher(walks: false, request: 1)
    let place = try fetcher.location(of: "file:a.png")
    let held = try await fetcher.withImages(at: [place]) { _ in fetcher.bytesHeld }
    #expect(held == 1 && fetcher.bytesHeld == 0)
    await #expect(throws: ImageFailure.self) { try await fetcher.withImages(at: [place, place]) { _ in } }
    let small = ImageFetcher(
      remote: RemotePolicy(rules: []), folder: ImageFolder(path: tree.root),
      limits: .init(image: 9, request: 9, total: 0))
    await #expect(throws: ImageFailure(index: 0, error: .busy)) { try await small.withImages(at: [place]) { _ in } }
  }

  @Test func `without a directory or hosts nothing can be fetched`() throws {
    let fetcher = ImageFetcher(
      remote: RemotePolicy(rules: []), folder: nil, limits: .init(image: 1, request: 1, total: 1))
    #expect(throws: FetchError.filesOff) { try fetcher.location(of: "file:a") }
    #expect(throws: FetchError.remoteOff) { try fetcher.location(of: "https://example.org/a") }
    #expect(ImageFolder(path: "/nowhere") == nil && ImageFolder(path: "/etc/passwd") == nil)
  }
}
