// The keys and values of one timeline, in segments of positions that hold every layer and head. Pages are committed as
// positions are written, so room costs nothing until it is used.
import CKernels

/// What keys and values are rounded to when they are cached.
package enum KVCacheType: String, CaseIterable, Sendable {
  case f32, f16, q8_0

  var type: ck_type {
    switch self {
    case .f32: .f32
    case .f16: .f16
    case .q8_0: .q8_0
    }
  }
}

/// The shape of a KV cache: what one layer and one position take.
struct KVShape: BitwiseCopyable {
  var layers, heads, headDimension: Int
  var type: ck_type
  /// Positions of a segment.
  static let segment = Int(CK_KV_SEGMENT)

  init(_ decoder: Qwen3Configuration, _ type: KVCacheType) throws(InferenceError) {
    guard type != .q8_0 || decoder.headDimension % 32 == 0 else {
      throw .unsupported(
        "scheduling.kv_type q8_0 takes heads in multiples of 32 values, the model's have \(decoder.headDimension)")
    }
    (layers, heads, headDimension) = (decoder.layers, decoder.kvHeads, decoder.headDimension)
    self.type = type.type
  }

  private var keyBytes: Int { heads * ck_key_plane(type, UInt32(headDimension)) }
  private var layerBytes: Int { keyBytes + heads * ck_value_plane(type, UInt32(headDimension)) }
  /// Bytes of one segment of all layers.
  var segmentBytes: Int { layers * layerBytes }
  /// Bytes of one position in all layers.
  var bytesPerPosition: Int { segmentBytes / Self.segment }

  /// A layer of the cache that begins at `base`.
  func layer(_ index: Int, at base: UnsafeMutableRawPointer) -> ck_kv {
    let keys = base + index * layerBytes
    return ck_kv(
      keys: keys, values: keys + keyBytes, segment_stride: segmentBytes, heads: UInt32(heads),
      head_dim: UInt32(headDimension), type: type)
  }
}

/// One timeline: its cache and how many positions it holds. Belongs to the runner's thread.
package final class KVSequence {
  /// Positions that can be held.
  package let capacity: Int
  /// Positions held.
  package internal(set) var count = 0
  private let mapping: Mapping

  init(shape: KVShape, capacity: Int) throws(InferenceError) {
    let segments = (capacity + KVShape.segment - 1) / KVShape.segment
    mapping = try Mapping(byteCount: segments * shape.segmentBytes, hugePages: false, purpose: "a KV cache")
    // A segment's first position commits all of its huge pages: only where the sequence may fill it.
    mapping.adviseHugePages(byteCount: capacity / KVShape.segment * shape.segmentBytes)
    self.capacity = capacity
  }

  var base: UnsafeMutableRawPointer { mapping.base }

  /// Forgets the positions from `count` on; what is appended next takes their place.
  package func truncate(to count: Int) {
    precondition((0...self.count).contains(count))
    self.count = count
  }
}
