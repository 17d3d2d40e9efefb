// What the operator sets, and what a step reports.

/// The bounds that an engine works within.
package struct EngineConfiguration: Sendable, Equatable {
  /// Interactive sequences that run at once.
  package var maxRunning: Int
  /// Idle sequences that run at once, while no interactive one does.
  package var maxIdle: Int
  /// Of the interactive slots, those that only short requests may take.
  package var briefSeats: Int
  /// Requests that may wait for a seat.
  package var maxQueued: Int
  /// Positions of KV cache over all sequences, running and kept.
  package var kvTokens: Int
  /// Places of a reply that are promised at once.
  package var ahead: Int
  /// Prompt places processed in one step at most, over all prompts.
  package var prefillChunk: Int
  /// How long prompts and images may hold up replies between two of their tokens.
  package var maxStall: Duration
  /// Positions of KV cache that ended requests may keep for prompts that begin alike; 0 keeps none.
  package var prefixTokens: Int
  /// Bytes of images' features that are kept; 0 keeps none.
  package var imageCacheBytes: Int

  package init(
    maxRunning: Int = 8, maxIdle: Int? = nil, briefSeats: Int = 0, maxQueued: Int = 64, kvTokens: Int, ahead: Int = 512,
    prefillChunk: Int = 256,
    maxStall: Duration = .milliseconds(300), prefixTokens: Int = 0, imageCacheBytes: Int = 0
  ) {
    (self.maxRunning, self.briefSeats, self.maxQueued) = (maxRunning, briefSeats, maxQueued)
    (self.kvTokens, self.prefillChunk, self.maxStall) = (kvTokens, prefillChunk, maxStall)
    (self.ahead, self.maxIdle) = (ahead, maxIdle ?? maxRunning)
    (self.prefixTokens, self.imageCacheBytes) = (prefixTokens, imageCacheBytes)
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
