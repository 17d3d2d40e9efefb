// The sampler against the plainest way to write it: sort everything, then cut. Random rows, with ties.
import Basics
import Foundation
import GenerationTypes
import Inference
import Testing

@Suite struct `Sampling compared with sorting` {
  /// Ids in order with their probabilities after temperature, top-k, top-p and min-p.
  func reference(_ row: [Float], _ parameters: SamplingParameters) -> [(id: TokenID, probability: Double)] {
    var ranked = row.indices.sorted { (row[$0], $1) > (row[$1], $0) }
    if parameters.topK > 0, parameters.topK < ranked.count {
      let least = row[ranked[parameters.topK - 1]]
      ranked.removeAll { row[$0] < least }
    }
    func probabilities() -> [Double] {
      let weights = ranked.map { exp((Double(row[$0]) - Double(row[ranked[0]])) / Double(parameters.temperature)) }
      let total = weights.reduce(0, +)
      return weights.map { $0 / total }
    }
    var before = 0.0
    var count = 0
    for probability in probabilities() where count == 0 || parameters.topP == 1 || before < Double(parameters.topP) {
      before += probability
      count += 1
    }
    ranked.removeSubrange(count...)
    let left = probabilities()
    let kept = zip(ranked, left).filter { $0.1 >= left[0] * Double(parameters.minP) }
    let total = kept.reduce(0) { $0 + $1.1 }
    return kept.map { (TokenID($0.0), $0.1 / total) }.sorted { $0.0 < $1.0 }
  }

  @Test func `partial selection keeps the same ids as sorting`() throws {
    var generator = SplitMix64(seed: 2026)
    for trial in 0..<300 {
      let size = Int.random(in: 1...700, using: &generator)
      var row = noise(size, seed: UInt64(trial), scale: Float.random(in: 0...20, using: &generator))
      if trial % 3 == 0 { row = row.map { ($0 * 2).rounded() / 2 } }
      let setting = parameters {
        $0.temperature = Float.random(in: 0.05...2.5, using: &generator)
        $0.topK = Bool.random(using: &generator) ? 0 : Int.random(in: 1...size + 5, using: &generator)
        $0.topP = Bool.random(using: &generator) ? 1 : Float.random(in: 0...1, using: &generator)
        $0.minP = Bool.random(using: &generator) ? 0 : Float.random(in: 0...0.5, using: &generator)
      }
      let ours = try Sampler(parameters: setting, control: control(size)).distribution(row)
      let theirs = reference(row, setting)
      #expect(ours.map(\.id) == theirs.map(\.id), "trial \(trial), size \(size): \(setting)")
      for (a, b) in zip(ours, theirs) { #expect(abs(a.probability - b.probability) < 1e-12, "trial \(trial)") }
    }
  }

  @Test func `alternatives are the first ids of the sorted row`() throws {
    for seed in 0..<40 as Range<UInt64> {
      let row = noise(300, seed: seed, scale: seed % 2 == 0 ? 8 : 0).map { ($0 * 4).rounded() / 4 }
      let ranked = row.indices.sorted { (row[$0], $1) > (row[$1], $0) }
      for count in [0, 1, 5, 20] {
        var sampler = Sampler(parameters: parameters { $0.topLogprobs = count }, control: control(300))
        #expect(try sampler.sample(row).top.map { Int($0.id) } == Array(ranked.prefix(count)))
      }
    }
  }
}
