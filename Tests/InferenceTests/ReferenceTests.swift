// Compares every activation with an independent PyTorch forward pass, and every split of the work with every other.
import Foundation
import GenerationTypes
import Inference
import ModelFiles
import Testing

@Suite struct `Forward passes` {
  @Test(arguments: Expected.checkpoints)
  func `every activation and the logits are within 1e-4 of the reference output`(checkpoint: String) throws {
    let runner = try RRunner(model: try Expected.model(checkpoint), cacheType: .f32)
    var worst = ("", 0.0)
    for expected in try Expected.read().cases where expected.checkpoint == checkpoint {
      var activations: [String: [Float]] = [:]
      runner.tap = { activations[$0, default: []] += $1 }
      let features = try expected.image.map { try runner.encode(try $0.prepared()) }
      let sequence = try runner.makeSequence(capacity: runner.contextLength)
      let logits = try runner.append(RRunner.inputs(expected.ids, at: expected.at, features), to: sequence)
      #expect(expected.activations.count >= 1)
      for (name, reference) in expected.activations {
        let error = reference.error(of: activations[name] ?? [])
        #expect(error < 1e-4, "\(name)")
        if error > worst.1 { worst = (name, error) }
      }
      let scale = (expected.logits.reduce(0) { $0 + Double($1) * Double($1) }).squareRoot()
      let difference = zip(logits, expected.logits).reduce(0) { $0 + pow(Double($1.0) - Double($1.1), 2) }.squareRoot()
      #expect(logits.count == expected.logits.count)
      #expect(difference / scale < 1e-4)
      if difference / scale > worst.1 { worst = ("logits", difference / scale) }
      let position = sequence.count
      #expect(position == expected.ids.count + (expected.image?.tokenCount ?? 0))
    }
    print("largest error of \(checkpoint): \(worst.1) at \(worst.0)")
  }

  @Test(arguments: [
    ("one-layer", KVCacheType.f16), ("odd-f32", .f32), ("wide-group", .f16), ("r-tiny", .f32), ("r-tiny", .f16),
    ("r-tiny", .q8_0),
  ])
  func `prefill gives the same bits with any chunk size and any number of threads`(
    checkpoint: String, cacheType: KVCacheType
  ) throws {
    let model = try Expected.model(checkpoint)
    let expected = try #require(try Expected.read().cases.first { $0.checkpoint == checkpoint })
    for kernels in KernelTable.allCases where kernels.isAvailable {
      var whole: [Float] = []
      for (threads, chunk) in [(1, 1000), (1, 1), (2, 3), (3, 16), (4, 1000), (2, 7)] {
        let runner = try RRunner(model: model, threads: threads, kernels: kernels, cacheType: cacheType)
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

  @Test func `sequences in one batch do not affect each other`() throws {
    let model = try Expected.model("five-layers-tied")
    let runner = try RRunner(model: model, threads: 2)
    let prompts: [[TokenID]] = (1...11).map { n in (0..<n).map { TokenID(($0 * 31 + n * 17) % model.vocabularySize) } }
    let alone = try prompts.map { prompt in
      let sequence = try runner.makeSequence(capacity: 40)
      return [try runner.append([.tokens(prompt[...])], to: sequence), try runner.append([.tokens([5])], to: sequence)]
    }
    let sequences = try prompts.map { _ in try runner.makeSequence(capacity: 40) }
    var together = prompts.map { _ in [[Float]]() }
    for inputs in [prompts, prompts.map { _ in [5] }] {
      var order: [Int] = []
      let entries = zip(sequences, inputs).map {
        Batch<KVSequence>.Entry(sequence: $0, inputs: [.tokens($1[...])], logitRows: 1)
      }
      try runner.step(Batch(entries: entries)) { index, logits in
        order.append(index)
        together[index].append(Array(logits))
      }
      #expect(order == Array(0..<prompts.count))
    }
    #expect(together == alone)
  }

  @Test(arguments: [KVCacheType.f32, .f16, .q8_0])
  func `a fork gives the same bits as its own prefill, and both sequences continue independently`(
    cacheType: KVCacheType
  ) throws {
    let runner = try RRunner(model: try Expected.model("r-tiny"), threads: 2, cacheType: cacheType)
    let tokens = (0..<1100).map { TokenID($0 * 37 % 300 + 5) }
    let donor = try runner.makeSequence(capacity: 1200)
    for input in [BatchInput.tokens(tokens[...])].chunks(of: 400) { _ = try runner.append([input], to: donor) }
    for count in [0, 1, 15, 16, 511, 512, 513, 1024, 1099] {
      let other = [BatchInput.tokens((tokens[..<count] + [9, 8, 7])[...])]
      let whole = try runner.makeSequence(capacity: 1110)
      var expected: [Float] = []
      for input in other.chunks(of: 500) { expected = try runner.append([input], to: whole) }
      let fork = try runner.fork(donor, at: count, capacity: 1110)
      let own = fork.count
      #expect(own == count)
      #expect(runner.heldPositions(of: [donor, fork]) == 1100 + count % runner.sharedPositions)
      #expect(try runner.append([.tokens([9, 8, 7])], to: fork) == expected, "\(count)")
      // A fork of the fork, after both were extended and the first was freed.
      let second = try runner.fork(fork, at: count + 2, capacity: 1110)
      #expect(try runner.append([.tokens([7])], to: second) == expected)
    }
    let last = try runner.append([.tokens([3])], to: donor)
    let alone = try runner.makeSequence(capacity: 1200)
    var expected: [Float] = []
    for input in [BatchInput.tokens((tokens + [3])[...])].chunks(of: 500) {
      expected = try runner.append([input], to: alone)
    }
    #expect(last == expected, "the donor")
    runner.trim(donor)
    #expect(runner.heldPositions(of: [donor]) == 1101)
    #expect(throws: InferenceError.self) { try runner.fork(donor, at: 1102, capacity: 1200) }
    #expect(throws: InferenceError.self) { try runner.fork(donor, at: 100, capacity: 99) }
    #expect(throws: InferenceError.self) { try runner.fork(donor, at: 1, capacity: runner.contextLength + 1) }
  }

  @Test func `a rejected step leaves the sequence unchanged`() throws {
    let model = try Expected.model("one-layer")
    let runner = try RRunner(model: model, threads: 1, maxBatch: 8)
    let sequence = try runner.makeSequence(capacity: 5)
    func error(for inputs: [BatchInput], twice: Bool = false) -> InferenceError? {
      let entry = Batch<KVSequence>.Entry(sequence: sequence, inputs: inputs, logitRows: 1)
      do {
        try runner.step(Batch(entries: twice ? [entry, entry] : [entry])) { _, _ in }
        return nil
      } catch { return error }
    }
    #expect(error(for: [.tokens([1, 2, 3])]) == nil)
    #expect(error(for: [.tokens([1, 2, 3])]) == .sequenceFull(needed: 6, capacity: 5))
    #expect(error(for: [.tokens([-1])]) == .unknownToken(-1, vocabularySize: 320))
    #expect(error(for: [.tokens([320])]) == .unknownToken(320, vocabularySize: 320))
    #expect(error(for: []) == .invalidBatch("logits of 1 rows requested, the entry appends 0 positions"))
    #expect(
      error(for: [.tokens([1])], twice: true) == .invalidBatch("entry 1 repeats the sequence of an earlier entry"))
    let wrong = ImageFeatures(rows: 2, values: [0, 1])
    #expect(error(for: [.features(wrong, 0..<1)]) != nil)
    #expect(sequence.count == 3)
    let wide = try runner.makeSequence(capacity: 20)
    #expect(throws: InferenceError.batchTooLarge(count: 9, limit: 8)) {
      try runner.append([.tokens(ArraySlice(repeating: 1, count: 9))], to: wide)
    }
    #expect(throws: InferenceError.self) { try runner.makeSequence(capacity: runner.contextLength + 1) }
    #expect(throws: InferenceError.self) { try runner.makeSequence(capacity: 0) }
    // Heads of 24 values.
    #expect(throws: InferenceError.self) { _ = try RRunner(model: model, threads: 1, cacheType: .q8_0) }
    for kernels in KernelTable.allCases where !kernels.isAvailable {
      #expect(throws: InferenceError.self) { _ = try RRunner(model: model, threads: 1, kernels: kernels) }
    }
  }
}
