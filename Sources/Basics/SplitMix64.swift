// Random numbers that a seed determines on every machine: SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom
// number generators", 2014). Sampling, resampling, test campaigns and benchmarks use it. Not for secrets.

/// A generator with eight bytes of state whose stream depends on its seed alone.
package struct SplitMix64: RandomNumberGenerator, Sendable {
  /// What the state grows by with each number: odd, so that the state takes every value once.
  package static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  /// The next 64 bits.
  package mutating func next() -> UInt64 {
    state &+= Self.increment
    return Self.mixed(state)
  }

  /// The number that the generator returns for `state`: a bijection, so different states give different numbers.
  package static func mixed(_ state: UInt64) -> UInt64 {
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// The next multiple of 2⁻⁵³ in 0..<1.
  package mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// The next number in 0..<bound, uniform to within 2⁻⁶⁴ · bound. It is the high half of a product, so it does not
  /// depend on how the standard library draws.
  package mutating func index(below bound: Int) -> Int {
    precondition(bound > 0, "an index below \(bound)")
    return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }
}
