// The hand-over of a request to the task that answers it.

import Synchronization

/// Hands a request from its connection to its handler's task. The task takes the request out: what a task's closure
/// captures lives as long as the task, and a body must not stay in memory until a streamed reply ends.
final class WaitingRequest: Sendable {
  private let content: Mutex<(request: HTTPRequest, reservation: BodyReservation?)?>

  init(_ request: HTTPRequest, _ reservation: BodyReservation?) { content = Mutex((request, reservation)) }

  /// Calls the handler, once. Releases the body and its reservation when the handler returns.
  func answer(by handler: HTTPHandler) async -> HTTPResponse {
    guard let (request, reservation) = content.withLock({ $0.take() }) else {
      preconditionFailure("a request is answered only once")
    }
    let response = await handler(request)
    withExtendedLifetime(reservation) {}
    return response
  }
}
