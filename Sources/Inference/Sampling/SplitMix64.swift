// The random numbers behind sampling: SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
// Eight bytes of state, every seed a stream of its own, the same stream on every machine.

/// A generator whose stream depends on its seed alone.
package struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  /// The next 64 bits.
  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// The next multiple of 2⁻⁵³ in 0..<1.
  package mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }
}
