// Top-p without sorting the vocabulary: a quickselect that descends by probability mass, linear on average.
import GenerationTypes

/// An id that may still be drawn.
struct Candidate {
  var id: TokenID
  /// exp((logit − largest) / temperature): 1 for the most probable.
  var weight: Double

  /// The order of top-p: by weight, equals by id.
  func precedes(_ other: Candidate) -> Bool { weight != other.weight ? weight > other.weight : id < other.id }
}

/// The last candidate of the smallest leading set (in the order of `precedes`) whose weights reach `mass`; the first
/// candidate when the mass is 0 or less. Reorders `candidates`, which must not be empty.
func nucleusEnd(_ candidates: inout [Candidate], mass: Double) -> Candidate {
  candidates.withUnsafeMutableBufferPointer { all in
    var (low, high) = (0, all.count)  // the answer is in low..<high; what precedes low is kept
    var kept = 0.0
    while high - low > 1 {
      let pivot = median(all[low], all[low + (high - low) / 2], all[high - 1])
      // Hoare's scheme by hand: what precedes the pivot to the left, adding up its weight.
      var (split, leading, place) = (low, 0.0, low)
      for i in low..<high {
        guard all[i].precedes(pivot) else { continue }
        leading += all[i].weight
        all.swapAt(i, split)
        split += 1
      }
      if split > low, kept + leading >= mass {
        high = split
        continue
      }
      kept += leading
      place = split
      while all[place].id != pivot.id { place += 1 }
      all.swapAt(place, split)
      // The pivot follows the leading part.
      kept += pivot.weight
      if kept >= mass || split + 1 == high { return pivot }
      low = split + 1
    }
    return all[low]
  }
}

private func median(_ a: Candidate, _ b: Candidate, _ c: Candidate) -> Candidate {
  if a.precedes(b) {
    if b.precedes(c) { return b }
    return a.precedes(c) ? c : a
  }
  if a.precedes(c) { return a }
  return b.precedes(c) ? c : b
}
