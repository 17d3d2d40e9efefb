// Mutated GGUF headers, and the properties of every accepted one.
import Basics
import ModelFiles

/// A campaign: seeds, mutations, counts.
struct GGUFFuzz {
  private var random: SplitMix64
  private let seeds: [(header: [UInt8], fileByteCount: Int)]
  private(set) var accepted = 0
  /// Violations in accepted headers, with the first bytes of the header.
  private(set) var violations: [String] = []

  /// Boundary values of counts, lengths and types.
  private static let edges: [UInt64] = [
    0, 1, 2, 3, 4, 7, 8, 9, 12, 13, 31, 32, 33, 127, 128, 255, 256, 1 << 16, 1 << 31, 1 << 32, 1 << 62, 1 << 63, .max,
    .max - 31, 0x7FFF_FFFF_FFFF_FFFF,
  ]

  init(seed: UInt64) {
    random = SplitMix64(seed: seed)
    var bare = GGUFBytes()
    bare.tensors = [.init(name: "t", dimensions: [8], bytes: [UInt8](repeating: 0, count: 32))]
    var aligned = GGUFBytes.small
    aligned.alignment = 64
    aligned.set("general.alignment", UInt32(64))
    aligned.tensors.append(.init(name: "third", dimensions: [256], type: 14, bytes: [UInt8](repeating: 0, count: 210)))
    let pair = TinyPair()
    var vocabulary = GGUFBytes()
    vocabulary.keys = pair.text.keys.filter { $0.name.hasPrefix("tokenizer") }
    vocabulary.tensors = Array(pair.text.tensors.prefix(3))
    seeds = [GGUFBytes.small, bare, aligned, vocabulary].map { ($0.header, $0.file.count) }
  }

  /// Mutates one seed, parses it, and checks the result.
  mutating func run() {
    let seed = seeds[Int(random.next() % UInt64(seeds.count))]
    var header = seed.header
    for _ in 0...(random.next() % 3 == 0 ? 2 : 0) where !header.isEmpty { mutate(&header) }
    guard let parsed = try? GGUFHeader(parsing: header, fileByteCount: seed.fileByteCount, file: "f") else { return }
    accepted += 1
    check(parsed, seed.fileByteCount)
  }

  private mutating func mutate(_ header: inout [UInt8]) {
    let at = Int(random.next() % UInt64(header.count))
    switch random.next() % 8 {
    case 0: header[at] = UInt8(truncatingIfNeeded: random.next())
    case 1: header[at] ^= 1 << UInt8(random.next() % 8)
    case 2: header.remove(at: at)
    case 3: header.insert(UInt8(truncatingIfNeeded: random.next()), at: at)
    case 4: header.removeSubrange(at...)
    case 5:
      let end = min(header.count, at + Int(random.next() % 40))
      header.insert(contentsOf: Array(header[at..<end]), at: at)
    default:
      let edge = Self.edges[Int(random.next() % UInt64(Self.edges.count))]
      let size = random.next() % 2 == 0 ? 8 : 4
      for byte in 0..<size where at + byte < header.count {
        header[at + byte] = UInt8(truncatingIfNeeded: edge >> UInt64(8 * byte))
      }
    }
  }

  private mutating func check(_ header: GGUFHeader, _ fileByteCount: Int) {
    func ends(_ tensor: GGUFTensor) -> Int { tensor.offset + (tensor.byteCount ?? 0) }
    for tensor in header.tensors {
      if tensor.offset < 0 || ends(tensor) > max(fileByteCount, tensor.offset) || tensor.offset % header.alignment != 0
      {
        violations.append("\(tensor)")
      }
      if let bytes = tensor.byteCount, let type = tensor.type.element,
        type.byteCount(of: tensor.shape.reduce(1, *)) != bytes
      {
        violations.append("\(tensor)")
      }
    }
    let ordered = header.tensors.sorted { ($0.offset, ends($0)) < ($1.offset, ends($1)) }
    for (tensor, next) in zip(ordered, ordered.dropFirst()) where ends(tensor) > next.offset {
      violations.append("\(tensor) over \(next)")
    }
    if Set(header.metadata.keys).count != header.metadata.keys.count { violations.append("\(header.metadata.keys)") }
  }
}
