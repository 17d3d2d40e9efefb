// What the operator configures, and what a step reports.

/// The limits within which an engine works.
package struct EngineConfiguration: Sendable, Equatable {
  /// Interactive requests that run at once.
  package var maxRunning: Int
  /// Batch requests that hold a slot at once, and shadow requests; they rest while an interactive one runs.
  package var maxRunningBatch: Int
  /// The interactive slots that are reserved for short requests.
  package var shortSlots: Int
  /// Requests that may wait for a slot, in each class.
  package var maxWaiting: Int
  /// KV positions of all sequences together, running and cached.
  package var kvTokens: Int
  /// Positions of a reply that are reserved at a time.
  package var replyReservation: Int
  /// Prompt positions that one step computes at most, over all prompts.
  package var prefillChunk: Int
  /// How long prompts and images may delay a reply between two of its tokens.
  package var maxStall: Duration
  /// KV positions that cached prefixes may hold; 0 disables the prefix cache.
  package var prefixTokens: Int
  /// Bytes of image features to cache; 0 disables the cache.
  package var imageCacheBytes: Int

  package init(
    maxRunning: Int = 8, maxRunningBatch: Int? = nil, shortSlots: Int = 0, maxWaiting: Int = 64, kvTokens: Int,
    replyReservation: Int = 512, prefillChunk: Int = 256, maxStall: Duration = .milliseconds(300),
    prefixTokens: Int = 0,
    imageCacheBytes: Int = 0
  ) {
    self.maxRunning = maxRunning
    self.maxRunningBatch = maxRunningBatch ?? maxRunning
    self.shortSlots = shortSlots
    self.maxWaiting = maxWaiting
    self.kvTokens = kvTokens
    self.replyReservation = replyReservation
    self.prefillChunk = prefillChunk
    self.maxStall = maxStall
    self.prefixTokens = prefixTokens
    self.imageCacheBytes = imageCacheBytes
  }
}

/// What one step did, for metrics.
package struct StepReport: Sendable, Equatable {
  /// Replies that continued.
  package var decodeRows: Int
  /// Prompt positions computed.
  package var prefillRows: Int
  /// Wall-clock time of the runner's step, sampling included.
  package var duration: Duration

  package init(decodeRows: Int, prefillRows: Int, duration: Duration) {
    (self.decodeRows, self.prefillRows, self.duration) = (decodeRows, prefillRows, duration)
  }
}

/// Called on the engine's thread after every step; must return at once.
package typealias EngineObserver = @Sendable (StepReport) -> Void
