import Foundation
import ModelFiles
import Testing

@Suite struct `GGUF files that are written` {
  private static let plans = [
    GGUFTensorPlan(name: "a", type: .f32, shape: [3, 5]), GGUFTensorPlan(name: "b", type: .q4K, shape: [2, 256]),
    GGUFTensorPlan(name: "c", type: .bf16, shape: [7]),
  ]

  private static func metadata() -> GGUFMetadata {
    var metadata = GGUFMetadata()
    metadata["general.architecture"] = .text("qwen3")
    metadata["general.alignment"] = .uint32(64)
    metadata["x.count"] = .uint32(7)
    metadata["x.scale"] = .float32(0.5)
    metadata["x.factor"] = .float64(1.0 / 255)
    metadata["x.flag"] = .bool(true)
    metadata["x.words"] = .strings(GGUFStrings(["Ġthe", "", "é"]))
    metadata["x.ids"] = .numbers(GGUFNumbers([1, -2] as [Int32]))
    metadata["x.mean"] = .numbers(GGUFNumbers([0.5, 0.25] as [Float]))
    return metadata
  }

  private static func bytes(of plan: GGUFTensorPlan) -> [UInt8] {
    (0..<plan.byteCount).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ plan.name.utf8.count) }
  }

  private static func write(_ path: String, piece: Int) throws {
    let writer = try GGUFWriter(path: path, metadata: metadata(), tensors: plans)
    for plan in plans {
      let bytes = bytes(of: plan)
      for start in stride(from: 0, to: bytes.count, by: piece) {
        try bytes[start..<min(start + piece, bytes.count)].withUnsafeBytes { try writer.write($0) }
      }
    }
    try writer.finish()
  }

  @Test(arguments: [1, 13, 1000])
  func `a file that is written in pieces reads back completely`(piece: Int) throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/out.gguf"
    try Self.write(path, piece: piece)
    let file = try GGUFFile(path: path)
    var expected = Self.metadata()
    expected["general.alignment"] = nil
    #expect(file.metadata.keys == expected.keys)
    for key in expected.keys { #expect(file.metadata[key] == expected[key]) }
    #expect(file.tensors.map(\.name) == Self.plans.map(\.name))
    for plan in Self.plans {
      let tensor = try #require(file.tensor(plan.name))
      #expect(tensor.shape == plan.shape)
      #expect(tensor.type.element == plan.type)
      var bytes = [UInt8](repeating: 0, count: plan.byteCount)
      try bytes.withUnsafeMutableBytes { try file.read(tensor, into: $0) }
      #expect(bytes == Self.bytes(of: plan))
    }
    #expect(!FileManager.default.fileExists(atPath: GGUFWriter.partialPath(of: path)))
    let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
    #expect(size.map { $0 % 32 } == 0)
  }

  @Test func `no incomplete file has the final name, and none is left behind`() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/out.gguf"
    try directory.write("out.gguf", [1, 2, 3])
    do {
      let writer = try GGUFWriter(path: path, metadata: Self.metadata(), tensors: Self.plans)
      try Self.bytes(of: Self.plans[0]).withUnsafeBytes { try writer.write($0) }
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted() == [
          "out.gguf", "out.gguf.partial",
        ])
      #expect(writer.current == 1)
      let second = #expect(throws: ModelFileError.self) {
        _ = try GGUFWriter(path: path, metadata: Self.metadata(), tensors: Self.plans)
      }
      #expect(second?.description.contains("another process that writes this file") == true)
      #expect(writer.current == 1)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["out.gguf"])
    #expect(FileManager.default.contents(atPath: path) == Data([1, 2, 3]))
    // The file of a killed run is overwritten.
    try directory.write("out.gguf.partial", [UInt8](repeating: 7, count: 100_000))
    try Self.write(path, piece: 100)
    #expect(try GGUFFile(path: path).tensors.count == 3)
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["out.gguf"])
  }

  @Test func `an unwritable path is an error that names it`() throws {
    let directory = try TemporaryDirectory()
    let error = #expect(throws: ModelFileError.self) {
      _ = try GGUFWriter(path: directory.path + "/none/out.gguf", metadata: Self.metadata(), tensors: Self.plans)
    }
    #expect(error?.description.contains("none/out.gguf.partial: expected a new file, found No such file") == true)
  }

  @Test func `a file larger than the file system is an error before anything is written`() throws {
    let directory = try TemporaryDirectory()
    let huge = [GGUFTensorPlan(name: "a", type: .f32, shape: [1 << 20, 1 << 20, 1 << 12])]
    let error = #expect(throws: ModelFileError.self) {
      _ = try GGUFWriter(path: directory.path + "/out.gguf", metadata: Self.metadata(), tensors: huge)
    }
    #expect(error?.description.contains("expected space for") == true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).isEmpty)
  }
}
