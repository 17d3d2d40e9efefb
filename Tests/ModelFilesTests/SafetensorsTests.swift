import Basics
import Foundation
import JSON
import ModelFiles
import Testing

@Suite struct `Safetensors files` {
  private static let newline = "model.image_newline"

  /// A change to a good file, and words of the error.
  struct Damage: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let words: [String]
    let apply: @Sendable (inout TinyCheckpoint) -> Void
    init(_ name: String, _ words: String..., apply: @escaping @Sendable (inout TinyCheckpoint) -> Void) {
      (testDescription, self.words, self.apply) = (name, words, apply)
    }
    /// Replaces one member of the header's entry for `model.image_newline`.
    static func header(_ member: String, _ value: JSONValue?, _ words: String...) -> Damage {
      var damage = Damage("\(member) \(value.map { String(decoding: $0.encoded, as: UTF8.self) } ?? "absent")") {
        tiny in
        tiny.headerEdit = { $0 = $0.setting([newline, member], value) }
      }
      damage = Damage(damage, words: [newline] + words)
      return damage
    }
    private init(_ other: Damage, words: [String]) {
      (testDescription, self.words, apply) = (other.testDescription, words, other.apply)
    }
  }

  @Test(
    arguments: [
      .header("dtype", nil, "a dtype"),
      .header("dtype", 4, "a dtype", "found 4"),
      .header("dtype", "I32", "expected BF16, F16 or F32", #"found "I32""#),
      .header("dtype", "F16", "expected 16 bytes for F16 [8]", "found 32"),
      .header("shape", nil, "a shape"),
      .header("shape", [-8], "at least 0", "found -8"),
      .header("shape", [2.5], "found 2.5"),
      .header("shape", [4, 2], "expected shape [8]", "found [4, 2]"),
      .header("shape", [9], "expected 36 bytes", "found 32"),
      .header("shape", [4_294_967_296, 4_294_967_296], "64 bits"),
      .header("shape", [4_611_686_018_427_387_904], "64 bits"),
      .header("shape", [1, 1, 1, 1, 1, 1, 1, 1, 8], "at most 8 dimensions", "found 9"),
      .header("data_offsets", nil, "data_offsets of two integers"),
      .header("data_offsets", [0], "data_offsets of two integers"),
      .header("data_offsets", [-4, 28], "within the", "[-4, 28]"),
      .header("data_offsets", [64, 32], "within the", "[64, 32]"),
      .header("data_offsets", [9_223_372_036_854_775_775, 9_223_372_036_854_775_807], "within the"),
      .header("data_offsets", [0, 32], "an overlap"),
      Damage("an entry that is no object", newline, "a dtype") { $0.headerEdit = { $0 = $0.setting([newline], 1) } },
      Damage("a missing tensor", "model.safetensors", newline, "expected shape [8]", "no such tensor") {
        $0.remove(newline)
      },
      Damage("two spellings of one tensor", #"tensor "image_newline""#, "one tensor for", "a second under another name")
      {
        $0.tensors.append(TinyTensor("image_newline", [8]))
      },
      Damage("bytes after the last tensor", "tensors that cover all") { $0.fileEdit = { $0.append(0) } },
      Damage("bytes missing at the end", "within the") { $0.fileEdit = { $0.removeLast() } },
      Damage("a name that would colour a terminal", #"tensor "\u{1B}[31m\u{009B}\u{00E9}""#, "a dtype") {
        $0.headerEdit = { $0 = $0.setting(["\u{1B}[31m\u{9B}é"], 1) }
      },
      Damage(
        "a bias in the decoder", "layers.1.self_attn.q_proj.bias", "no bias in decoder layers",
        "found one of shape [12]"
      ) {
        $0.tensors.append(TinyTensor("model.language_model.layers.1.self_attn.q_proj.bias", [12]))
      },
      Damage("an empty file", "found a file of 0 bytes") { $0.fileEdit = { $0 = [] } },
      Damage("a header longer than the file", "a header of at most") { $0.fileEdit = { $0[3] = 1 } },
      Damage("a header of 2^63 bytes", "a header of at most", "9223372036854") { $0.fileEdit = { $0[7] = 0x80 } },
      Damage("a header that is no object", "a header object", "found an array of 0") { $0.headerEdit = { $0 = [] } },
      Damage("a header that is no JSON", "a header of JSON", "expected a value at byte 0") {
        $0.fileEdit = { $0[8] = 0x21 }
      },
      Damage("a Git LFS pointer", "a Git LFS pointer") {
        $0.fileEdit = { $0 = Array("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n".utf8) }
      },
      Damage("a gap between tensors", "a gap", "begin at 320") { tiny in
        tiny.headerEdit = { header in
          for (name, value) in header.object?.members.map({ $0 }) ?? [] {
            guard let offsets = value["data_offsets"]?.array?.compactMap(\.int), offsets[0] > 0 else { continue }
            header = header.setting([name, "data_offsets"], .array(offsets.map { .integer(Int64($0 + 4)) }))
          }
        }
        tiny.fileEdit = { $0 += [0, 0, 0, 0] }
      },
    ] as [Damage])
  func `an error names file, tensor, expectation and finding`(damage: Damage) throws {
    var tiny = TinyCheckpoint()
    damage.apply(&tiny)
    let message = try tiny.failure()
    for words in ["model.safetensors: ", "expected ", "found "] + damage.words {
      #expect(message.contains(words), "\(message)")
    }
  }

  private static func sharded() -> TinyCheckpoint {
    var tiny = TinyCheckpoint()
    tiny.shards = ["a.safetensors": Array(0..<20), "b.safetensors": Array(20..<tiny.tensors.count)]
    return tiny
  }

  @Test(
    arguments: [
      Damage("a missing shard", #"shard "c.safetensors""#, "no such file") {
        $0.indexEdit = { $0["more"] = "c.safetensors" }
      },
      Damage("a tensor that its shard does not have", "b.safetensors", newline, "no such tensor") {
        $0.indexEdit = { $0[newline] = "b.safetensors" }
      },
      Damage("a shard in another directory", "weight_map", "../a.safetensors") {
        $0.indexEdit = { $0[newline] = "../a.safetensors" }
      },
      Damage("a shard by absolute path", "weight_map", "file in the directory") {
        $0.indexEdit = { $0[newline] = "/etc/hostname" }
      },
      Damage("a shard with control characters", "weight_map", #"found "\u{1B}x""#) {
        $0.indexEdit = { $0[newline] = "\u{1B}x" }
      },
      Damage("a hidden shard", "weight_map", #"found "..""#) { $0.indexEdit = { $0[newline] = ".." } },
      Damage("a tensor in two shards", newline, "one tensor for", "another in") { tiny in
        let position = tiny.position(of: newline)
        tiny.shards?["b.safetensors"]?.append(position)
        tiny.indexEdit = { $0[newline] = "a.safetensors" }
      },
      Damage("a tensor in no shard", "index.json", newline, "no such tensor") { tiny in
        let position = tiny.position(of: newline)
        tiny.shards?["a.safetensors"]?.removeAll { $0 == position }
      },
    ] as [Damage])
  func `an index that contradicts its shards is an error`(damage: Damage) throws {
    var tiny = Self.sharded()
    damage.apply(&tiny)
    let message = try tiny.failure()
    for words in damage.words { #expect(message.contains(words), "\(message)") }
  }

  @Test(arguments: [
    (#"{}"#, "weight_map: expected an object"), (#"{"weight_map": {"a": 1}}"#, "found 1"), ("[", "expected JSON"),
    (#"{"weight_map": {}}"#, "no such tensor"),
  ])
  func `a malformed index is an error`(text: String, words: String) throws {
    let directory = try Self.sharded().write()
    try directory.write("model.safetensors.index.json", Array(text.utf8))
    let error = #expect(throws: ModelFileError.self) { try directory.open() }
    #expect(error?.description.contains(words) == true, "\(String(describing: error))")
    #expect(error?.description.contains("model.safetensors.index.json") == true)
  }

  @Test func `links out of the directory are not followed`() throws {
    let outside = try TinyCheckpoint().write()
    for target in [
      outside.path + "/config.json", "../\(outside.path.split(separator: "/").last ?? "")/config.json", "chain",
    ] {
      let directory = try TinyCheckpoint().write()
      let config = directory.path + "/config.json"
      try FileManager.default.removeItem(atPath: config)
      try FileManager.default.createSymbolicLink(atPath: directory.path + "/chain", withDestinationPath: outside.path)
      try FileManager.default.createSymbolicLink(atPath: config, withDestinationPath: target)
      let error = #expect(throws: ModelFileError.self) { try directory.open() }
      #expect(error?.description.contains("a link to") == true, "\(String(describing: error))")
    }
  }

  @Test func `a directory or a pipe instead of a file is an error, without waiting`() throws {
    for make in [{ mkdir($0, 0o700) }, { mkfifo($0, 0o600) }] as [(String) -> Int32] {
      let directory = try TinyCheckpoint().write()
      let config = directory.path + "/config.json"
      try FileManager.default.removeItem(atPath: config)
      #expect(make(config) == 0)
      let error = #expect(throws: ModelFileError.self) { try directory.open() }
      #expect(error?.expected == "a regular file")
    }
  }

  private struct Verdicts: Decodable {
    struct Case: Decodable {
      let header: String
      let accepted: Bool
    }
    let dataBytes: Int
    let cases: [Case]
  }

  @Test func `the reference library and this reader agree on every header`() throws {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
      "Fixtures/headers.json")
    let verdicts = try JSONDecoder().decode(Verdicts.self, from: Data(contentsOf: path))
    #expect(verdicts.cases.count == 160)
    for item in verdicts.cases {
      let header = try? SafetensorsHeader(
        parsing: Array(item.header.utf8), dataByteCount: verdicts.dataBytes, file: "f")
      #expect((header != nil) == item.accepted, "\(item.header)")
    }
  }

  @Test func `a file truncated at any byte of its header is an error`() throws {
    var tiny = TinyCheckpoint()
    tiny.tensors = Array(tiny.tensors.prefix(3))
    let file = tiny.safetensors(tiny.tensors)
    let data = tiny.tensors.reduce(0) { $0 + $1.bytes.count }
    let directory = try TinyCheckpoint().write()
    for length in 0...file.count - data {
      try directory.write("model.safetensors", Array(file[..<length]))
      #expect(throws: ModelFileError.self) { try directory.open() }
    }
    let text = Array(file[8..<file.count - data])
    #expect(try SafetensorsHeader(parsing: text, dataByteCount: data, file: "f").entries.count == 3)
    for length in 0..<text.count {
      #expect(throws: ModelFileError.self) {
        try SafetensorsHeader(parsing: Array(text[..<length]), dataByteCount: data, file: "f")
      }
    }
  }

  @Test func `a mutated header is an error or describes exactly the file's data`() throws {
    var tiny = TinyCheckpoint()
    tiny.tensors = Array(tiny.tensors.prefix(4)) + [TinyTensor("odd", [2], type: "I64")]
    let data = tiny.tensors.reduce(0) { $0 + $1.bytes.count }
    let good = Array(tiny.safetensors(tiny.tensors).dropFirst(8).dropLast(data))
    var random = SplitMix64(seed: 20_251_122)
    let pieces = [
      "0", "9", "-", "[", "]", "{", "}", ",", ":", "\"", "e9", "99999999999999999999", "null", "F16", "U8", "\\u0000",
    ]
    var accepted = 0
    for _ in 0..<4000 {
      var text = good
      for _ in 0...random.next() % 3 {
        let at = Int(random.next() % UInt64(text.count))
        switch random.next() % 4 {
        case 0: text[at] = UInt8(truncatingIfNeeded: random.next())
        case 1: text.remove(at: at)
        case 2: text.insert(contentsOf: pieces[Int(random.next() % UInt64(pieces.count))].utf8, at: at)
        default: if text[at] >= 0x30, text[at] <= 0x39 { text[at] = 0x30 + UInt8(random.next() % 10) }
        }
      }
      guard let header = try? SafetensorsHeader(parsing: text, dataByteCount: data, file: "f") else { continue }
      accepted += 1
      var covered = 0
      for entry in header.entries {
        #expect(entry.range.lowerBound == covered)
        covered = entry.range.upperBound
        guard let type = ElementType(safetensors: entry.type) else { continue }
        #expect(entry.shape.reduce(type.blockByteCount, *) == entry.range.count)
      }
      #expect(covered == data)
    }
    // Renamed tensors and unchanged digits pass; most mutations must not.
    #expect((100..<2500).contains(accepted), "\(accepted)")
  }

  @Test func `a mutated file is never read beyond its end`() throws {
    let directory = try TinyCheckpoint().write()
    let good = TinyCheckpoint().safetensors(TinyCheckpoint().tensors)
    var random = SplitMix64(seed: 7)
    for _ in 0..<150 {
      var file = good
      for _ in 0...random.next() % 2 { file[Int(random.next() % UInt64(file.count))] ^= 1 << UInt8(random.next() % 8) }
      try directory.write("model.safetensors", file)
      guard let checkpoint = try? directory.open() else { continue }
      for name in checkpoint.tensorNames {
        let tensor = try #require(checkpoint.tensor(name))
        #expect(try checkpoint.bytes(of: tensor).count == tensor.byteCount)
      }
    }
  }

  @Test func `sizes of the real model open from sparse shards beyond 4 GiB`() throws {
    var tiny = TinyCheckpoint()
    // As save_pretrained writes it: values that equal the class defaults are left out.
    tiny.config = [
      "model_type": "R",
      "vision_config": [
        "hidden_size": 1152, "image_size": 384, "intermediate_size": 4304, "num_attention_heads": 16,
        "num_hidden_layers": 26,
        "patch_size": 14,
      ],
      "text_config": [
        "hidden_size": 2560, "intermediate_size": 9728, "max_position_embeddings": 40960, "num_hidden_layers": 36,
        "num_key_value_heads": 8, "rope_theta": 1_000_000,
      ],
    ]
    // Only the shapes matter for the list of tensors.
    let shapes = RConfiguration(
      text: TextConfiguration(
        hiddenSize: 2560, layerCount: 36, headCount: 32, kvHeadCount: 8, headDimension: 128, intermediateSize: 9728,
        vocabularySize: 151_936, ropeTheta: 1e6, rmsNormEpsilon: 1e-6, maxPositions: 40960, tied: false),
      vision: VisionConfiguration(
        hiddenSize: 1152, layerCount: 26, headCount: 16, intermediateSize: 4304, imageSize: 384, patchSize: 14,
        channelCount: 3, layerNormEpsilon: 1e-6),
      imageTokenIndex: nil, visionAspectRatio: .anyres(maxPatches: nil), imageGridPinpoints: [], maxPositions: 32768)
    var header: JSONValue = [:]
    var end = 0
    for tensor in shapes.requiredTensors {
      let begin = end
      end += 2 * tensor.shape.reduce(1, *)
      let entry: JSONValue = [
        "dtype": "BF16", "shape": .array(tensor.shape.map { .integer(Int64($0)) }),
        "data_offsets": [.integer(Int64(begin)), .integer(Int64(end))],
      ]
      header = header.setting([tensor.name], entry)
    }
    let text = header.encoded
    tiny.fileEdit = { $0 = withUnsafeBytes(of: UInt64(text.count).littleEndian) { [UInt8]($0) } + text }
    let directory = try tiny.write()
    let path = directory.path + "/model.safetensors"
    try #require(truncate(path, off_t(8 + text.count + end)) == 0)
    let checkpoint = try directory.open()
    #expect(checkpoint.parameterCount == 4_818_684_704 - 2 * 1152)
    #expect(checkpoint.configuration.text == shapes.text)
    #expect(checkpoint.configuration.vision == shapes.vision)
    #expect(checkpoint.configuration.imageGridPinpoints == RConfiguration.defaultPinpoints(imageSize: 384))
    #expect(checkpoint.configuration.maxPositions == 32768)
    #expect(checkpoint.generation.endOfSequence == [151_645, 151_643])
    // The last value of the file, far beyond 32 bits.
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try handle.seek(toOffset: UInt64(8 + text.count + end - 2))
    try handle.write(contentsOf: [0x34, 0x12])
    try handle.close()
    let newline = try checkpoint.require(Self.newline, shape: [2560])
    #expect(try checkpoint.bytes(of: newline, rows: 2559..<2560) == [0x34, 0x12])
  }
}
