// Connections that the server has rejected, kept open until the peer has read the response.

import Dispatch
import Synchronization
import Transport

/// Rejected connections that stay open for a moment. A request that arrives after the close would trigger a reset,
/// which may overtake the response. Their number is limited, so that rejections never use many descriptors.
final class RejectedConnections: Sendable {
  private let count = Atomic(0)
  private static let limit = 8
  private static let duration = DispatchTimeInterval.milliseconds(250)

  func hold(_ socket: consuming SocketDescriptor, on queue: DispatchQueue) {
    guard count.add(1, ordering: .relaxed).newValue <= Self.limit else {
      count.subtract(1, ordering: .relaxed)
      return
    }
    let number = socket.release()
    queue.asyncAfter(deadline: .now() + Self.duration) {
      let socket = SocketDescriptor(owning: number)
      socket.dropUnread()
      self.count.subtract(1, ordering: .relaxed)
    }
  }
}

extension SocketDescriptor {
  /// Discards the bytes that have arrived: unread bytes would turn the close into a reset that may overtake the
  /// response.
  borrowing func dropUnread() {
    withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 1) { _ = receive(into: $0) }
  }
}
