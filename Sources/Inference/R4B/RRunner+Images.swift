// Images: view after view through tower and projector, a few blocks of the tower at a time, so that whoever steps the runner can
// let replies go on in between. Views are not put together into one batch: at 729 rows a view already reads each weight once for
// more work than reading takes, and a batch would only make the pieces longer and the buffers larger.
import CKernels
import GenerationTypes

/// Buffers for one view on its way from pixels to the decoder.
struct VisionScratch: BitwiseCopyable {
  var tower: SigLIP2Scratch
  var projector: ProjectorScratch
}

/// An image on its way. Belongs to its runner's thread.
package final class ImageEncoding {
  fileprivate let image: PreparedImage
  fileprivate var packing: AnyresPacking
  /// The view in progress and how many of the tower's blocks it is through.
  fileprivate var view = 0
  fileprivate var block = 0

  fileprivate init(_ image: PreparedImage, _ packing: AnyresPacking) { (self.image, self.packing) = (image, packing) }
}

extension RRunner {
  package func beginEncoding(_ image: PreparedImage) throws(InferenceError) -> ImageEncoding {
    guard let encoder = model.vision else { throw .invalidImage("an image, the model takes text alone") }
    let c = encoder.tower.configuration, layout = image.layout
    guard encoder.projector.newline != nil || !(layout.grid != nil || layout.newlineAfterBase) else {
      throw .invalidImage("an image in rows, the model has no vector that ends one")
    }
    guard image.side == c.side else { throw .invalidImage("views of \(image.side) pixels, the model takes \(c.side)") }
    // Before anything is multiplied: more views than bytes cannot be.
    guard (1...max(1, image.views.count)).contains(image.viewCount),
      image.views.count / (3 * c.side * c.side) == image.viewCount, image.views.count % (3 * c.side * c.side) == 0
    else { throw .invalidImage("\(image.views.count) bytes in \(image.viewCount) views of \(c.side) pixels") }
    return ImageEncoding(
      image,
      try AnyresPacking(layout, viewCount: image.viewCount, side: c.grid, width: model.decoder.configuration.hidden))
  }

  package func advance(_ image: ImageEncoding, blocks: Int) throws(InferenceError) -> ImageFeatures? {
    guard let encoder = model.vision, let scratch = vision, image.view < image.image.viewCount else {
      throw .invalidImage("an image that this runner has not begun, or has ended")
    }
    let tower = encoder.tower, c = tower.configuration, operations = workers.operations
    if encoding !== image {
      encoding = image
      image.block = 0
    }
    if image.block == 0 {
      image.image.views.withUnsafeBufferPointer { views in
        guard let base = views.baseAddress else { return }
        tower.embed(operations, scratch.tower, view: base + image.view * 3 * c.side * c.side, tap: tap)
      }
    }
    let count = tower.weights.layers.count
    let end = image.block + min(max(blocks, 1), count - image.block)
    tower.forward(operations, scratch.tower, blocks: image.block..<end, tap: tap)
    image.block = end
    guard end == count else { return nil }
    encoder.projector.forward(operations, scratch.tower, scratch.projector, rows: c.patches)
    let width = model.decoder.configuration.hidden, features = scratch.projector.out.values(c.patches * width)
    tap?("projected", features)
    image.packing.place(view: image.view, features)
    (image.view, image.block) = (image.view + 1, 0)
    return image.view == image.image.viewCount ? finish(image, encoder.projector, width) : nil
  }

  package func progress(of image: ImageEncoding) -> (done: Int, total: Int) {
    let blocks = model.vision?.tower.weights.layers.count ?? 0
    return (image.view * blocks + image.block, image.image.viewCount * blocks)
  }

  private func finish(_ image: ImageEncoding, _ projector: ProjectorWeights, _ width: Int) -> ImageFeatures {
    let newline = projector.newline
    image.packing.finish(newline: UnsafeBufferPointer(start: newline, count: newline == nil ? 0 : width))
    if let tap { image.packing.values.withUnsafeBufferPointer { tap("image.packed", $0) } }
    return ImageFeatures(rows: image.image.layout.tokenCount, values: image.packing.values)
  }
}
