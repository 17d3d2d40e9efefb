import Chat
import Foundation
import GenerationTypes
import Inference
import ModelFiles
import ModelLoading
import Scheduling
import Testing
import Work

@Suite struct `The default size of the KV cache` {
  @Test(arguments: [
    // Half of the memory, in whole positions.
    (context: 1000, sequences: 8, bytes: 10, available: 2000 as Int?, expected: 256),
    (1000, 8, 10, 20_000, 1000), (1000, 8, 10, 20_019, 1000), (1000, 8, 10, 20_020, 1001),
    // At most what all sequences can use together.
    (1000, 2, 10, 1_000_000, 2000), (1000, 2, 10, nil, 2000),
    // At least 256 positions, or one context if that is shorter.
    (1000, 2, 10, 0, 256), (100, 2, 10, 0, 100),
    // Products that do not fit are no trap.
    (Int.max, 2, 10, 1000, 256), (Int.max, 2, 10, nil, Int.max),
  ])
  func `is half of the memory, within the context's bounds`(
    context: Int, sequences: Int, bytes: Int, available: Int?, expected: Int
  ) {
    #expect(
      KVCapacity.positions(
        contextLength: context, sequences: sequences, bytesPerPosition: bytes, availableBytes: available) == expected)
  }
}

@Suite struct `The name of a model` {
  @Test(arguments: [
    ("Models/r-tiny", "r-tiny"), ("Models/r-tiny/", "r-tiny"), ("/a/R-4B.Q4_K_M.gguf", "R-4B.Q4_K_M"),
    ("x.gguf", "x"), ("/models/./", "models"), ("/", "/"),
  ])
  func `is the last part of its path, without the ending of a GGUF file`(path: String, name: String) {
    #expect(ModelSource(path: path).name == name)
  }
}

@Suite struct `A loaded model` {
  private func load(_ source: ModelSource, _ change: (inout ServingOptions) -> Void = { _ in }) async throws
    -> LoadedModel
  {
    var options = ServingOptions(engine: EngineConfiguration(maxRunning: 2, kvTokens: 0))
    options.threads = 1
    change(&options)
    return try await LoadedModel(source.open(), from: source, options: options, work: WorkQueue())
  }

  @Test func `answers, under the name of its directory`() async throws {
    let loaded = try await load(ModelSource(path: RTinyCopy.original.path))
    #expect(loaded.name == "r-tiny" && loaded.hasThinkingModes && loaded.weightType == "BF16")
    #expect(loaded.engine.contextLength == 2048 && loaded.sampling.temperature == 0)
    var count = 0
    let request = GenerationRequest(
      prompt: Prompt(tokens: [5, 6, 7]), sampling: loaded.sampling, control: loaded.chat.control, maxTokens: 3,
      decides: false)
    for try await event in try loaded.engine.submit(request) {
      if case .token = event { count += 1 }
    }
    #expect((1...3).contains(count))
    await loaded.engine.shutdown(grace: .zero)
  }

  @Test func `has the name, quantisation and KV cache that the operator asks for`() async throws {
    let source = ModelSource(path: RTinyCopy.original.path, quantization: .q8_0)
    let loaded = try await load(source) {
      ($0.name, $0.kvTokens, $0.cacheType) = ("mine", 512, .q8_0)
    }
    #expect(loaded.name == "mine" && loaded.weightType == "Q8_0")
    #expect(loaded.memory.contains("for 512 positions in q8_0") && loaded.memory.contains("Q8_0"), "\(loaded.memory)")
    #expect(loaded.engine.load.kvCapacityTokens == 512)
    await loaded.engine.shutdown(grace: .zero)
  }

  @Test func `is not loaded where its files contradict each other`() async throws {
    let copy = try RTinyCopy()
    try copy.replace("\"image_token_index\": 624", by: "\"image_token_index\": 5", in: "config.json")
    await #expect(throws: ModelLoadingError.self) { _ = try await load(ModelSource(path: copy.path)) }
  }
}

@Suite struct `A number of bytes` {
  @Test(arguments: [(0, "0.0 MiB"), (1 << 20, "1.0 MiB"), (1023 << 20, "1023.0 MiB"), (3 << 29, "1.50 GiB")])
  func `is shown in binary units`(bytes: Int, text: String) { #expect(ByteCount.text(bytes) == text) }
}
