// What a round computes: a piece of an image, then a step of replies and prompts.
import Basics
import GenerationTypes
import Inference

extension EngineLoop {
  /// Gives a job what features are at hand for its next images, and says how far its prompt can be taken.
  func supply(_ id: JobID, _ job: Job) {
    while let key = job.nextImageKey, let known = features.features(of: key) {
      guard known.rows == job.nextImage?.image.layout.tokenCount else { break }
      job.add(known)
      tally.imageHits += 1
    }
    let places = job.readyPlaces
    core.update { $0.setReady(id, places: places) }
  }

  /// Encodes a piece of one image that is waited for; clients take turns.
  func encodePiece() {
    let (waiting, besideReplies, hasRows) = core.update {
      ($0.awaitingInputs, $0.isReplying, $0.plan(promptRows: 1).contains { $0.work != .decode })
    }
    guard let id = waiting, let job = jobs[id], let image = job.nextImage else { return }
    // Prompts of others get the other half.
    let budget = budget(besideReplies: besideReplies) / (hasRows ? 2 : 1)
    let blocks = pace.blocks(within: budget, besideReplies: besideReplies)
    let key = job.nextImageKey
    do {
      let start = ContinuousClock.now
      core.update { $0.takeImageTurn(id) }
      let (encoded, done) = try job.advanceImage(by: blocks, with: runner)
      pace.learn(blocks: done, seconds: (.now - start).seconds)
      guard let encoded else { return }
      let expected = image.image.layout.tokenCount
      guard encoded.rows == expected else {
        return end(id, job, .inference("image has \(encoded.rows) rows of features, its layout \(expected)"))
      }
      tally.imageMisses += 1
      job.add(encoded)
      if let key { share(encoded, key) }
      supply(id, job)
    } catch {
      end(id, job, .inference("image: \(error)"))
    }
  }

  /// Keeps features and gives them to all who wait for the same image.
  private func share(_ encoded: ImageFeatures, _ key: FeatureCache.Key) {
    features.insert(encoded, for: key)
    for (id, job) in jobs where job.nextImageKey == key && job.nextImage?.image.layout.tokenCount == encoded.rows {
      job.add(encoded)
      tally.imageHits += 1
      supply(id, job)
    }
  }

  /// Computes one step and reports what came of it.
  func step() {
    extendPromises()
    let (besideReplies, awaitsImage) = core.update { ($0.isReplying, $0.awaitingInputs != nil) }
    let budget = budget(besideReplies: besideReplies) / (awaitsImage ? 2 : 1)
    let rows = pace.rows(within: budget, most: limits.prefillChunk, besideReplies: besideReplies)
    let slices = core.update { $0.plan(promptRows: rows) }
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
    // Running requests were promised these places: only what is kept can be in the way.
    _ = makeRoom(for: batch.count)
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
    note(slices, now - start)
  }

  private func note(_ slices: [SchedulerState.Slice], _ duration: Duration) {
    let decodeRows = slices.count { $0.work == .decode }
    let prefillRows = slices.reduce(0) { $0 + $1.count } - decodeRows
    pace.learn(decodeRows: decodeRows, prefillRows: prefillRows, seconds: duration.seconds)
    observer?(StepReport(decodeRows: decodeRows, prefillRows: prefillRows, duration: duration))
  }

  private static func sample(_ job: Job, _ logits: UnsafeMutableBufferPointer<Float>) -> Sampled {
    do throws(SamplingError) {
      return .success(try job.sample(logits))
    } catch {
      return .failure(error)
    }
  }

  /// Reports what a slice led to.
  private func conclude(_ slice: SchedulerState.Slice, _ job: Job, _ sampled: Sampled?, at now: ContinuousClock.Instant)
  {
    core.update { $0.complete(slice) }
    job.advance(by: slice.count)
    guard slice.samples else { return }
    switch sampled {
    case nil: end(slice.job, job, .inference("step: no logits"))
    case .failure(let error): end(slice.job, job, .inference("sampling: \(error)"))
    case .success(let token):
      guard let reason = job.append(token, at: now) else { return }
      core.update { $0.finish(slice.job, service: now - job.started) }
      retire(slice.job)
      publish()
      job.finish(reason)
    }
  }
}
