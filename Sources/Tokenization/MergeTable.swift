// Maps two neighbouring tokens to the rank and result of their merge.

import GenerationTypes

struct MergeTable {
  /// The rank of a pair that does not merge.
  static let none = UInt32.max

  private struct Slot {
    var pair: UInt64
    var rank: UInt32
  }
  /// A key that no pair has, because ids are not negative.
  private static let free = UInt64.max

  /// Open addressing; the number of slots is a power of two, and at most half of them are used.
  private var slots: [Slot]
  private let shift: UInt64
  /// Odd and random, so that a crafted file cannot choose colliding pairs.
  private let multiplier = UInt64.random(in: .min ... .max) | 1
  /// The token that results from the merge of each rank.
  private(set) var products: [TokenID]

  /// Creates a table from `merges` in order of rank. A repeated pair keeps its later rank, as in the reference.
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

  /// Returns the rank at which `left` and `right` merge (lower merges first), or `none`.
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
