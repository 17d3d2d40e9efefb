// Rotary tables: angle = position · θ^(-2i / head dimension), in double precision, rounded once. All cores share the work,
// which is two million sines and cosines for R-4B.
import Glibc
import ModelFiles

extension RopeTables {
  /// Bytes of both tables.
  static func byteCount(positions: Int, headDimension: Int) -> Int {
    2 * positions * (headDimension / 2) * MemoryLayout<Float>.stride
  }

  /// Fills `mapping`, which holds `byteCount` bytes.
  init(filling mapping: Mapping, positions: Int, _ text: TextConfiguration) {
    let half = text.headDimension / 2, run = 256
    let cosines = mapping.base.bindMemory(to: Float.self, capacity: 2 * positions * half)
    let sines = cosines + positions * half
    let frequencies = (0..<half).map { 1 / pow(text.ropeTheta, Double(2 * $0) / Double(text.headDimension)) }
    Lanes.run((positions + run - 1) / run) { index in
      for position in index * run..<min((index + 1) * run, positions) {
        for (i, frequency) in frequencies.enumerated() {
          let angle = Double(position) * frequency
          cosines[position * half + i] = Float(cos(angle))
          sines[position * half + i] = Float(sin(angle))
        }
      }
    }
    self.init(cosines: cosines, sines: sines, interleaved: text.rotation == .neighbours)
  }
}
