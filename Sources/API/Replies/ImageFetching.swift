// What the endpoints need of Fetching, as a protocol: the real fetcher conforms, tests answer with scripted bytes.
import Fetching

/// Has the images that requests name instead of holding.
package protocol ImageFetching: Sendable {
  /// Checks a URL against the operator's rules; touches neither network nor disk.
  func location(of url: String) throws(FetchError) -> ImageLocation
  /// Calls `body` with the bytes of every image in order. Throws `ImageFailure` where one cannot be had.
  func withImages<Value: Sendable>(
    at locations: [ImageLocation], _ body: ([[UInt8]]) async throws -> Value
  ) async throws -> Value
}

extension ImageFetcher: ImageFetching {}
