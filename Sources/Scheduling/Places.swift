// What the positions of a timeline hold, so that two timelines can be told to begin alike.
import GenerationTypes
import Glibc

/// Token ids in order, and which of them are places of an image.
struct Places {
  struct Image: Equatable {
    let range: Range<Int>
    /// nil: equal to none.
    let digest: ContentDigest?
  }
  private(set) var tokens: [TokenID]
  private let images: [Image]

  init(_ prompt: Prompt) {
    tokens = prompt.tokens
    images = prompt.images.map {
      Image(range: $0.position..<$0.position + $0.image.layout.tokenCount, digest: $0.image.digest)
    }
  }

  var count: Int { tokens.count }

  /// The first `count` places.
  func prefix(_ count: Int) -> Places {
    Places(tokens: Array(tokens.prefix(count)), images: images.filter { $0.range.lowerBound < count })
  }

  private init(tokens: [TokenID], images: [Image]) { (self.tokens, self.images) = (tokens, images) }

  /// Adds a generated token.
  mutating func append(_ token: TokenID) { tokens.append(token) }

  /// How many places both begin with, `limit` at most. Compares in pieces, so that what differs early costs next to nothing.
  func common(with other: Places, limit: Int) -> Int {
    var same = min(count, other.count, limit)
    same = tokens.withUnsafeBufferPointer { a in
      other.tokens.withUnsafeBufferPointer { b in Self.common(a, b, same) }
    }
    // Within the same ids, places of images are the same only where the images are.
    for index in 0..<max(images.count, other.images.count) {
      let (mine, theirs) = (images.dropFirst(index).first, other.images.dropFirst(index).first)
      if let mine, mine == theirs, mine.digest != nil { continue }
      let begins = min(mine?.range.lowerBound ?? .max, theirs?.range.lowerBound ?? .max)
      return min(same, begins)
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
