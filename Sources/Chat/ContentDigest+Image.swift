// The digest that identifies a prepared image in caches.
import Digests
import GenerationTypes

extension ContentDigest {
  /// The SHA-256 of the pixels' SHA-256 and of everything else that determines the features and their positions.
  init(of image: PreparedImage) {
    var numbers = [image.viewCount, image.side, image.layout.patchesPerSide, image.layout.newlineAfterBase ? 1 : 0]
    if let grid = image.layout.grid {
      numbers += [grid.tileRows, grid.tileColumns, grid.rows.lowerBound, grid.rows.upperBound]
      numbers += [grid.columns.lowerBound, grid.columns.upperBound]
      if let shrunk = grid.shrunk { numbers += [shrunk.rows, shrunk.columns] }
    }
    let preparation = numbers.flatMap { number in withUnsafeBytes(of: UInt64(number).littleEndian, Array.init) }
    let digest = SHA256.digest(of: SHA256.digest(of: image.views) + preparation)
    self.init(words: digest.withUnsafeBytes { Array($0.bindMemory(to: UInt64.self)) })
  }
}
