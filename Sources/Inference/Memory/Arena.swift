// Lays buffers one after another, each on a cache line. The code that asks for them runs twice: once without memory, to learn
// the size, once with it. So sizes are stated in one place.

/// Hands out aligned buffers of one mapping, or only counts them.
struct Arena {
  static let alignment = 64
  private let base: UnsafeMutableRawPointer?
  /// Bytes handed out.
  private(set) var byteCount = 0

  /// Counts only.
  init() { base = nil }

  /// Hands out `mapping`, which must have the size that a counting run came to.
  init(_ mapping: Mapping) { base = mapping.base }

  /// The next `count` bytes; nil while counting.
  mutating func bytes(_ count: Int) -> UnsafeMutableRawPointer? {
    defer { byteCount += (count + Self.alignment - 1) / Self.alignment * Self.alignment }
    return base.map { $0 + byteCount }
  }

  /// Room for `count` values of `type`. While counting, a pointer that must not be used.
  mutating func buffer<Value: BitwiseCopyable>(_ type: Value.Type, _ count: Int) -> UnsafeMutablePointer<Value> {
    let memory = bytes(count * MemoryLayout<Value>.stride) ?? Self.nowhere
    return memory.bindMemory(to: type, capacity: count)
  }

  /// `[rows, columns]` of f32.
  mutating func rows(_ rows: Int, _ columns: Int) -> Rows {
    Rows(base: buffer(Float.self, rows * columns), stride: columns)
  }

  /// An address for buffers that are only counted.
  static var nowhere: UnsafeMutableRawPointer { UnsafeMutableRawPointer(bitPattern: Arena.alignment).unsafelyUnwrapped }
}
