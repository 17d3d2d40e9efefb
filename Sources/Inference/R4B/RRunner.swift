// Steps the model. A runner owns the worker pool and all scratch memory, allocated once; a step allocates nothing per
// layer. Not thread-safe: one thread owns a runner and its sequences. Several runners may share one model.
import CKernels
import GenerationTypes

/// Runs an `RModel` on a pool of threads.
package final class RRunner: ModelRunner {
  package let model: RModel
  package let maxBatch: Int
  /// Receives activations when set: `vision.embeddings`, `vision.layer.i` and `projected` for every view,
  /// `image.packed` for every image, and `text.layer.i` and `logits` for every step.
  package var tap: ActivationTap?
  let workers: Workers
  private let memory: Mapping
  private let text: Qwen3Scratch
  let vision: VisionScratch?
  /// The image whose view is in `vision`.
  weak var current: ImageEncoding?

  /// The type that keys and values are rounded to.
  package let cacheType: KVCacheType
  private let kvShape: KVShape

  /// Starts `threads` threads, by default as many as this process may use, and maps scratch memory for steps of
  /// `maxBatch` positions. The default `cacheType` is f16, or f32 if the decoder's weights are f32.
  package init(
    model: RModel, threads: Int? = nil, maxBatch: Int = 512, kernels: KernelTable? = nil,
    cacheType: KVCacheType? = nil
  ) throws(InferenceError) {
    guard (1...65536).contains(maxBatch) else {
      throw .invalidBatch("the largest batch must be between 1 and 65536 positions, got \(maxBatch)")
    }
    self.model = model
    self.maxBatch = maxBatch
    self.cacheType = cacheType ?? (model.decoder.weights.embedding.type == .f32 ? .f32 : .f16)
    let decoder = model.decoder.configuration
    kvShape = try KVShape(
      layers: decoder.layers, heads: decoder.kvHeads, headDimension: decoder.headDimension, type: self.cacheType)
    var counter = Arena()
    _ = Self.scratch(model, maxBatch, &counter)
    memory = try Mapping(byteCount: counter.byteCount, hugePages: true, purpose: "scratch buffers")
    var arena = Arena(memory)
    (text, vision) = Self.scratch(model, maxBatch, &arena)
    workers = try Workers(threads: threads, kernels: kernels)
    if model.isQuantized {
      let patches = model.vision?.tower.configuration.patches ?? 0
      try workers.reserve(rows: max(maxBatch, patches), columns: model.widestInput)
    }
  }

  private static func scratch(_ model: RModel, _ rows: Int, _ arena: inout Arena)
    -> (Qwen3Scratch, VisionScratch?)
  {
    let text = Qwen3Scratch(model.decoder.configuration, rows: rows, in: &arena)
    return (text, model.vision.map { VisionScratch($0, in: &arena) })
  }

  package var vocabularySize: Int { model.vocabularySize }
  package var contextLength: Int { model.contextLength }
  package var sharedPositions: Int { KVShape.segment }
  package var bytesPerPosition: Int { kvShape.bytesPerPosition }
  /// The number of threads that share the work, the caller included.
  package var threadCount: Int { workers.count }
  /// Bytes of scratch memory.
  package var scratchBytes: Int { memory.byteCount }

  package func makeSequence(capacity: Int) throws(InferenceError) -> KVSequence {
    guard (1...contextLength).contains(capacity) else {
      throw .sequenceFull(needed: capacity, capacity: contextLength)
    }
    let sequence = try KVSequence(shape: kvShape, capacity: capacity)
    model.fillRotaryTables(upTo: capacity)
    return sequence
  }

  package func fork(_ sequence: KVSequence, at count: Int, capacity: Int) throws(InferenceError) -> KVSequence {
    guard (1...contextLength).contains(capacity), count <= min(sequence.count, capacity), count >= 0 else {
      throw .sequenceFull(needed: max(count, capacity), capacity: min(sequence.count, contextLength))
    }
    let whole = count / KVShape.segment, rest = count % KVShape.segment
    let new = try KVSequence(shape: kvShape, capacity: capacity, sharing: sequence.segments[..<whole])
    if rest > 0 {
      for layer in 0..<kvShape.layers {
        workers.operations.copy(
          kvShape.layer(layer, at: sequence.segmentTable), to: kvShape.layer(layer, at: new.segmentTable),
          segment: whole, count: rest)
      }
      new.advance(by: rest)
    }
    model.fillRotaryTables(upTo: capacity)
    return new
  }

  package func truncate(_ sequence: KVSequence, to count: Int) { sequence.truncate(to: count) }

  package func trim(_ sequence: KVSequence) { sequence.trim() }

  /// The number of positions that these sequences hold in memory together; shared positions count once.
  package func heldPositions(of sequences: [KVSequence]) -> Int {
    var seen = Set<ObjectIdentifier>()
    var held = 0
    for sequence in sequences {
      for segment in sequence.segments where segment.filled > 0 && seen.insert(ObjectIdentifier(segment)).inserted {
        held += segment.filled
      }
    }
    return held
  }

  package func step(_ batch: Batch<KVSequence>, logits: (Int, UnsafeMutableBufferPointer<Float>) -> Void)
    throws(InferenceError)
  {
    try check(batch)
    let (rows, sequences) = fill(batch)
    guard rows > 0 else { return }
    model.decoder.forward(workers.operations, text.prefix(rows), sequences: sequences, kv: kvShape, tap: tap)
    for entry in batch.entries { entry.sequence.advance(by: entry.count) }
    report(batch, logits)
  }

  /// Validates a batch completely, so that nothing fails once work has begun.
  private func check(_ batch: Batch<KVSequence>) throws(InferenceError) {
    var total = 0
    for (index, entry) in batch.entries.enumerated() {
      for input in entry.inputs { try check(input) }
      let count = entry.count, sequence = entry.sequence
      guard (0...count).contains(entry.logitRows) else {
        throw .invalidBatch("logits of \(entry.logitRows) rows requested, the entry appends \(count) positions")
      }
      guard count <= sequence.capacity - sequence.count else {
        throw .sequenceFull(needed: sequence.count + count, capacity: sequence.capacity)
      }
      guard !batch.entries[..<index].contains(where: { $0.sequence === sequence }) else {
        throw .invalidBatch("entry \(index) repeats the sequence of an earlier entry")
      }
      total += count
      guard total <= maxBatch else { throw .batchTooLarge(count: total, limit: maxBatch) }
    }
  }

  private func check(_ input: BatchInput) throws(InferenceError) {
    switch input {
    case .tokens(let tokens):
      for token in tokens where token < 0 || Int(token) >= vocabularySize {
        throw .unknownToken(token, vocabularySize: vocabularySize)
      }
    case .features(let features, let rows):
      guard features.values.count == features.rows * model.decoder.configuration.hidden, rows.lowerBound >= 0,
        rows.upperBound <= features.rows
      else {
        throw .invalidBatch(
          "rows \(rows) requested of \(features.rows) rows of image features, \(features.values.count) values")
      }
    }
  }

  /// Writes the embeddings and positions of all rows and the rows of each sequence. Returns the number of both.
  private func fill(_ batch: Batch<KVSequence>) -> (rows: Int, sequences: Int) {
    var row = 0, sequences = 0
    for entry in batch.entries where entry.count > 0 {
      let sequence = entry.sequence, first = row
      for input in entry.inputs {
        switch input {
        case .tokens(let tokens):
          for token in tokens {
            model.decoder.embed(token, into: text.x.base + row * text.x.stride)
            row += 1
          }
        case .features(let features, let range):
          let width = text.x.columns
          features.values.withUnsafeBufferPointer {
            let source = UnsafeBufferPointer(rebasing: $0[range.lowerBound * width..<range.upperBound * width])
            guard let base = source.baseAddress else { return }
            (text.x.base + row * text.x.stride).update(from: base, count: source.count)
          }
          row += range.count
        }
      }
      for i in first..<row { text.positions[i] = Int32(sequence.count + i - first) }
      text.sequences[sequences] = SequenceRows(
        segments: sequence.segmentTable, position: sequence.count, row: first, count: row - first)
      sequences += 1
    }
    return (row, sequences)
  }

  /// Computes the requested logits, a few rows together, and reports them in order.
  private func report(_ batch: Batch<KVSequence>, _ logits: (Int, UnsafeMutableBufferPointer<Float>) -> Void) {
    var end = 0
    // The entry of each row that waits in `text.normed`.
    var waiting: [Int] = []
    func flush() {
      guard !waiting.isEmpty else { return }
      model.decoder.head(workers.operations, text, rows: waiting.count)
      tap?("logits", text.logits.prefix(waiting.count).values)
      for (row, entry) in waiting.enumerated() { logits(entry, text.logits[row]) }
      waiting.removeAll(keepingCapacity: true)
    }
    for (index, entry) in batch.entries.enumerated() {
      end += entry.count
      for row in end - entry.logitRows..<end {
        _ = text.normed[waiting.count].update(fromContentsOf: text.x[row])
        waiting.append(index)
        if waiting.count == min(Qwen3Scratch.headRows, maxBatch) { flush() }
      }
    }
    flush()
  }
}
