// The sampler against transformers' logits processors; `scripts/fixtures/sampling.py` wrote the expectations.
import Foundation
import GenerationTypes
import Inference
import JSON
import Testing

@Suite struct `Sampling compared with transformers` {
  let fixture: JSONValue
  let rows: [[Float]]
  let history: [TokenID]

  init() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    let text = try Data(contentsOf: folder.appendingPathComponent("Fixtures/processors.json"))
    fixture = try JSONValue(parsing: Array(text))
    rows = try #require(fixture["rows"]?.array).map { try #require($0.array).compactMap { $0.double.map(Float.init) } }
    history = try #require(fixture["history"]?.array).compactMap { $0.int.map { TokenID($0) } }
  }

  @Test func `every case keeps the same ids with the same probabilities`() throws {
    let cases = try #require(fixture["cases"]?.array)
    #expect(cases.count == 51)
    for (number, item) in cases.enumerated() {
      let row = try rows[#require(item["row"]?.int)]
      let setting = try #require(item["parameters"])
      let sampler = Sampler(
        parameters: parameters {
          $0.temperature = setting["temperature"]?.double.map(Float.init) ?? 1
          $0.topK = setting["top_k"]?.int ?? 0
          $0.topP = setting["top_p"]?.double.map(Float.init) ?? 1
          $0.minP = setting["min_p"]?.double.map(Float.init) ?? 0
          $0.repetitionPenalty = setting["repetition_penalty"]?.double.map(Float.init) ?? 1
          for (id, bias) in setting["bias"]?.object?.members.map({ ($0.name, $0.value) }) ?? [] {
            $0.logitBias[TokenID(id) ?? -1] = bias.double.map(Float.init)
          }
        }, control: control(row.count), prompt: history)
      let kept = try sampler.distribution(row)
      let expected = try #require(item["kept"]?.object)
      #expect(kept.map { String($0.id) } == expected.names, "case \(number): \(setting)")
      for (ours, theirs) in zip(kept, expected.values) {
        // Parameters and adjusted logits are f32 here and f64 in transformers.
        #expect(abs(ours.probability - (theirs.double ?? -1)) < 2e-6, "case \(number), id \(ours.id)")
      }
    }
  }

  @Test func `log-probabilities are the log-softmax of the row, whatever the parameters`() throws {
    let logprobs = try #require(fixture["logprobs"]?.array)
    for (row, values) in zip(rows, logprobs) {
      let expected = try #require(values.array).compactMap(\.double)
      var sampler = Sampler(
        parameters: parameters {
          $0.temperature = 1.3
          $0.topP = 0.9
          $0.presencePenalty = 1
          $0.frequencyPenalty = 0.5
          $0.repetitionPenalty = 1.2
          $0.logitBias = [4: 3, 40: -3]
          $0.seed = 1
          $0.topLogprobs = 20
        }, control: control(row.count), prompt: history)
      let ranked = expected.indices.sorted { (expected[$0], $1) > (expected[$1], $0) }.prefix(20)
      for _ in 0..<40 {
        let token = try sampler.sample(row)
        #expect(abs(Double(try #require(token.logprob)) - expected[Int(token.id)]) < 1e-5)
        #expect(token.top.map { Int($0.id) } == Array(ranked))
        for alternative in token.top {
          #expect(abs(Double(alternative.logprob) - expected[Int(alternative.id)]) < 1e-5)
        }
      }
    }
  }
}
