// What the endpoints need of Fetching, as a protocol: tests replace the network.
import Fetching

/// Fetches the images that requests name by URL.
package protocol ImageFetching: Sendable {
  /// Checks a URL against the operator's rules, without network or disk access.
  func location(of url: String) throws(FetchError) -> ImageLocation
  /// Calls `body` with the bytes of every image in order. Throws `ImageFailure` if one cannot be fetched.
  func withImages<Value: Sendable>(
    at locations: [ImageLocation], _ body: ([[UInt8]]) async throws -> Value
  ) async throws -> Value
}

extension ImageFetcher: ImageFetching {}
