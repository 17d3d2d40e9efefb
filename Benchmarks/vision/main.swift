// Encodes one image of one view for compare_transformers.py, with the tower's weights as stored and in Q8_0 in turn.
//   vision-benchmark checkpoint view rounds
// `view` holds `side · side · 3` bytes. Prints the seconds of each round and type. Writes the outputs of tower and
// projector as f32 to `view` + ".stored.tower", ".stored.projected", ".q8_0.tower" and ".q8_0.projected".
import Basics
import Foundation
import GenerationTypes
import Inference
import ModelFiles

let arguments = CommandLine.arguments
let path = arguments[2]
let checkpoint = try Checkpoint(directory: arguments[1])
guard let vision = checkpoint.configuration.vision else { fatalError("no vision tower in \(arguments[1])") }
let view = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
let grid = vision.imageSize / vision.patchSize
let image = PreparedImage(
  views: view, viewCount: 1, side: vision.imageSize,
  layout: ImageLayout(patchesPerSide: grid, grid: nil, tokenCount: grid * grid), width: vision.imageSize,
  height: vision.imageSize)

var runners: [(name: String, runner: RRunner)] = []
for (name, type) in [("stored", VisionType.stored), ("q8_0", .q8_0)] {
  let model = try RModel(checkpoint: checkpoint, plan: checkpoint.types(vision: type))
  runners.append((name, try RRunner(model: model)))
}
for round in 0..<(Int(arguments[3]) ?? 1) {
  for (name, runner) in runners {
    let time = try ContinuousClock().measure { _ = try runner.encode(image) }
    print("\(round) \(name) \(time.seconds)")
    fflush(nil)
  }
}
for (name, runner) in runners {
  runner.tap = { activation, values in
    let ending = activation == "vision.layer.\(vision.layerCount - 1)" ? "tower" : activation
    guard ending == "tower" || ending == "projected" else { return }
    do { try Data(buffer: values).write(to: URL(fileURLWithPath: "\(path).\(name).\(ending)")) } catch {
      fatalError("\(error)")
    }
  }
  _ = try runner.encode(image)
}
