// The image feature cache: features by the digest of image and preparation, within a budget of bytes, the least
// recently used dropped first. Like prefixes they are shared only within one salt.
import GenerationTypes
import Inference

/// Features of images that may be requested again.
struct FeatureCache {
  struct Key: Hashable {
    let salt: String
    let digest: ContentDigest
  }

  /// The largest number of bytes of features; 0 disables the cache.
  let capacity: Int
  private(set) var bytes = 0
  private var entries: [Key: (features: ImageFeatures, used: UInt64)] = [:]
  private var time: UInt64 = 0

  init(capacity: Int) { self.capacity = capacity }

  /// Returns the features of an image, which count as used.
  mutating func features(of key: Key) -> ImageFeatures? {
    guard let entry = entries[key] else { return nil }
    time += 1
    entries[key]?.used = time
    return entry.features
  }

  /// Adds features, unless they alone exceed the budget.
  mutating func insert(_ features: ImageFeatures, for key: Key) {
    guard features.byteCount <= capacity else { return }
    time += 1
    if let old = entries.updateValue((features, time), forKey: key) { bytes -= old.features.byteCount }
    bytes += features.byteCount
    while bytes > capacity, let oldest = entries.min(by: { $0.value.used < $1.value.used }) {
      entries[oldest.key] = nil
      bytes -= oldest.value.features.byteCount
    }
  }
}

extension ImageFeatures {
  fileprivate var byteCount: Int { values.count * MemoryLayout<Float>.stride }
}
