// Operations on one row of logits. Only the list of alternatives allocates; sums are in f64.
import Foundation
import GenerationTypes

/// Why no token could be sampled from a row of logits.
package enum SamplingError: Error, Equatable, Sendable {
  /// The logit of this id is NaN or +∞, in the row itself or after penalties and bias.
  case notFinite(id: TokenID)
  /// Every id is masked or −∞.
  case noCandidate
}

/// A view of the logits of the vocabulary, `[vocabularySize]`; valid as long as the row.
struct LogitsRow {
  let values: UnsafeMutableBufferPointer<Float>

  /// A view of the first `count` columns of `row`; the others are padding.
  init(_ row: UnsafeMutableBufferPointer<Float>, count: Int) {
    values = UnsafeMutableBufferPointer(rebasing: row.prefix(max(count, 0)))
  }

  func contains(_ id: TokenID) -> Bool { id >= 0 && Int(id) < values.count }

  /// Returns the largest logit and the lowest id that has it.
  func largest() throws(SamplingError) -> (id: TokenID, logit: Float) {
    var (best, index) = (-Float.infinity, -1)
    for i in values.indices {
      let value = values[i]
      // This comparison fails for larger values and for NaN.
      if value <= best { continue }
      if !(value < .infinity) { throw .notFinite(id: TokenID(i)) }
      (best, index) = (value, i)
    }
    guard index >= 0 else { throw .noCandidate }
    return (TokenID(index), best)
  }

  /// Returns log Σ exp over the row with this largest logit.
  func logSumExp(largest: Float) -> Double {
    var sum = 0.0
    for value in values { sum += exp(Double(value) - Double(largest)) }
    return Double(largest) + log(sum)
  }

  /// Returns the `count` most probable ids, best first, ties by id.
  func alternatives(_ count: Int, logSumExp: Double) -> [TokenLogprob] {
    guard count > 0 else { return [] }
    var best: [TokenLogprob] = []
    best.reserveCapacity(min(count, values.count) + 1)
    var floor = -Float.infinity
    for i in values.indices {
      let value = values[i]
      if value <= floor { continue }
      let index = best.lastIndex { $0.logprob >= value }.map { $0 + 1 } ?? 0
      best.insert(TokenLogprob(id: TokenID(i), logprob: value), at: index)
      if best.count > count { best.removeLast() }
      if best.count == count { floor = best[count - 1].logprob }
    }
    for i in best.indices { best[i].logprob = Float(Double(best[i].logprob) - logSumExp) }
    return best
  }

  /// Returns the `rank`-th largest logit, counted from 1: the root of a min-heap of the `rank` largest logits.
  func threshold(rank: Int, heap: inout [Float]) -> Float {
    guard rank < values.count else { return -.infinity }
    heap.removeAll(keepingCapacity: true)
    heap.append(contentsOf: values.prefix(rank))
    for parent in stride(from: rank / 2 - 1, through: 0, by: -1) { Self.sink(&heap, from: parent) }
    for value in values.dropFirst(rank) where value > heap[0] {
      heap[0] = value
      Self.sink(&heap, from: 0)
    }
    return heap[0]
  }

  private static func sink(_ heap: inout [Float], from start: Int) {
    var parent = start
    let value = heap[parent]
    while case let left = 2 * parent + 1, left < heap.count {
      let right = left + 1
      let child = right < heap.count && heap[right] < heap[left] ? right : left
      if heap[child] >= value { break }
      heap[parent] = heap[child]
      parent = child
    }
    heap[parent] = value
  }
}
