// Top-p without sorting the vocabulary. Weights are summed by magnitude; quickselect finds the last candidate among
// those of the magnitude at which the mass is reached. Linear, with one pass over most candidates.
import GenerationTypes

/// An id that may be sampled.
struct Candidate {
  var id: TokenID
  /// exp((logit − largest) / temperature); 1 for the most probable id.
  var weight: Double

  /// The order of top-p: by weight, ties by id.
  func precedes(_ other: Candidate) -> Bool { weight != other.weight ? weight > other.weight : id < other.id }
}

/// Finds the end of the nucleus; reuses its buffers.
struct NucleusSearch {
  /// Sums of weights by magnitude, largest first: each octave below 1 has 64 parts; weights below 2⁻⁶³ share the last.
  private var masses = [Double](repeating: 0, count: 64 * 63)
  private var selection: [Candidate] = []

  /// Returns the last candidate of the smallest leading set (in the order of `precedes`) whose weights reach `mass`;
  /// the first candidate if the mass is 0 or less. Weights are positive and at most 1; one of them is 1.
  mutating func end(of candidates: [Candidate], mass: Double) -> Candidate {
    for magnitude in masses.indices { masses[magnitude] = 0 }
    for candidate in candidates { masses[magnitude(candidate)] += candidate.weight }
    var (reached, before, sum) = (0, 0.0, 0.0)
    for magnitude in masses.indices where masses[magnitude] > 0 {
      (reached, before) = (magnitude, sum)
      sum += masses[magnitude]
      if sum >= mass { break }
    }
    selection.removeAll(keepingCapacity: true)
    for candidate in candidates where magnitude(candidate) == reached { selection.append(candidate) }
    return nucleusEnd(&selection, mass: mass - before)
  }

  /// The upper bits of a positive double are its exponent and the first bits of its fraction, in order.
  private func magnitude(_ candidate: Candidate) -> Int {
    let below = (1.0).bitPattern >> 46 &- candidate.weight.bitPattern >> 46
    return min(Int(below), masses.count - 1)
  }
}

/// Finds the same by quickselect. Reorders `candidates`, which must not be empty.
private func nucleusEnd(_ candidates: inout [Candidate], mass: Double) -> Candidate {
  candidates.withUnsafeMutableBufferPointer { all in
    var (low, high) = (0, all.count)  // the answer is in low..<high; the candidates before low are in the set
    var kept = 0.0
    while high - low > 1 {
      let pivot = median(all[low], all[low + (high - low) / 2], all[high - 1])
      // Hoare's scheme: moves the candidates that precede the pivot to the left and sums their weights.
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
