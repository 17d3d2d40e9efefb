// A log-linear histogram of whole numbers, as in HdrHistogram. It is exact below 128; above, each power of two has 64
// equal steps, represented by their middle, so that a quantile is within 1/128 (0.8 %) of a counted value. Merging adds
// counts in any order. In memory it is a dense window of steps, in the file pairs of varints.

/// Counts of values by size, which merge without loss.
struct QuantileSketch: Sendable, Equatable {
  private var first = 0
  private var counts: [UInt32] = []

  /// The step of the largest values, 2⁶² and above.
  static let lastStep = step(of: .max)

  /// The step of `value`; negative values count as 0.
  static func step(of value: Int) -> Int {
    if value < 128 { return max(value, 0) }
    let shift = (Int.bitWidth - 1 - value.leadingZeroBitCount) - 6
    return 64 * shift + (value >> shift)
  }

  /// The middle of a step, rounded down.
  static func value(of step: Int) -> Int {
    if step < 128 { return step }
    let shift = step / 64 - 1
    return ((64 + step % 64) << shift) + ((1 << shift) - 1) / 2
  }

  /// Adds `value`.
  mutating func insert(_ value: Int) { add(1, at: Self.step(of: value)) }

  /// Adds the counts of `other`.
  mutating func merge(_ other: QuantileSketch) {
    guard !other.counts.isEmpty else { return }
    widen(to: other.first)
    widen(to: other.first + other.counts.count - 1)
    for index in other.counts.indices {
      let step = other.first - first + index
      let (sum, overflow) = counts[step].addingReportingOverflow(other.counts[index])
      counts[step] = overflow ? .max : sum
    }
  }

  /// Returns, for each of the ascending `fractions`, the smallest value that at least this fraction of values does not
  /// exceed (numpy's `inverted_cdf`); nil if there are no values.
  func quantiles(_ fractions: [Double]) -> [Int]? {
    let total = counts.reduce(into: 0) { $0 += Int($1) }
    guard total > 0 else { return nil }
    var found: [Int] = []
    var seen = 0, step = -1
    for fraction in fractions {
      let rank = max(1, Int((fraction * Double(total)).rounded(.up)))
      while seen < rank, step + 1 < counts.count {
        step += 1
        seen += Int(counts[step])
      }
      found.append(Self.value(of: first + step))
    }
    return found
  }

  /// Appends the number of steps, then for each its distance from the previous one and its count.
  func encode(into bytes: inout [UInt8]) {
    bytes.appendVarint(counts.reduce(into: 0) { $0 += $1 == 0 ? 0 : 1 })
    var previous = 0
    for (index, count) in counts.enumerated() where count > 0 {
      bytes.appendVarint(UInt64(first + index - previous))
      bytes.appendVarint(UInt64(count))
      previous = first + index
    }
  }

  /// Adds an encoded sketch. Returns false if the bytes are damaged.
  mutating func merge(_ reader: inout VarintReader) -> Bool {
    guard let pairs = reader.next(), pairs <= UInt64(Self.lastStep + 1) else { return false }
    var step = 0
    for _ in 0..<pairs {
      guard let distance = reader.next(), let count = reader.next() else { return false }
      guard distance <= UInt64(Self.lastStep - step), let count = UInt32(exactly: count) else { return false }
      step += Int(distance)
      add(count, at: step)
    }
    return true
  }

  private mutating func add(_ count: UInt32, at step: Int) {
    if step < first || step >= first + counts.count { widen(to: step) }
    let (sum, overflow) = counts[step - first].addingReportingOverflow(count)
    counts[step - first] = overflow ? .max : sum
  }

  private mutating func widen(to step: Int) {
    if counts.isEmpty {
      first = step
      counts = [0]
    } else if step < first {
      counts.insert(contentsOf: repeatElement(0, count: first - step), at: 0)
      first = step
    } else if step >= first + counts.count {
      counts.append(contentsOf: repeatElement(0, count: step - first - counts.count + 1))
    }
  }
}

extension [UInt8] {
  /// Appends `value` as LEB128: seven bits a byte, low bits first.
  mutating func appendVarint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(rest))
  }
}

/// Reads varints from bytes that may be damaged.
struct VarintReader {
  private let bytes: [UInt8]
  private var position = 0

  /// A reader at the first byte.
  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Whether every byte was read.
  var isAtEnd: Bool { position == bytes.count }

  /// Returns the next number; nil past the end or above 64 bits.
  mutating func next() -> UInt64? {
    if position < bytes.count, bytes[position] < 0x80 {
      position += 1
      return UInt64(bytes[position - 1])
    }
    var value: UInt64 = 0, shift: UInt64 = 0
    while position < bytes.count, shift < 64 {
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    return nil
  }
}
