// The reasons why an image named in a request is not available. The API's error translation decides what clients
// learn.

import Text

/// The error type of this module.
package enum FetchError: Error, Equatable {
  /// Images by URL are disabled.
  case remoteOff
  /// Images by `file:` URL are disabled.
  case filesOff
  /// The URL cannot be fetched: malformed, with user information, a foreign authority, or `..`.
  case malformed
  /// No entry of the allow-list matches the URL's scheme, host and port.
  case notAllowed
  /// The file's path is not below the root.
  case outside
  /// The fetch failed: unknown name, forbidden address, connection, TLS, status, redirect or timeout. `reason` is for
  /// logs.
  case failed(reason: String)
  /// The image, or the request's images together, exceed the limit on bytes.
  case tooLarge(limit: Int)
  /// Too many bytes or fetches are in progress; the client may retry.
  case busy
}
