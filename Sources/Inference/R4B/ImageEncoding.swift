import GenerationTypes

/// An image whose encoding is in progress. Belongs to its runner's thread.
package final class ImageEncoding {
  let image: PreparedImage
  var packing: AnyresPacking
  /// The view in progress.
  var view = 0
  /// The number of the tower's blocks that the view has passed.
  var block = 0

  init(_ image: PreparedImage, _ packing: AnyresPacking) {
    self.image = image
    self.packing = packing
  }
}
