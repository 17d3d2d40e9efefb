// Compares models that are quantised while loading with the same numbers in f32, and every split of the work.
import Foundation
import GenerationTypes
import Inference
import ModelFiles
import Testing

@Suite struct `Quantised models` {
  private func error(of values: [Float], beside expected: [Float]) -> Double {
    guard values.count == expected.count else { return .infinity }
    let squares = zip(values, expected).reduce(0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
    return (squares / expected.reduce(0) { $0 + Double($1) * Double($1) }).squareRoot()
  }

  /// The activations of one case by name, with the last logits.
  private func run(_ model: RModel, _ expected: Expected.Case) throws -> [String: [Float]] {
    let runner = try RRunner(model: model)
    var activations: [String: [Float]] = [:]
    runner.tap = { activations[$0, default: []] += $1 }
    let features = try expected.image.map { try runner.encode(try $0.prepared()) }
    let sequence = try runner.makeSequence(capacity: runner.contextLength)
    _ = try runner.append(RRunner.inputs(expected.ids, at: expected.at, features), to: sequence)
    return activations
  }

  /// The only difference is that products round their inputs to 8 bits. The error is half a percent per product, up to
  /// two if 256 inputs share a scale, and accumulates. The largest measured is 0.053; a wrong part, block or row is
  /// near 1.
  @Test(arguments: ElementType.quantized)
  func `every activation of R-Tiny matches its dequantised weights within the rounding of inputs`(type: ElementType)
    throws
  {
    let checkpoint = try Checkpoint(directory: Expected.directory("r-tiny"))
    let widened = try Dequantized(of: checkpoint, in: URL(filePath: Expected.directory("r-tiny")), plan: plan(type))
    let reference = try RModel(checkpoint: Checkpoint(directory: widened.directory.path))
    let model = try RModel(checkpoint: checkpoint, plan: plan(type))
    #expect(model.matrixBytes[type, default: 0] > 0)
    #expect(model.weightBytes < reference.weightBytes)
    var worst = ("", 0.0)
    for expected in try Expected.read().cases where expected.checkpoint == "r-tiny" {
      let activations = try run(model, expected), wanted = try run(reference, expected)
      #expect(activations.count == wanted.count)
      for (name, values) in wanted {
        let error = error(of: activations[name] ?? [], beside: values)
        #expect(error < 0.08, "\(name)")
        if error > worst.1 { worst = (name, error) }
      }
    }
    print("largest error of \(type): \(worst.1) at \(worst.0)")
  }

  /// Checkpoints of odd widths, whose last blocks are padded with zeros.
  @Test(arguments: ["one-layer", "odd-f32", "mixed-types", "wide-group"])
  func `rows that are not whole blocks are padded`(checkpoint name: String) throws {
    let checkpoint = try Checkpoint(directory: Expected.directory(name))
    let quantized = try RModel(checkpoint: checkpoint, plan: { $0.shape.count == 2 ? .q8_0 : $0.type })
    let plain = try Expected.model(name)
    for expected in try Expected.read().cases where expected.checkpoint == name {
      let activations = try run(quantized, expected), wanted = try run(plain, expected)
      for (name, values) in wanted {
        let error = error(of: activations[name] ?? [], beside: values)
        #expect(error < 0.08, "\(name)")
      }
    }
  }

  @Test(arguments: ElementType.quantized)
  func `any chunk size, number of threads and batch give the same bits`(type: ElementType) throws {
    let checkpoint = try Checkpoint(directory: Expected.directory("r-tiny"))
    let model = try RModel(checkpoint: checkpoint, plan: plan(type))
    let expected = try #require(try Expected.read().cases.first { $0.checkpoint == "r-tiny" && $0.image != nil })
    for kernels in KernelTable.allCases where kernels.isAvailable {
      var whole: [Float] = []
      for (threads, chunk) in [(1, 1000), (1, 1), (2, 3), (3, 16), (2, 1000)] {
        let runner = try RRunner(model: model, threads: threads, kernels: kernels)
        let features = try expected.image.map { try runner.encode(try $0.prepared()) }
        let sequence = try runner.makeSequence(capacity: runner.contextLength)
        var logits: [Float] = []
        for input in RRunner.inputs(expected.ids, at: expected.at, features).chunks(of: chunk) {
          logits = try runner.append([input], to: sequence)
        }
        if whole.isEmpty { whole = logits }
        #expect(logits == whole, "\(kernels), \(threads) threads, chunks of \(chunk)")
      }
    }
  }

  @Test(arguments: [ElementType.q8_0, .q4_0, .q4K, .q6K])
  func `greedy tokens are the same alone and in a batch of eight`(type: ElementType) throws {
    let checkpoint = try Checkpoint(directory: Expected.directory("r-tiny"))
    let runner = try RRunner(model: try RModel(checkpoint: checkpoint, plan: plan(type)), threads: 2)
    let prompts = (1...8).map { n in (0..<3 * n).map { i -> TokenID in TokenID((i * 31 + n * 17) % 600) } }
    let alone = try prompts.map { try greedy([$0], runner)[0] }
    let together = try greedy(prompts, runner)
    #expect(together == alone)
  }

  /// The sensitive matrices of half of the layers get 6 bits, and so does the output matrix. The tower's patch
  /// embedding stays bf16.
  @Test func `quantising while loading follows the plan of llama-quantize`() throws {
    let checkpoint = try Checkpoint(directory: Expected.directory("r-tiny"))
    let mixed = try RModel(checkpoint: checkpoint, plan: checkpoint.types(quantizedTo: .q4KM))
    let stored = try RModel(checkpoint: checkpoint)
    #expect(Set(mixed.matrixBytes.keys) == [.q4K, .q6K, .q8_0, .bf16])
    #expect(Set(stored.matrixBytes.keys) == [.bf16])
    #expect(mixed.parameterCount == stored.parameterCount)
    #expect(mixed.weightBytes * 2 < stored.weightBytes)
  }

  /// Rows of the tower's down projections are not whole blocks in R-4B (4,304 values) and are padded.
  @Test func `the tower has 8 bits if the decoder is quantised or the setting says so`() throws {
    let checkpoint = try Checkpoint(directory: Expected.directory("one-layer"))
    func type(_ name: String, _ types: (TensorInfo) -> ElementType) -> ElementType? {
      checkpoint.tensor(name).map(types)
    }
    let layer = "model.vision_tower.vision_model.encoder.layers.0."
    let matrices = ["self_attn.q_proj", "self_attn.out_proj", "mlp.fc1", "mlp.fc2"].map { "\(layer)\($0).weight" }
    for name in matrices + ["model.multi_modal_projector.linear_1.weight"] {
      let stored = try #require(checkpoint.tensor(name)).type
      #expect(!stored.isQuantized)
      #expect(type(name, checkpoint.types()) == stored)
      #expect(type(name, checkpoint.types(quantizedTo: .q4_0)) == .q8_0)
      #expect(type(name, checkpoint.types(quantizedTo: .q4_0, vision: .stored)) == stored)
      #expect(type(name, checkpoint.types(vision: .q8_0)) == .q8_0)
    }
    for name in ["\(layer)layer_norm1.weight", "model.vision_tower.vision_model.embeddings.patch_embedding.weight"] {
      #expect(type(name, checkpoint.types(vision: .q8_0)) == checkpoint.tensor(name)?.type)
    }
  }

  /// Logits of twelve greedy steps after each prompt, all prompts in one batch.
  private func greedy(_ prompts: [[TokenID]], _ runner: RRunner) throws -> [[[Float]]] {
    let sequences = try prompts.map { _ in try runner.makeSequence(capacity: 64) }
    var rows = prompts.map { _ in [[Float]]() }
    var inputs = prompts
    for _ in 0..<12 {
      let entries = zip(sequences, inputs).map {
        Batch<KVSequence>.Entry(sequence: $0, inputs: [.tokens($1[...])], logitRows: 1)
      }
      try runner.step(Batch(entries: entries)) { index, logits in
        rows[index].append(Array(logits))
        inputs[index] = [TokenID(logits.indices.max { logits[$0] < logits[$1] } ?? 0)]
      }
    }
    return rows
  }

  @Test func `a file that is truncated after opening is an error`() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.copyItem(at: URL(filePath: Expected.directory("one-layer")), to: folder)
    let checkpoint = try Checkpoint(directory: folder.path)
    let handle = try FileHandle(forWritingTo: folder.appendingPathComponent("model.safetensors"))
    try handle.truncate(atOffset: try handle.seekToEnd() - 5000)
    for type in [ElementType.f16, .q8_0] {
      #expect(throws: ModelLoadError.self) {
        _ = try RModel(checkpoint: checkpoint, plan: { type.isQuantized && $0.shape.count == 2 ? type : $0.type })
      }
    }
  }

  @Test func `a value beyond the range of the type is an error that names the tensor`() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.copyItem(at: URL(filePath: Expected.directory("one-layer")), to: folder)
    let file = folder.appendingPathComponent("model.safetensors")
    var bytes = try Data(contentsOf: file)
    // The output matrix is written last; its last value becomes infinite in bf16.
    bytes.replaceSubrange(bytes.count - 2..<bytes.count, with: [0x80, 0x7F])
    try bytes.write(to: file)
    let checkpoint = try Checkpoint(directory: folder.path)
    do {
      _ = try RModel(checkpoint: checkpoint, plan: { $0.shape.count == 2 ? .q8_0 : $0.type })
      Issue.record("an infinite weight was taken")
    } catch {
      #expect("\(error)".contains("finite values in the range of Q8_0, in row "))
    }
  }

  @Test func `progress increases to 1`() throws {
    let checkpoint = try Checkpoint(directory: Expected.directory("r-tiny"))
    var fractions: [Double] = []
    _ = try RModel(checkpoint: checkpoint, progress: { fractions.append($0) })
    #expect(fractions.count > 10 && fractions.last == 1)
    #expect(fractions == fractions.sorted())
  }
}
