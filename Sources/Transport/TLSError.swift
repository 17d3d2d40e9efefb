// Why a certificate or its key cannot be used, and OpenSSL's error queue, which is the only place that says so.

import COpenSSL
import Glibc
import Text

/// A certificate or key that cannot be loaded: the file, and what is wrong with it.
package struct TLSError: Error, Sendable, Equatable, CustomStringConvertible {
  package var file: String
  package var reason: String

  package init(file: String, reason: String) { (self.file, self.reason) = (file, reason) }

  package var description: String { "\(file): \(reason)" }

  /// The first error in this thread's queue, which is the cause of the others, in OpenSSL's or the system's words.
  static var queued: String {
    let code = ERR_peek_error()
    if ERR_GET_LIB(code) == ERR_LIB_SYS { return String(cString: strerror(ERR_GET_REASON(code))) }
    return ERR_reason_error_string(code).map { String(cString: $0) } ?? "unknown error \(code)"
  }

  /// Whether the first error in the queue is the system's, about the file and not about what is in it.
  static var isQueuedBySystem: Bool { ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_SYS }
}
