// The keys and values of one timeline. Pages are committed as positions are written, so room costs nothing until it is used.
import CKernels
import ModelFiles

/// The shape of a KV cache in f32: what one layer and one position take.
struct KVShape: BitwiseCopyable {
  var layers, heads, headDimension: Int

  init(_ text: TextConfiguration) {
    (layers, heads, headDimension) = (text.layerCount, text.kvHeadCount, text.headDimension)
  }

  /// Floats of one layer of `capacity` positions.
  func layerCount(capacity: Int) -> Int {
    heads
      * (ck_key_plane(UInt32(capacity), UInt32(headDimension)) + ck_value_plane(UInt32(capacity), UInt32(headDimension)))
  }

  /// Bytes of one position in all layers.
  var bytesPerPosition: Int {
    layers * heads * (headDimension + ck_value_stride(UInt32(headDimension))) * MemoryLayout<Float>.stride
  }

  /// The planes of a layer in memory that begins at `base`.
  func layer(_ index: Int, at base: UnsafeMutablePointer<Float>, capacity: Int) -> ck_kv {
    let keys = base + index * layerCount(capacity: capacity)
    let values = keys + heads * ck_key_plane(UInt32(capacity), UInt32(headDimension))
    return ck_kv(
      keys: keys, values: values, capacity: UInt32(capacity), heads: UInt32(heads), head_dim: UInt32(headDimension))
  }
}

/// One timeline: its cache and how many positions it holds. Belongs to the runner's thread.
package final class KVSequence {
  /// Positions that can be held.
  package let capacity: Int
  /// Positions held.
  package internal(set) var count = 0
  /// `capacity` up to a whole block of keys.
  let paddedCapacity: Int
  let base: UnsafeMutablePointer<Float>
  private let mapping: Mapping

  init(shape: KVShape, capacity: Int) throws(InferenceError) {
    let block = Int(CK_KEY_BLOCK)
    paddedCapacity = (capacity + block - 1) / block * block
    let floats = shape.layers * shape.layerCount(capacity: paddedCapacity)
    // Normal pages: a huge page would commit 2 MiB for every plane at the first position.
    mapping = try Mapping(byteCount: floats * MemoryLayout<Float>.stride, hugePages: false, purpose: "a KV cache")
    base = mapping.base.bindMemory(to: Float.self, capacity: floats)
    self.capacity = capacity
  }

  /// Forgets the positions from `count` on; what is appended next takes their place.
  package func truncate(to count: Int) {
    precondition((0...self.count).contains(count))
    self.count = count
  }
}
