// Compares attention and its cache with the reference, for every cache type and every instruction set of this machine.
import CKernels
import Testing

/// A cache filled with NaN in f32 and f16, with its segments in reverse order in memory.
final class Cache {
  let kv: ck_kv
  private let memory: UnsafeMutableRawBufferPointer
  private let table: UnsafeMutablePointer<UnsafeMutableRawPointer>

  init(_ type: ck_type, positions: Int, heads: Int, dimension: Int) {
    let keys = heads * ck_key_plane(type, UInt32(dimension)), values = heads * ck_value_plane(type, UInt32(dimension))
    let segments = (positions + Int(CK_KV_SEGMENT) - 1) / Int(CK_KV_SEGMENT)
    memory = .allocate(byteCount: segments * (keys + values), alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: 0xff)
    let base = memory.baseAddress.unsafelyUnwrapped
    table = .allocate(capacity: segments)
    for index in 0..<segments {
      (table + index).initialize(to: base + (segments - 1 - index) * (keys + values))
    }
    kv = ck_kv(
      segments: table, keys: 0, values: keys, heads: UInt32(heads), head_dim: UInt32(dimension), type: type)
  }

  deinit {
    memory.deallocate()
    table.deallocate()
  }
}

extension Kernels {
  @Suite struct AttentionTests {
    @Test(arguments: instructionSets, [ck_type.f32, .f16, .q8_0])
    func `attention matches the reference, causal or not, from any position`(isa: ck_isa, type: ck_type) throws {
      try withWorkers(2, isa) { workers in
        var numbers = Numbers(5)
        for (rows, position, heads, kvHeads, size, causal) in [
          (1, 0, 1, 1, 2, true), (1, 200, 8, 2, 32, true), (9, 0, 6, 2, 20, true), (40, 59, 9, 1, 34, true),
          (16, 0, 4, 4, 72, false), (81, 0, 2, 2, 9, false), (3, 63, 4, 1, 128, true), (2, 64, 5, 5, 17, true),
          (1, 1100, 4, 1, 128, true), (60, 490, 2, 1, 96, true),
        ] {
          let dimension = type == .q8_0 ? (size + 31) / 32 * 32 : size
          let filled = rows + position, width = kvHeads * dimension
          let cache = Cache(type, positions: filled, heads: kvHeads, dimension: dimension)
          let source = Padded.random(filled, 2 * width, gap: 1, &numbers)
          for (row, count) in [(0, position), (position, rows)] {
            let keys = source.base + row * source.stride
            ck_store_kv(workers, cache.kv, keys, keys + width, source.stride, UInt32(count), UInt32(row))
          }
          let queries = Padded.random(rows, heads * dimension, gap: 2, &numbers)
          for i in 0..<rows * queries.stride { queries.base[i] *= 3 }
          let out = Padded(rows, heads * dimension, gap: 3), expected = Padded(rows, heads * dimension, gap: 3)
          var job = ck_attention_job(
            queries: queries.base, query_stride: queries.stride, out: out.base, out_stride: out.stride, kv: cache.kv,
            rows: UInt32(rows), heads: UInt32(heads), first_limit: UInt32(causal ? position + 1 : filled),
            causal: causal, scale: 1 / Float(dimension).squareRoot())
          ck_attention(workers, &job, 1)
          job.out = expected.base
          ck_attention_ref(&job)
          #expect(difference(out.values, expected.values) < 3e-6, "\(rows) rows at \(position), heads of \(dimension)")
          #expect(out.isIntact)
          // One row at a time: the same bits.
          let single = Padded(rows, heads * dimension, gap: 3)
          for row in 0..<rows {
            job.queries = UnsafePointer(queries.base + row * queries.stride)
            job.out = single.base + row * single.stride
            (job.rows, job.first_limit) = (1, UInt32(causal ? position + row + 1 : filled))
            ck_attention(workers, &job, 1)
          }
          #expect(single.values == out.values)
        }
      }
    }

    @Test(arguments: instructionSets)
    func `an f16 cache holds the nearest half and limits larger numbers`(isa: ck_isa) throws {
      var numbers = Numbers(8)
      let rows = 40, dimension = 37
      let source = Padded.random(rows, 2 * dimension, &numbers)
      for i in 0..<rows * 2 * dimension { source.base[i] *= Float(sign: .plus, exponent: i % 46 - 28, significand: 1) }
      source.base[0] = 65520
      source.base[1] = -.infinity
      let cache = Cache(.f16, positions: rows, heads: 1, dimension: dimension)
      try withWorkers(2, isa) {
        ck_store_kv($0, cache.kv, source.base, source.base + dimension, source.stride, UInt32(rows), 0)
      }
      for row in 0..<rows {
        let (key, value) = Self.load(cache.kv, row)
        for (stored, exact) in zip(key + value, (0..<2 * dimension).map { source.base[row * source.stride + $0] }) {
          #expect(stored == Half.nearest(exact), "\(exact)")
        }
      }
    }

    @Test(arguments: instructionSets)
    func `a q8_0 cache is within half a step of the largest of 32 numbers`(isa: ck_isa) throws {
      var numbers = Numbers(9)
      let rows = 33, dimension = 96
      let source = Padded.random(rows, 2 * dimension, &numbers)
      for i in 0..<dimension { source.base[i] *= i < 32 ? 1e9 : i < 64 ? 1e-3 : 0 }
      let cache = Cache(.q8_0, positions: rows, heads: 1, dimension: dimension)
      try withWorkers(2, isa) {
        ck_store_kv($0, cache.kv, source.base, source.base + dimension, source.stride, UInt32(rows), 0)
      }
      for row in 0..<rows {
        let (key, value) = Self.load(cache.kv, row), exact = source.base + row * source.stride
        for i in 0..<2 * dimension where row > 0 || i >= 32 {
          let top = (i / 32 * 32..<i / 32 * 32 + 32).reduce(Float(0)) { max($0, abs(exact[$1])) }
          // A scale is itself a half: its error is 2⁻¹¹ of 127 steps, and 2⁻²⁵ for subnormal halves.
          let step = top / 127
          #expect(abs((key + value)[i] - exact[i]) <= step * 0.57 + 127 * 0x1p-25, "\(row), \(i)")
        }
        // Limited to the largest scale.
        if row == 0 { #expect(key[..<32].allSatisfy { $0.isFinite && abs($0) <= 127 * 65504 }) }
      }
    }

    private static func load(_ kv: ck_kv, _ position: Int) -> (key: [Float], value: [Float]) {
      var key = [Float](repeating: 0, count: Int(kv.head_dim)), value = key
      ck_load_kv_ref(&key, &value, kv, 0, UInt32(position))
      return (key, value)
    }
  }
}
