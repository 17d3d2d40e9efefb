// Compares every kernel of every instruction set of this machine with its reference in double precision.
import CKernels
import Foundation
import Testing

extension Kernels {
  @Suite struct KernelTests {
    /// A matrix of `type` in exactly its bytes, followed by NaN in the same type.
    final class Weights {
      let matrix: ck_matrix
      private let memory: UnsafeMutableRawPointer

      init(_ type: ck_type, _ rows: Int, _ columns: Int, _ numbers: inout Numbers) {
        let count = rows * columns, size = type == .f32 ? 4 : 2
        memory = .allocate(byteCount: (count + 32) * size, alignment: 4)
        for i in 0..<count + 32 {
          let value: Float = i < count ? numbers.normal() : .nan
          switch type {
          case .f32: memory.storeBytes(of: value, toByteOffset: i * 4, as: Float.self)
          case .bf16: memory.storeBytes(of: UInt16(value.bitPattern >> 16), toByteOffset: i * 2, as: UInt16.self)
          case .f16: memory.storeBytes(of: Half.bits(value), toByteOffset: i * 2, as: UInt16.self)
          default: preconditionFailure("\(type) has blocks")
          }
        }
        matrix = ck_matrix(data: UnsafeRawPointer(memory), type: type, rows: UInt32(rows), columns: UInt32(columns))
      }

      deinit { memory.deallocate() }
    }

    @Test(arguments: instructionSets)
    func `products of any shape and type match the reference`(isa: ck_isa) throws {
      try withWorkers(2, isa) { workers in
        var numbers = Numbers(1)
        for (rows, columns, k) in [
          (1, 1, 1), (1, 9, 7), (2, 5, 8), (3, 7, 17), (4, 3, 64), (5, 13, 31), (7, 50, 72), (13, 29, 588),
          (37, 41, 129),
        ] {
          for type in [ck_type.f32, .f16, .bf16] {
            let w = Weights(type, columns, k, &numbers)
            let x = Padded.random(rows, k, gap: 3, &numbers), bias = Padded.random(1, columns, &numbers)
            for (useBias, accumulate) in [(false, false), (true, false), (true, true)] {
              let out = Padded.random(rows, columns, gap: 2, &numbers), expected = out.copy()
              let b = useBias ? UnsafePointer(bias.base) : nil
              ck_matmul(
                workers, out.base, out.stride, x.base, x.stride, UInt32(rows), ck_single(w.matrix), b, accumulate)
              ck_matmul_ref(
                expected.base, expected.stride, x.base, x.stride, UInt32(rows), ck_single(w.matrix), b, accumulate)
              #expect(difference(out.values, expected.values) < 2e-6, "\(type) \(rows)×\(columns)×\(k)")
              #expect(out.isIntact)
            }
          }
        }
      }
    }

    @Test(arguments: instructionSets)
    func `a row's product has the same bits in any batch and on any number of threads`(isa: ck_isa) throws {
      var numbers = Numbers(2)
      for type in [ck_type.f32, .f16, .bf16] {
        let w = Weights(type, 101, 83, &numbers), x = Padded.random(75, 83, &numbers)
        let whole = Padded(75, 101)
        try withWorkers(1, isa) {
          ck_matmul($0, whole.base, whole.stride, x.base, x.stride, 75, ck_single(w.matrix), nil, false)
        }
        for (threads, chunk) in [(1, 1), (2, 2), (3, 3), (2, 7), (4, 32)] {
          let out = Padded(75, 101)
          try withWorkers(Int32(threads), isa) { workers in
            for row in stride(from: 0, to: 75, by: chunk) {
              ck_matmul(
                workers, out.base + row * out.stride, out.stride, x.base + row * x.stride, x.stride,
                UInt32(min(chunk, 75 - row)), ck_single(w.matrix), nil, false)
            }
          }
          #expect(out.values == whole.values, "\(type), \(threads) threads, chunks of \(chunk)")
        }
      }
    }

    @Test(arguments: instructionSets)
    func `norms match the reference`(isa: ck_isa) throws {
      try withWorkers(2, isa) { workers in
        var numbers = Numbers(3)
        for (rows, columns) in [(1, 1), (2, 7), (3, 16), (5, 33), (40, 520)] {
          let x = Padded.random(rows, columns, gap: 1, &numbers)
          for i in 0..<columns { x.base[i] += 100 }
          let weight = Padded.random(1, columns, &numbers), bias = Padded.random(1, columns, &numbers)
          let out = Padded(rows, columns, gap: 5), expected = Padded(rows, columns)
          let (r, c) = (UInt32(rows), UInt32(columns))
          ck_rms_norm(workers, out.base, out.stride, x.base, x.stride, r, c, weight.base, 1e-6)
          ck_rms_norm_ref(expected.base, expected.stride, x.base, x.stride, r, c, weight.base, 1e-6)
          #expect(difference(out.values, expected.values) < 1e-6 && out.isIntact)
          ck_layer_norm(workers, out.base, out.stride, x.base, x.stride, r, c, weight.base, bias.base, 1e-6)
          ck_layer_norm_ref(expected.base, expected.stride, x.base, x.stride, r, c, weight.base, bias.base, 1e-6)
          // The mean, 100, is subtracted from values rounded at its size.
          #expect(difference(out.values, expected.values) < 1e-5 && out.isIntact)
        }
      }
    }

    @Test(arguments: instructionSets)
    func `rotary heads match the reference, normalised or not, with either pairing`(isa: ck_isa) throws {
      try withWorkers(2, isa) { workers in
        var numbers = Numbers(4)
        for (rows, heads, dimension) in [(1, 1, 2), (3, 2, 6), (5, 3, 34), (70, 4, 128)] {
          let cosines = Padded.random(11, dimension / 2, &numbers), sines = Padded.random(11, dimension / 2, &numbers)
          let weight = Padded.random(1, dimension, &numbers)
          let positions = (0..<rows).map { Int32($0 * 7 % 11) }
          for (normalised, interleaved) in [(true, false), (true, true), (false, false), (false, true)] {
            let x = Padded.random(rows, heads * dimension, gap: 9, &numbers), expected = x.copy()
            let scales = normalised ? UnsafePointer(weight.base) : nil
            ck_norm_rope(
              workers, x.base, x.stride, UInt32(rows), UInt32(heads), UInt32(dimension), scales, 1e-6, positions,
              cosines.base, sines.base, interleaved)
            ck_norm_rope_ref(
              expected.base, expected.stride, UInt32(rows), UInt32(heads), UInt32(dimension), scales, 1e-6, positions,
              cosines.base, sines.base, interleaved)
            #expect(difference(x.values, expected.values) < 1e-6)
            #expect(x.isIntact)
          }
        }
      }
    }

    @Test(arguments: instructionSets)
    func `activation functions match the reference`(isa: ck_isa) throws {
      try withWorkers(2, isa) { workers in
        var numbers = Numbers(6)
        for count in [1, 5, 16, 31, 40_001] {
          let x = Padded(1, count) { _ in numbers.uniform(-12...12) }
          let tanh = x.copy(), tanhExpected = x.copy(), erf = x.copy(), erfExpected = x.copy()
          ck_gelu_tanh(workers, tanh.base, count)
          ck_gelu_tanh_ref(tanhExpected.base, count)
          ck_gelu_erf(workers, erf.base, count)
          ck_gelu_erf_ref(erfExpected.base, count)
          #expect(tanh.isIntact && erf.isIntact)
          for i in 0..<count {
            #expect(abs(tanh.base[i] - tanhExpected.base[i]) <= 3e-7 * max(1, abs(tanhExpected.base[i])))
            // The lower tail is exp(-t²), which multiplies the rounding of t² by t².
            let tolerance = 6e-7 * (1 + x.base[i] * x.base[i] / 2) * abs(erfExpected.base[i]) + 1e-37
            #expect(abs(erf.base[i] - erfExpected.base[i]) <= tolerance, "\(x.base[i])")
          }
        }
        for (rows, width) in [(1, 1), (3, 19), (50, 512)] {
          let x = Padded.random(rows, 2 * width, gap: 1, &numbers), out = Padded(rows, width, gap: 1),
            expected = Padded(rows, width)
          ck_silu_mul(workers, out.base, out.stride, x.base, x.stride, UInt32(rows), UInt32(width))
          ck_silu_mul_ref(expected.base, expected.stride, x.base, x.stride, UInt32(rows), UInt32(width))
          #expect(difference(out.values, expected.values) < 3e-7 && out.isIntact)
        }
      }
    }

    @Test(arguments: instructionSets)
    func `the exponential is within two ulp`(isa: ck_isa) throws {
      try withWorkers(1, isa) { workers in
        var numbers = Numbers(7)
        let x = Padded(1, 200_000) { $0 < 100_000 ? numbers.uniform(-86...88) : numbers.uniform(-1...1) }
        let out = x.copy()
        ck_exp(workers, out.base, 200_000)
        var worst = 0.0
        for i in 0..<200_000 {
          let exact = exp(Double(x.base[i]))
          worst = max(worst, abs(Double(out.base[i]) - exact) / Double(Float(exact).ulp))
        }
        print("largest error of exp on \(isa): \(worst) ulp")
        #expect(worst < 2)
        var edges: [Float] = [0, -86.5, -1000, -.infinity, 1000]
        ck_exp(workers, &edges, edges.count)
        #expect(edges[0] == 1 && edges[1...3].allSatisfy { $0 == 0 } && edges[4].isFinite && edges[4] > 1e38)
      }
    }

    @Test func `every half-precision number widens exactly`() {
      for bits in UInt16.min...UInt16.max {
        var (half, brain, out) = (bits, bits, Float(0))
        ck_widen(&out, &half, .f16, 1)
        let expected = Half.value(bits)
        #expect(out.bitPattern == expected.bitPattern || (out.isNaN && expected.isNaN), "\(bits)")
        ck_widen(&out, &brain, .bf16, 1)
        #expect(out.bitPattern == UInt32(bits) << 16)
      }
    }

    @Test(arguments: instructionSets)
    func `products widen every finite half exactly`(isa: ck_isa) throws {
      let halves = (UInt16.min...UInt16.max).filter { $0 & 0x7c00 != 0x7c00 }
      let out = Padded(1, halves.count), one = Padded(1, 1) { _ in 1 }
      try withWorkers(2, isa) { workers in
        let matrix = halves.withUnsafeBytes {
          ck_matrix(data: $0.baseAddress.unsafelyUnwrapped, type: .f16, rows: UInt32(halves.count), columns: 1)
        }
        withExtendedLifetime(halves) {
          ck_matmul(workers, out.base, out.stride, one.base, one.stride, 1, ck_single(matrix), nil, false)
        }
      }
      #expect(zip(out.values, halves).allSatisfy { $0 == Half.value($1) })
    }

    @Test func `patches hold channel after channel and skip incomplete patches`() throws {
      let side = 11, patch = 3, grid = 3
      let view = (0..<side * side * 3).map { UInt8($0 * 37 % 256) }
      let levels = (0..<768).map(Float.init)
      let out = Padded(1, grid * grid * 3 * patch * patch)
      try withWorkers(2, .baseline) { ck_patches($0, out.base, view, UInt32(side), UInt32(patch), levels) }
      var expected: [Float] = []
      for (down, across) in (0..<grid).flatMap({ y in (0..<grid).map { (y, $0) } }) {
        for channel in 0..<3 {
          for (y, x) in (0..<patch).flatMap({ y in (0..<patch).map { (y, $0) } }) {
            let pixel = view[((down * patch + y) * side + across * patch + x) * 3 + channel]
            expected.append(Float(channel * 256 + Int(pixel)))
          }
        }
      }
      #expect(out.values == expected && out.isIntact)
    }
  }
}

/// Half precision by its definition, because Swift's own type is not available on every machine.
enum Half {
  static func value(_ bits: UInt16) -> Float {
    let sign: Double = bits >> 15 == 1 ? -1 : 1
    let exponent = Int(bits >> 10 & 31), fraction = Double(bits & 1023) / 1024
    if exponent == 31 { return fraction == 0 ? Float(sign) * .infinity : .nan }
    return Float(sign * (exponent == 0 ? fraction * pow(2, -14) : (1 + fraction) * pow(2, Double(exponent - 15))))
  }

  /// Ties to even; larger numbers become the largest half.
  static func nearest(_ value: Float) -> Float {
    let magnitude = min(Double(value.magnitude), 65504)
    let step = magnitude < 0x1p-14 ? 0x1p-24 : pow(2, Double(magnitude.exponent - 10))
    return Float(sign: value.sign, exponent: 0, significand: Float((magnitude / step).rounded(.toNearestOrEven) * step))
  }

  /// Truncated; enough for test weights between -4 and 4.
  static func bits(_ value: Float) -> UInt16 {
    if value.isNaN { return 0x7e00 }
    let pattern = value.bitPattern, exponent = Int(pattern >> 23 & 255) - 112
    return UInt16(pattern >> 16 & 0x8000) | (exponent > 0 ? UInt16(exponent << 10) | UInt16(pattern >> 13 & 1023) : 0)
  }
}
