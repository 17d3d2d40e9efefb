// The memory budget for fetched images. HTTP limits the bodies of requests; this limits what small requests make the
// server fetch, per request and in total. Memory is reserved for received bytes, not for announced lengths.
import Synchronization

/// The memory budget that all requests reservation.
final class ByteBudget: Sendable {
  private let used = Mutex(0)
  let limit: Int

  init(limit: Int) { self.limit = limit }

  /// The number of bytes in use.
  var count: Int { used.withLock { $0 } }

  fileprivate func reserve(_ bytes: Int) -> Bool {
    used.withLock { used in
      if bytes > limit - used { return false }
      used += bytes
      return true
    }
  }

  fileprivate func release(_ bytes: Int) { used.withLock { $0 -= bytes } }
}

/// The memory that one request has reserved. Deinitialisation releases it.
final class ByteReservation: Sendable {
  private let budget: ByteBudget
  private let reserved = Mutex(0)
  private let limit: Int

  /// Creates a reservation. `limit` applies to all images of this request together.
  init(_ budget: ByteBudget, limit: Int) { (self.budget, self.limit) = (budget, limit) }

  deinit { budget.release(reserved.withLock { $0 }) }

  /// Reserves memory for more bytes, or throws the reason why it is not available.
  func reserve(_ bytes: Int) throws(FetchError) {
    let error = reserved.withLock { reserved -> FetchError? in
      if bytes > limit - reserved { return .tooLarge(limit: limit) }
      if !budget.reserve(bytes) { return .busy }
      reserved += bytes
      return nil
    }
    if let error { throw error }
  }
}
