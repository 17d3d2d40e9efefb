// The weights of one axis, as in Pillow's `precompute_coeffs` and `normalize_coeffs_8bpc`. For output i of `target`
// from `source` pixels, scale = source / target and centre = (i + 1/2) scale. The filter is stretched by max(scale,
// 1), normalised to sum 1 in doubles and rounded to 22 fractional bits.

/// The input pixels and weights of every output pixel of one axis.
struct ResampleWeights {
  /// The number of fractional bits of a weight; 8 bits of pixel and 2 of overshoot fill the rest of 32.
  static let precision: Int32 = 22

  /// The first input pixel and the number of input pixels of each output pixel.
  private(set) var windows: [(first: Int, count: Int)] = []
  /// The weights as `[target, stride]`, zero after each window's count.
  private(set) var values: [Int32]
  /// The number of weights reserved for each output pixel.
  let stride: Int

  init(source: Int, target: Int, filter: ResampleFilter) {
    let scale = Double(source) / Double(target)
    let stretch = max(scale, 1)
    let support = filter.support * stretch
    let inverseStretch = 1 / stretch
    // A window is at most 2 * support + 1 wide, and never wider than the image.
    stride = min(Int(support.rounded(.up)) * 2 + 1, source)
    values = [Int32](repeating: 0, count: target * stride)
    windows.reserveCapacity(target)
    var row = [Double](repeating: 0, count: stride)
    for index in 0..<target {
      let center = (Double(index) + 0.5) * scale
      let first = max(Int(center - support + 0.5), 0)
      let count = min(Int(center + support + 0.5), source) - first
      var sum = 0.0
      for k in 0..<count {
        let weight = filter.weight((Double(k + first) - center + 0.5) * inverseStretch)
        row[k] = weight
        sum += weight
      }
      for k in 0..<count {
        let weight = (sum != 0 ? row[k] / sum : row[k]) * Double(1 << Int(Self.precision))
        values[index * stride + k] = Int32(weight < 0 ? weight - 0.5 : weight + 0.5)
      }
      windows.append((first, count))
    }
  }

  /// Returns the output pixels whose windows overlap `inputs`, and the input pixels that these windows cover.
  func outputs(seeing inputs: Range<Int>) -> (outputs: Range<Int>, inputs: Range<Int>) {
    let seeing = windows.indices.filter {
      windows[$0].first < inputs.upperBound && windows[$0].first + windows[$0].count > inputs.lowerBound
    }
    guard let first = seeing.first, let last = seeing.last else { return (0..<0, inputs) }
    let start = min(windows[first].first, inputs.lowerBound)
    return (first..<(last + 1), start..<max(windows[last].first + windows[last].count, inputs.upperBound))
  }

  /// Returns the weights of some output pixels, for input that begins at pixel `start`.
  func part(_ outputs: Range<Int>, from start: Int) -> ResampleWeights {
    var part = self
    part.windows = windows[outputs].map { ($0.first - start, $0.count) }
    part.values = Array(values[(outputs.lowerBound * stride)..<(outputs.upperBound * stride)])
    return part
  }
}
