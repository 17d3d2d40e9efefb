// The state that all connections of a server share: limits, admission, hooks and counts. Immutable except for the
// counts.

import Synchronization
import Text

/// Creates the response to a request that never reached a handler, in the format of the API.
package typealias HTTPErrorResponse = @Sendable (_ status: Int, _ message: String) -> HTTPResponse

/// The settings and counts of one server.
final class HTTPService: Sendable {
  let limits: HTTPLimits
  let admit: HTTPAdmit
  let errorResponse: HTTPErrorResponse
  let observer: (any HTTPObserver)?
  let bodies: BodyBudget
  let unsent: SendBudget
  /// The number of handler tasks that have not ended.
  let handlers = Atomic(0)
  private let counts = Mutex(ConnectionCounts())

  init(
    limits: HTTPLimits, admit: @escaping HTTPAdmit, errorResponse: @escaping HTTPErrorResponse,
    observer: (any HTTPObserver)?
  ) {
    self.limits = limits
    self.admit = admit
    self.errorResponse = errorResponse
    self.observer = observer
    bodies = BodyBudget(capacity: limits.bufferedBodyBytes, observer: observer)
    unsent = SendBudget(capacity: limits.allUnsentBytes, observer: observer)
  }

  var connectionCount: Int { counts.withLock { $0.total } }

  /// Counts a new connection, or returns the limit that it exceeds.
  func enter(_ address: String) -> HTTPViolation? {
    let violation = counts.withLock { $0.admit(address, limits) }
    if let violation { observer?.rejected(violation, remoteAddress: address) } else { observer?.connectionOpened() }
    return violation
  }

  func leave(_ address: String) {
    counts.withLock { $0.leave(address) }
    observer?.connectionClosed()
  }

  /// Returns `{"error": …}` with a random id. The messages are constants and need no escaping.
  static let plainErrorResponse: HTTPErrorResponse = { status, message in
    let type = status < 500 ? "invalid_request_error" : "server_error"
    let body = #"{"error":{"message":"\#(message)","type":"\#(type)","param":null,"code":null}}"#
    let id = String(UInt64.random(in: 0 ... .max), radix: 16)
    return HTTPResponse(
      status: status, headers: ["Content-Type": "application/json", "x-request-id": "req_\(id)"],
      body: .bytes(Array(body.utf8)))
  }
}

/// The numbers of open connections, in total and per address. Peers of a Unix-domain socket have no address: the
/// file's mode controls access, and only the total is limited.
struct ConnectionCounts {
  private(set) var total = 0
  private var byAddress: [ExactString: Int] = [:]

  mutating func admit(_ address: String, _ limits: HTTPLimits) -> HTTPViolation? {
    guard total < limits.connections else {
      return HTTPViolation(
        503, .capacity, "the server has reached its limit of \(limits.connections) connections; try again later")
    }
    if !address.isEmpty {
      let ofAddress = byAddress[address.exact, default: 0]
      guard ofAddress < limits.connectionsPerAddress else {
        let message = "this address has reached its limit of \(limits.connectionsPerAddress) connections"
        return HTTPViolation(429, .capacity, message)
      }
      byAddress[address.exact] = ofAddress + 1
    }
    total += 1
    return nil
  }

  mutating func leave(_ address: String) {
    total -= 1
    if address.isEmpty { return }
    let rest = byAddress[address.exact, default: 1] - 1
    byAddress[address.exact] = rest > 0 ? rest : nil
  }
}
