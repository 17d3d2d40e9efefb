// How pixels become the tower's input: `image_processor` in `processor_config.json`, or `preprocessor_config.json`.
// Without the file or a key, the defaults of SigLIP's processor apply: bilinear, scaled by 1/255, mean and standard
// deviation 0.5.
import JSON

/// How an image's pixels are resized and normalised.
package struct PreprocessorConfiguration: Sendable, Equatable {
  /// Per channel (red, green, blue), after rescaling.
  package var mean: [Double]
  /// Per channel, above 0.
  package var std: [Double]
  /// What an 8-bit value is multiplied by.
  package var rescaleFactor: Double
  /// Pillow's filter number: 0 nearest, 1 Lanczos, 2 bilinear, 3 bicubic, 4 box, 5 Hamming.
  package var resample: Int
  /// Of one view; the tower's image size.
  package var size: PixelSize
  /// The same list as `RConfiguration.imageGridPinpoints`.
  package var pinpoints: [PixelSize]

  package init(
    mean: [Double], std: [Double], rescaleFactor: Double, resample: Int, size: PixelSize, pinpoints: [PixelSize]
  ) {
    (self.mean, self.std, self.rescaleFactor) = (mean, std, rescaleFactor)
    (self.resample, self.size, self.pinpoints) = (resample, size, pinpoints)
  }

  /// The members of the file that are read.
  static let members = [
    "do_resize", "do_rescale", "do_normalize", "image_mean", "image_std", "rescale_factor", "resample", "size",
    "image_grid_pinpoints",
  ]

  /// SigLIP's defaults for views of `side` pixels.
  init(side: Int, pinpoints: [PixelSize]) {
    self.init(
      mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], rescaleFactor: 1.0 / 255, resample: 2,
      size: PixelSize(height: side, width: side), pinpoints: pinpoints)
  }

  /// Reads the file, or takes the defaults when there is none.
  init(reading json: ConfigurationReader?, side: Int, pinpoints: [PixelSize]) throws(ModelFileError) {
    self.init(side: side, pinpoints: pinpoints)
    guard let json else { return }
    for step in ["do_resize", "do_rescale", "do_normalize"] { try json.only(step, true) }
    mean = try Self.channels("image_mean", in: -1e3...1e3, json) ?? mean
    std = try Self.channels("image_std", in: 1e-6...1e3, json) ?? std
    rescaleFactor = try json.number("rescale_factor", in: 1e-9...1e3) ?? rescaleFactor
    resample = try json.integer("resample", in: 0...5) ?? resample
    try Self.check(size, json)
  }

  private static func channels(_ name: String, in range: ClosedRange<Double>, _ json: ConfigurationReader)
    throws(ModelFileError) -> [Double]?
  {
    guard let value = json[name] else { return nil }
    let numbers = (value.array ?? []).compactMap(\.double).filter(range.contains)
    guard numbers.count == 3, value.array?.count == 3 else {
      throw json.fault(name, expected: "three numbers from \(range.lowerBound) to \(range.upperBound)")
    }
    return numbers
  }

  /// `size` is written as {height, width}, as {shortest_edge} or as one number; each must be the tower's image size.
  private static func check(_ size: PixelSize, _ json: ConfigurationReader) throws(ModelFileError) {
    guard let value = json["size"] else { return }
    let edge = value.int ?? value["shortest_edge"]?.int
    let height = edge ?? value["height"]?.int
    let width = edge ?? value["width"]?.int
    guard height == size.height, width == size.width else {
      let found = String(decoding: value.encoded.prefix(120), as: UTF8.self)
      throw json.fault("size", expected: "vision_config.image_size of config.json, \(size.height)", found: found)
    }
  }
}
