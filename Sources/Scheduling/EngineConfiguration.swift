// What the operator sets, and what a step reports.

/// The bounds that an engine works within.
package struct EngineConfiguration: Sendable, Equatable {
  /// Sequences that run at once.
  package var maxRunning: Int
  /// Requests that may wait for a seat.
  package var maxQueued: Int
  /// Positions of KV cache over all running sequences.
  package var kvTokens: Int
  /// Prompt places processed in one step, over all prompts: bounds how long a step stalls running replies.
  package var prefillChunk: Int

  package init(maxRunning: Int = 8, maxQueued: Int = 64, kvTokens: Int, prefillChunk: Int = 256) {
    (self.maxRunning, self.maxQueued) = (maxRunning, maxQueued)
    (self.kvTokens, self.prefillChunk) = (kvTokens, prefillChunk)
  }
}

/// What one step did, for metrics.
package struct StepReport: Sendable, Equatable {
  /// Replies that grew by one token from an earlier one.
  package var decodeRows: Int
  /// Prompt places processed.
  package var prefillRows: Int
  /// Wall-clock time of the runner's step, sampling included.
  package var duration: Duration

  package init(decodeRows: Int, prefillRows: Int, duration: Duration) {
    (self.decodeRows, self.prefillRows, self.duration) = (decodeRows, prefillRows, duration)
  }
}

/// Called on the engine's thread after every step; must return at once.
package typealias EngineObserver = @Sendable (StepReport) -> Void
