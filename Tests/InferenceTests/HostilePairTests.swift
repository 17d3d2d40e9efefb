// Changes bytes in the headers of a quantised pair. A pair that still opens as a checkpoint is loaded and run, or
// rejected with an error.
import Basics
import Foundation
import GenerationTypes
import Inference
import ModelFiles
import Testing

@Suite struct `Hostile pairs` {
  /// Returns how many of `count` mutated models were opened and loaded.
  private func campaign(_ count: Int, seed: UInt64) throws -> (opened: Int, loaded: Int) {
    let source = try Checkpoint(directory: Expected.directory("one-layer"))
    let pair = try QuantizedPair(of: source, .f16)
    let files = try [pair.path, pair.visionPath].map { path in
      let file = try GGUFFile(path: path)
      let header = file.tensors.map(\.offset).min() ?? 0
      return (path: path, bytes: try Data(contentsOf: URL(filePath: path)), header: header)
    }
    var numbers = SplitMix64(seed: seed)
    var opened = 0, loaded = 0
    for _ in 0..<count {
      let (path, good, header) = files[numbers.index(below: 2)]
      var bytes = good
      for _ in 0...numbers.index(below: 2) {
        let offset = numbers.index(below: header)
        switch numbers.index(below: 3) {
        case 0: bytes[offset] ^= 1 << UInt8(numbers.index(below: 8))
        case 1: bytes[offset] = UInt8(numbers.index(below: 36))
        default: for i in offset..<min(offset + 4, header) { bytes[i] = 0xFF }
        }
      }
      // Overwrites only the header, because writing the whole file would go to the disk.
      let handle = try FileHandle(forWritingTo: URL(filePath: path))
      try handle.write(contentsOf: bytes.prefix(header))
      defer {
        try? handle.seek(toOffset: 0)
        try? handle.write(contentsOf: good.prefix(header))
      }
      guard let checkpoint = try? pair.open() else { continue }
      opened += 1
      let plans = [{ $0.type }, checkpoint.types(quantizedTo: .q8_0)] as [(TensorInfo) -> ElementType]
      guard let model = try? RModel(checkpoint: checkpoint, plan: plans[numbers.index(below: 2)]),
        let runner = try? RRunner(model: model, threads: 1, maxBatch: 8)
      else { continue }
      let sequence = try runner.makeSequence(capacity: min(4, runner.contextLength))
      let logits = try runner.append([.tokens([0])], to: sequence)
      #expect(logits.count == checkpoint.configuration.text.vocabularySize)
      loaded += 1
    }
    return (opened, loaded)
  }

  @Test func `a file that states a million positions needs memory only for those that sequences use`() throws {
    let source = try Checkpoint(directory: Expected.directory("one-layer"))
    let pair = try QuantizedPair(of: source, .f16)
    var bytes = try Data(contentsOf: URL(filePath: pair.path))
    let key = Data("qwen3.context_length".utf8)
    let offset = try #require(bytes.range(of: key)).upperBound + 4
    bytes.replaceSubrange(offset..<offset + 4, with: [0, 0, 16, 0])
    try bytes.write(to: URL(filePath: pair.path))
    let model = try RModel(checkpoint: pair.open())
    #expect(model.contextLength == 1 << 20 && model.rotaryPositions == 0)
    let runner = try RRunner(model: model, threads: 1)
    for (capacity, filled) in [(5, 5), (700, 700), (3, 700)] {
      let logits = try runner.append([.tokens([1, 2])], to: runner.makeSequence(capacity: capacity))
      #expect(logits.allSatisfy(\.isFinite) && model.rotaryPositions == filled)
    }
  }

  @Test func `mutated models run or are rejected`() throws {
    let (opened, loaded) = try campaign(300, seed: 1)
    #expect((30..<270).contains(opened) && (20...opened).contains(loaded), "\(opened) opened, \(loaded) loaded")
  }

  /// R4B_FUZZ_MODELS sets the number of runs, R4B_FUZZ_SEED the first seed.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["R4B_FUZZ_MODELS"] != nil))
  func `a long campaign of mutated models finds nothing`() throws {
    let environment = ProcessInfo.processInfo.environment
    let count = Int(environment["R4B_FUZZ_MODELS"] ?? "") ?? 0
    let (opened, loaded) = try campaign(count, seed: UInt64(environment["R4B_FUZZ_SEED"] ?? "") ?? 1)
    print("GGUF fuzz: \(count) models, \(opened) opened, \(loaded) loaded and run")
  }
}
