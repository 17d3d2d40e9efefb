// The engine's load for metrics.
import Scheduling
import Telemetry

extension LoadSample {
  /// The current state of an engine and its totals.
  init(_ load: EngineLoad) {
    self.init(
      running: load.running, waiting: load.waiting, kvTokens: load.kvTokens, kvCapacityTokens: load.kvCapacityTokens)
    (prefixCacheTokens, imageCacheBytes) = (load.tally.cachedPositions, load.tally.cachedImageBytes)
    (prefixHits, prefixMisses) = (load.tally.prefixHits, load.tally.prefixMisses)
    (imageHits, imageMisses) = (load.tally.imageHits, load.tally.imageMisses)
    preemptions = load.tally.preemptions
  }
}
