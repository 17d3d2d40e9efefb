// Opens the modules that a model needs and connects them: files → tokenizer, template, images, weights, engine.
import Chat
import GenerationTypes
import Inference
import ModelFiles
import Scheduling
import Work

/// A checkpoint that is ready to answer.
package struct LoadedModel: Sendable {
  /// The name for clients.
  package let name: String
  package let checkpoint: Checkpoint
  package let chat: ChatModel
  package let model: RModel
  package let engine: Engine
  /// Runs the heavy work of chat and endpoints.
  package let work: WorkQueue
  /// The type of the weights in memory, for instance `Q4_K`, or the type they were quantised to while loading.
  package let weightType: String
  /// The memory of weights, buffers and KV cache, as a sentence for the operator.
  package let memory: String

  /// Reads the weights of `checkpoint`, which `source.open()` returned, and starts the engine. Throws an error that
  /// names the file. `progress` gets the fraction of the weights that is read.
  package init(
    _ checkpoint: Checkpoint, from source: ModelSource, options: ServingOptions, work: WorkQueue,
    progress: (Double) -> Void = { _ in }
  ) async throws {
    let name = options.name ?? source.name
    (self.name, self.checkpoint, self.work) = (name, checkpoint, work)
    // Sorting a vocabulary of 150,000 entries takes as long as reading a gigabyte of weights: both run at once.
    async let chat = checkpoint.makeChatModel(name: name, imageLimits: options.imageLimits, work: work)
    model = try source.load(checkpoint, progress: progress)
    weightType = source.quantization?.rawValue.uppercased() ?? model.mainType
    self.chat = try await chat
    let runner = try RRunner(model: model, threads: options.threads, cacheType: options.cacheType)
    let kvTokens =
      options.kvTokens
      ?? KVCapacity.positions(
        contextLength: runner.contextLength, sequences: options.engine.maxRunning,
        bytesPerPosition: runner.bytesPerPosition, availableBytes: AvailableMemory.bytes())
    memory = Self.memory(of: runner, kvTokens: kvTokens)
    var configuration = options.engine
    configuration.kvTokens = kvTokens
    configuration.prefixTokens = options.prefixCacheBytes.map { $0 / runner.bytesPerPosition } ?? kvTokens
    engine = Engine(runner: runner, configuration: configuration)
  }

  /// The sampling of `generation_config.json`; greedy when it states none.
  package var sampling: SamplingParameters { checkpoint.defaultSampling }

  /// Whether the tokenizer has the tags that the thinking modes need.
  package var hasThinkingModes: Bool { chat.control.thinking.open != nil && chat.control.thinking.close != nil }

  private static func memory(of runner: RRunner, kvTokens: Int) -> String {
    let parts = runner.model.matrixBytes.sorted { $0.value > $1.value }
    let types = parts.map { "\($0.key.rawValue) \(ByteCount.text($0.value))" }.joined(separator: ", ")
    return
      "weights \(ByteCount.text(runner.model.weightBytes)) (\(types)), buffers \(ByteCount.text(runner.scratchBytes)), "
      + "KV cache up to \(ByteCount.text(runner.bytesPerPosition * kvTokens)) for \(kvTokens) positions in "
      + "\(runner.cacheType)"
  }
}

extension RModel {
  /// The type that most bytes of the matrices have.
  fileprivate var mainType: String { matrixBytes.max { $0.value < $1.value }?.key.rawValue ?? "" }
}
