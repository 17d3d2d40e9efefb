// A checkpoint whose matrices have been rounded to blocks and widened again: the numbers of a quantised model in f32.
import CKernels
import Foundation
import ModelFiles

extension ElementType {
  static let quantized = allCases.filter(\.isQuantized)

  /// The kernels' name of this type, independent of the module's own table.
  fileprivate var rounded: ck_type {
    switch self {
    case .f32: .f32
    case .f16: .f16
    case .bf16: .bf16
    case .q8_0: .q8_0
    case .q4_0: .q4_0
    case .q4_1: .q4_1
    case .q5_0: .q5_0
    case .q5_1: .q5_1
    case .q4K: .q4_K
    case .q5K: .q5_K
    case .q6K: .q6_K
    }
  }
}

/// Every matrix whose rows are whole blocks in `type`, all others as stored.
func plan(_ type: ElementType) -> (TensorInfo) -> ElementType {
  { tensor in
    let columns = tensor.elementCount / max(1, tensor.rowCount)
    return tensor.shape.count == 2 && columns % type.blockElements == 0 ? type : tensor.type
  }
}

/// A temporary copy of a checkpoint in f32 with matrices rounded by `plan`. The files are removed with the value.
final class Dequantized {
  let directory: URL

  convenience init(of source: Checkpoint, in folder: URL, plan: (TensorInfo) -> ElementType) throws {
    try self.init(of: source, in: folder, as: plan) { ($0.shape, $1) }
  }

  /// The same without rounding. `change` returns the new shape and values of each tensor.
  convenience init(
    of source: Checkpoint, in folder: URL, change: (TensorInfo, [Float]) -> (shape: [Int], values: [Float])
  ) throws {
    try self.init(of: source, in: folder, as: \.type, change: change)
  }

  private init(
    of source: Checkpoint, in folder: URL, as plan: (TensorInfo) -> ElementType,
    change: (TensorInfo, [Float]) -> (shape: [Int], values: [Float])
  ) throws {
    directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.copyItem(at: folder, to: directory)
    var header: [String: [String: Any]] = [:]
    var data = Data()
    for name in source.tensorNames {
      guard let tensor = source.tensor(name) else { continue }
      let rounded = try Self.values(of: tensor, in: source, as: tensor.shape.count == 2 ? plan(tensor) : tensor.type)
      let (shape, values) = change(tensor, rounded)
      let begin = data.count
      values.withUnsafeBytes { data.append(contentsOf: $0) }
      header[tensor.storedName] = ["dtype": "F32", "shape": shape, "data_offsets": [begin, data.count]]
    }
    let json = try JSONSerialization.data(withJSONObject: header)
    var file = Data()
    withUnsafeBytes(of: UInt64(json.count).littleEndian) { file.append(contentsOf: $0) }
    try (file + json + data).write(to: directory.appendingPathComponent("model.safetensors"))
  }

  deinit { try? FileManager.default.removeItem(at: directory) }

  private static func values(of tensor: TensorInfo, in source: Checkpoint, as type: ElementType) throws -> [Float] {
    let stored = UnsafeMutableRawBufferPointer.allocate(byteCount: tensor.byteCount, alignment: 64)
    defer { stored.deallocate() }
    try source.read(tensor, into: stored)
    var values = [Float](repeating: 0, count: tensor.elementCount)
    guard let base = stored.baseAddress else { return values }
    ck_widen(&values, base, tensor.type.rounded, values.count)
    guard type.isQuantized else { return values }
    var blocks = [UInt8](repeating: 0, count: type.byteCount(of: values.count))
    ck_quantize(&blocks, values, type.rounded, values.count)
    ck_widen(&values, blocks, type.rounded, values.count)
    return values
  }
}
