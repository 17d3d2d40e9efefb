// Rotary tables: angle = position · θ^(-2i / head dimension), in double precision, rounded once. A file may state a million
// positions, gigabytes of table and seconds of sines, of which sequences use a few thousand: rows are filled as far as the longest
// sequence so far may reach, by all cores.
import Glibc
import ModelFiles
import Synchronization

/// The rotary tables of a model and how far they are filled. `@unchecked Sendable`: a row is written once, under the lock, before
/// the first sequence that may read it is handed out; pages of rows that are not filled are never committed.
final class RopeRows: @unchecked Sendable {
  let tables: RopeTables
  private let mapping: Mapping
  private let cosines, sines: UnsafeMutablePointer<Float>
  private let frequencies: [Double]
  private let filled = Mutex(0)

  /// Makes room for `positions` rows and fills none.
  init(positions: Int, _ text: TextConfiguration) throws(InferenceError) {
    let half = text.headDimension / 2
    mapping = try Mapping(
      byteCount: 2 * positions * half * MemoryLayout<Float>.stride, hugePages: false, purpose: "rotary tables")
    cosines = mapping.base.bindMemory(to: Float.self, capacity: 2 * positions * half)
    sines = cosines + positions * half
    frequencies = (0..<half).map { 1 / pow(text.ropeTheta, Double(2 * $0) / Double(text.headDimension)) }
    tables = RopeTables(cosines: cosines, sines: sines, interleaved: text.rotation == .neighbours)
  }

  /// Rows that are filled.
  var count: Int { filled.withLock { $0 } }

  /// Fills the rows below `count`, which is at most the number that there is room for.
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
