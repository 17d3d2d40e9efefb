// How many positions the KV cache gets where the operator does not say.

/// The default size of the KV cache.
package enum KVCapacity {
  /// Positions of the shortest context that is always given, so that a small machine can serve at all.
  static let least = 256

  /// Positions that half of `availableBytes` holds, at most `sequences` whole contexts, at least 256 or one context if
  /// that is shorter. Unknown memory (nil) counts as enough.
  package static func positions(
    contextLength: Int, sequences: Int, bytesPerPosition: Int, availableBytes: Int?
  ) -> Int {
    let (wanted, overflow) = contextLength.multipliedReportingOverflow(by: sequences)
    let most = overflow ? Int.max : wanted
    guard let availableBytes, bytesPerPosition > 0 else { return most }
    return max(min(most, availableBytes / 2 / bytesPerPosition), min(contextLength, least))
  }
}
