// Opens the rooms a model needs and connects them: files → tokenizer, template, pictures, weights, engine.
import Chat
import Configuration
import Foundation
import GenerationTypes
import Imaging
import Inference
import ModelFiles
import Scheduling
import Tokenization

/// A checkpoint that is ready to answer.
struct LoadedModel {
  let name: String
  let checkpoint: Checkpoint
  let chat: ChatModel
  let model: RModel
  let engine: Engine
  /// The type that most weights are stored in, for instance `BF16`.
  let weightType: String
  /// What a position takes in the KV cache and how many there are, for the operator.
  let cacheNote: String
  /// What `generation_config.json` asks for; greedy when it says nothing.
  let sampling: SamplingParameters

  /// Loads everything; on failure throws a sentence that names the file. `progress` gets a fraction while weights are read.
  init(settings: Settings, base: URL, progress: @escaping (Double) -> Void) throws {
    let place = URL(fileURLWithPath: settings.string("model.path"), relativeTo: base)
    let mmproj = settings.optionalString("model.mmproj").map { URL(fileURLWithPath: $0, relativeTo: base).path }
    let checkpoint = try Checkpoint(path: place.path, mmproj: mmproj)
    name = settings.optionalString("model.name") ?? Self.name(of: place)
    self.checkpoint = checkpoint
    weightType = Self.weightType(of: checkpoint)
    let tokenizer = try Self.tokenizer(of: checkpoint)
    let imageProcessor = try Self.imageProcessor(of: checkpoint)
    do {
      chat = try ChatModel(
        tokenizer: tokenizer, imageProcessor: imageProcessor,
        configuration: ChatModel.Configuration(
          template: checkpoint.chatTemplate, stopTokens: Set(checkpoint.generation.endOfSequence.map(TokenID.init)),
          opensThought: Self.opensThought(checkpoint), contextLength: checkpoint.configuration.maxPositions,
          imageLimits: ImageLimits(
            maxBytes: settings.int("images.max_bytes"), maxPixels: settings.int("images.max_pixels")),
          templateVariables: checkpoint.namedTokens))
    } catch { throw ConfigurationError("\(place.path): chat template: \(error)") }
    try Self.check(tokenizer, against: checkpoint)
    if chat.control.stop.isEmpty {
      throw ConfigurationError(
        "\(place.path): no end-of-text token is named, and the tokenizer has no <|im_end|>: replies would not end")
    }
    let model = try RModel(checkpoint: checkpoint, progress: progress)
    self.model = model
    sampling = Self.sampling(of: checkpoint.generation)
    let threads = settings.optionalInt("scheduling.threads")
    let runner = try RRunner(
      model: model, threads: threads, cacheType: KVCacheType(rawValue: settings.string("scheduling.kv_type")))
    let kvTokens = settings.optionalInt("scheduling.kv_tokens") ?? Self.kvTokens(for: runner, settings)
    cacheNote = "KV cache: \(runner.cacheType), \(runner.bytesPerPosition) bytes a position, \(kvTokens) positions."
    engine = Engine(
      runner: runner,
      configuration: EngineConfiguration(
        maxRunning: settings.int("scheduling.max_running"), maxQueued: settings.int("scheduling.max_waiting"),
        kvTokens: kvTokens, prefillChunk: settings.int("scheduling.prefill_chunk")))
  }

  private static func weightType(of checkpoint: Checkpoint) -> String {
    var parameters: [ElementType: Int] = [:]
    for name in checkpoint.tensorNames {
      if let tensor = checkpoint.tensor(name) { parameters[tensor.type, default: 0] += tensor.elementCount }
    }
    return parameters.max { $0.value < $1.value }?.key.rawValue ?? ""
  }

  /// The last part of a path, without the ending of a GGUF file.
  private static func name(of place: URL) -> String {
    let url = place.standardizedFileURL
    return url.pathExtension == "gguf" ? url.deletingPathExtension().lastPathComponent : url.lastPathComponent
  }

  private static func tokenizer(of checkpoint: Checkpoint) throws -> Tokenizer {
    switch checkpoint.tokenizer {
    case .json(let bytes, let path):
      do { return try Tokenizer(json: bytes) } catch {
        throw ConfigurationError("\(TokenizerError(document: path, path: error.path, reason: error.reason))")
      }
    case .vocabulary(let vocabulary):
      do { return try Tokenizer(vocabulary: vocabulary) } catch { throw ConfigurationError("\(error)") }
    }
  }

  /// Whether the model is one of R-4B's kind, trained with the assistant's turn opened by `<think>`: it has a tower, or its
  /// template knows R-4B's modes.
  private static func opensThought(_ checkpoint: Checkpoint) -> Bool {
    checkpoint.configuration.vision != nil || checkpoint.chatTemplate?.contains("thinking_mode") == true
  }

  private static func imageProcessor(of checkpoint: Checkpoint) throws -> ImageProcessor? {
    guard let vision = checkpoint.configuration.vision, let preprocessor = checkpoint.preprocessor else { return nil }
    guard let filter = ResampleFilter(rawValue: preprocessor.resample) else {
      throw ConfigurationError(
        "\(checkpoint.path): resample \(preprocessor.resample) is not a filter of Pillow")
    }
    var maxPatches: Int?
    var pinpoints = preprocessor.pinpoints
    switch checkpoint.configuration.visionAspectRatio {
    case .anyres(let limit): maxPatches = limit
    case .baseView: pinpoints = []
    }
    do {
      return try ImageProcessor(
        side: vision.imageSize, patchSize: vision.patchSize,
        pinpoints: pinpoints.map { ($0.height, $0.width) }, resample: filter, maxPatches: maxPatches)
    } catch { throw ConfigurationError("\(checkpoint.path): \(error)") }
  }

  /// The image token of the configuration must be the tokenizer's, and every id must have a row in the tables (spec §5.3, §10.4).
  private static func check(_ tokenizer: Tokenizer, against checkpoint: Checkpoint) throws {
    let rows = checkpoint.configuration.text.vocabularySize
    if tokenizer.vocabularySize > rows {
      throw ConfigurationError(
        "\(checkpoint.path): the tokenizer has ids up to \(tokenizer.vocabularySize - 1), but the model has \(rows) rows"
      )
    }
    if checkpoint.configuration.vision == nil { return }
    guard let image = tokenizer.id(of: "<image>") else {
      throw ConfigurationError("\(checkpoint.path): the tokenizer has no token <image>")
    }
    if let index = checkpoint.configuration.imageTokenIndex, index != Int(image) {
      throw ConfigurationError(
        "\(checkpoint.path): the configuration says image_token_index \(index), but the tokenizer has <image> as \(image)"
      )
    }
  }

  /// transformers samples only when `do_sample` is set.
  private static func sampling(of generation: GenerationConfiguration) -> SamplingParameters {
    var sampling = SamplingParameters()
    sampling.repetitionPenalty = Float(generation.repetitionPenalty ?? 1)
    guard generation.doSample == true else { return sampling }
    sampling.temperature = Float(generation.temperature ?? 1)
    sampling.topK = generation.topK ?? 50
    sampling.topP = Float(generation.topP ?? 1)
    sampling.minP = Float(generation.minP ?? 0)
    return sampling
  }

  /// Positions that half of the available memory holds, at most what all sequences together can use.
  private static func kvTokens(for runner: RRunner, _ settings: Settings) -> Int {
    let wanted = runner.contextLength * settings.int("scheduling.max_running")
    guard let bytes = AvailableMemory.bytes() else { return wanted }
    return max(min(wanted, bytes / 2 / runner.bytesPerPosition), min(runner.contextLength, 256))
  }
}
