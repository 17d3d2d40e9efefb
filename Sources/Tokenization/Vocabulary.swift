// Token texts by id and ids by text, keyed on bytes. Swift compares strings by canonical equivalence, which would
// merge tokens that the model distinguishes, such as "é" as one scalar and as two.

import GenerationTypes

/// Byte strings numbered from 0 and stored contiguously in one buffer.
struct ByteStrings {
  private(set) var bytes: [UInt8] = []
  private var ends: [UInt32] = []

  init(reserving count: Int) {
    ends.reserveCapacity(count)
    bytes.reserveCapacity(8 * count)
  }

  var count: Int { ends.count }

  /// The range of string `number` in `bytes`.
  subscript(number: Int) -> Range<Int> {
    Int(number == 0 ? 0 : ends[number - 1])..<Int(ends[number])
  }

  /// Appends the string that the closure writes to the buffer.
  mutating func append(_ write: (inout [UInt8]) -> Void) {
    write(&bytes)
    ends.append(UInt32(bytes.count))
  }
}

/// The tokens of the model and the added tokens, by id.
struct Vocabulary {
  /// Each token as written in the file, by id; empty for unused ids.
  private var written: ByteStrings
  /// Each token's decoded bytes, by id.
  private var decoded: ByteStrings
  /// Open addressing: ids, or -1 for a free slot. The number of slots is a power of two, and at most half of them are
  /// used.
  private var slots: [TokenID]
  /// Random, so that a crafted file cannot choose colliding texts.
  private let seed = UInt64.random(in: .min ... .max)

  /// Creates a vocabulary. `texts[id]` is the written form of token `id` (UTF-8), empty for unused ids.
  init(texts: [String]) {
    written = ByteStrings(reserving: texts.count)
    decoded = ByteStrings(reserving: texts.count)
    var capacity = 64
    while capacity < 2 * texts.count { capacity *= 2 }
    slots = [TokenID](repeating: -1, count: capacity)
    for (id, text) in texts.enumerated() {
      written.append { $0 += text.utf8 }
      decoded.append { ByteLevelAlphabet.read(text.utf8, into: &$0) }
      if !text.isEmpty { insert(TokenID(id)) }
    }
  }

  /// The highest id plus 1.
  var count: Int { written.count }

  /// Returns the bytes that `id` decodes to; empty for an unknown id.
  func bytes(of id: TokenID) -> ArraySlice<UInt8> {
    guard id >= 0, Int(id) < decoded.count else { return [] }
    return decoded.bytes[decoded[Int(id)]]
  }

  /// Returns the written form of `id`, which must be below `count`.
  func text(of id: TokenID) -> ArraySlice<UInt8> { written.bytes[written[Int(id)]] }

  /// Returns the token whose written form is `text`.
  func id(of text: some Collection<UInt8>) -> TokenID? {
    var slot = Int(truncatingIfNeeded: hash(text)) & (slots.count - 1)
    while slots[slot] >= 0 {
      if written.bytes[written[Int(slots[slot])]].elementsEqual(text) { return slots[slot] }
      slot = (slot + 1) & (slots.count - 1)
    }
    return nil
  }

  /// Stores `id` under its text. If two ids have the same text, the first one wins.
  private mutating func insert(_ id: TokenID) {
    let text = written.bytes[written[Int(id)]]
    var slot = Int(truncatingIfNeeded: hash(text)) & (slots.count - 1)
    while slots[slot] >= 0 {
      if written.bytes[written[Int(slots[slot])]].elementsEqual(text) { return }
      slot = (slot + 1) & (slots.count - 1)
    }
    slots[slot] = id
  }

  /// FNV-1a with a random seed. The high bits are folded into the low ones, which select the slot.
  private func hash(_ text: some Collection<UInt8>) -> UInt64 {
    var hash = seed
    for byte in text { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return hash ^ hash >> 29
  }
}
