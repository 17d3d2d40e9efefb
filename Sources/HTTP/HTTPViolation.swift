// Requests that the server rejects before a handler sees them. The messages never contain bytes of the request.

import Text

/// The reason why a request was rejected: the status, a message for the peer and a metrics label.
package struct HTTPViolation: Error, Sendable, Equatable, CustomStringConvertible {
  /// The value of the metrics label.
  package enum Reason: String, Sendable, CaseIterable {
    case malformed, timeout, tooLarge = "too_large", unsupported, capacity, refused
  }
  package var status: Int
  package var reason: Reason
  package var message: String

  package init(_ status: Int, _ reason: Reason, _ message: String) {
    self.status = status
    self.reason = reason
    self.message = message
  }

  package var description: String { "\(status) \(reason.rawValue): \(message)" }

  static let bodyBudgetExceeded = HTTPViolation(
    503, .capacity, "the server is receiving too many request bodies; try again later")
  static let sendBudgetExceeded = HTTPViolation(
    503, .capacity, "too many responses are waiting for clients that read slowly; try again later")
  static func malformed(_ message: String) -> HTTPViolation { HTTPViolation(400, .malformed, message) }
  static func tooLarge(_ status: Int, _ what: String, limit: Int) -> HTTPViolation {
    HTTPViolation(status, .tooLarge, "\(what) exceeds the limit of \(limit) bytes")
  }
}
