// Lays buffers one after another, each on a cache line. The code that requests them runs twice: first without memory,
// to count the bytes, then with it. So each size is stated once.

/// Hands out aligned buffers of one mapping, or only counts them.
struct Arena {
  static let alignment = 64
  private let base: UnsafeMutableRawPointer?
  /// The number of bytes handed out.
  private(set) var byteCount = 0

  /// An arena that only counts.
  init() { base = nil }

  /// Hands out `mapping`, which must have the size that the counting run returned.
  init(_ mapping: Mapping) { base = mapping.base }

  /// The next `count` bytes; nil while counting.
  mutating func bytes(_ count: Int) -> UnsafeMutableRawPointer? {
    defer { byteCount += (count + Self.alignment - 1) / Self.alignment * Self.alignment }
    return base.map { $0 + byteCount }
  }

  /// A buffer for `count` values of `type`. While counting, a pointer that must not be used.
  mutating func buffer<Value: BitwiseCopyable>(_ type: Value.Type, _ count: Int) -> UnsafeMutablePointer<Value> {
    let memory = bytes(count * MemoryLayout<Value>.stride) ?? Self.nowhere
    return memory.bindMemory(to: type, capacity: count)
  }

  /// `[count, columns]` of f32.
  mutating func rows(_ count: Int, columns: Int) -> Rows {
    Rows(base: buffer(Float.self, count * columns), count: count, columns: columns)
  }

  /// The address of buffers that are only counted.
  static var nowhere: UnsafeMutableRawPointer { UnsafeMutableRawPointer(bitPattern: Arena.alignment).unsafelyUnwrapped }
}
