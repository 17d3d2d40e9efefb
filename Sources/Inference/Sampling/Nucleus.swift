// Top-p without sorting the vocabulary: weights are added up by their magnitude, and only among those of the magnitude at which
// the mass is reached does a quickselect find the last one. Linear, with one pass over most candidates.
import GenerationTypes

/// An id that may still be drawn.
struct Candidate {
  var id: TokenID
  /// exp((logit − largest) / temperature): 1 for the most probable.
  var weight: Double

  /// The order of top-p: by weight, equals by id.
  func precedes(_ other: Candidate) -> Bool { weight != other.weight ? weight > other.weight : id < other.id }
}

/// Finds the end of the nucleus; keeps its buffers from call to call.
struct NucleusSearch {
  /// Weights by magnitude, heaviest first: each octave below 1 in 64 parts, what is below 2⁻⁶³ in the last.
  private var masses = [Double](repeating: 0, count: 64 * 63)
  private var selection: [Candidate] = []

  /// The last candidate of the smallest leading set (in the order of `precedes`) whose weights reach `mass`; the first
  /// candidate when the mass is 0 or less. Weights are positive and at most 1, and there is one.
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

/// The same by quickselect, descending by mass. Reorders `candidates`, which must not be empty.
private func nucleusEnd(_ candidates: inout [Candidate], mass: Double) -> Candidate {
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
