// One running request on the engine's thread: its sequence, its sampler, its pictures' features and its clock.
import GenerationTypes
import Inference

/// A request from its admission to its end. Not thread-safe: the engine's thread owns it.
final class ActiveJob<Runner: ModelRunner> {
  typealias Instant = ContinuousClock.Instant

  private(set) var request: GenerationRequest
  let sequence: Runner.Sequence
  let started: Instant
  var sampler: Sampler
  /// The token sampled last, not yet in the sequence.
  private(set) var last: TokenID = 0
  private(set) var generated = 0

  private let continuation: AsyncThrowingStream<GenerationEvent, any Error>.Continuation
  private let submitted: Instant
  private var timings = GenerationTimings()
  /// What has been done of `nextPicture`.
  private var picture: Runner.Picture?
  /// Features of the pictures encoded so far, nil again once they are in the sequence.
  private var features: [ImageFeatures?] = []

  /// `started` is the moment of admission.
  init(_ submission: Submission, sequence: Runner.Sequence, started: Instant) {
    (request, continuation, submitted) = (submission.request, submission.continuation, submission.time)
    (self.sequence, self.started) = (sequence, started)
    sampler = Sampler(parameters: request.sampling, control: request.control, prompt: request.prompt.tokens)
    timings.queue = started - submitted
    report(.prefill(done: 0, total: request.prompt.tokens.count))
  }

  func report(_ event: GenerationEvent) { continuation.yield(event) }

  /// Ends the stream with an error.
  func fail(_ error: GenerationError) { continuation.finish(throwing: error) }

  /// Counts and reports a sampled token; returns why the reply ends with it, if it does.
  func append(_ token: GeneratedToken, at now: Instant) -> FinishReason? {
    if generated == 0 {
      timings.prefill = now - submitted - timings.queue - timings.image
      report(.prefilled(timings, cachedTokens: 0))
    }
    generated += 1
    last = token.id
    report(.token(token))
    if request.control.stop.contains(token.id) { return .stop }
    return generated >= request.maxTokens ? .length : nil
  }

  /// Ends the stream well.
  func finish(_ reason: FinishReason) {
    report(.finished(reason))
    continuation.finish()
  }
}

// MARK: - The prompt

extension ActiveJob {
  /// The picture to encode next.
  var nextPicture: Prompt.Picture? {
    features.count < request.prompt.pictures.count ? request.prompt.pictures[features.count] : nil
  }

  /// Prompt places before the next picture.
  var readyPlaces: Int { nextPicture?.position ?? request.prompt.tokens.count }

  /// Takes `nextPicture` a piece further; its features, for `add`, when that was the last.
  func advancePicture(with runner: Runner) throws -> ImageFeatures? {
    guard let nextPicture else { return nil }
    let start = Instant.now
    defer { timings.image += .now - start }
    if let picture { return try runner.advance(picture) }
    let begun = try runner.begin(nextPicture.image)
    // The runner has the pixels now.
    request.prompt.pictures[features.count].image.views = []
    picture = begun
    return try runner.advance(begun)
  }

  /// Takes the features of `nextPicture`.
  func add(_ encoded: ImageFeatures) {
    picture = nil
    features.append(encoded)
  }

  /// What fills the prompt's places in `range`, which ends at `readyPlaces` at most. Lets go of pictures that end in it.
  func inputs(for range: Range<Int>) -> [BatchInput] {
    var inputs: [BatchInput] = []
    var place = range.lowerBound
    for (index, picture) in request.prompt.pictures.prefix(features.count).enumerated() {
      guard let encoded = features[index], place < range.upperBound else { continue }
      let rows = picture.position..<picture.position + encoded.rows
      if place < min(rows.lowerBound, range.upperBound) {
        let end = min(rows.lowerBound, range.upperBound)
        inputs.append(.tokens(request.prompt.tokens[place..<end]))
        place = end
      }
      let part = rows.clamped(to: place..<range.upperBound)
      if !part.isEmpty {
        inputs.append(.features(encoded, part.lowerBound - rows.lowerBound..<part.upperBound - rows.lowerBound))
        place = part.upperBound
      }
      if rows.upperBound <= range.upperBound { features[index] = nil }
    }
    if place < range.upperBound { inputs.append(.tokens(request.prompt.tokens[place..<range.upperBound])) }
    return inputs
  }
}

extension Prompt {
  /// What is wrong with the prompt's shape; Chat builds none such.
  var defect: String? {
    if tokens.isEmpty { return "empty prompt" }
    var end = 0
    for (index, picture) in pictures.enumerated() {
      let count = picture.image.layout.tokenCount
      guard picture.position >= end, count > 0, picture.position <= tokens.count,
        count <= tokens.count - picture.position
      else {
        return "picture \(index): \(count) places at \(picture.position) do not fit after \(end) in \(tokens.count)"
      }
      end = picture.position + count
    }
    return nil
  }
}
