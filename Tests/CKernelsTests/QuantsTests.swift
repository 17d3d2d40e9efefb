// Compares GGUF's blocks with the `gguf` package and llama.cpp's quantiser. `scripts/fixtures/quants.py` wrote the
// expected values.
import CKernels
import Foundation
import Testing

private let types: [(String, ck_type)] = [
  ("F16", .f16), ("BF16", .bf16), ("Q8_0", .q8_0), ("Q4_0", .q4_0), ("Q4_1", .q4_1), ("Q5_0", .q5_0), ("Q5_1", .q5_1),
  ("Q4_K", .q4_K), ("Q5_K", .q5_K), ("Q6_K", .q6_K),
]

/// Rounds `values` to blocks. Returns the blocks and whether no value exceeded the type; checks a guard behind them.
private func quantized(_ values: [Float], _ type: ck_type) -> (bytes: [UInt8], fine: Bool) {
  let count = ck_row_bytes(type, values.count)
  var bytes = [UInt8](repeating: 0xA5, count: count + 32)
  let fine = ck_quantize(&bytes, values, type, values.count)
  #expect(bytes[count...].allSatisfy { $0 == 0xA5 }, "wrote beyond the blocks")
  return (Array(bytes[..<count]), fine)
}

private func widened(_ bytes: [UInt8], _ type: ck_type) -> [Float] {
  let count = bytes.count / Int(ck_block_bytes(type)) * Int(ck_block_values(type))
  var values = [Float](repeating: .nan, count: count + 32)
  // At an odd address, because blocks have no alignment.
  ([0] + bytes).withUnsafeBytes { ck_widen(&values, $0.baseAddress! + 1, type, count) }
  #expect(values[count...].allSatisfy { $0.isNaN }, "wrote beyond the values")
  return Array(values[..<count])
}

@Suite struct QuantsTests {
  struct Fixture: Decodable {
    struct Expected: Decodable {
      let blocks, widened, drawn, drawnWidened: Data
      let error: Double
    }
    let values: Data
    let types: [String: Expected]
  }

  let fixture: Fixture
  let values: [Float]

  init() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/quants.json")
    fixture = try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: file))
    values = Self.floats(fixture.values)
  }

  static func floats(_ data: Data) -> [Float] {
    data.withUnsafeBytes { bytes in
      (0..<bytes.count / 4).map { Float(bitPattern: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)) }
    }
  }

  @Test(arguments: types)
  func `blocks widen to the same bits as in the gguf package`(name: String, type: ck_type) throws {
    let expected = try #require(fixture.types[name])
    for (blocks, numbers) in [(expected.blocks, expected.widened), (expected.drawn, expected.drawnWidened)] {
      let wanted = Self.floats(numbers)
      #expect(wanted.count >= 512)
      #expect(widened(Array(blocks), type).map(\.bitPattern) == wanted.map(\.bitPattern))
    }
  }

  @Test(arguments: types)
  func `numbers round to the same blocks as in llama.cpp's quantiser`(name: String, type: ck_type) throws {
    let expected = try #require(fixture.types[name])
    let (bytes, fine) = quantized(values, type)
    #expect(fine)
    #expect(bytes == Array(expected.blocks))
  }

  @Test(arguments: types)
  func `the rounding error equals llama.cpp's within one per cent`(name: String, type: ck_type) throws {
    // The tests of bytes use few blocks. This one uses 65,536 values from the same generator.
    var numbers = Numbers(31)
    let larger = (0..<65536).map { _ in
      ((0..<6).reduce(Float(0)) { sum, _ in sum + Float(numbers.next() >> 48) } - 196608) / 1_048_576
    }
    let rounded = widened(quantized(larger, type).bytes, type)
    let squares = zip(larger, rounded).reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
    let error = (squares / Double(larger.count)).squareRoot()
    let expected = try #require(fixture.types[name]).error
    #expect(abs(error / expected - 1) < 0.01, "\(error), not \(expected)")
  }

  @Test(arguments: types)
  func `no number makes a scale infinite or NaN`(name: String, type: ck_type) {
    var numbers = Numbers(7)
    let odd: [Float] = [
      .nan, .infinity, -.infinity, 0, -0.0, .leastNonzeroMagnitude, -.leastNormalMagnitude, .greatestFiniteMagnitude,
      -.greatestFiniteMagnitude, 65504, -65505, 1e-15, 1e-20, -.leastNormalMagnitude / 16, 6e-8, 1,
    ]
    for round in 0..<400 {
      // Few kinds of numbers in a block, then single odd ones among plain ones.
      let pool = (0...round % 4).map { _ in odd[Int(numbers.next() % UInt64(odd.count))] }
      let row = (0..<256).map { _ in
        numbers.next() % 3 == 0 || round % 2 == 0 ? pool[Int(numbers.next() % UInt64(pool.count))] : numbers.normal()
      }
      let (bytes, fine) = quantized(row, type)
      let back = widened(bytes, type)
      guard ck_block_values(type) > 1 else {
        for (before, after) in zip(row, back) {
          let near = after.isInfinite || abs(before - after) <= abs(before) / 128 + 6e-8
          #expect(before.isNaN ? after.isNaN : near, "\(before) became \(after)")
        }
        #expect(fine == back.allSatisfy(\.isFinite))
        continue
      }
      #expect(fine == row.allSatisfy { abs($0) <= 65504 })
      #expect(back.allSatisfy { abs($0) <= 140_000 }, "\(pool)")
    }
  }

  @Test func `every half converts to f32 and back, and numbers between halves round to the nearest`() {
    let halves = (UInt16.min...UInt16.max).map { $0 }
    let numbers = widened(halves.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }, .f16)
    var between: [Float] = []
    for (half, number) in zip(halves, numbers) {
      let expected = Half.value(half)
      guard expected.isNaN ? number.isNaN : number.bitPattern == expected.bitPattern else {
        Issue.record("half \(half) became \(number)")
        return
      }
      let next = Half.value(half &+ 1)
      guard number.isFinite, next.isFinite, number.sign == next.sign else { continue }
      // Half way between neighbours, and one step of f32 to either side.
      let middle: Float = (number + next) / 2
      between += [number, middle, middle.nextDown, middle.nextUp]
    }
    let bytes = quantized(between, .f16).bytes
    for (i, value) in between.enumerated() {
      let code = UInt16(bytes[2 * i]) | UInt16(bytes[2 * i + 1]) << 8
      let apart = abs(Half.value(code) - value)
      for other in [code &- 1, code &+ 1] where Half.value(other).isFinite {
        let farther = abs(Half.value(other) - value)
        guard farther > apart || (farther == apart && code % 2 == 0) else {
          Issue.record("\(value) became \(Half.value(code))")
          return
        }
      }
    }
    #expect(between.count > 200_000)
  }
}
