// Unicode normalisation form C (UAX #15). Text is scanned for scalars that may change. Only the part around such a
// scalar, from the starter before it to the next scalar that cannot combine backwards, is decomposed, ordered and
// composed. The tables contain Unicode 9, as the reference's normaliser does: later marks are left in place.

struct CanonicalComposition {
  /// One step of each decomposition, without Hangul.
  private var parts: [UInt32: (first: UInt32, second: UInt32?)] = [:]
  /// The composite of two scalars, keyed by both.
  private var composites: [UInt64: UInt32] = [:]
  /// The non-zero combining classes.
  private var classes: [UInt32: UInt8] = [:]
  /// A bit per scalar below `bitCount`: whether it may change or affect the text before it (NFC_Quick_Check is not
  /// Yes, or the combining class is not 0).
  private var active: [UInt64]
  private static let bitCount: UInt32 = 0x30000

  /// Constants of Hangul syllable arithmetic (The Unicode Standard, 3.12).
  private enum Hangul {
    static let syllables: UInt32 = 0xAC00
    static let (leads, vowels, trails): (UInt32, UInt32, UInt32) = (0x1100, 0x1161, 0x11A7)
    static let (leadCount, vowelCount, trailCount): (UInt32, UInt32, UInt32) = (19, 21, 28)
    static let syllableCount = leadCount * vowelCount * trailCount
  }

  private static let tables = CanonicalComposition()

  private init() {
    active = [UInt64](repeating: 0, count: Int(Self.bitCount) / 64)
    for entry in Self.decompositions.utf8.split(separator: UInt8(ascii: ";")) {
      var scalars: [UInt32] = [0]
      var recomposes = false
      for byte in entry.drop(while: { $0 == 0x20 || $0 == 0x0A }) {
        switch byte {
        case UInt8(ascii: "="), UInt8(ascii: ">"):
          recomposes = byte == UInt8(ascii: "=")
          scalars.append(0)
        case 0x20: scalars.append(0)
        default:
          scalars[scalars.count - 1] = scalars[scalars.count - 1] << 4 | UInt32(byte < 0x3A ? byte - 0x30 : byte - 0x37)
        }
      }
      if scalars.count < 2 { continue }
      let second = scalars.count > 2 ? scalars[2] : nil
      parts[scalars[0]] = (scalars[1], second)
      if recomposes, let second {
        composites[UInt64(scalars[1]) << 32 | UInt64(second)] = scalars[0]
        activate(second)
      } else {
        activate(scalars[0])
      }
    }
    for offset in 0..<Hangul.vowelCount { activate(Hangul.vowels + offset) }
    for offset in 1..<Hangul.trailCount { activate(Hangul.trails + offset) }
    for code in 0x300..<Self.bitCount {
      guard let scalar = Unicode.Scalar(code) else { continue }
      let value = scalar.properties.canonicalCombiningClass.rawValue
      guard value != 0, let age = scalar.properties.age, age.major <= 9 else { continue }
      classes[code] = value
      activate(code)
    }
  }

  private mutating func activate(_ scalar: UInt32) { active[Int(scalar >> 6)] |= 1 << UInt64(scalar & 63) }

  private func isActive(_ scalar: UInt32) -> Bool {
    scalar < Self.bitCount && active[Int(scalar >> 6)] >> UInt64(scalar & 63) & 1 == 1
  }

  /// Returns `text[range]` (UTF-8) in form C, or nil if it already is.
  static func composed(_ text: [UInt8], _ range: Range<Int>) -> [UInt8]? {
    // Scalars below U+0300 never change. Their lead bytes are below 0xCC.
    guard let first = text[range].firstIndex(where: { $0 >= 0xCC }) else { return nil }
    return tables.composed(text, range, from: first)
  }

  private func composed(_ text: [UInt8], _ range: Range<Int>, from first: Int) -> [UInt8]? {
    var output: [UInt8] = []
    var copied = range.lowerBound  // Everything before is in `output`.
    var starter = range.lowerBound  // The last scalar that cannot combine backwards.
    if first > range.lowerBound { starter = first - 1 }
    while starter > range.lowerBound, text[starter] & 0xC0 == 0x80 { starter -= 1 }
    var at = first
    var stretch: [UInt32] = []
    while at < range.upperBound {
      let (scalar, width) = Self.scalar(text, at)
      if !isActive(scalar) {
        starter = at
        at += width
        continue
      }
      stretch.removeAll(keepingCapacity: true)
      var end = starter
      while end < range.upperBound {
        let (scalar, width) = Self.scalar(text, end)
        if end >= at + 1, !isActive(scalar) { break }
        decompose(scalar, into: &stretch)
        end += width
      }
      order(&stretch)
      compose(&stretch)
      output += text[copied..<starter]
      for scalar in stretch {
        output += Unicode.Scalar(scalar).flatMap(UTF8.encode) ?? UTF8.encodedReplacementCharacter
      }
      (copied, starter, at) = (end, end, end)
    }
    if copied == range.lowerBound { return nil }
    output += text[copied..<range.upperBound]
    return output
  }

  private static func scalar(_ text: [UInt8], _ at: Int) -> (UInt32, width: Int) {
    let lead = UInt32(text[at])
    func tail(_ offset: Int) -> UInt32 { at + offset < text.count ? UInt32(text[at + offset] & 0x3F) : 0 }
    switch lead {
    case 0..<0x80: return (lead, 1)
    case 0..<0xE0: return ((lead & 0x1F) << 6 | tail(1), 2)
    case 0..<0xF0: return ((lead & 0x0F) << 12 | tail(1) << 6 | tail(2), 3)
    default: return ((lead & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3), 4)
    }
  }

  private func decompose(_ scalar: UInt32, into output: inout [UInt32]) {
    if scalar >= Hangul.syllables, scalar < Hangul.syllables + Hangul.syllableCount {
      let index = scalar - Hangul.syllables
      output.append(Hangul.leads + index / (Hangul.vowelCount * Hangul.trailCount))
      output.append(Hangul.vowels + index / Hangul.trailCount % Hangul.vowelCount)
      if index % Hangul.trailCount > 0 { output.append(Hangul.trails + index % Hangul.trailCount) }
    } else if let (first, second) = parts[scalar] {
      decompose(first, into: &output)
      if let second { decompose(second, into: &output) }
    } else {
      output.append(scalar)
    }
  }

  /// Sorts every run of marks by combining class, keeping the order of equal classes.
  private func order(_ scalars: inout [UInt32]) {
    var start = 0
    while start < scalars.count {
      var end = start
      while end < scalars.count, classes[scalars[end]] != nil { end += 1 }
      if end - start > 1 {
        // Stable: the position decides between equal classes. Sorting is fast for runs of any length; insertion would
        // not be.
        let run = scalars[start..<end].enumerated().map { (UInt64(classes[$1] ?? 0) << 32 | UInt64($0), $1) }
        scalars.replaceSubrange(start..<end, with: run.sorted { $0.0 < $1.0 }.map(\.1))
      }
      start = max(end, start + 1)
    }
  }

  /// Composes each starter with the following scalars that are not blocked from it (UAX #15, D115 and D117).
  private func compose(_ scalars: inout [UInt32]) {
    var starter: Int?
    var lastClass: UInt8?  // The class of the last scalar kept after the starter, or nil.
    var count = 0
    for scalar in scalars {
      let ownClass = classes[scalar] ?? 0
      if let index = starter, lastClass.map({ $0 < ownClass }) ?? true,
        let composite = composite(scalars[index], scalar)
      {
        scalars[index] = composite
        continue
      }
      if ownClass == 0 { (starter, lastClass) = (count, nil) } else { lastClass = ownClass }
      scalars[count] = scalar
      count += 1
    }
    scalars.removeSubrange(count...)
  }

  private func composite(_ first: UInt32, _ second: UInt32) -> UInt32? {
    if first >= Hangul.leads, first < Hangul.leads + Hangul.leadCount,
      second >= Hangul.vowels, second < Hangul.vowels + Hangul.vowelCount
    {
      return Hangul.syllables + ((first - Hangul.leads) * Hangul.vowelCount + second - Hangul.vowels)
        * Hangul.trailCount
    }
    if first >= Hangul.syllables, first < Hangul.syllables + Hangul.syllableCount,
      (first - Hangul.syllables) % Hangul.trailCount == 0, second > Hangul.trails,
      second < Hangul.trails + Hangul.trailCount
    {
      return first + second - Hangul.trails
    }
    return composites[UInt64(first) << 32 | UInt64(second)]
  }
}
