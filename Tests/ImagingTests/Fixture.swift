// Files in Fixtures, written by scripts/fixtures/imaging.py with Pillow.
import Foundation
import Imaging

/// Reads the fixtures of this module.
enum Fixture {
  /// An image file and the location of its pixels, as decoded by Pillow, in `expected.rgb`.
  struct Image: Decodable {
    var name: String
    var width, height, offset: Int
  }

  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")

  static func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
  }

  static func values<Value: Decodable>(_ name: String, as type: Value.Type = Value.self) throws -> Value {
    try JSONDecoder().decode(Value.self, from: Data(contentsOf: folder.appendingPathComponent(name + ".json")))
  }

  /// Returns the image that the generator resizes: `[height, width, 3]` by formula.
  static func formula(width: Int, height: Int) -> RGBImage {
    var pixels: [UInt8] = []
    pixels.reserveCapacity(width * height * 3)
    for y in 0..<height {
      for x in 0..<width {
        let value = x * x * 7 + y * 13 + (x / 8) * (y / 8) * 3
        for channel in 0..<3 { pixels.append(UInt8((value + channel * 101) % 256)) }
      }
    }
    return RGBImage(width: width, height: height, pixels: pixels)
  }

  /// Returns FNV-1a, 64 bit, in hexadecimal.
  static func hash(_ bytes: some Sequence<UInt8>) -> String {
    var value: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
