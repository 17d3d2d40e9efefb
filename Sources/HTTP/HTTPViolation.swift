// Requests that are refused before a handler sees them. Texts are fixed: nothing of the peer's bytes is repeated.

import Text

/// Why a request was refused: the status, a text for the peer and a label for metrics.
package struct HTTPViolation: Error, Sendable, Equatable, CustomStringConvertible {
  /// The metrics label.
  package enum Reason: String, Sendable, CaseIterable {
    case malformed, timeout, tooLarge = "too_large", unsupported, capacity, refused
  }
  package var status: Int
  package var reason: Reason
  package var message: String

  package init(_ status: Int, _ reason: Reason, _ message: String) {
    (self.status, self.reason, self.message) = (status, reason, message)
  }

  package var description: String { "\(status) \(reason.rawValue): \(message)" }

  static let noRoom = HTTPViolation(503, .capacity, "too many request bodies are being received; try again")
  static let noSendRoom = HTTPViolation(
    503, .capacity, "too many responses wait for clients that read slowly; try again")
  static func malformed(_ message: String) -> HTTPViolation { HTTPViolation(400, .malformed, message) }
  static func tooLarge(_ status: Int, _ what: String, limit: Int) -> HTTPViolation {
    HTTPViolation(status, .tooLarge, "\(what) exceeds the limit of \(limit) bytes")
  }
}
