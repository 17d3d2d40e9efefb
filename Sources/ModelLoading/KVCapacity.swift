// The default number of positions in the KV cache.

/// The default size of the KV cache.
package enum KVCapacity {
  /// Positions that the cache always gets, so that a machine with little memory can serve short requests.
  static let least = 256

  /// Returns the positions that half of `availableBytes` holds, at most `sequences` whole contexts, at least 256 or one
  /// context if that is shorter. Unknown memory (nil) counts as enough.
  package static func positions(
    contextLength: Int, sequences: Int, bytesPerPosition: Int, availableBytes: Int?
  ) -> Int {
    let (wanted, overflow) = contextLength.multipliedReportingOverflow(by: sequences)
    let most = overflow ? Int.max : wanted
    guard let availableBytes, bytesPerPosition > 0 else { return most }
    return max(min(most, availableBytes / 2 / bytesPerPosition), min(contextLength, least))
  }
}
