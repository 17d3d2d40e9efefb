// Images: view after view through tower and projector, a few blocks of the tower at a time, so that the engine can step
// replies in between. Views do not form a batch: at 729 rows, a view already does more work per weight than reading it
// takes. A batch would only make the pieces longer and the buffers larger.
import GenerationTypes

extension RRunner {
  package func beginEncoding(_ image: PreparedImage) throws(InferenceError) -> ImageEncoding {
    guard let encoder = model.vision else { throw .invalidImage("the model takes text only") }
    let c = encoder.tower.configuration, layout = image.layout, viewBytes = 3 * c.side * c.side
    guard encoder.projector.newline != nil || !(layout.grid != nil || layout.newlineAfterBase) else {
      throw .invalidImage("the layout ends rows with a newline vector, which the model lacks")
    }
    guard image.side == c.side else {
      throw .invalidImage("views must be \(c.side) pixels wide, got \(image.side)")
    }
    // Bounds the number of views by the bytes before any multiplication.
    guard (1...max(1, image.views.count)).contains(image.viewCount),
      image.views.count / viewBytes == image.viewCount, image.views.count % viewBytes == 0
    else {
      throw .invalidImage(
        "\(image.viewCount) views of \(c.side) × \(c.side) pixels need \(viewBytes) bytes each, got"
          + " \(image.views.count) bytes in all")
    }
    return ImageEncoding(
      image,
      try AnyresPacking(layout, viewCount: image.viewCount, side: c.grid, width: model.decoder.configuration.hidden))
  }

  package func advance(_ encoding: ImageEncoding, blocks: Int) throws(InferenceError) -> ImageFeatures? {
    guard let encoder = model.vision, let scratch = vision, encoding.view < encoding.image.viewCount else {
      throw .invalidImage("this runner has not begun the image, or has finished it")
    }
    let tower = encoder.tower, c = tower.configuration, operations = workers.operations
    if current !== encoding {
      current = encoding
      encoding.block = 0
    }
    if encoding.block == 0 {
      encoding.image.views.withUnsafeBufferPointer { views in
        guard let base = views.baseAddress else { return }
        tower.embed(operations, scratch.tower, view: base + encoding.view * 3 * c.side * c.side, tap: tap)
      }
    }
    let count = tower.weights.layers.count
    let end = encoding.block + min(max(blocks, 1), count - encoding.block)
    tower.forward(operations, scratch.tower, blocks: encoding.block..<end, tap: tap)
    encoding.block = end
    guard end == count else { return nil }
    encoder.projector.forward(operations, scratch.tower, scratch.projector)
    let features = scratch.projector.out.values
    tap?("projected", features)
    encoding.packing.write(features, ofView: encoding.view)
    encoding.view += 1
    encoding.block = 0
    return encoding.view == encoding.image.viewCount ? finish(encoding, encoder.projector) : nil
  }

  package func progress(of encoding: ImageEncoding) -> (done: Int, total: Int) {
    let blocks = model.vision?.tower.weights.layers.count ?? 0
    return (encoding.view * blocks + encoding.block, encoding.image.viewCount * blocks)
  }

  private func finish(_ encoding: ImageEncoding, _ projector: ProjectorWeights) -> ImageFeatures {
    let newline = projector.newline, width = model.decoder.configuration.hidden
    encoding.packing.finish(newline: UnsafeBufferPointer(start: newline, count: newline == nil ? 0 : width))
    if let tap { encoding.packing.values.withUnsafeBufferPointer { tap("image.packed", $0) } }
    return ImageFeatures(rows: encoding.image.layout.tokenCount, values: encoding.packing.values)
  }
}
