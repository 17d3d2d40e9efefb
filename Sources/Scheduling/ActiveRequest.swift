// A started request on the engine's thread: its stream, its sampler, the features of its images and its times.
import GenerationTypes
import Inference

/// A request from its first start to its end. Not thread-safe: the engine's thread owns it.
final class ActiveRequest<Runner: ModelRunner> {
  typealias Instant = ContinuousClock.Instant

  private let submission: Submission
  private var sampler: Sampler
  /// Tokens sampled.
  private var generated = 0
  private var hasReportedToken = false
  private var timings = GenerationTimings()
  /// Prompt positions that were not computed when it was started first; nil before.
  private var cached: Int?
  /// Positions that its sequence began with.
  private var begun = 0
  private var isRunning = false
  /// The encoding of `nextImage`, once begun.
  private var encoding: Runner.ImageEncoding?
  /// The features of the images before `nextImage`, nil again once they are in the sequence.
  private var features: [ImageFeatures?] = []

  private var request: GenerationRequest { submission.request }

  init(_ submission: Submission) {
    self.submission = submission
    sampler = Sampler(submission.request)
  }

  var isShadow: Bool { request.serviceClass == .shadow }

  /// Notes that the request has a sequence with `count` positions; returns whether it is its first.
  func start(cached count: Int, at now: Instant) -> Bool {
    (begun, isRunning) = (count, true)
    features = Array(repeating: nil, count: coveredImages)
    guard cached == nil else { return false }
    cached = count
    timings.queue = now - submission.time
    submission.continuation.yield(.prefill(done: count, total: request.prompt.tokens.count))
    return true
  }

  /// Notes that the request lost its sequence.
  func preempt() { (isRunning, encoding, features) = (false, nil, []) }

  /// Samples the next token.
  func sample(_ logits: UnsafeMutableBufferPointer<Float>) throws(SamplingError) -> GeneratedToken {
    defer { generated += 1 }
    return try sampler.sample(logits, decides: request.decides && generated == 0)
  }

  func isStop(_ token: TokenID) -> Bool { request.control.stop.contains(token) }
}

// MARK: - The stream

extension ActiveRequest {
  /// Reports that the sequence holds the positions before `end`, until the first token is reported.
  func reportPrefill(upTo end: Int) {
    let total = request.prompt.tokens.count
    if !hasReportedToken { submission.continuation.yield(.prefill(done: end, total: total)) }
  }

  func report(_ token: GeneratedToken, at now: Instant) {
    if !hasReportedToken {
      hasReportedToken = true
      timings.prefill = now - submission.time - timings.queue - timings.image
      submission.continuation.yield(.prefilled(timings, cachedTokens: cached ?? 0))
    }
    submission.continuation.yield(.token(token))
  }

  func finish(_ reason: FinishReason) {
    submission.continuation.yield(.finished(reason))
    submission.continuation.finish()
  }

  func fail(_ error: GenerationError) { submission.continuation.finish(throwing: error) }
}

// MARK: - Images

extension ActiveRequest {
  /// Images that the sequence held from the start.
  var coveredImages: Int { request.prompt.images.count { $0.position + $0.image.layout.tokenCount <= begun } }

  /// The image to encode next; nil while the request has no sequence.
  var nextImage: Prompt.Image? {
    isRunning && features.count < request.prompt.images.count ? request.prompt.images[features.count] : nil
  }

  /// What identifies the features of `nextImage`.
  var nextImageKey: FeatureCache.Key? {
    nextImage?.image.digest.map { FeatureCache.Key(salt: request.salt, digest: $0) }
  }

  /// The position from which inputs are missing.
  var inputsReady: Int { nextImage.map { max($0.position, begun) } ?? .max }

  /// Encodes at most `blocks` blocks of `nextImage`. Returns the features, for `add`, after the last one, and the
  /// number of blocks done.
  func encodeImage(blocks: Int, with runner: Runner) throws -> (features: ImageFeatures?, blocks: Int) {
    guard let nextImage else { return (nil, 0) }
    let start = Instant.now
    defer { timings.image += .now - start }
    let encoding = try encoding ?? runner.beginEncoding(nextImage.image)
    self.encoding = encoding
    let before = runner.progress(of: encoding).done
    let encoded = try runner.advance(encoding, blocks: blocks)
    let (done, total) = runner.progress(of: encoding)
    submission.continuation.yield(.encoding(image: features.count, done: done, total: total))
    return (encoded, done - before)
  }

  /// Takes the features of `nextImage`.
  func add(_ encoded: ImageFeatures) {
    encoding = nil
    features.append(encoded)
  }

  /// The inputs of an entry: its tokens, with features at the positions of images. Releases the features of images that
  /// end in it.
  func inputs(for entry: Schedule.StepEntry) -> [BatchInput] {
    let rows = entry.rows
    func tokens(_ range: Range<Int>) -> BatchInput {
      .tokens(entry.tokens[range.lowerBound - rows.lowerBound..<range.upperBound - rows.lowerBound])
    }
    if entry.kind == .decode || features.isEmpty { return [tokens(rows)] }
    var inputs: [BatchInput] = []
    var position = rows.lowerBound
    for (index, image) in request.prompt.images.prefix(features.count).enumerated() {
      guard let encoded = features[index], position < rows.upperBound else { continue }
      let own = image.position..<image.position + encoded.rows
      if position < min(own.lowerBound, rows.upperBound) {
        let end = min(own.lowerBound, rows.upperBound)
        inputs.append(tokens(position..<end))
        position = end
      }
      let part = own.clamped(to: position..<rows.upperBound)
      if !part.isEmpty {
        inputs.append(.features(encoded, part.lowerBound - own.lowerBound..<part.upperBound - own.lowerBound))
        position = part.upperBound
      }
      if own.upperBound <= rows.upperBound { features[index] = nil }
    }
    if position < rows.upperBound { inputs.append(tokens(position..<rows.upperBound)) }
    return inputs
  }
}
