// The load of the engine, as the metrics show it.

/// The load of the engine at the moment of a scrape.
package struct LoadSample: Sendable {
  /// Sequences that run, and requests that wait.
  package var running, waiting: Int
  /// Positions of the KV cache that running sequences reserve, and all positions.
  package var kvTokens, kvCapacityTokens: Int
  /// Positions that the prefix cache holds, and bytes that the image feature cache holds.
  package var prefixCacheTokens = 0, imageCacheBytes = 0
  /// Prompt tokens since the start that the prefix cache held, and those that were computed.
  package var prefixHits = 0, prefixMisses = 0
  /// Images since the start whose features the cache held, and those that were encoded.
  package var imageHits = 0, imageMisses = 0
  /// Preemptions of running requests since the start.
  package var preemptions = 0

  package init(running: Int, waiting: Int, kvTokens: Int, kvCapacityTokens: Int) {
    (self.running, self.waiting) = (running, waiting)
    (self.kvTokens, self.kvCapacityTokens) = (kvTokens, kvCapacityTokens)
  }
}
