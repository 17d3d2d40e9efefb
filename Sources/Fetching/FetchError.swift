// Why an image that a request names cannot be had. What a client may learn of it is decided by the API's translation.

import Text

/// An error of this room.
package enum FetchError: Error, Equatable {
  /// Images by URL are off.
  case remoteOff
  /// Images by `file:` are off.
  case filesOff
  /// Not a URL that can be fetched: malformed, with user information, a foreign authority, `..`.
  case malformed
  /// The URL's scheme, host or port is on no entry of the allow-list.
  case notAllowed
  /// The file's path is not below the root.
  case outside
  /// Nothing came: no such name, an address that is refused, no connection, TLS, status, redirect or time. `reason` is for logs.
  case failed(reason: String)
  /// The image has more bytes than one may have, or the request's images more than they may have together.
  case tooLarge(limit: Int)
  /// Too many bytes or fetches are under way; later it may work.
  case busy
}
