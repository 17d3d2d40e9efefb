// Errors of certificates and keys, and OpenSSL's error queue, the only source of the reason.

import COpenSSL
import Glibc
import Text

/// A certificate or key that cannot be loaded: the file and the reason.
package struct TLSError: Error, Sendable, Equatable, CustomStringConvertible {
  package var file: String
  package var reason: String

  package init(file: String, reason: String) { (self.file, self.reason) = (file, reason) }

  package var description: String { "\(file): \(reason)" }

  /// The first error in this thread's queue, which caused the others, as worded by OpenSSL or the system.
  static var queued: String {
    let code = ERR_peek_error()
    if ERR_GET_LIB(code) == ERR_LIB_SYS { return String(cString: strerror(ERR_GET_REASON(code))) }
    return ERR_reason_error_string(code).map { String(cString: $0) } ?? "unknown error \(code)"
  }

  /// Whether the first error in the queue comes from the system, that is, concerns access to the file and not its
  /// content.
  static var isQueuedBySystem: Bool { ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_SYS }
}
