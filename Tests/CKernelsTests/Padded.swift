// Rows with NaN before, between and behind them. A read out of bounds spoils the result, and a write out of bounds is
// detected.
import Basics
import CKernels
import Testing

/// One test at a time, so that idle pools can be measured.
@Suite(.serialized) struct Kernels {}

/// Reproducible numbers: whole, uniform, or near a normal distribution.
struct Numbers {
  private var generator: SplitMix64
  init(_ seed: UInt64) { generator = SplitMix64(seed: seed) }

  mutating func next() -> UInt64 { generator.next() }

  mutating func uniform(_ range: ClosedRange<Float>) -> Float {
    range.lowerBound + Float(next() >> 40) / Float(1 << 24) * (range.upperBound - range.lowerBound)
  }

  mutating func normal() -> Float { (0..<4).reduce(0) { sum, _ in sum + uniform(-0.85...0.85) } }
}

/// `[rows, columns]` in a NaN field.
final class Padded {
  static let margin = 32
  let rows, columns, stride: Int
  private let field: UnsafeMutableBufferPointer<Float>

  init(_ rows: Int, _ columns: Int, gap: Int = 0, fill: (Int) -> Float = { _ in 0 }) {
    self.rows = rows
    self.columns = columns
    stride = columns + gap
    field = .allocate(capacity: rows * stride + 2 * Self.margin)
    field.initialize(repeating: .nan)
    for i in 0..<rows * columns { base[i / columns * stride + i % columns] = fill(i) }
  }

  deinit { field.deallocate() }

  var base: UnsafeMutablePointer<Float> { field.baseAddress.unsafelyUnwrapped + Self.margin }
  var values: [Float] { (0..<rows * columns).map { base[$0 / columns * stride + $0 % columns] } }

  /// Whether all memory around the rows is still NaN.
  var isIntact: Bool {
    field.indices.allSatisfy { i in
      let at = i - Self.margin
      return (at >= 0 && at < rows * stride && at % stride < columns) || field[i].isNaN
    }
  }

  func copy() -> Padded {
    let values = values
    return Padded(rows, columns, gap: stride - columns) { values[$0] }
  }

  static func random(_ rows: Int, _ columns: Int, gap: Int = 0, _ numbers: inout Numbers) -> Padded {
    var generator = numbers
    defer { numbers = generator }
    return Padded(rows, columns, gap: gap) { _ in generator.normal() }
  }
}

/// Norm of the difference over the norm of the reference.
func difference(_ a: [Float], _ b: [Float]) -> Double {
  var difference = 0.0, scale = 1e-30
  for (x, y) in zip(a, b) {
    difference += (Double(x) - Double(y)) * (Double(x) - Double(y))
    scale += Double(y) * Double(y)
  }
  return a.count == b.count ? (difference / scale).squareRoot() : .infinity
}

let instructionSets = [ck_isa.baseline, .avx2, .avxVNNI, .avx512, .avx512VNNI, .neon, .neonDot, .neonI8MM].filter {
  ck_isa_available($0)
}

/// Runs `body` with a pool and destroys the pool.
func withWorkers<Value>(_ threads: Int32, _ isa: ck_isa, _ body: (OpaquePointer) throws -> Value) throws -> Value {
  guard let workers = ck_workers_create(threads, isa) else { throw NoWorkers() }
  defer { ck_workers_destroy(workers) }
  return try body(workers)
}

struct NoWorkers: Error {}
