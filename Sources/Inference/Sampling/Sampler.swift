// Samples a token from a row of logits, in the order of vLLM and transformers:
//   1. forbidden ids and padding are masked; the log-softmax of the rest is the model's own distribution, which gives
//      log-probabilities, alternatives and P(think);
//   2. the guide: think bias or threshold at the deciding token, the form of the answer; or the guide writes a token;
//   3. logit_bias; repetition penalty over prompt and reply; frequency and presence penalty over the reply;
//   4. temperature 0: the largest logit, ties to the lowest id. Otherwise temperature, top-k (ties of the k-th stay),
//      top-p, min-p, and a draw by the inverse of the cumulative distribution in id order, one random number a token.
// Id order makes the draw insensitive to the last bits of the logits. Each reply has its own sampler.
import Basics
import Foundation
import GenerationTypes

/// Samples the tokens of one reply; owns its penalty counts and its random numbers.
package struct Sampler {
  /// The seed of the request, or a random one.
  package let seed: UInt64
  private let parameters: SamplingParameters
  private let vocabularySize: Int
  private let forbidden: [TokenID]
  private let closing: [TokenID]
  private let bias: [(id: TokenID, value: Float)]
  private var generator: SplitMix64
  private var guide: ReplyGuide?
  /// Distinct ids of the prompt and the reply, for the repetition penalty.
  private var seen: [TokenID] = []
  /// The number of times that each id occurs in the reply; 0 for ids of the prompt.
  private var counts: [TokenID: Int] = [:]
  /// Logits before bias and penalties, if log-probabilities are reported.
  private var originals: [(id: TokenID, logit: Float)] = []
  private var candidates: [Candidate] = []
  private var nucleus = NucleusSearch()
  private var heap: [Float] = []

  /// A sampler for a reply to `prompt`, whose ids count for the repetition penalty.
  package init(parameters: SamplingParameters, control: ControlTokens, prompt: [TokenID] = []) {
    seed = parameters.seed ?? .random(in: .min ... .max)
    self.parameters = parameters
    vocabularySize = control.vocabularySize
    let inVocabulary = { (id: TokenID) in id >= 0 && Int(id) < control.vocabularySize }
    forbidden = control.forbidden.filter(inVocabulary).sorted()
    closing = control.closing.filter(inVocabulary).sorted()
    bias = parameters.logitBias.filter { inVocabulary($0.key) }.map { (id: $0.key, value: $0.value) }.sorted {
      $0.id < $1.id
    }
    generator = SplitMix64(seed: seed)
    if parameters.repetitionPenalty != 1 {
      for id in prompt where inVocabulary(id) && counts.updateValue(0, forKey: id) == nil { seen.append(id) }
    }
  }

  /// A sampler for the reply to `request`, with its guide.
  package init(_ request: GenerationRequest) {
    self.init(parameters: request.sampling, control: request.control, prompt: request.prompt.tokens)
    guide = ReplyGuide(request)
  }

  /// Samples the next token from `logits`, `[at least the vocabulary]`, and overwrites them. `decides` requests
  /// P(think).
  package mutating func sample(
    _ logits: UnsafeMutableBufferPointer<Float>, decides: Bool
  ) throws(SamplingError) -> GeneratedToken {
    let row = LogitsRow(logits, count: min(vocabularySize, logits.count))
    for id in forbidden where row.contains(id) { row.values[Int(id)] = -.infinity }
    var largest = try row.largest()
    var token = GeneratedToken(id: largest.id)

    let reports = parameters.topLogprobs != nil
    let normaliser = decides || reports ? row.logSumExp(largest: largest.logit) : 0
    if decides {
      let close = closing.reduce(0.0) { row.contains($1) ? $0 + exp(Double(row.values[Int($1)]) - normaliser) : $0 }
      token.thinkProbability = Float(min(max(1 - close, 0), 1))
    }
    if let count = parameters.topLogprobs { token.top = row.alternatives(count, logSumExp: normaliser) }

    if let written = guide?.nextWritten, row.contains(written) {
      token.id = written
      if reports { token.logprob = Float(Double(row.values[Int(written)]) - normaliser) }
      guide?.take(&token)
      count(token.id)
      return token
    }
    let own = reports && guide?.steers == true ? Array(row.values) : []
    if guide?.steers == true {
      let hasMoved = guide?.steer(row, thinkProbability: token.thinkProbability) ?? false
      // Masking other tokens leaves the largest logit the largest.
      if hasMoved || row.values[Int(largest.id)] == -.infinity { largest = try row.largest() }
    }
    originals.removeAll(keepingCapacity: true)
    if try adjust(row) { largest = try row.largest() }
    token.id = parameters.temperature > 0 ? draw(row, largest: largest.logit) : largest.id
    guide?.take(&token)
    if reports {
      // The first entry is the model's own logit; a second one includes the bias.
      let noted = own.isEmpty ? originals.first { $0.id == token.id }?.logit : own[Int(token.id)]
      token.logprob = Float(Double(noted ?? row.values[Int(token.id)]) - normaliser)
    }
    count(token.id)
    return token
  }

  /// Applies bias and penalties in place; returns whether there were any.
  private mutating func adjust(_ row: LogitsRow) throws(SamplingError) -> Bool {
    for (id, value) in bias where row.contains(id) {
      try replace(id, in: row) { $0 + value }
    }
    if !seen.isEmpty {
      let (repetition, frequency) = (parameters.repetitionPenalty, parameters.frequencyPenalty)
      let presence = parameters.presencePenalty
      for id in seen where row.contains(id) {
        let count = counts[id] ?? 0
        try replace(id, in: row) { logit in
          // CTRL (Keskar et al. 2019), with the sign rule of transformers: a penalty above 1 always lowers the logit.
          let scaled = repetition == 1 ? logit : logit > 0 ? logit / repetition : logit * repetition
          return count == 0 ? scaled : scaled - frequency * Float(count) - presence
        }
      }
    }
    return !bias.isEmpty || !seen.isEmpty
  }

  private mutating func replace(
    _ id: TokenID, in row: LogitsRow, with change: (Float) -> Float
  ) throws(SamplingError) {
    let logit = row.values[Int(id)]
    // Masked logits stay masked.
    if logit == -.infinity { return }
    let changed = change(logit)
    guard changed < .infinity else { throw .notFinite(id: id) }
    if parameters.topLogprobs != nil { originals.append((id, logit)) }
    row.values[Int(id)] = changed
  }

  /// Samples from the distribution of `row` after temperature and truncation.
  private mutating func draw(_ row: LogitsRow, largest: Float) -> TokenID {
    keepCandidates(of: row, largest: largest)
    let total = candidates.reduce(0.0) { $0 + $1.weight }
    let target = generator.unit() * total
    var sum = 0.0
    for candidate in candidates {
      sum += candidate.weight
      if sum > target { return candidate.id }
    }
    // Only rounding leads here, because the target is below the sum.
    return candidates[candidates.count - 1].id
  }

  /// Fills `candidates` with the tokens that top-k, top-p and min-p keep, in id order; at least one.
  private mutating func keepCandidates(of row: LogitsRow, largest: Float) {
    let temperature = Double(parameters.temperature)
    let threshold = parameters.topK > 0 ? row.threshold(rank: parameters.topK, heap: &heap) : -.infinity
    let share = parameters.topP < 1 ? max(Double(parameters.topP), 0) : 1
    // As the total is at least 1, all weights below (1 − p) / count together are less than the 1 − p that top-p cuts.
    let negligible = (1 - share) / Double(row.values.count)
    var total = 0.0
    candidates.removeAll(keepingCapacity: true)
    for i in row.values.indices where row.values[i] >= threshold {
      let weight = exp((Double(row.values[i]) - Double(largest)) / temperature)
      total += weight
      if weight > 0, weight >= negligible { candidates.append(Candidate(id: TokenID(i), weight: weight)) }
    }
    if parameters.topP < 1 {
      let end = nucleus.end(of: candidates, mass: share * total)
      candidates.removeAll { end.precedes($0) }
    }
    // Relative to the most probable token, whose weight is 1.
    if parameters.minP > 0 {
      let floor = min(Double(parameters.minP), 1)
      candidates.removeAll { $0.weight < floor }
    }
  }

  /// Counts a token of the reply for the penalties.
  private mutating func count(_ id: TokenID) {
    let penalised =
      parameters.repetitionPenalty != 1 || parameters.frequencyPenalty != 0 || parameters.presencePenalty != 0
    guard penalised else { return }
    if let count = counts[id] {
      counts[id] = count + 1
    } else {
      counts[id] = 1
      seen.append(id)
    }
  }
}

extension Sampler {
  /// Returns the distribution of the next draw, for comparison with references: ids in order with their probabilities.
  /// Overwrites `logits` as `sample` does, but samples and counts nothing.
  package func distribution(
    _ logits: UnsafeMutableBufferPointer<Float>
  ) throws(SamplingError) -> [(id: TokenID, probability: Double)] {
    var copy = self
    let row = LogitsRow(logits, count: min(vocabularySize, logits.count))
    for id in forbidden where row.contains(id) { row.values[Int(id)] = -.infinity }
    _ = try copy.adjust(row)
    let largest = try row.largest()
    guard parameters.temperature > 0 else { return [(largest.id, 1)] }
    copy.keepCandidates(of: row, largest: largest.logit)
    let total = copy.candidates.reduce(0.0) { $0 + $1.weight }
    return copy.candidates.map { ($0.id, $0.weight / total) }
  }
}
