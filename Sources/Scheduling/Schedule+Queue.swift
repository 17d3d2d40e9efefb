// The queue: who may join it, how long it is, and who leaves it before being admitted.
import GenerationTypes

extension Schedule {
  /// One in so many positions of the queue is for clients with few waiting requests.
  static var queueShare: Int { 8 }

  /// What became of a cancelled request.
  package enum Cancellation: Sendable {
    /// It left the queue; the engine's thread never knew it.
    case removed
    /// The engine's thread learns about it with the next decisions.
    case pending
    /// There is no such request, or it was cancelled before.
    case unknown
  }

  /// Appends a request to the queue.
  package mutating func arrive(_ arrival: Arrival) throws(AdmissionError) -> RequestID {
    let count = arrival.tokens.count
    if isDraining { throw .shuttingDown }
    guard count <= limits.requestTokens, arrival.maxTokens <= limits.requestTokens - count else {
      throw .tooLong(promptTokens: count, maxTokens: arrival.maxTokens, limit: limits.requestTokens)
    }
    let refusal = refusal(
      positions: count + arrival.maxTokens, arrival.serviceClass, isShort: arrival.isShort, of: arrival.client)
    if let refusal { throw refusal }
    defer { nextRequest += 1 }
    waiting.append(Request(arrival, id: nextRequest))
    isAdmissionSettled = false
    return nextRequest
  }

  /// Why a request for `positions` would be rejected now; nil while the queue accepts it. Each class has a queue.
  /// Requests that are given a free slot before the next step do not count as waiting.
  package func refusal(
    positions: Int = 1, _ serviceClass: ServiceClass = .interactive, isShort: Bool = false,
    of client: ClientID = .server
  ) -> AdmissionError? {
    if isDraining { return .shuttingDown }
    var slots = freeSlots(of: serviceClass), room = kv.available
    var queued = 0, own = 0, admitted = 0
    var isFull = waitsForMemory
    func admit(_ need: Int, isShort: Bool) {
      if isFull || need > room {
        isFull = true
      } else if slots.take(isShort: isShort) {
        (admitted, room) = (admitted + 1, room - need)
      }
    }
    for request in waiting where request.serviceClass == serviceClass {
      queued += 1
      if request.client == client { own += 1 }
      admit(request.ceiling, isShort: request.isShort)
    }
    admit(positions, isShort: isShort)
    if queued + 1 - admitted > limits.maxWaiting {
      return .queueFull(limit: limits.maxWaiting, retryAfter: retryAfter(serviceClass))
    }
    let free = limits.maxWaiting - max(queued - admitted, 0)
    if free <= limits.maxWaiting / Self.queueShare, own - admitted >= free {
      return .clientQueueFull(waiting: own, retryAfter: retryAfter(serviceClass))
    }
    return nil
  }

  /// The estimated time until the requests that wait now are served: 1 s to 10 min.
  private func retryAfter(_ serviceClass: ServiceClass) -> Duration {
    let ahead = waiting.count { $0.serviceClass >= serviceClass }
    let served = running.count { $0.serviceClass >= serviceClass }
    return .seconds(min(max((meanService ?? 5) * Double(ahead) / Double(max(served, 1)), 1), 600))
  }

  /// Ends a request whose client left: at once when it waits, before the next step when it runs.
  package mutating func cancel(_ id: RequestID) -> Cancellation {
    if let index = waiting.firstIndex(where: { $0.id == id }) {
      isAdmissionSettled = false
      guard waiting.remove(at: index).isKnown else { return .removed }
      outbox.append(.cancelled(id))
      return .pending
    }
    guard let index = running.firstIndex(where: { $0.id == id }), !running[index].isCancelled else { return .unknown }
    running[index].isCancelled = true
    return .pending
  }

  /// Refuses requests from now on and removes those that wait. Returns those that the engine's thread never knew; it
  /// learns about the others with the next decisions.
  package mutating func drain() -> [RequestID] {
    isDraining = true
    defer { waiting = [] }
    for request in waiting where request.isKnown { outbox.append(.fail(request.id, .shuttingDown)) }
    return waiting.filter { !$0.isKnown }.map(\.id)
  }

  /// Fails every running request, and those that were preempted since `drain`.
  package mutating func stop() {
    for id in running.map(\.id) { fail(id, .shuttingDown) }
    for request in waiting { outbox.append(.fail(request.id, .shuttingDown)) }
    waiting = []
  }
}
