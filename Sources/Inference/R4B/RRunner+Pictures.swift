// Pictures: view after view through tower and projector, a few blocks of the tower at a time, so that whoever steps the runner can
// let replies go on in between. Views are not put together into one batch: at 729 rows a view already reads each weight once for
// more work than reading takes, and a batch would only make the pieces longer and the buffers larger.
import CKernels
import GenerationTypes

/// Buffers for one view on its way from pixels to the decoder.
struct SightScratch: BitwiseCopyable {
  var tower: SigLIP2Scratch
  var projector: ProjectorScratch
}

/// A picture on its way. Belongs to its runner's thread.
package final class ViewedPicture {
  fileprivate let image: PreparedImage
  fileprivate var packing: AnyresPacking
  /// The view in progress and how many of the tower's blocks it is through.
  fileprivate var view = 0
  fileprivate var block = 0

  fileprivate init(_ image: PreparedImage, _ packing: AnyresPacking) { (self.image, self.packing) = (image, packing) }
}

extension RRunner {
  package func begin(_ image: PreparedImage) throws(InferenceError) -> ViewedPicture {
    guard let sight = model.sight else { throw .invalidImage("a picture, the model takes text alone") }
    let c = sight.tower.configuration, layout = image.layout
    guard sight.projector.newline != nil || !(layout.grid != nil || layout.newlineAfterBase) else {
      throw .invalidImage("a picture in rows, the model has no vector that ends one")
    }
    guard image.side == c.side else { throw .invalidImage("views of \(image.side) pixels, the model takes \(c.side)") }
    // Before anything is multiplied: more views than bytes cannot be.
    guard (1...max(1, image.views.count)).contains(image.viewCount),
      image.views.count / (3 * c.side * c.side) == image.viewCount, image.views.count % (3 * c.side * c.side) == 0
    else { throw .invalidImage("\(image.views.count) bytes in \(image.viewCount) views of \(c.side) pixels") }
    return ViewedPicture(
      image,
      try AnyresPacking(layout, viewCount: image.viewCount, side: c.grid, width: model.decoder.configuration.hidden))
  }

  package func advance(_ picture: ViewedPicture, blocks: Int) throws(InferenceError) -> ImageFeatures? {
    guard let sight = model.sight, let scratch = self.sight, picture.view < picture.image.viewCount else {
      throw .invalidImage("a picture that this runner has not begun, or has ended")
    }
    let tower = sight.tower, c = tower.configuration, operations = workers.operations
    if viewed !== picture { (viewed, picture.block) = (picture, 0) }
    if picture.block == 0 {
      picture.image.views.withUnsafeBufferPointer { views in
        guard let base = views.baseAddress else { return }
        tower.embed(operations, scratch.tower, view: base + picture.view * 3 * c.side * c.side, tap: tap)
      }
    }
    let count = tower.weights.layers.count
    let end = picture.block + min(max(blocks, 1), count - picture.block)
    tower.forward(operations, scratch.tower, blocks: picture.block..<end, tap: tap)
    picture.block = end
    guard end == count else { return nil }
    sight.projector.forward(operations, scratch.tower, scratch.projector, rows: c.patches)
    let width = model.decoder.configuration.hidden, features = scratch.projector.out.values(c.patches * width)
    tap?("projected", features)
    picture.packing.place(view: picture.view, features)
    (picture.view, picture.block) = (picture.view + 1, 0)
    return picture.view == picture.image.viewCount ? finish(picture, sight.projector, width) : nil
  }

  package func progress(of picture: ViewedPicture) -> (done: Int, total: Int) {
    let blocks = model.sight?.tower.weights.layers.count ?? 0
    return (picture.view * blocks + picture.block, picture.image.viewCount * blocks)
  }

  private func finish(_ picture: ViewedPicture, _ projector: ProjectorWeights, _ width: Int) -> ImageFeatures {
    let newline = projector.newline
    picture.packing.finish(newline: UnsafeBufferPointer(start: newline, count: newline == nil ? 0 : width))
    if let tap { picture.packing.values.withUnsafeBufferPointer { tap("image.packed", $0) } }
    return ImageFeatures(rows: picture.image.layout.tokenCount, values: picture.packing.values)
  }
}
