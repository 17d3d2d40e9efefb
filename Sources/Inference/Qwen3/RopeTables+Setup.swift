// Rotary tables: angle = position · θ^(-2i / head dimension), in double precision, rounded once.
import Glibc

extension RopeTables {
  /// Bytes of both tables.
  static func byteCount(positions: Int, headDimension: Int) -> Int {
    2 * positions * (headDimension / 2) * MemoryLayout<Float>.stride
  }

  /// Fills `mapping`, which holds `byteCount` bytes.
  init(filling mapping: Mapping, positions: Int, headDimension: Int, theta: Double) {
    let half = headDimension / 2
    let cosines = mapping.base.bindMemory(to: Float.self, capacity: 2 * positions * half)
    let sines = cosines + positions * half
    for i in 0..<half {
      let frequency = 1 / pow(theta, Double(2 * i) / Double(headDimension))
      for position in 0..<positions {
        let angle = Double(position) * frequency
        cosines[position * half + i] = Float(cos(angle))
        sines[position * half + i] = Float(sin(angle))
      }
    }
    self.init(cosines: cosines, sines: sines)
  }
}
