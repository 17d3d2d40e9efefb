// What a KV cache takes: the type of its numbers and where each layer lies in a segment.
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

  /// A layer of the cache whose segments begin at `places`.
  func layer(_ index: Int, at places: UnsafePointer<UnsafeMutableRawPointer>) -> ck_kv {
    ck_kv(
      segments: places, keys: index * layerBytes, values: index * layerBytes + keyBytes, heads: UInt32(heads),
      head_dim: UInt32(headDimension), type: type)
  }
}
