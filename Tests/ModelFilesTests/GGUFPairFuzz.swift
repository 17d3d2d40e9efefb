// Mutated pairs of GGUF files, opened as checkpoints: metadata and shapes determine configuration,
// vocabulary, tensors, and the plans and metadata of a quantised copy. Mutations know the format, so that most headers
// parse.
import Basics
import Foundation
import Glibc
import ModelFiles

/// A campaign over whole files. The mutated file is written over and restored, so a run costs two small writes.
final class GGUFPairFuzz {
  /// A pair or a text file in its own folder.
  private struct Seed {
    let files: [(gguf: GGUFBytes, bytes: [UInt8], path: String)]
    let directory: TemporaryDirectory
  }

  private var random: SplitMix64
  private let seeds: [Seed]
  private(set) var opened = 0
  /// Violations of opened checkpoints and their reader.
  private(set) var violations: [String] = []

  private static let edges: [UInt64] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 16, 31, 32, 64, 255, 256, 1000, 1023, 1024, 1025, 4096, 65535, 65536,
    65537,
    1 << 20, 1 << 22, 1 << 24, 1 << 31, 1 << 32, 1 << 62, 1 << 63, .max, .max - 31,
  ]
  private static let numbers: [Double] = [
    0, -0.0, 1, -1, 0.5, 1e-6, 1e-45, 1e4, 1e12, 1e13, 3e38, 1e300, .infinity, -.infinity, .nan, .leastNonzeroMagnitude,
  ]
  private static let texts = [
    "", "none", "yarn", "qwen3", "llama", "clip", "lfm2", "gpt2", "qwen2", "default", "anyres", "anyres_max_9",
    "anyres_max_0",
    "anyres_max_99999999999999999999", "a b", " ", "  ", "\u{0}", "é", String(repeating: "x", count: 3000), "<image>",
    "[PAD3]",
  ]

  init(seed: UInt64) throws {
    random = SplitMix64(seed: seed)
    var full = TinyPair()
    full.text.set("r4b.stop_token_ids", [8, 5] as [Int32])
    full.text.set("tokenizer.chat_template", "{{ messages }}")
    full.text.set("general.sampling.temp", Float(0.6))
    full.text.set("general.sampling.top_k", UInt32(20))
    full.vision.set("clip.vision.projector.scale_factor", UInt32(1))
    full.vision.set("r4b.image_token_index", UInt32(9))
    full.vision.set("r4b.vision_aspect_ratio", "anyres_max_9")
    full.vision.set("r4b.image_grid_pinpoints", [10, 15, 5, 50] as [Int32])
    full.vision.set("r4b.resample", UInt32(3))
    full.vision.put("r4b.rescale_factor", 12, GGUFBytes.number(Double(0.25).bitPattern))
    var plain = TinyPair()
    plain.vision.tensors.removeAll { $0.name == "model.image_newline" }
    var alone = TinyPair()
    alone.text.tensors.removeAll { $0.name == "output.weight" }
    seeds = try [(full, true), (plain, true), (alone, false)].map { pair, hasVision in
      let directory = try pair.write(vision: hasVision)
      let text = (pair.text, pair.text.file, directory.path + "/model.gguf")
      let vision = (pair.vision, pair.vision.file, directory.path + "/mmproj-model.gguf")
      return Seed(files: hasVision ? [text, vision] : [text], directory: directory)
    }
  }

  /// Mutates one file of one seed, opens the pair, and checks the result.
  func run() {
    let seed = seeds[pick(seeds.count)]
    let file = seed.files[pick(seed.files.count)]
    let bytes: [UInt8]
    if pick(4) == 0 {
      bytes = scratched(file.bytes, within: file.gguf.header.count)
    } else {
      var gguf = file.gguf
      for _ in 0...pick(2) { mutate(&gguf) }
      bytes = gguf.file
    }
    write(bytes, file.path)
    if let checkpoint = try? Checkpoint(path: seed.files[0].path) {
      opened += 1
      check(checkpoint, byteCount: seed.files.reduce(bytes.count) { $0 + $1.bytes.count })
    }
    write(file.bytes, file.path)
  }

  private func pick(_ count: Int) -> Int { Int(random.next() % UInt64(max(1, count))) }

  /// Does not truncate the file first: file systems treat that as a replacement, which they flush at once.
  private func write(_ bytes: [UInt8], _ path: String) {
    let descriptor = Glibc.open(path, O_WRONLY | O_CLOEXEC)
    defer { close(descriptor) }
    let isWritten = pwrite(descriptor, bytes, bytes.count, 0) == bytes.count
    if !isWritten || ftruncate(descriptor, off_t(bytes.count)) != 0 { violations.append("\(path) cannot be written") }
  }

  // MARK: - Mutations

  /// Changes single bytes of the header, or cuts off the end.
  private func scratched(_ bytes: [UInt8], within header: Int) -> [UInt8] {
    var bytes = bytes
    for _ in 0...pick(3) { bytes[pick(header)] = pick(2) == 0 ? UInt8(truncatingIfNeeded: random.next()) : 0 }
    return pick(8) == 0 ? Array(bytes.prefix(pick(bytes.count))) : bytes
  }

  private func mutate(_ gguf: inout GGUFBytes) {
    let key = pick(gguf.keys.count), tensor = pick(gguf.tensors.count), other = pick(gguf.tensors.count)
    switch pick(16) {
    case 0 where gguf.keys.count > 1: gguf.keys.remove(at: key)
    case 1...6 where !gguf.keys.isEmpty: (gguf.keys[key].type, gguf.keys[key].value) = value(gguf.keys[key].type)
    case 7 where gguf.keys.count > 1:
      let from = gguf.keys[pick(gguf.keys.count)]
      (gguf.keys[key].type, gguf.keys[key].value) = (from.type, from.value)
    case 8:
      let extents = gguf.tensors[tensor].dimensions
      if !extents.isEmpty { gguf.tensors[tensor].dimensions[pick(extents.count)] = Self.edges[pick(Self.edges.count)] }
    case 9: gguf.tensors[tensor].dimensions.reverse()
    case 10: gguf.tensors[tensor].dimensions = (0..<pick(6)).map { _ in UInt64(1 + pick(12)) }
    case 11: gguf.tensors[tensor].type = UInt32(pick(36))
    case 12: gguf.tensors[tensor].offset = UInt64(pick(64)) * 32
    case 13:
      let name = gguf.tensors[tensor].name
      gguf.tensors[tensor].name = gguf.tensors[other].name
      gguf.tensors[other].name = name
    case 14 where gguf.tensors.count > 1: gguf.tensors.remove(at: tensor)
    default:
      var copy = gguf.tensors[tensor]
      copy.name = copy.name.replacing("blk.1.", with: "blk.\(pick(1100)).")
      gguf.tensors.append(copy)
    }
  }

  /// A value of `type` or, one time in four, of another.
  private func value(_ type: UInt32) -> (UInt32, [UInt8]) {
    let type = pick(4) == 0 ? UInt32(pick(13)) : type
    let edge = Self.edges[pick(Self.edges.count)], number = Self.numbers[pick(Self.numbers.count)]
    switch type {
    case 6: return (type, GGUFBytes.number(Float(number).bitPattern))
    case 12: return (type, GGUFBytes.number(number.bitPattern))
    case 7: return (type, [UInt8(pick(2))])
    case 8: return (type, GGUFBytes.string(text()))
    case 9 where pick(2) == 0:
      let texts = (0..<pick(14)).flatMap { _ in GGUFBytes.string(text()) }
      return (type, GGUFBytes.number(UInt32(8)) + GGUFBytes.number(UInt64(texts.isEmpty ? 0 : 1)) + texts)
    case 9:
      let count = pick(14)
      let values = (0..<count).flatMap { _ in GGUFBytes.number(UInt32(pick(8))) }
      return (type, GGUFBytes.number(UInt32([4, 5, 6][pick(3)])) + GGUFBytes.number(UInt64(count)) + values)
    case 10, 11: return (type, GGUFBytes.number(edge))
    case 4, 5: return (type, GGUFBytes.number(UInt32(truncatingIfNeeded: edge)))
    case 2, 3: return (type, GGUFBytes.number(UInt16(truncatingIfNeeded: edge)))
    default: return (type, [UInt8(truncatingIfNeeded: edge)])
    }
  }

  private func text() -> String { Self.texts[pick(Self.texts.count)] }

  // MARK: - Properties

  /// Reads everything that a model and a quantised copy need.
  private func check(_ checkpoint: Checkpoint, byteCount: Int) {
    let configuration = checkpoint.configuration, rows = configuration.text.vocabularySize
    let required = configuration.requiredTensors
    for tensor in required {
      guard let info = try? checkpoint.require(tensor.name, shape: tensor.shape), info.byteCount <= byteCount,
        info.elementCount == tensor.shape.reduce(1, *), (try? checkpoint.bytes(of: info))?.count == info.byteCount
      else {
        violations.append("\(tensor) of \(configuration)")
        continue
      }
    }
    guard case .vocabulary(let vocabulary) = checkpoint.tokenizer else { return violations.append("no vocabulary") }
    let ids = checkpoint.generation.endOfSequence + [checkpoint.generation.padding ?? 0]
    if vocabulary.kinds.count != vocabulary.tokens.count || vocabulary.tokens.count > rows
      || !ids.allSatisfy((0..<rows).contains)
    {
      violations.append("ids \(ids) of \(vocabulary.tokens.count) tokens in \(rows) rows")
    }
    for type in FileType.allCases {
      for planned in configuration.textPlan(type) + configuration.visionPlan(type.suitsVision ? type : .f16)
      where planned.written.byteCount < planned.written.shape.reduce(1, *) / 2 {
        violations.append("\(planned) is too small")
      }
    }
    let written = checkpoint.textMetadata(name: "m", vocabulary: vocabulary)
    if (checkpoint.visionMetadata(name: "m") == nil) != (configuration.vision == nil) || written.keys.isEmpty {
      violations.append("metadata of \(configuration)")
    }
    if CheckpointSummary(of: checkpoint).byteCount > byteCount { violations.append("more bytes than there are") }
  }
}
