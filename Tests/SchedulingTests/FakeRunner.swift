// A runner whose next token is a hash of the positions of a sequence, with a ledger of its work and scripted failures.
// Like the real one it belongs to one thread; what tests read from other threads is behind a lock.
import Basics
import Foundation
import GenerationTypes
import Inference
import Scheduling
import Synchronization

struct Scripted: Error, CustomStringConvertible {
  let description: String
}

/// What a runner did; readable from any thread.
final class Ledger: Sendable {
  struct Step: Sendable, Equatable {
    /// The sequence of every entry and its number of positions, in order.
    var rows: [(sequence: Int, count: Int)]
    static func == (a: Step, b: Step) -> Bool { a.rows.elementsEqual(b.rows) { $0 == $1 } }
  }
  struct State: Sendable {
    var steps: [Step] = []
    /// Images and views that were encoded.
    var encoded = 0
    var views = 0
    var made = 0
    /// The number of positions that each fork began with.
    var forked: [Int] = []
    var openCapacity = 0
    var largestOpenCapacity = 0
    /// Positions in memory; shared ones count once.
    var held = 0
    var largestHeld = 0
    var largestBatch = 0
    var faults: [String] = []
    var runnerIsGone = false
  }
  let state = Mutex(State())
  var snapshot: State { state.withLock { $0 } }
  var steps: Int { state.withLock { $0.steps.count } }
}

/// Memory for a few positions, which sequences may share.
final class FakeSegment {
  static let size = 8
  private(set) var capacity: Int
  var filled = 0 {
    didSet {
      ledger.state.withLock {
        $0.held += filled - oldValue
        $0.largestHeld = max($0.largestHeld, $0.held)
      }
    }
  }
  private let ledger: Ledger

  init(capacity: Int, ledger: Ledger) {
    (self.capacity, self.ledger) = (capacity, ledger)
    ledger.state.withLock {
      $0.openCapacity += capacity
      $0.largestOpenCapacity = max($0.largestOpenCapacity, $0.openCapacity)
    }
  }

  deinit {
    ledger.state.withLock {
      $0.openCapacity -= capacity
      $0.held -= filled
    }
  }

  func trim() {
    ledger.state.withLock { $0.openCapacity -= capacity - filled }
    capacity = filled
  }
}

final class FakeSequence {
  let number: Int
  let capacity: Int
  private(set) var segments: [FakeSegment]
  /// The hash after each number of positions.
  private(set) var hashes: [UInt64]
  var hash: UInt64 { hashes[length] }
  var length: Int { hashes.count - 1 }

  init(number: Int, capacity: Int, ledger: Ledger, from other: FakeSequence? = nil, count: Int = 0) {
    (self.number, self.capacity) = (number, capacity)
    segments = Array(other?.segments.prefix(count / FakeSegment.size) ?? [])
    hashes = other.map { Array($0.hashes[...count]) } ?? [14_695_981_039_346_656_037]
    while segments.count * FakeSegment.size < capacity {
      let room = min(FakeSegment.size, capacity - segments.count * FakeSegment.size)
      segments.append(FakeSegment(capacity: room, ledger: ledger))
    }
    fill()
  }

  func read(_ value: UInt64) {
    hashes.append((hash ^ value) &* 1_099_511_628_211)
    fill()
  }

  func truncate(to count: Int) {
    hashes.removeLast(length - count)
    for (index, segment) in segments.enumerated() {
      segment.filled = min(segment.filled, max(count - index * FakeSegment.size, 0))
    }
  }

  func trim() {
    segments.removeLast(segments.count - (length + FakeSegment.size - 1) / FakeSegment.size)
    segments.last?.trim()
  }

  private func fill() {
    for (index, segment) in segments.enumerated() {
      segment.filled = max(segment.filled, min(max(length - index * FakeSegment.size, 0), segment.capacity))
    }
  }
}

final class FakeRunner: ModelRunner {
  typealias Sequence = FakeSequence
  let vocabularySize = 64
  let contextLength: Int
  let maxBatch: Int
  let bytesPerPosition = 1
  let ledger = Ledger()
  /// Called before a step, which fails when it throws.
  var beforeStep: (Batch<FakeSequence>) throws -> Void = { _ in }
  /// Called with a sequence and its logits, which it may change.
  var afterLogits: (FakeSequence, UnsafeMutableBufferPointer<Float>) -> Void = { _, _ in }
  /// The positions that all sequences together may take.
  var memory = Int.max
  var encodeFails = false
  var withholdsLogits = false
  private var logits: [Float]

  init(contextLength: Int = 4096, maxBatch: Int = 512) {
    (self.contextLength, self.maxBatch) = (contextLength, maxBatch)
    logits = Array(repeating: 0, count: vocabularySize)
  }

  deinit { ledger.state.withLock { $0.runnerIsGone = true } }

  func makeSequence(capacity: Int) throws -> FakeSequence {
    let (open, number) = ledger.state.withLock { ($0.openCapacity, $0.made) }
    guard capacity <= memory - open else { throw Scripted(description: "out of memory") }
    ledger.state.withLock { $0.made += 1 }
    return FakeSequence(number: number, capacity: capacity, ledger: ledger)
  }

  let sharedPositions = FakeSegment.size

  func fork(_ sequence: FakeSequence, at count: Int, capacity: Int) throws -> FakeSequence {
    let number = ledger.state.withLock { state in
      defer { state.made += 1 }
      state.forked.append(count)
      if count > sequence.length { state.faults.append("a fork at \(count) of \(sequence.length)") }
      return state.made
    }
    return FakeSequence(number: number, capacity: capacity, ledger: ledger, from: sequence, count: count)
  }

  func truncate(_ sequence: FakeSequence, to count: Int) { sequence.truncate(to: count) }

  func trim(_ sequence: FakeSequence) { sequence.trim() }

  func heldPositions(of sequences: [FakeSequence]) -> Int {
    var seen = Set<ObjectIdentifier>()
    return sequences.flatMap(\.segments).reduce(0) { $0 + (seen.insert(ObjectIdentifier($1)).inserted ? $1.filled : 0) }
  }

  /// An image and the number of its views that are not encoded yet.
  final class ImageEncoding {
    let image: PreparedImage
    var left: Int

    init(_ image: PreparedImage) { (self.image, left) = (image, image.viewCount) }
  }

  func beginEncoding(_ image: PreparedImage) throws -> ImageEncoding { ImageEncoding(image) }

  func progress(of image: ImageEncoding) -> (done: Int, total: Int) {
    (image.image.viewCount - image.left, image.image.viewCount)
  }

  /// Encodes a view at a time.
  func advance(_ image: ImageEncoding, blocks: Int) throws -> ImageFeatures? {
    if encodeFails { throw Scripted(description: "blind") }
    image.left -= 1
    ledger.state.withLock { $0.views += 1 }
    guard image.left == 0 else { return nil }
    let prepared = image.image
    ledger.state.withLock { $0.encoded += 1 }
    let first = Float(prepared.views.first ?? 0)
    return ImageFeatures(
      rows: prepared.layout.tokenCount, values: (0..<prepared.layout.tokenCount).map { first + Float($0) })
  }

  func step(_ batch: Batch<FakeSequence>, logits emit: (Int, UnsafeMutableBufferPointer<Float>) -> Void) throws {
    try beforeStep(batch)
    note(batch)
    for (index, entry) in batch.entries.enumerated() {
      for input in entry.inputs {
        switch input {
        case .tokens(let tokens): for token in tokens { entry.sequence.read(UInt64(bitPattern: Int64(token))) }
        case .features(let features, let rows):
          for row in rows { entry.sequence.read(UInt64(features.values[row]) + 1 << 32) }
        }
      }
      guard !withholdsLogits else { continue }
      for hash in entry.sequence.hashes.suffix(entry.logitRows) {
        var generator = SplitMix64(seed: hash)
        for column in logits.indices { logits[column] = Float(generator.unit() * 8) }
        logits.withUnsafeMutableBufferPointer {
          afterLogits(entry.sequence, $0)
          emit(index, $0)
        }
      }
    }
  }

  private func note(_ batch: Batch<FakeSequence>) {
    ledger.state.withLock { state in
      state.steps.append(.init(rows: batch.entries.map { ($0.sequence.number, $0.count) }))
      state.largestBatch = max(state.largestBatch, batch.count)
      if batch.count > maxBatch { state.faults.append("batch of \(batch.count)") }
      if batch.entries.isEmpty { state.faults.append("empty batch") }
      if Set(batch.entries.map(\.sequence.number)).count != batch.entries.count {
        state.faults.append("a sequence twice")
      }
      for entry in batch.entries {
        if entry.count == 0 { state.faults.append("empty entry") }
        if entry.sequence.length + entry.count > entry.sequence.capacity { state.faults.append("beyond capacity") }
      }
    }
  }
}

// MARK: - Requests and replies

/// An image of one colour, with a digest unless it is `unknown` to caches.
func image(
  _ value: UInt8, count: Int, at position: Int, views: Int = 1, unknown: Bool = false
) -> Prompt.Image {
  var image = PreparedImage(
    views: [value], viewCount: views, side: 1, layout: ImageLayout(patchesPerSide: 1, grid: nil, tokenCount: count),
    width: 1,
    height: 1)
  if !unknown { image.digest = ContentDigest(words: [UInt64(value), UInt64(count)]) }
  return Prompt.Image(image: image, position: position)
}

/// A request with a prompt that depends on `salt`.
func request(
  prompt: Int, reply: Int, salt: Int = 0, temperature: Float = 0, stop: Set<TokenID> = [],
  images: [Prompt.Image] = []
) -> GenerationRequest {
  var sampling = SamplingParameters()
  (sampling.temperature, sampling.seed) = (temperature, UInt64(salt))
  return GenerationRequest(
    prompt: Prompt(tokens: (0..<prompt).map { TokenID(($0 * 31 + salt * 7) % 64) }, images: images),
    sampling: sampling,
    control: ControlTokens(stop: stop, forbidden: [63], closing: [], vocabularySize: 64), maxTokens: reply,
    decides: false)
}

/// Everything that a stream delivered.
struct Reply: Sendable {
  var tokens: [GeneratedToken] = []
  var progress: [Int] = []
  /// Blocks of images done and in all.
  var encoding: [[Int]] = []
  var cachedTokens = 0
  var finish: FinishReason?
  var timings: GenerationTimings?
  /// Whether the timings came before any token.
  var hadTimingsFirst = false
  var error: GenerationError?
  var ids: [TokenID] { tokens.map(\.id) }
  /// The number of times it ended.
  var ends = 0

  init(of stream: AsyncThrowingStream<GenerationEvent, any Error>) async {
    do {
      for try await event in stream {
        switch event {
        case .prefill(let done, _): progress.append(done)
        case .encoding(_, let done, let total): encoding.append([done, total])
        case .token(let token): tokens.append(token)
        case .prefilled(let timings, let cachedTokens):
          (self.timings, self.cachedTokens) = (timings, cachedTokens)
          hadTimingsFirst = tokens.isEmpty
        case .finished(let reason):
          finish = reason
          ends += 1
        }
      }
    } catch {
      self.error = error as? GenerationError
      ends += 1
    }
  }
}

/// A core and its loop on the test's own thread, stepped by hand.
struct Bench {
  let runner: FakeRunner
  let core: EngineCore
  let loop: EngineLoop<FakeRunner>
  var ledger: Ledger { runner.ledger }

  init(
    _ configuration: EngineConfiguration = .init(kvTokens: 100_000), runner: FakeRunner = FakeRunner(),
    drafts: DraftSource? = nil
  ) {
    self.runner = runner
    core = EngineCore(
      schedule: Schedule(
        configuration, contextLength: runner.contextLength, maxBatch: runner.maxBatch,
        sharedPositions: runner.sharedPositions))
    loop = EngineLoop(runner: runner, core: core, imageCacheBytes: configuration.imageCacheBytes, drafts: drafts)
  }

  /// Runs rounds until there is nothing to do, at most 100,000.
  func finish() {
    for _ in 0..<100_000 where loop.round() != true { return }
  }

  func rounds(_ count: Int) {
    for _ in 0..<count { _ = loop.round() }
  }
}
