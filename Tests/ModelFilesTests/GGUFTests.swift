import Foundation
import ModelFiles
import Testing

@Suite struct `GGUF headers` {
  private static func parse(_ gguf: GGUFBytes) throws -> GGUFHeader {
    try GGUFHeader(parsing: gguf.header, fileByteCount: gguf.file.count, file: "f.gguf")
  }

  @Test(arguments: [2, 3] as [UInt32])
  func `keys and tensors are read as they were written`(version: UInt32) throws {
    var gguf = GGUFBytes.small
    gguf.version = version
    gguf.put("a.big", 10, GGUFBytes.number(UInt64.max))
    gguf.put("a.negative", 11, GGUFBytes.number(Int64(-5)))
    gguf.put("a.double", 12, GGUFBytes.number(Double(1e-300).bitPattern))
    gguf.put("a.small", 1, [0xFF])
    let header = try Self.parse(gguf)
    #expect(header.version == Int(version))
    #expect(header.metadata.keys == gguf.keys.map(\.name))
    #expect(try header.metadata.text("general.architecture") == "qwen3")
    #expect(try header.metadata.required("a.count", in: 0...10) == 7)
    #expect(try header.metadata.number("a.scale", in: 0...1) == 0.5)
    #expect(try header.metadata.flag("a.flag") == true)
    #expect(try header.metadata.strings("a.words") == GGUFStrings(["x", "", "yz"]))
    #expect(try header.metadata.integers("a.ids", in: -9...9) == [1, -2])
    #expect(header.metadata["a.big"]?.int == nil)
    #expect(header.metadata["a.big"]?.double == 0x1p64)
    #expect(header.metadata["a.negative"]?.int == -5)
    #expect(header.metadata["a.double"]?.double == 1e-300)
    #expect(header.metadata["a.small"]?.int == -1)
    #expect(header.tensors.map(\.name) == ["first", "second"])
    #expect(header.tensors.map(\.shape) == [[2, 4], [3, 32]])
    #expect(header.tensors.map(\.byteCount) == [32, 102])
    let start = (gguf.header.count + 31) / 32 * 32
    #expect(header.tensors.map(\.offset) == [start, start + 32])
  }

  /// A change to a good file, and words of the error.
  struct Damage: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let words: [String]
    let apply: @Sendable (inout GGUFBytes) -> Void
    init(_ name: String, _ words: String..., apply: @escaping @Sendable (inout GGUFBytes) -> Void) {
      (testDescription, self.words, self.apply) = (name, words, apply)
    }
  }

  @Test(
    arguments: [
      Damage("another magic", "begins with \"GGUF\"") { $0.magic = "GGML" },
      Damage("a Git LFS pointer", "Git LFS") { $0.magic = "vers" },
      Damage("version 1", "version 2 or 3", "version 1") { $0.version = 1 },
      Damage("version 4", "version 2 or 3", "version 4") { $0.version = 4 },
      Damage("a big-endian file", "little-endian", "a big-endian file") { $0.version = 3 << 24 },
      Damage("too many keys", "key count", "at most", "1152921504606846976") { $0.keyCount = 1 << 60 },
      Damage("more keys than there are", "bytes") { $0.keyCount = 7 },
      Damage("too many tensors", "tensor count", "at most") { $0.tensorCount = 1 << 63 },
      Damage("a key twice", "a.count: ", "each key once") { $0.keys.append(("a.count", 4, [0, 0, 0, 0])) },
      Damage("an empty key", "an empty one") { $0.put("", 4, [0, 0, 0, 0]) },
      Damage("an unknown type", "x: ", "value type from 0 to 12", "found 13") { $0.put("x", 13, []) },
      Damage("an array of arrays", "x: ", "element type 9") { $0.put("x", 9, GGUFBytes.number(UInt32(9))) },
      Damage("a long array", "x: ", "array length of at most", "4611686018427387904") {
        $0.put("x", 9, GGUFBytes.number(UInt32(4)) + GGUFBytes.number(UInt64(1) << 62))
      },
      Damage("a long array of strings", "x: ", "array length of at most") {
        $0.put("x", 9, GGUFBytes.number(UInt32(8)) + GGUFBytes.number(UInt64(1) << 40))
      },
      Damage("a long string", "x: ", "string of at most", "found 18446744073709551615") {
        $0.put("x", 8, GGUFBytes.number(UInt64.max))
      },
      Damage("a truth value of 2", "x: ", "0 or 1", "found 2") { $0.put("x", 7, [2]) },
      Damage("a key that would colour a terminal", #""\u{1B}[31m": "#, "found 13") { $0.put("\u{1B}[31m", 13, []) },
      Damage("an alignment of 48", "general.alignment", "a power of two", "48") {
        $0.set("general.alignment", UInt32(48))
      },
      Damage("an alignment of 0", "general.alignment", "found 0") { $0.set("general.alignment", UInt32(0)) },
      Damage("a tensor twice", #"tensor "first""#, "each tensor name once") { $0.tensors[1].name = "first" },
      Damage("five dimensions", #"tensor "first""#, "at most 4 dimensions", "found 5") {
        $0.tensors[0].dimensions = [1, 1, 1, 1, 8]
      },
      Damage("a dimension of 0", #"tensor "first""#, "dimensions from 1", "found 0") {
        $0.tensors[0].dimensions = [4, 0]
      },
      Damage("a dimension of 2^63", #"tensor "first""#, "dimensions from 1", "9223372036854775808") {
        $0.tensors[0].dimensions = [1 << 63]
      },
      Damage("a shape beyond 64 bits", #"tensor "first""#, "fits 64 bits") {
        $0.tensors[0].dimensions = [1 << 40, 1 << 40]
      },
      Damage("a size beyond 64 bits", #"tensor "first""#, "fits 64 bits") { $0.tensors[0].dimensions = [1 << 62] },
      Damage("half a block", #"tensor "second""#, "rows of a multiple of 32", "found 48") {
        $0.tensors[1].dimensions = [48, 2]
      },
      Damage("an offset between", #"tensor "second""#, "a multiple of 32", "found 40") { $0.tensors[1].offset = 40 },
      Damage("a tensor beyond the end", #"tensor "second""#, "within the", "offset 64") { $0.tensors[1].offset = 64 },
      Damage("a far offset", #"tensor "second""#, "within the") { $0.tensors[1].offset = .max - 31 },
      Damage("a tensor as large as 64 bits", #"tensor "second""#, "within the") {
        $0.tensors[1].dimensions = [1 << 40, 1 << 20]
      },
      Damage("an overlap", #"tensor "second""#, "an overlap with tensor \"first\"") { $0.tensors[1].offset = 0 },
    ] as [Damage])
  func `an error names file, location, expectation and finding`(damage: Damage) throws {
    var gguf = GGUFBytes.small
    damage.apply(&gguf)
    let error = #expect(throws: ModelFileError.self) { try Self.parse(gguf) }
    let message = "\(try #require(error))"
    for words in ["f.gguf: ", "expected ", "found "] + damage.words { #expect(message.contains(words), "\(message)") }
  }

  @Test func `an unsupported type is an error only where it is needed`() throws {
    var gguf = GGUFBytes.small
    gguf.tensors[1].type = 23
    gguf.tensors.append(.init(name: "third", dimensions: [3], type: 999, bytes: [1, 2, 3]))
    let tensors = try Self.parse(gguf).tensors
    #expect(tensors.map(\.byteCount) == [32, nil, nil])
    #expect(tensors.map(\.type.name) == ["F32", "IQ4_XS", "type 999"])
  }

  @Test func `a header truncated at any byte is an error`() throws {
    let header = GGUFBytes.small.header
    for length in 0..<header.count {
      let error = #expect(throws: ModelFileError.self) {
        try GGUFHeader(parsing: Array(header[..<length]), fileByteCount: 1000, file: "f")
      }
      #expect(error?.description.contains("expected ") == true)
    }
  }

  @Test func `a file truncated at any byte is an error`() throws {
    let file = GGUFBytes.small.file
    let directory = try TemporaryDirectory()
    for length in 0..<file.count {
      try directory.write("f.gguf", Array(file[..<length]))
      #expect(throws: ModelFileError.self) { try GGUFFile(path: directory.path + "/f.gguf") }
    }
    try directory.write("f.gguf", file)
    let gguf = try GGUFFile(path: directory.path + "/f.gguf")
    let tensor = try #require(gguf.tensor("first"))
    var bytes = [UInt8](repeating: 0, count: 8)
    try bytes.withUnsafeMutableBytes { try gguf.read(tensor, from: 16, into: $0) }
    #expect(bytes == [16, 17, 18, 19, 20, 21, 22, 23])
  }

  @Test func `a header longer than one piece is read across its pieces`() throws {
    var gguf = GGUFBytes.small
    let words = (0..<60_000).map { "word \($0)" }
    gguf.set("a.words", words)
    gguf.set("a.text", String(repeating: "long ", count: 100_000))
    let directory = try TemporaryDirectory()
    try directory.write("f.gguf", gguf.file)
    let metadata = try GGUFFile(path: directory.path + "/f.gguf").metadata
    #expect(try metadata.strings("a.words") == GGUFStrings(words))
    #expect(try metadata.text("a.text")?.count == 500_000)
    #expect(try metadata.required("a.count", in: 0...9) == 7)
  }

  @Test func `a part of a split file is an error that tells how to join the parts`() throws {
    var gguf = GGUFBytes.small
    gguf.put("split.count", 2, [3, 0])
    let directory = try TemporaryDirectory()
    try directory.write("f.gguf", gguf.file)
    let error = #expect(throws: ModelFileError.self) { try GGUFFile(path: directory.path + "/f.gguf") }
    #expect(error?.description.contains("llama-gguf-split --merge") == true)
  }

  @Test func `a mutated header is an error or describes ranges in its file`() throws {
    var fuzz = GGUFFuzz(seed: 20_251_123)
    for _ in 0..<4_000 { fuzz.run() }
    #expect(fuzz.violations.isEmpty, "\(fuzz.violations.prefix(3))")
    // Changed names, values and digits pass; changed counts and lengths mostly do not.
    #expect((200..<2_400).contains(fuzz.accepted), "\(fuzz.accepted)")
  }

  /// R4B_FUZZ sets the number of runs, R4B_FUZZ_SEED the first seed: for long campaigns of a release build.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["R4B_FUZZ"] != nil))
  func `a long campaign of mutated headers finds nothing`() throws {
    let environment = ProcessInfo.processInfo.environment
    let count = Int(environment["R4B_FUZZ"] ?? "") ?? 0
    var fuzz = GGUFFuzz(seed: UInt64(environment["R4B_FUZZ_SEED"] ?? "") ?? 1)
    for _ in 0..<count { fuzz.run() }
    #expect(fuzz.violations.isEmpty, "\(fuzz.violations.prefix(3))")
    print("GGUF fuzz: \(count) headers, \(fuzz.accepted) accepted, \(fuzz.violations.count) violations")
  }

  @Test func `a mutated pair opens as a model that can be read and written, or not at all`() throws {
    let fuzz = try GGUFPairFuzz(seed: 20_251_125)
    for _ in 0..<1_500 { fuzz.run() }
    #expect(fuzz.violations.isEmpty, "\(fuzz.violations.prefix(3))")
    #expect((75..<900).contains(fuzz.opened), "\(fuzz.opened)")
  }

  /// R4B_FUZZ_PAIRS sets the number of runs, R4B_FUZZ_SEED the first seed.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["R4B_FUZZ_PAIRS"] != nil))
  func `a long campaign of mutated pairs finds nothing`() throws {
    let environment = ProcessInfo.processInfo.environment
    let count = Int(environment["R4B_FUZZ_PAIRS"] ?? "") ?? 0
    let fuzz = try GGUFPairFuzz(seed: UInt64(environment["R4B_FUZZ_SEED"] ?? "") ?? 1)
    for _ in 0..<count { fuzz.run() }
    #expect(fuzz.violations.isEmpty, "\(fuzz.violations.prefix(3))")
    print("GGUF fuzz: \(count) pairs, \(fuzz.opened) opened, \(fuzz.violations.count) violations")
  }
}
