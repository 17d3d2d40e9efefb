// What Scheduling offers to API: submit a request, read its events, ask about the load.
import GenerationTypes

/// Why a request was not accepted.
package enum AdmissionError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The queue is full; `retryAfter` is estimated from the time that requests take.
  case queueFull(limit: Int, retryAfter: Duration)
  /// The queue is nearly full, and the rest is reserved for clients with fewer waiting requests.
  case clientQueueFull(waiting: Int, retryAfter: Duration)
  /// Prompt and reply can never fit.
  case tooLong(promptTokens: Int, maxTokens: Int, limit: Int)
  case shuttingDown

  /// For the terminal; API has its own messages.
  package var description: String {
    switch self {
    case .queueFull(let limit, _): "the queue is full: \(limit) requests are waiting; try again later"
    case .clientQueueFull(let waiting, _):
      "the queue is nearly full, and \(waiting) requests of this client are waiting; try again later"
    case .tooLong(let promptTokens, let maxTokens, let limit):
      "prompt and reply must fit into \(limit) tokens, got \(promptTokens) and up to \(maxTokens)"
    case .shuttingDown: "the engine is shutting down"
    }
  }
}

/// Why an accepted request ended without a complete reply.
package enum GenerationError: Error, Equatable, Sendable {
  /// The engine failed; the text is for the log, never for the client.
  case inference(String)
  case shuttingDown
  /// The request's deadline passed.
  case deadline
}

/// What the engine has counted since its start, and what its caches hold.
package struct EngineTally: Sendable, Equatable {
  /// Prompt positions taken over from earlier prompts, and those that were computed.
  package var prefixHits = 0, prefixMisses = 0
  /// Images whose features were cached, and those that were encoded.
  package var imageHits = 0, imageMisses = 0
  /// KV positions that only cached prefixes hold, and bytes of cached image features.
  package var cachedPositions = 0, cachedImageBytes = 0
  /// How often a running request lost its sequence to another one and continued later.
  package var preemptions = 0
  package init() {}
}

/// How much work the engine has.
package struct EngineLoad: Sendable, Equatable {
  package var running = 0
  package var waiting = 0
  /// KV positions that running requests hold or have reserved, and the budget.
  package var kvTokens = 0
  package var kvCapacityTokens = 0
  package var tally = EngineTally()
  package init() {}
}

/// The engine as its clients see it. Dropping the stream, or cancelling the task that reads it, cancels the request
/// before the next step.
package protocol GenerationService: Sendable {
  /// The positions that prompt and reply together may take.
  var contextLength: Int { get }
  var load: EngineLoad { get }
  /// Why every request would be rejected at this moment; nil while the queue accepts requests.
  var refusal: AdmissionError? { get }
  /// Checks the request against the limits and queues it. The stream throws `GenerationError`.
  func submit(_ request: GenerationRequest) throws(AdmissionError) -> AsyncThrowingStream<GenerationEvent, any Error>
}
