// Errors of sockets, with the address and the system's reason.

import Glibc
import Text

/// A failed socket operation: what was attempted, on which address, and the text of `errno`.
package struct TransportError: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Operation: String, Sendable {
    case resolve = "resolve"
    case open = "open a socket for"
    case bind = "bind"
    case listen = "listen on"
    case receive = "receive from"
    case send = "send to"
    case secure = "establish TLS with"
  }
  package var operation: Operation
  /// `host:port` or `unix:path`, as given by the caller.
  package var address: String
  package var reason: String
  /// `errno`, or 0 if the reason does not come from the kernel.
  package var code: Int32

  package init(_ operation: Operation, _ address: String, code: Int32) {
    self.init(operation, address, reason: String(cString: strerror(code)), code: code)
  }

  package init(_ operation: Operation, _ address: String, reason: String, code: Int32 = 0) {
    self.operation = operation
    self.address = address
    self.reason = reason
    self.code = code
  }

  /// Whether the machine lacks the address family, as opposed to an address that is in use or forbidden.
  package var isMissingFamily: Bool { code == EAFNOSUPPORT || code == EADDRNOTAVAIL }

  package var description: String { "cannot \(operation.rawValue) \(address): \(reason)" }
}
