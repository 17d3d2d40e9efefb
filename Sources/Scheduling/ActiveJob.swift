// One running request on the engine's thread: its sequence, its sampler, its images' features and its clock.
import GenerationTypes
import Inference

/// A request from its admission to its end. Not thread-safe: the engine's thread owns it.
final class ActiveJob<Runner: ModelRunner> {
  typealias Instant = ContinuousClock.Instant

  private(set) var request: GenerationRequest
  let sequence: Runner.Sequence
  let started: Instant
  /// The prompt and what was generated.
  private(set) var places: Places
  /// Places that the sequence holds.
  private(set) var computed: Int
  /// Places that it was promised.
  var promised: Int
  private(set) var progress: Progress

  /// What outlives the loss of a sequence.
  struct Progress {
    var sampler: Sampler
    /// Tokens sampled; the last is not yet in the sequence.
    var generated = 0
    var timings = GenerationTimings()
    /// Prompt places that were not computed.
    var cached: Int
  }

  private let continuation: AsyncThrowingStream<GenerationEvent, any Error>.Continuation
  private let submitted: Instant
  private let cached: Int
  /// What has been done of `nextImage`.
  private var image: Runner.ImageEncoding?
  /// Features of the images encoded so far, nil again once they are in the sequence.
  private var features: [ImageFeatures?] = []

  /// `started` is the moment of admission; the sequence holds `cached` places and may come to hold `promised`. A request that had
  /// lost its sequence goes on from its `progress`; its prompt now has what it has generated.
  init(
    _ submission: Submission, places: Places, sequence: Runner.Sequence, cached: Int, promised: Int, started: Instant,
    progress: Progress? = nil
  ) {
    (request, continuation, submitted) = (submission.request, submission.continuation, submission.time)
    (self.places, self.sequence, self.started) = (places, sequence, started)
    (self.cached, computed, self.promised) = (cached, cached, promised)
    if let progress {
      self.progress = progress
    } else {
      self.progress = Progress(sampler: Sampler(request), cached: cached)
      self.progress.timings.queue = started - submitted
      report(.prefill(done: cached, total: request.prompt.tokens.count))
    }
    features = Array(repeating: nil, count: coveredImages)
  }

  /// Images that the sequence held from the start.
  var coveredImages: Int { request.prompt.images.count { $0.end <= cached } }

  /// The token sampled last, not yet in the sequence.
  var last: TokenID { places.tokens.last ?? 0 }

  /// Positions that the sequence was promised and does not hold.
  var growth: Int { promised - computed }

  /// Positions that it may come to hold at most.
  var ceiling: Int { request.prompt.tokens.count + request.maxTokens }

  /// The request as it goes on without its sequence: what was generated is part of the prompt.
  var remainder: Submission {
    var rest = request
    rest.maxTokens -= places.count - request.prompt.tokens.count
    rest.prompt.tokens = places.tokens
    return Submission(request: rest, continuation: continuation, time: submitted)
  }

  /// Draws the next token.
  func sample(_ logits: UnsafeMutableBufferPointer<Float>) throws(SamplingError) -> GeneratedToken {
    try progress.sampler.sample(logits, decides: request.decides && progress.generated == 0)
  }

  func report(_ event: GenerationEvent) { continuation.yield(event) }

  /// Ends the stream with an error.
  func fail(_ error: GenerationError) { continuation.finish(throwing: error) }

  /// Notes that `count` further places are in the sequence.
  func advance(by count: Int) {
    computed += count
    let total = request.prompt.tokens.count
    if progress.generated == 0 { report(.prefill(done: computed, total: total)) }
  }

  /// Counts and reports a sampled token; returns why the reply ends with it, if it does.
  func append(_ token: GeneratedToken, at now: Instant) -> FinishReason? {
    if progress.generated == 0 {
      let timings = progress.timings
      progress.timings.prefill = now - submitted - timings.queue - timings.image
      report(.prefilled(progress.timings, cachedTokens: progress.cached))
    }
    progress.generated += 1
    places.append(token.id)
    report(.token(token))
    if request.control.stop.contains(token.id) { return .stop }
    return places.count >= ceiling ? .length : nil
  }

  /// Ends the stream well.
  func finish(_ reason: FinishReason) {
    report(.finished(reason))
    continuation.finish()
  }
}

// MARK: - The prompt

extension ActiveJob {
  /// The image to encode next.
  var nextImage: Prompt.Image? {
    features.count < request.prompt.images.count ? request.prompt.images[features.count] : nil
  }

  /// What the features of `nextImage` are known by.
  var nextImageKey: FeatureCache.Key? {
    nextImage?.image.digest.map { FeatureCache.Key(salt: request.salt, digest: $0) }
  }

  /// Prompt places before the next image.
  var readyPlaces: Int { nextImage.map { max($0.position, cached) } ?? request.prompt.tokens.count }

  /// Takes `nextImage` further by `blocks` of the tower at most; its features, for `add`, when that was the last, and how many
  /// blocks it went through.
  func advanceImage(by blocks: Int, with runner: Runner) throws -> (features: ImageFeatures?, blocks: Int) {
    guard let nextImage else { return (nil, 0) }
    let start = Instant.now
    defer { progress.timings.image += .now - start }
    let image = try image ?? runner.beginEncoding(nextImage.image)
    self.image = image
    let before = runner.progress(of: image).done
    let encoded = try runner.advance(image, blocks: blocks)
    let (done, total) = runner.progress(of: image)
    report(.encoding(image: features.count, done: done, total: total))
    return (encoded, done - before)
  }

  /// Takes the features of `nextImage`.
  func add(_ encoded: ImageFeatures) {
    image = nil
    features.append(encoded)
  }

  /// What fills the prompt's places in `range`, which ends at `readyPlaces` at most. Lets go of images that end in it.
  func inputs(for range: Range<Int>) -> [BatchInput] {
    var inputs: [BatchInput] = []
    var place = range.lowerBound
    for (index, image) in request.prompt.images.prefix(features.count).enumerated() {
      guard let encoded = features[index], place < range.upperBound else { continue }
      let rows = image.position..<image.position + encoded.rows
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

extension Prompt.Image {
  /// The place after the image's last.
  fileprivate var end: Int { position + image.layout.tokenCount }
}

extension GenerationRequest {
  /// What is wrong with the request; API and Chat build none such.
  var defect: String? { prompt.defect ?? (maxTokens < 1 ? "no token asked for" : nil) }
}

extension Prompt {
  /// What is wrong with the prompt's shape; Chat builds none such.
  var defect: String? {
    if tokens.isEmpty { return "empty prompt" }
    var end = 0
    for (index, image) in images.enumerated() {
      let count = image.image.layout.tokenCount
      guard image.position >= end, count > 0, image.position <= tokens.count,
        count <= tokens.count - image.position
      else {
        return "image \(index): \(count) places at \(image.position) do not fit after \(end) in \(tokens.count)"
      }
      end = image.position + count
    }
    return nil
  }
}
