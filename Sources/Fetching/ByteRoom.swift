// Memory for fetched images. A request's body is bounded by HTTP; what a request of a few bytes makes the server fetch is
// bounded here, over all requests and for each. Room is taken by bytes that came, not by announced lengths.
import Synchronization

/// What all requests share.
final class ByteRoom: Sendable {
  private let used = Mutex(0)
  let limit: Int

  init(limit: Int) { self.limit = limit }

  /// Bytes in use.
  var count: Int { used.withLock { $0 } }

  fileprivate func take(_ bytes: Int) -> Bool {
    used.withLock { used in
      if bytes > limit - used { return false }
      used += bytes
      return true
    }
  }

  fileprivate func give(_ bytes: Int) { used.withLock { $0 -= bytes } }
}

/// What one request has of the room, given back when nobody holds the share any more.
final class ByteShare: Sendable {
  private let room: ByteRoom
  private let taken = Mutex(0)
  private let limit: Int

  /// `limit` bounds the images of this request together.
  init(_ room: ByteRoom, limit: Int) { (self.room, self.limit) = (room, limit) }

  deinit { room.give(taken.withLock { $0 }) }

  /// Takes room for more bytes, or says why there is none.
  func take(_ bytes: Int) throws(FetchError) {
    let refusal = taken.withLock { taken -> FetchError? in
      if bytes > limit - taken { return .tooLarge(limit: limit) }
      if !room.take(bytes) { return .busy }
      taken += bytes
      return nil
    }
    if let refusal { throw refusal }
  }
}
