// What the endpoints need of Fetching, as a protocol: the real fetcher conforms, tests answer with scripted bytes.
import Fetching

/// Has the pictures that requests name instead of holding.
package protocol PictureFetching: Sendable {
  /// Checks a URL against the operator's rules; touches neither network nor disk.
  func location(of url: String) throws(FetchError) -> PictureLocation
  /// Calls `body` with the bytes of every picture in order. Throws `PictureFailure` where one cannot be had.
  func withPictures<Value: Sendable>(
    at locations: [PictureLocation], _ body: ([[UInt8]]) async throws -> Value
  ) async throws -> Value
}

extension PictureFetcher: PictureFetching {}
