// The engine's thread, round by round: drop what was cancelled, start what can be admitted, encode a piece of an image, step.
//
// Images are encoded between steps, a piece a round, when their prompt has come to them; running replies wait for that long, so
// pieces and prompts are cut to what the stall bound leaves (`StepPace`). A step that throws fails the requests that were in it,
// and the engine goes on.
import Basics
import GenerationTypes
import Inference

/// Runner, sequences and running requests; belongs to one thread.
package final class EngineLoop<Runner: ModelRunner> {
  typealias Job = ActiveJob<Runner>
  typealias Sampled = Result<GeneratedToken, SamplingError>

  let runner: Runner
  let core: EngineCore
  let limits: SchedulerState.Limits
  let maxStall: Double
  let observer: EngineObserver?
  var jobs: [JobID: Job] = [:]
  /// Requests in line that wait until another's prompt has come to where theirs is no longer the same.
  var followers: [JobID: (leader: JobID, places: Int)] = [:]
  /// Requests that lost their sequence and wait in line to go on.
  var suspended: [JobID: Job.Progress] = [:]
  var prefixes: PrefixCache<Runner.Sequence>
  var features: FeatureCache
  /// Positions in all timelines, running and kept, at most.
  var held = 0
  var pace = StepPace()
  var tally = EngineTally()
  var sampled: [Sampled?] = []

  package init(
    runner: Runner, core: EngineCore, configuration: EngineConfiguration, observer: EngineObserver? = nil
  ) {
    (self.runner, self.core, self.observer) = (runner, core, observer)
    limits = SchedulerState.Limits(configuration, contextLength: runner.contextLength, maxBatch: runner.maxBatch)
    maxStall = max(configuration.maxStall.seconds, 0)
    prefixes = PrefixCache(capacity: min(configuration.prefixTokens, limits.kvTokens))
    features = FeatureCache(capacity: configuration.imageCacheBytes)
  }

  /// Serves until the core is drained.
  package func run() {
    while let isBusy = round() {
      if !isBusy { core.sleep() }
    }
  }

  /// One round: whether there was anything to do; nil when the loop is to end.
  package func round() -> Bool? {
    switch core.nextRound() {
    case nil: return false
    case .leave:
      for (id, job) in jobs { end(id, job, .shuttingDown) }
      return nil
    case .work(let cancelled, let expired):
      for id in cancelled { retire(id) }
      for (id, submission) in expired {
        jobs[id]?.fail(.deadline)
        retire(id)
        submission?.continuation.finish(throwing: GenerationError.deadline)
      }
      suspended = suspended.filter { id, _ in core.isWaiting(id) }
      if !cancelled.isEmpty || !expired.isEmpty { publish() }
      admit()
      encodePiece()
      step()
      return true
    }
  }

  /// Time that work before the next token of a reply may take; more when none waits for it, but not without bound, as a newcomer
  /// always may.
  func budget(besideReplies: Bool) -> Double { besideReplies ? maxStall : 8 * maxStall }

  /// Ends a request early. What it computed is not kept.
  func end(_ id: JobID, _ job: Job, _ error: GenerationError) {
    jobs[id] = nil
    core.update { $0.finish(id) }
    job.fail(error)
  }

  /// Lets go of a request that has ended, or lost its sequence, and keeps its timeline for prompts that begin alike, unless no client asked.
  func retire(_ id: JobID) {
    guard let job = jobs.removeValue(forKey: id), prefixes.capacity > 0, job.computed >= Self.fewestShared,
      job.request.serviceClass != .shadow
    else { return }
    runner.trim(job.sequence)
    prefixes.insert(job.sequence, job.places.prefix(job.computed), salt: job.request.salt)
    while runner.heldPositions(of: prefixes.sequences) > prefixes.capacity, prefixes.dropOldest() {}
  }

  /// Tells clients what was counted: before a request's end is reported, so that whoever has its reply finds it counted.
  func publish() {
    tally.keptImageBytes = features.bytes
    let running = jobs.values.map(\.sequence)
    tally.keptTokens =
      prefixes.isEmpty
      ? 0 : runner.heldPositions(of: running + prefixes.sequences) - runner.heldPositions(of: running)
    core.publish(tally)
  }
}
