// Verifying a draft needs logits of several rows of one sequence, and removing rejected rows. Both are bit-identical to
// decoding one token at a time.
import GenerationTypes
import Inference
import Testing

@Suite struct `Verifying several tokens of one sequence in a step` {
  /// Prefills `prompt`, appends `reply` one token per step, and returns the logits after each of its tokens.
  private func decodeAlone(_ runner: RRunner, prompt: [TokenID], reply: [TokenID]) throws -> [[Float]] {
    let sequence = try runner.makeSequence(capacity: prompt.count + reply.count)
    for input in [BatchInput.tokens(prompt[...])].chunks(of: 500) { _ = try runner.append([input], to: sequence) }
    return try reply.map { try runner.append([.tokens([$0])], to: sequence) }
  }

  @Test(arguments: [KVCacheType.f32, .f16, .q8_0])
  func `logits of several rows equal those of single steps, also after rejected rows and beside other sequences`(
    cacheType: KVCacheType
  ) throws {
    let runner = try RRunner(model: try Expected.model("r-tiny"), threads: 2, cacheType: cacheType)
    // The reply crosses the end of the first KV segment; the other sequence has logits after its last row only.
    let prompt = (0..<505).map { TokenID($0 * 37 % 300 + 5) }
    let reply = (0..<24).map { TokenID($0 * 53 % 300 + 5) }
    let expected = try decodeAlone(runner, prompt: prompt, reply: reply)
    let otherExpected = try decodeAlone(runner, prompt: [9, 8, 7], reply: reply)

    let sequence = try runner.makeSequence(capacity: prompt.count + reply.count + 8)
    let other = try runner.makeSequence(capacity: 64)
    for input in [BatchInput.tokens(prompt[...])].chunks(of: 500) { _ = try runner.append([input], to: sequence) }
    _ = try runner.append([.tokens([9, 8, 7])], to: other)
    var rows: [[Float]] = []
    var otherRows: [[Float]] = []
    var accepted = 0
    while accepted < reply.count {
      // A draft of which the first `right` tokens are right and four are wrong.
      let right = min(1 + accepted % 5, reply.count - accepted)
      let draft = reply[accepted..<accepted + right] + [3, 4, 3, 4]
      let entries = [
        Batch.Entry(sequence: sequence, inputs: [.tokens(draft[...])], logitRows: draft.count),
        Batch.Entry(sequence: other, inputs: [.tokens([reply[otherRows.count]])], logitRows: 1),
      ]
      var order: [Int] = []
      var drafted: [[Float]] = []
      try runner.step(Batch(entries: entries)) { entry, logits in
        order.append(entry)
        if entry == 0 { drafted.append(Array(logits)) } else { otherRows.append(Array(logits)) }
      }
      #expect(order == Array(repeating: 0, count: draft.count) + [1])
      rows += drafted.prefix(right)
      accepted += right
      runner.truncate(sequence, to: prompt.count + accepted)
      #expect(sequence.count == prompt.count + accepted)
      #expect(runner.heldPositions(of: [sequence]) == prompt.count + accepted)
    }
    #expect(rows == expected)
    #expect(otherRows == Array(otherExpected.prefix(otherRows.count)))
    let fork = try runner.fork(sequence, at: 520, capacity: 530)
    #expect(try runner.append([.tokens([reply[15]])], to: fork) == expected[15], "a fork after rejected rows")
  }

  @Test func `the last rows of a prompt have logits, also more rows than are computed together`() throws {
    let runner = try RRunner(model: try Expected.model("five-layers-tied"), threads: 2)
    let tokens = (0..<40).map { TokenID($0 * 31 % 140) }
    let expected = try decodeAlone(runner, prompt: Array(tokens[..<3]), reply: Array(tokens[3...]))
    for rows in [0, 1, 2, 17, 37] {
      let sequence = try runner.makeSequence(capacity: 40)
      var logits: [[Float]] = []
      let entry = Batch.Entry(sequence: sequence, inputs: [.tokens(tokens[...])], logitRows: rows)
      try runner.step(Batch(entries: [entry])) { logits.append(Array($1)) }
      #expect(logits == Array(expected.suffix(rows)))
    }
  }

  @Test func `a number of logits rows that the entry lacks is an error and appends nothing`() throws {
    let runner = try RRunner(model: try Expected.model("one-layer"), threads: 1)
    let sequence = try runner.makeSequence(capacity: 8)
    for rows in [-1, 3] {
      let entry = Batch.Entry(sequence: sequence, inputs: [.tokens([1, 2])], logitRows: rows)
      #expect(throws: InferenceError.self) { try runner.step(Batch(entries: [entry])) { _, _ in } }
    }
    #expect(sequence.count == 0)
  }
}
