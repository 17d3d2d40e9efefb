// The engine's thread, round by round: drop what was cancelled, start what was admitted, encode a piece of a picture, step, report.
//
// Pictures are encoded between steps, a piece a round, when their prompt has come to them; running replies wait for that long.
// A step that throws fails the requests that were in it, and the engine goes on.
import GenerationTypes
import Inference

/// Runner, sequences and running requests; belongs to one thread.
package final class EngineLoop<Runner: ModelRunner> {
  private typealias Job = ActiveJob<Runner>
  private typealias Sampled = Result<GeneratedToken, SamplingError>

  private let runner: Runner
  private let core: EngineCore
  private let observer: EngineObserver?
  private var jobs: [JobID: Job] = [:]
  private var sampled: [Sampled?] = []

  package init(runner: Runner, core: EngineCore, observer: EngineObserver? = nil) {
    (self.runner, self.core, self.observer) = (runner, core, observer)
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
    case .work(let cancelled):
      for id in cancelled { jobs[id] = nil }
      while let (id, submission) = core.admitNext() { start(id, submission) }
      encodePiece()
      step()
      return true
    }
  }

  /// Ends a request early.
  private func end(_ id: JobID, _ job: Job, _ error: GenerationError) {
    jobs[id] = nil
    core.update { $0.finish(id) }
    job.fail(error)
  }
}

// MARK: - Before the step

extension EngineLoop {
  private func start(_ id: JobID, _ submission: Submission) {
    let request = submission.request
    func refuse(_ reason: String) {
      core.update { $0.finish(id) }
      submission.continuation.finish(throwing: GenerationError.inference(reason))
    }
    if let defect = request.prompt.defect { return refuse(defect) }
    if request.maxTokens < 1 { return refuse("no token asked for") }
    let started = ContinuousClock.now
    do {
      // The reservation was checked against the context when the request joined the line.
      let sequence = try runner.makeSequence(capacity: request.prompt.tokens.count + request.maxTokens)
      let job = Job(submission, sequence: sequence, started: started)
      jobs[id] = job
      let places = job.readyPlaces
      core.update { $0.setReady(id, places: places) }
    } catch {
      if !core.putBack(id, submission) { refuse("no sequence: \(error)") }
    }
  }

  private func encodePiece() {
    guard let id = core.update({ $0.awaitingInputs }), let job = jobs[id], let picture = job.nextPicture else { return }
    do {
      guard let features = try job.advancePicture(with: runner) else { return }
      let expected = picture.image.layout.tokenCount
      guard features.rows == expected else {
        return end(id, job, .inference("picture has \(features.rows) rows of features, its layout \(expected)"))
      }
      job.add(features)
      let places = job.readyPlaces
      core.update { $0.setReady(id, places: places) }
    } catch {
      end(id, job, .inference("picture: \(error)"))
    }
  }
}

// MARK: - The step

extension EngineLoop {
  private func step() {
    let slices = core.update { $0.plan() }
    if slices.isEmpty { return }
    var batch = Batch<Runner.Sequence>()
    var stepped: [(slice: SchedulerState.Slice, job: Job)] = []
    for slice in slices {
      guard let job = jobs[slice.job] else { continue }
      let inputs: [BatchInput] =
        switch slice.work {
        case .decode: [.tokens([job.last])]
        case .prefill(let range): job.inputs(for: range)
        }
      batch.entries.append(.init(sequence: job.sequence, inputs: inputs, wantsLogits: slice.samples))
      stepped.append((slice, job))
    }
    sampled.removeAll(keepingCapacity: true)
    sampled.append(contentsOf: repeatElement(nil, count: stepped.count))
    let start = ContinuousClock.now
    do {
      try runner.step(batch) { index, logits in
        guard stepped.indices.contains(index) else { return }
        sampled[index] = Self.sample(stepped[index].job, logits)
      }
    } catch {
      for (slice, job) in stepped { end(slice.job, job, .inference("step: \(error)")) }
      return
    }
    let now = ContinuousClock.now
    for (index, (slice, job)) in stepped.enumerated() { conclude(slice, job, sampled[index], at: now) }
    if let observer {
      let prefillRows = slices.reduce(0) { if case .prefill = $1.work { $0 + $1.count } else { $0 } }
      let decodeRows = slices.count { $0.work == .decode }
      observer(StepReport(decodeRows: decodeRows, prefillRows: prefillRows, duration: now - start))
    }
  }

  private static func sample(_ job: Job, _ logits: UnsafeMutableBufferPointer<Float>) -> Sampled {
    do throws(SamplingError) {
      return .success(try job.sampler.sample(logits, decides: job.request.decides && job.generated == 0))
    } catch {
      return .failure(error)
    }
  }

  /// Reports what a slice led to.
  private func conclude(_ slice: SchedulerState.Slice, _ job: Job, _ sampled: Sampled?, at now: ContinuousClock.Instant)
  {
    core.update { $0.complete(slice) }
    if case .prefill(let range) = slice.work {
      job.report(.prefill(done: range.upperBound, total: job.request.prompt.tokens.count))
    }
    guard slice.samples else { return }
    switch sampled {
    case nil: end(slice.job, job, .inference("step: no logits"))
    case .failure(let error): end(slice.job, job, .inference("sampling: \(error)"))
    case .success(let token):
      guard let reason = job.append(token, at: now) else { return }
      jobs[slice.job] = nil
      core.update { $0.finish(slice.job, service: now - job.started) }
      job.finish(reason)
    }
  }
}
