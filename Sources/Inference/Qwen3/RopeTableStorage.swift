// Rotary tables: angle = position · θ^(-2i / head dimension), in double precision, rounded once. A file may state a
// million positions, which are gigabytes of table and seconds of sines. Rows are therefore filled only as far as the
// longest sequence so far may reach, on all cores.
import Glibc
import ModelFiles
import Synchronization

/// Owns the memory of rotary tables and tracks how far they are filled. `@unchecked Sendable`: a row is written once,
/// under the lock, before any sequence that may read it is created. Pages of unfilled rows are never committed.
final class RopeTableStorage: @unchecked Sendable {
  let tables: RopeTables
  private let mapping: Mapping
  private let cosines, sines: UnsafeMutablePointer<Float>
  private let frequencies: [Double]
  private let filled = Mutex(0)

  /// Reserves `positions` rows and fills none.
  init(positions: Int, _ text: TextConfiguration) throws(InferenceError) {
    let half = text.headDimension / 2
    mapping = try Mapping(
      byteCount: 2 * positions * half * MemoryLayout<Float>.stride, hugePages: false, purpose: "rotary tables")
    cosines = mapping.base.bindMemory(to: Float.self, capacity: 2 * positions * half)
    sines = cosines + positions * half
    frequencies = (0..<half).map { 1 / pow(text.ropeTheta, Double(2 * $0) / Double(text.headDimension)) }
    tables = RopeTables(cosines: cosines, sines: sines, interleaved: text.rotation == .neighbours)
  }

  /// The number of filled rows.
  var count: Int { filled.withLock { $0 } }

  /// Fills the rows below `count`, which must not exceed the reserved rows.
  func fill(upTo count: Int) {
    filled.withLock { filled in
      guard count > filled else { return }
      let first = filled, run = 256
      Lanes.run((count - first + run - 1) / run) { index in
        for position in first + index * run..<min(first + (index + 1) * run, count) { fill(position) }
      }
      filled = count
    }
  }

  private func fill(_ position: Int) {
    let row = position * frequencies.count
    for (i, frequency) in frequencies.enumerated() {
      let angle = Double(position) * frequency
      cosines[row + i] = Float(cos(angle))
      sines[row + i] = Float(sin(angle))
    }
  }
}
