// What the positions of a sequence hold, so that the common beginning of two sequences can be found.
import GenerationTypes
import Glibc

/// Token ids in order, and which positions belong to which image.
package struct SequenceTokens: Sendable {
  struct Image: Equatable {
    let range: Range<Int>
    /// nil differs from every image, itself included.
    let digest: ContentDigest?
  }
  package private(set) var ids: [TokenID]
  private let images: [Image]

  /// The tokens of a prompt, with capacity for the start of its reply.
  package init(_ prompt: Prompt) {
    ids = []
    ids.reserveCapacity(prompt.tokens.count + 64)
    ids += prompt.tokens
    images = prompt.images.map {
      Image(range: $0.position..<$0.position + $0.image.layout.tokenCount, digest: $0.image.digest)
    }
  }

  package init(ids: [TokenID]) { (self.ids, images) = (ids, []) }

  package var count: Int { ids.count }

  /// The position from which inputs are missing when a sequence holds `count` positions and no image is encoded.
  func inputsReady(after count: Int) -> Int {
    images.first { $0.range.upperBound > count }.map { max($0.range.lowerBound, count) } ?? ids.count
  }

  mutating func append(_ tokens: [TokenID]) { ids += tokens }

  /// Removes the positions from `count` on, which hold no image.
  mutating func removeSuffix(from count: Int) { ids.removeLast(max(ids.count - count, 0)) }

  /// Returns the length of the common beginning, at most `limit`. Sequences that differ early cost next to nothing.
  package func commonPrefix(with other: SequenceTokens, limit: Int) -> Int {
    var same = min(count, other.count, limit)
    same = ids.withUnsafeBufferPointer { a in other.ids.withUnsafeBufferPointer { b in Self.common(a, b, same) } }
    // All positions of an image have the same id: they are equal only when the images are.
    for index in 0..<max(images.count, other.images.count) {
      let (own, theirs) = (images.dropFirst(index).first, other.images.dropFirst(index).first)
      if let own, own == theirs, own.digest != nil { continue }
      return min(same, own?.range.lowerBound ?? .max, theirs?.range.lowerBound ?? .max)
    }
    return same
  }

  private static func common(
    _ a: UnsafeBufferPointer<TokenID>, _ b: UnsafeBufferPointer<TokenID>, _ count: Int
  ) -> Int {
    guard let first = a.baseAddress, let second = b.baseAddress else { return 0 }
    let piece = 64
    var same = 0
    while same + piece <= count,
      memcmp(first + same, second + same, piece * MemoryLayout<TokenID>.stride) == 0
    {
      same += piece
    }
    while same < count, a[same] == b[same] { same += 1 }
    return same
  }
}
