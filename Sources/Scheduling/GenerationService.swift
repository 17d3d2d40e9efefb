// What Scheduling offers to the rooms on its left: submit a request, read its events, ask about the load.
import GenerationTypes

/// Why a request was not admitted.
package enum AdmissionError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The waiting line is full; `retryAfter` is an estimate from measured rates.
  case queueFull(limit: Int, retryAfter: Duration)
  /// The queue is nearly full, and what is left is for clients with fewer waiting requests.
  case clientQueueFull(waiting: Int, retryAfter: Duration)
  /// Prompt and reply could never fit.
  case tooLong(promptTokens: Int, maxTokens: Int, limit: Int)
  case shuttingDown

  /// For the terminal; API has its own words.
  package var description: String {
    switch self {
    case .queueFull(let limit, _): "\(limit) requests wait already"
    case .clientQueueFull(let waiting, _):
      "the queue is nearly full, and \(waiting) requests of this client wait already"
    case .tooLong(let promptTokens, let maxTokens, let limit):
      "the prompt takes \(promptTokens) tokens and the reply up to \(maxTokens), but the context holds \(limit) together"
    case .shuttingDown: "the engine is shutting down"
    }
  }
}

/// Why a running request ended early.
package enum GenerationError: Error, Equatable, Sendable {
  /// The engine failed; the text is for the log, never for the client.
  case inference(String)
  case shuttingDown
  /// The request's time was over.
  case deadline
}

/// What the engine has counted since its start, and what it keeps.
package struct EngineTally: Sendable, Equatable {
  /// Prompt places that were taken over from earlier prompts, and those that were computed.
  package var prefixHits = 0, prefixMisses = 0
  /// Images whose features were at hand, and those that were encoded.
  package var imageHits = 0, imageMisses = 0
  /// Positions of KV cache held only for prompts to come, and bytes of images' features.
  package var keptTokens = 0, keptImageBytes = 0
  /// How often a running request gave its KV to an earlier one and went on later.
  package var suspensions = 0
  package init() {}
}

package struct EngineLoad: Sendable, Equatable {
  package var running = 0
  package var waiting = 0
  package var kvTokens = 0
  package var kvCapacityTokens = 0
  package var tally = EngineTally()
  package init() {}
}

/// The engine as its clients see it. Dropping the stream (or cancelling the task that reads it) cancels the request before the
/// next step.
package protocol GenerationService: Sendable {
  /// Places that prompt and reply together may take.
  var contextLength: Int { get }
  var load: EngineLoad { get }
  /// What every request would be refused with at this moment; nil while the queue accepts.
  var refusal: AdmissionError? { get }
  /// Checks the request against the bounds and queues it. The stream throws `GenerationError`.
  func submit(_ request: GenerationRequest) throws(AdmissionError) -> AsyncThrowingStream<GenerationEvent, any Error>
}
