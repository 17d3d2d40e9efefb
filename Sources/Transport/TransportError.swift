// What can go wrong with a socket, told with the address and the system's reason.

import Glibc
import Text

/// A failed socket operation: what was attempted, on which address, and `errno`'s text.
package struct TransportError: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Operation: String, Sendable {
    case resolve = "resolve"
    case open = "open a socket for"
    case bind = "bind"
    case listen = "listen on"
    case receive = "receive from"
    case send = "send to"
    case secure = "speak TLS with"
  }
  package var operation: Operation
  /// `host:port` or `unix:path` as the caller named it.
  package var address: String
  package var reason: String
  /// `errno`, or 0 where the reason is not the kernel's.
  package var code: Int32

  package init(_ operation: Operation, _ address: String, code: Int32) {
    self.init(operation, address, reason: String(cString: strerror(code)), code: code)
  }

  package init(_ operation: Operation, _ address: String, reason: String, code: Int32 = 0) {
    (self.operation, self.address, self.reason, self.code) = (operation, address, reason, code)
  }

  /// Whether the machine lacks the address's family rather than the address being taken or forbidden.
  package var isMissingFamily: Bool { code == EAFNOSUPPORT || code == EADDRNOTAVAIL }

  package var description: String { "cannot \(operation.rawValue) \(address): \(reason)" }
}
