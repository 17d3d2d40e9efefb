import Foundation
import GenerationTypes
import Inference
import Testing

@Suite struct `Sampling a token` {
  @Test func `greedy decoding selects the largest logit, ties by the lowest id`() throws {
    var sampler = Sampler(parameters: SamplingParameters(), control: control(5))
    let token = try sampler.sample([1, 3, -2, 3, 3])
    #expect(token == GeneratedToken(id: 1))
    #expect(try sampler.sample([-.infinity, -.infinity, -7, -.infinity, -7]).id == 2)
  }

  @Test func `forbidden ids and padding columns are never sampled or counted`() throws {
    // Columns 4... are padding and 1 is forbidden; both have the largest logits.
    let row: [Float] = [0, 90, 0, 1, 99, .nan]
    let masked = control(4, forbidden: [1, -3, 77])
    var greedy = Sampler(parameters: parameters { $0.topLogprobs = 10 }, control: masked)
    let token = try greedy.sample(row)
    #expect(token.id == 3)
    #expect(token.top.map(\.id) == [3, 0, 2])
    let sum = token.top.reduce(0.0) { $0 + exp(Double($1.logprob)) }
    #expect(abs(sum - 1) < 1e-6)

    var sampled = Sampler(
      parameters: parameters {
        $0.temperature = 100
        $0.seed = 3
        $0.logitBias = [1: 100, 4: 100, -1: 100, 1 << 30: 100]
      }, control: masked)
    var drawn: Set<TokenID> = []
    for _ in 0..<300 { drawn.insert(try sampled.sample(row).id) }
    #expect(drawn == [0, 2, 3])
  }

  @Test func `a row shorter than the vocabulary can be sampled`() throws {
    var sampler = Sampler(parameters: parameters { $0.logitBias = [8: 5] }, control: control(9, closing: [8]))
    #expect(try sampler.sample([0, 1], decides: true) == GeneratedToken(id: 1, thinkProbability: 1))
  }

  @Test(arguments: [0, 0.8])
  func `rows without a usable distribution are errors`(temperature: Float) {
    var sampler = Sampler(
      parameters: parameters {
        $0.temperature = temperature
        $0.topLogprobs = 2
        $0.topK = 2
        $0.topP = 0.5
      }, control: control(3, forbidden: [0]))
    #expect(throws: SamplingError.notFinite(id: 1)) { try sampler.sample([0, .nan, 1]) }
    #expect(throws: SamplingError.notFinite(id: 2)) { try sampler.sample([0, 1, .infinity]) }
    #expect(throws: SamplingError.noCandidate) { try sampler.sample([0, -.infinity, -.infinity]) }
    #expect(throws: SamplingError.noCandidate) { try sampler.sample([]) }
    var biased = Sampler(parameters: parameters { $0.logitBias = [1: .nan] }, control: control(3))
    #expect(throws: SamplingError.notFinite(id: 1)) { try biased.sample([0, 1, 2]) }
  }

  @Test func `extreme parameters select an allowed token`() throws {
    let row = noise(50, seed: 5)
    let best = row.indices.max { row[$0] < row[$1] }
    let alone: [SamplingParameters] = [
      parameters { $0.temperature = .leastNonzeroMagnitude }, parameters { ($0.temperature, $0.topP) = (1, 0) },
      parameters { ($0.temperature, $0.topP) = (1, -1) }, parameters { ($0.temperature, $0.minP) = (1, 5) },
      parameters { ($0.temperature, $0.topK) = (1, 1) }, parameters { $0.temperature = -1 },
      parameters { $0.temperature = .nan },
    ]
    for setting in alone {
      var sampler = Sampler(parameters: setting, control: control(50))
      #expect(try sampler.sample(row).id == best.map { TokenID($0) })
      #expect(try sampler.sample([-.infinity, 3] + Array(repeating: -.infinity, count: 48)).id == 1)
    }
    for setting in [
      parameters { ($0.temperature, $0.topK) = (1, .max) }, parameters { ($0.temperature, $0.topK) = (1, -4) },
      parameters { ($0.temperature, $0.topP) = (1, .nan) }, parameters { $0.temperature = .greatestFiniteMagnitude },
    ] {
      #expect(try Sampler(parameters: setting, control: control(50)).distribution(row).count == 50)
    }
  }

  @Test func `P(think) is the probability of all ids except the closing ones, before temperature and bias`() throws {
    let row: [Float] = [0, 1, 2, 3]
    let sum = exp(0.0) + exp(1) + exp(3)  // 2 is forbidden
    let expected = 1 - (exp(1) + exp(3)) / sum
    var sampler = Sampler(
      parameters: parameters {
        $0.temperature = 0.2
        $0.logitBias = [0: 50]
      }, control: control(4, forbidden: [2], closing: [1, 2, 3]))
    let token = try sampler.sample(row, decides: true)
    #expect(token.id == 0)
    #expect(abs(Double(try #require(token.thinkProbability)) - expected) < 1e-7)
    #expect(token.logprob == nil)
    #expect(try sampler.sample(row).thinkProbability == nil)
  }

  @Test func `the repetition penalty counts prompt and reply, the others count the reply only`() throws {
    var repeated = Sampler(
      parameters: parameters { $0.repetitionPenalty = 2 }, control: control(3), prompt: [0, 0, 99, -1])
    #expect(try repeated.sample([3, 2, 1]).id == 1)  // 0 is halved to 1.5
    #expect(try repeated.sample([3, 2, 1.2]).id == 0)  // 1.5, 1, 1.2
    #expect(try repeated.sample([-1, -1.5, -2.5]).id == 0)  // −2, −3, −2.5: negative logits grow away from zero

    var counted = Sampler(
      parameters: parameters { ($0.presencePenalty, $0.frequencyPenalty) = (1, 0.5) }, control: control(3), prompt: [0])
    let ids = try (0..<5).map { _ in try counted.sample([4, 2.9, 0]).id }
    // Logit of 0: 4, then 4 − 1 − 0.5 n = 2.5, 2, 1.5…; of 1: 2.9, then 1.4, 0.9…
    #expect(ids == [0, 1, 0, 0, 0])
    #expect(try counted.sample([4, 2.9, 0]).id == 1)  // 4 − 1 − 2 = 1 < 1.4
  }

  @Test func `a seed determines the ids`() throws {
    let ids = try ([7, 7, 8] as [UInt64]).map { seed in
      var sampler = Sampler(
        parameters: parameters { ($0.temperature, $0.topP, $0.seed) = (1.2, 0.95, seed) }, control: control(400))
      #expect(sampler.seed == seed)
      return try (0..<30).map { try sampler.sample(noise(400, seed: $0)).id }
    }
    #expect(ids[0] == ids[1])
    #expect(ids[0] != ids[2])
    let unseeded = Sampler(parameters: SamplingParameters(), control: control(4))
    let other = Sampler(parameters: SamplingParameters(), control: control(4))
    #expect(unseeded.seed != other.seed)
  }

  @Test func `draws follow the distribution`() throws {
    let row = noise(24, seed: 11, scale: 3)
    var sampler = Sampler(
      parameters: parameters { ($0.temperature, $0.topP, $0.topK, $0.seed) = (0.9, 0.9, 20, 42) }, control: control(24))
    let expected = try sampler.distribution(row)
    let draws = 40_000
    var counts: [TokenID: Int] = [:]
    for _ in 0..<draws { counts[try sampler.sample(row).id, default: 0] += 1 }
    #expect(Set(counts.keys).isSubset(of: expected.map(\.id)))
    let statistic = expected.reduce(0.0) { sum, item in
      let mean = item.probability * Double(draws)
      return sum + pow(Double(counts[item.id] ?? 0) - mean, 2) / mean
    }
    // χ² has mean f (its degrees of freedom) and variance 2 f; four deviations exclude chance.
    let freedom = Double(expected.count - 1)
    #expect(freedom > 5)
    #expect(statistic < freedom + 4 * (2 * freedom).squareRoot())
  }
}
