// The layout of a KV cache: the type of its numbers and where each layer lies in a segment.
import CKernels

/// The type that keys and values are rounded to in the cache.
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

/// The shape of a KV cache, from which follow the sizes of a layer and a position.
struct KVShape: BitwiseCopyable {
  let layers, heads, headDimension: Int
  let type: ck_type
  /// The number of positions of a segment.
  static let segment = Int(CK_KV_SEGMENT)

  /// Throws when the kernels cannot store heads of this size in `type`.
  init(layers: Int, heads: Int, headDimension: Int, type: KVCacheType) throws(InferenceError) {
    guard type != .q8_0 || headDimension % 32 == 0 else {
      throw .unsupported(
        "scheduling.kv_type q8_0 needs attention heads whose size is a multiple of 32, this model's is \(headDimension);"
          + " use f16")
    }
    self.layers = layers
    self.heads = heads
    self.headDimension = headDimension
    self.type = type.type
  }

  private var keyBytes: Int { heads * ck_key_plane(type, UInt32(headDimension)) }
  private var layerBytes: Int { keyBytes + heads * ck_value_plane(type, UInt32(headDimension)) }
  /// Bytes of one segment of all layers.
  var segmentBytes: Int { layers * layerBytes }
  /// Bytes of one position in all layers.
  var bytesPerPosition: Int { segmentBytes / Self.segment }

  /// A layer of the cache whose segments begin at `segments`.
  func layer(_ index: Int, at segments: UnsafePointer<UnsafeMutableRawPointer>) -> ck_kv {
    ck_kv(
      segments: segments, keys: index * layerBytes, values: index * layerBytes + keyBytes, heads: UInt32(heads),
      head_dim: UInt32(headDimension), type: type)
  }
}
