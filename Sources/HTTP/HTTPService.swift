// What every connection of a server shares: limits, admission and the hooks around it. Immutable but for the counts.

import Glibc
import Synchronization
import Text
import Transport

/// Makes the response to a request that no handler saw, in the contract's shape.
package typealias HTTPErrorResponse = @Sendable (_ status: Int, _ message: String) -> HTTPResponse

/// The settings and counts of one server.
final class HTTPService: Sendable {
  let limits: HTTPLimits
  let admit: HTTPAdmit
  let errorResponse: HTTPErrorResponse
  let observer: (any HTTPObserver)?
  let bodies: BodyRoom
  let unsent: SendRoom
  /// Handlers' tasks that have not ended.
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
    bodies = BodyRoom(capacity: limits.bufferedBodyBytes, observer: observer)
    unsent = SendRoom(capacity: limits.allUnsentBytes, observer: observer)
  }

  var connectionCount: Int { counts.withLock { $0.total } }

  /// Counts a connection in, or tells which cap refuses it.
  func enter(_ address: String) -> HTTPViolation? {
    let violation = counts.withLock { $0.admit(address, limits) }
    if let violation { observer?.rejected(violation, remoteAddress: address) } else { observer?.connectionOpened() }
    return violation
  }

  func leave(_ address: String) {
    counts.withLock { $0.leave(address) }
    observer?.connectionClosed()
  }

  /// `{"error": …}` with a random id; texts are fixed and need no escaping.
  static let plainErrorResponse: HTTPErrorResponse = { status, message in
    let type = status < 500 ? "invalid_request_error" : "server_error"
    let body = #"{"error":{"message":"\#(message)","type":"\#(type)","param":null,"code":null}}"#
    let id = String(UInt64.random(in: 0 ... .max), radix: 16)
    return HTTPResponse(
      status: status, headers: ["Content-Type": "application/json", "x-request-id": "req_\(id)"],
      body: .bytes(Array(body.utf8)))
  }
}

/// Open connections, all together and by address. Peers without address, those of a Unix-domain socket, would share one: who
/// may connect there the file's mode says, and only the sum is bounded.
struct ConnectionCounts {
  private(set) var total = 0
  private var byAddress: [ExactString: Int] = [:]

  mutating func admit(_ address: String, _ limits: HTTPLimits) -> HTTPViolation? {
    guard total < limits.connections else { return HTTPViolation(503, .capacity, "too many connections") }
    if !address.isEmpty {
      let ofAddress = byAddress[address.exact, default: 0]
      guard ofAddress < limits.connectionsPerAddress else {
        return HTTPViolation(429, .capacity, "too many connections from this address")
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

/// What the connections of one loop share. Not Sendable: belongs to the loop's actor.
final class HTTPLoopResources {
  let events: EventLoop
  let timer: DeadlineTimer
  let scratch = Connection.ReadBuffer()
  private var dateSecond = 0
  private var dateBytes: [UInt8] = []

  init(events: EventLoop) {
    self.events = events
    timer = DeadlineTimer(queue: events.queue)
  }

  /// The Date field's value, made once a second.
  var date: [UInt8] {
    let second = time(nil)
    if second != dateSecond { (dateSecond, dateBytes) = (second, Array(HTTPDate.text(second).utf8)) }
    return dateBytes
  }
}
