// Compares products with packed weights of every type and instruction set of this machine with the reference: GGUF's
// own numbers, inputs rounded to 8 bits, sums in double precision.
import CKernels
import Testing

private let packedTypes: [ck_type] = [.q8_0, .q4_0, .q4_1, .q5_0, .q5_1, .q4_K, .q5_K, .q6_K]

/// A packed matrix in exactly its bytes, and the blocks it was packed from.
private final class PackedWeights {
  let matrix: ck_matrix
  let blocks: [UInt8]
  private let memory: UnsafeMutableRawPointer

  init(_ type: ck_type, blocks: [UInt8], rows: Int, columns: Int) {
    self.blocks = blocks
    let whole =
      UInt32(columns) + (ck_block_values(type) - UInt32(columns) % ck_block_values(type)) % ck_block_values(type)
    let count = ck_packed_bytes(type, UInt32(rows), whole)
    memory = .allocate(byteCount: count + 64, alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: 0x7f, count: count + 64)
    ck_pack(memory, blocks, type, UInt32(rows), whole)
    matrix = ck_matrix(data: UnsafeRawPointer(memory), type: type, rows: UInt32(rows), columns: UInt32(columns))
    #expect(
      (count..<count + 64).allSatisfy { memory.load(fromByteOffset: $0, as: UInt8.self) == 0x7f }, "packed too far")
  }

  convenience init(_ type: ck_type, _ rows: Int, _ columns: Int, _ numbers: inout Numbers) {
    let block = Int(ck_block_values(type)), whole = (columns + block - 1) / block * block
    let values = (0..<rows * whole).map { _ in numbers.normal() }
    var blocks = [UInt8](repeating: 0, count: ck_row_bytes(type, values.count))
    #expect(ck_quantize(&blocks, values, type, values.count))
    self.init(type, blocks: blocks, rows: rows, columns: columns)
  }

  deinit { memory.deallocate() }

  /// The sum of the magnitudes of each output's terms, `[x.rows, rows]`.
  func magnitudes(_ x: Padded) -> [Float] {
    let columns = Int(matrix.columns)
    let tops = (0..<matrix.rows).map { row in
      var values = [Float](repeating: 0, count: columns)
      ck_matrix_row(&values, matrix, row)
      return values.reduce(0) { max($0, abs($1)) }
    }
    return (0..<x.rows).flatMap { r in
      let sum = (0..<columns).reduce(Float(0)) { $0 + abs(x.base[r * x.stride + $1]) }
      return tops.map { $0 * sum }
    }
  }
}

private func multiply(
  _ workers: OpaquePointer, _ out: Padded, _ x: Padded, _ linear: ck_linear, rows: Range<Int>? = nil,
  bias: Padded? = nil,
  accumulate: Bool = false
) {
  let rows = rows ?? 0..<x.rows
  ck_matmul(
    workers, out.base + rows.lowerBound * out.stride, out.stride, x.base + rows.lowerBound * x.stride, x.stride,
    UInt32(rows.count), linear, bias.map { UnsafePointer($0.base) }, accumulate)
}

extension Kernels {
  @Suite struct PackedProductTests {
    @Test(arguments: instructionSets)
    func `packed products of any shape and type match the reference`(isa: ck_isa) throws {
      try withWorkers(2, isa) { workers in
        #expect(ck_workers_reserve(workers, 80, 1120))
        var numbers = Numbers(11)
        for type in packedTypes {
          let long = ck_block_values(type) == 256
          for (rows, outputs, columns) in [
            (1, 1, long ? 256 : 32), (1, 40, long ? 768 : 288), (2, 17, 64), (3, 16, 512), (4, 33, long ? 250 : 31),
            (5, 2, 256),
            (7, 31, long ? 700 : 1120), (9, 40, 512), (33, 15, 256), (75, 36, 512),
          ] {
            let w = PackedWeights(type, outputs, columns, &numbers)
            let x = Padded.random(rows, columns, gap: 3, &numbers), bias = Padded.random(1, outputs, &numbers)
            let terms = w.magnitudes(x)
            for (b, accumulate) in [(nil, false), (bias, false), (bias, true)] {
              let out = Padded.random(rows, outputs, gap: 2, &numbers), expected = out.copy()
              multiply(workers, out, x, ck_single(w.matrix), bias: b, accumulate: accumulate)
              ck_matmul_ref(
                expected.base, expected.stride, x.base, x.stride, UInt32(rows), ck_single(w.matrix),
                b.map { UnsafePointer($0.base) }, accumulate)
              let worst = zip(zip(out.values, expected.values), terms).map { abs($0.0 - $0.1) / $1 }.max() ?? 0
              #expect(worst < 1e-6, "\(type) \(rows)×\(outputs)×\(columns)")
              #expect(out.isIntact)
            }
          }
        }
      }
    }

    @Test(arguments: instructionSets)
    func `a row's packed product has the same bits in any batch, with any number of threads and any buffer size`(
      isa: ck_isa
    ) throws {
      var numbers = Numbers(12)
      for type in packedTypes {
        let w = PackedWeights(type, 101, 512, &numbers), x = Padded.random(131, 512, &numbers), whole = Padded(131, 101)
        try withWorkers(1, isa) { workers in
          #expect(ck_workers_reserve(workers, 131, 512))
          multiply(workers, whole, x, ck_single(w.matrix))
        }
        for (threads, chunk, room) in [(1, 1, 1), (2, 2, 2), (3, 3, 1), (2, 7, 131), (4, 32, 20), (2, 131, 50)] {
          let out = Padded(131, 101)
          try withWorkers(Int32(threads), isa) { workers in
            #expect(ck_workers_reserve(workers, UInt32(room), 512))
            for row in stride(from: 0, to: 131, by: chunk) {
              multiply(workers, out, x, ck_single(w.matrix), rows: row..<min(row + chunk, 131))
            }
          }
          #expect(out.values == whole.values, "\(type), \(threads) threads, chunks of \(chunk), room for \(room)")
        }
      }
    }

    @Test(arguments: instructionSets)
    func `a product of several types equals the products of its parts`(isa: ck_isa) throws {
      var numbers = Numbers(13)
      for (index, type) in packedTypes.enumerated() {
        let parts = [type, packedTypes[(index + 3) % 8], index % 2 == 0 ? .q6_K : .q8_0].map {
          PackedWeights($0, $0 == .q4_0 ? 40 : 19, 512, &numbers)
        }
        let x = Padded.random(3, 512, &numbers), width = parts.reduce(0) { $0 + Int($1.matrix.rows) }
        let together = Padded(3, width), apart = Padded(3, width)
        try withWorkers(2, isa) { workers in
          #expect(ck_workers_reserve(workers, 3, 512))
          let (a, b, c) = (parts[0].matrix, parts[1].matrix, parts[2].matrix)
          multiply(workers, together, x, ck_linear(parts: (a, b, c), count: 3))
          var at = 0
          for part in parts {
            ck_matmul(workers, apart.base + at, apart.stride, x.base, x.stride, 3, ck_single(part.matrix), nil, false)
            at += Int(part.matrix.rows)
          }
        }
        #expect(together.values == apart.values, "\(type)")
      }
    }

    @Test(arguments: packedTypes)
    func `a row of packed weights equals the row of the blocks`(type: ck_type) {
      var numbers = Numbers(14)
      for (rows, columns) in [(1, 256), (16, 256), (37, 768)] {
        let w = PackedWeights(type, rows, columns, &numbers), bytes = ck_row_bytes(type, columns)
        for row in 0..<rows {
          var expected = [Float](repeating: 0, count: columns), found = expected
          w.blocks.withUnsafeBytes { ck_widen(&expected, $0.baseAddress! + row * bytes, type, columns) }
          ck_matrix_row(&found, w.matrix, UInt32(row))
          #expect(found.map(\.bitPattern) == expected.map(\.bitPattern), "row \(row)")
        }
      }
    }

    @Test(arguments: instructionSets)
    func `the largest numbers of blocks and inputs do not saturate`(isa: ck_isa) throws {
      try withWorkers(2, isa) { workers in
        #expect(ck_workers_reserve(workers, 8, 512))
        for type in packedTypes {
          // Every bit set, but -128 where numbers and scales have a sign; f16 scales of 1.
          var block = [UInt8](repeating: type == .q8_0 ? 0x80 : 255, count: Int(ck_block_bytes(type)))
          let halves = type == .q6_K ? [208] : [.q4_1, .q5_1, .q4_K, .q5_K].contains(type) ? [0, 2] : [0]
          for at in halves { (block[at], block[at + 1]) = (0, 0x3c) }
          if type == .q6_K { block.replaceSubrange(192..<208, with: repeatElement(0x80, count: 16)) }
          let blocks = Array([[UInt8]](repeating: block, count: 20 * 512 / Int(ck_block_values(type))).joined())
          let w = PackedWeights(type, blocks: blocks, rows: 20, columns: 512)
          let x = Padded(8, 512) { i in i / 512 == 0 ? 1 : i / 512 == 1 ? -1 : (i >> (i / 512 - 2)) & 1 == 0 ? 1 : -1 }
          let out = Padded(8, 20), expected = Padded(8, 20), terms = w.magnitudes(x)
          multiply(workers, out, x, ck_single(w.matrix))
          ck_matmul_ref(expected.base, expected.stride, x.base, x.stride, 8, ck_single(w.matrix), nil, false)
          let worst = zip(zip(out.values, expected.values), terms).map { abs($0.0 - $0.1) / $1 }.max() ?? 0
          #expect(worst < 1e-6, "\(type)")
        }
      }
    }

    @Test(arguments: instructionSets)
    func `inputs that are not finite affect only their own row`(isa: ck_isa) throws {
      try withWorkers(2, isa) { workers in
        #expect(ck_workers_reserve(workers, 5, 512))
        var numbers = Numbers(15)
        for type in packedTypes {
          let w = PackedWeights(type, 20, 512, &numbers), x = Padded.random(5, 512, &numbers), out = Padded(5, 20)
          (x.base[3], x.base[512 + 400], x.base[2 * 512]) = (.nan, .infinity, -.infinity)
          for i in 0..<512 { x.base[4 * 512 + i] = 1e-38 }
          multiply(workers, out, x, ck_single(w.matrix))
          #expect(out.values[..<60].allSatisfy(\.isNaN) && out.values[60..<80].allSatisfy(\.isFinite), "\(type)")
          #expect(out.values[80...].allSatisfy { $0 == 0 }, "\(type)")
        }
      }
    }
  }
}
