// Which two neighbouring tokens merge, how early, and into what.

import GenerationTypes

struct MergeTable {
  /// The rank of a pair that does not merge.
  static let none = UInt32.max

  private struct Slot {
    var pair: UInt64
    var rank: UInt32
  }
  /// No pair of ids has this key: ids are not negative.
  private static let free = UInt64.max

  /// Open addressing; a power of two of slots, at most half of them used.
  private var slots: [Slot]
  private let shift: UInt64
  /// Odd and random, so that a crafted file cannot choose pairs that collide.
  private let multiplier = UInt64.random(in: .min ... .max) | 1
  /// The token that the merge of each rank makes.
  private(set) var products: [TokenID]

  /// `merges` in order of rank. A pair given twice keeps its later rank, as in the reference.
  init(_ merges: [(left: TokenID, right: TokenID, product: TokenID)]) {
    var bits: UInt64 = 6
    while 1 << bits < 2 * merges.count { bits += 1 }
    shift = 64 - bits
    slots = [Slot](repeating: Slot(pair: Self.free, rank: Self.none), count: 1 << Int(bits))
    products = merges.map(\.product)
    for (rank, merge) in merges.enumerated() {
      let pair = Self.pair(merge.left, merge.right)
      var slot = home(of: pair)
      while slots[slot].pair != Self.free, slots[slot].pair != pair { slot = (slot + 1) & (slots.count - 1) }
      slots[slot] = Slot(pair: pair, rank: UInt32(rank))
    }
  }

  /// The rank at which `left` and `right` merge, lower first, or `none`.
  @inline(__always)
  func rank(_ left: TokenID, _ right: TokenID) -> UInt32 {
    let pair = Self.pair(left, right)
    var slot = home(of: pair)
    while true {
      let candidate = slots[slot]
      if candidate.pair == pair { return candidate.rank }
      if candidate.pair == Self.free { return Self.none }
      slot = (slot + 1) & (slots.count - 1)
    }
  }

  @inline(__always)
  private static func pair(_ left: TokenID, _ right: TokenID) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  @inline(__always)
  private func home(of pair: UInt64) -> Int { Int(truncatingIfNeeded: (pair &* multiplier) >> shift) }
}
