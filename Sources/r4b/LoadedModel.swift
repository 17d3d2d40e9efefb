// Opens the rooms a model needs and connects them: files → tokenizer, template, images, weights, engine.
import Chat
import Configuration
import Foundation
import GenerationTypes
import Imaging
import Inference
import ModelFiles
import Scheduling
import Templates
import Tokenization
import Work

/// A checkpoint that is ready to answer.
struct LoadedModel {
  let name: String
  let checkpoint: Checkpoint
  let chat: ChatModel
  let model: RModel
  let engine: Engine
  /// What chat and endpoints have their heavy work done by.
  let work: WorkQueue
  /// What the weights are in memory, for instance `Q4_K`, or the type they were rounded to while loading.
  let weightType: String
  /// What weights, buffers and KV cache take, in a sentence for the operator.
  let memory: String
  /// What `generation_config.json` asks for; greedy when it says nothing.
  let sampling: SamplingParameters

  /// Loads everything; on failure throws a sentence that names the file. `progress` gets a fraction while weights are read.
  init(settings: Settings, base: URL, progress: (Double) -> Void) async throws {
    let place = URL(fileURLWithPath: settings.string("model.path"), relativeTo: base)
    let checkpoint = try Self.checkpoint(settings: settings, base: base)
    let name = settings.optionalString("model.name") ?? Self.name(of: place)
    (self.name, self.checkpoint) = (name, checkpoint)
    let imageLimits = ImageLimits(
      maxBytes: settings.int("images.max_bytes"), maxPixels: settings.int("images.max_pixels"))
    // A vocabulary of 150,000 entries takes as long to sort in as a gigabyte of weights to read: one beside the other.
    let work = WorkQueue(settings)
    self.work = work
    async let chat = Self.chat(of: checkpoint, name: name, imageLimits, work)
    let model = try Self.model(of: checkpoint, settings, progress: progress)
    self.model = model
    weightType = settings.optionalString("model.quantize")?.uppercased() ?? Self.weightType(of: model)
    self.chat = try await chat
    sampling = Self.sampling(of: checkpoint.generation)
    let threads = settings.optionalInt("scheduling.threads")
    let runner = try RRunner(
      model: model, threads: threads, cacheType: settings.cacheType)
    let kvTokens = settings.optionalInt("scheduling.kv_tokens") ?? Self.kvTokens(for: runner, settings)
    memory = Self.memory(of: runner, kvTokens: kvTokens)
    let configuration = Self.engineConfiguration(
      settings, kvTokens: kvTokens, bytesPerPosition: runner.bytesPerPosition)
    engine = Engine(runner: runner, configuration: configuration)
  }

  private static func engineConfiguration(
    _ settings: Settings, kvTokens: Int, bytesPerPosition: Int
  ) -> EngineConfiguration {
    let prefixTokens = settings.optionalInt("scheduling.prefix_cache_mb").map { $0 * 1_000_000 / bytesPerPosition }
    return EngineConfiguration(
      maxRunning: settings.int("scheduling.max_running"), maxRunningBatch: settings.int("scheduling.max_idle"),
      shortSlots: settings.int("scheduling.brief_seats"),
      maxWaiting: settings.int("scheduling.max_waiting"), kvTokens: kvTokens,
      prefillChunk: settings.int("scheduling.prefill_chunk"),
      maxStall: .milliseconds(settings.double("scheduling.max_stall_ms")), prefixTokens: prefixTokens ?? kvTokens,
      imageCacheBytes: settings.int("scheduling.image_cache_mb") * 1_000_000)
  }

  /// Tokenizer, template and images, checked against each other.
  private static func chat(
    of checkpoint: Checkpoint, name: String, _ imageLimits: ImageLimits, _ work: WorkQueue
  ) throws -> ChatModel {
    let tokenizer = try tokenizer(of: checkpoint)
    try check(tokenizer, against: checkpoint)
    let configuration = ChatModel.Configuration(
      template: checkpoint.chatTemplate, stopTokens: Set(checkpoint.generation.endOfSequence.map(TokenID.init)),
      opensThought: opensThought(checkpoint), contextLength: checkpoint.configuration.maxPositions,
      imageLimits: imageLimits, templateVariables: checkpoint.namedTokens, name: name)
    let chat: ChatModel
    do {
      chat = try ChatModel(
        tokenizer: tokenizer, imageProcessor: try imageProcessor(of: checkpoint), configuration: configuration,
        work: work)
    } catch let error as TemplateError {
      let place =
        if case .vocabulary = checkpoint.tokenizer { "tokenizer.chat_template" } else { "chat_template.jinja" }
      throw ConfigurationError("\(checkpoint.path): chat template (\(place)): \(error)")
    }
    if chat.control.stop.isEmpty {
      throw ConfigurationError(
        "\(checkpoint.path): no end-of-text token is named, and the tokenizer has no <|im_end|>: replies would not end")
    }
    return chat
  }

  /// The type that most bytes of the matrices are in.
  private static func weightType(of model: RModel) -> String {
    model.matrixBytes.max { $0.value < $1.value }?.key.rawValue ?? ""
  }

  /// Bytes for a reader: `2.41 GiB`.
  static func binary(_ bytes: Int) -> String {
    let mebibytes = Double(bytes) / 1_048_576
    return mebibytes < 1024 ? String(format: "%.1f MiB", mebibytes) : String(format: "%.2f GiB", mebibytes / 1024)
  }

  /// What is kept in memory, for the operator.
  private static func memory(of runner: RRunner, kvTokens: Int) -> String {
    let parts = runner.model.matrixBytes.sorted { $0.value > $1.value }
    let types = parts.map { "\($0.key.rawValue) \(binary($0.value))" }.joined(separator: ", ")
    return
      "weights \(binary(runner.model.weightBytes)) (\(types)), buffers \(binary(runner.scratchBytes)), KV cache up to "
      + "\(binary(runner.bytesPerPosition * kvTokens)) for \(kvTokens) positions in \(runner.cacheType)"
  }

  /// The last part of a path, without the ending of a GGUF file.
  private static func name(of place: URL) -> String {
    let url = place.standardizedFileURL
    return url.pathExtension == "gguf" ? url.deletingPathExtension().lastPathComponent : url.lastPathComponent
  }

  /// Opens the files that the settings name and tells what is served other than one might think; relative paths start from `base`.
  static func checkpoint(settings: Settings, base: URL) throws -> Checkpoint {
    let path = URL(fileURLWithPath: settings.string("model.path"), relativeTo: base).path
    let mmproj = settings.optionalString("model.mmproj").map { URL(fileURLWithPath: $0, relativeTo: base).path }
    let checkpoint = try Checkpoint(path: path, mmproj: mmproj)
    for sentence in checkpoint.notes { note("Note: \(sentence).") }
    return checkpoint
  }

  /// Reads the weights, rounded where the settings ask for it.
  static func model(of checkpoint: Checkpoint, _ settings: Settings, progress: (Double) -> Void) throws -> RModel {
    let decoder = settings.optionalString("model.quantize").flatMap(FileType.init(rawValue:))
    let vision = VisionType(rawValue: settings.string("model.vision_type")) ?? .auto
    let plan = checkpoint.types(quantizedTo: decoder, vision: vision)
    return try RModel(checkpoint: checkpoint, plan: plan, progress: progress)
  }

  /// The checkpoint's own tokenizer.
  static func tokenizer(of checkpoint: Checkpoint) throws -> Tokenizer {
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
        "\(checkpoint.tokenizer.file): the tokenizer has ids up to \(tokenizer.vocabularySize - 1), but the model has \(rows) rows"
      )
    }
    if checkpoint.configuration.vision == nil { return }
    guard let image = tokenizer.id(of: "<image>") else {
      throw ConfigurationError("\(checkpoint.tokenizer.file): the tokenizer has no token <image>")
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

extension Settings {
  /// What keys and values are kept in; nil lets the runner choose.
  var cacheType: KVCacheType? { KVCacheType(rawValue: string("scheduling.kv_type")) }
}
