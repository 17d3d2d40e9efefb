// Caches the tokens of short pieces of text, because words repeat. Direct-mapped and of fixed size: a new piece
// replaces the one in its slot, so that memory and lookup time are bounded. One call at a time uses a cache.

import GenerationTypes

struct PieceCache {
  private static let slotCount = 1 << 14
  private static let maxBytes = 24
  private static let maxTokens = 8

  private struct Slot {
    /// The first bytes of the piece, zero-padded, and its byte count with the token count; 0 tokens marks a free
    /// slot.
    var key: (UInt64, UInt64, UInt64) = (0, 0, 0)
    var byteCount: UInt8 = 0
    var tokenCount: UInt8 = 0
  }
  private var slots = [Slot](repeating: Slot(), count: slotCount)
  private var tokens = [TokenID](repeating: 0, count: slotCount * maxTokens)

  /// A cacheable piece, packed once for both lookup and insertion.
  struct Key {
    fileprivate var words: (UInt64, UInt64, UInt64)
    fileprivate var byteCount: UInt8
    fileprivate var slot: Int
  }

  /// Returns the key of `text[piece]`, or nil if it is too long to cache.
  @inline(__always)
  func key(_ text: [UInt8], _ piece: Range<Int>) -> Key? {
    let count = piece.count
    if count > Self.maxBytes { return nil }
    var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
    for offset in 0..<min(count, 8) { words.0 |= UInt64(text[piece.lowerBound + offset]) << (8 * UInt64(offset)) }
    if count > 8 {
      for offset in 8..<min(count, 16) {
        words.1 |= UInt64(text[piece.lowerBound + offset]) << (8 * UInt64(offset - 8))
      }
    }
    if count > 16 {
      for offset in 16..<count { words.2 |= UInt64(text[piece.lowerBound + offset]) << (8 * UInt64(offset - 16)) }
    }
    var hash = words.0 &* 0x9E37_79B9_7F4A_7C15
    hash = (hash ^ hash >> 32 ^ words.1) &* 0xC2B2_AE3D_27D4_EB4F
    hash = (hash ^ hash >> 32 ^ words.2 ^ UInt64(count)) &* 0x9E37_79B9_7F4A_7C15
    return Key(words: words, byteCount: UInt8(count), slot: Int(truncatingIfNeeded: hash >> 50))
  }

  /// Appends the cached tokens of `key` to `ids`. Returns false if there are none.
  @inline(__always)
  func find(_ key: Key, into ids: inout [TokenID]) -> Bool {
    let slot = slots[key.slot]
    guard slot.tokenCount > 0, slot.byteCount == key.byteCount, slot.key == key.words else { return false }
    let start = key.slot * Self.maxTokens
    for position in start..<start + Int(slot.tokenCount) { ids.append(tokens[position]) }
    return true
  }

  /// Stores `found` for `key` unless it is too long.
  mutating func insert(_ key: Key, _ found: ArraySlice<TokenID>) {
    if found.isEmpty || found.count > Self.maxTokens { return }
    slots[key.slot] = Slot(key: key.words, byteCount: key.byteCount, tokenCount: UInt8(found.count))
    for (offset, token) in found.enumerated() { tokens[key.slot * Self.maxTokens + offset] = token }
  }
}
