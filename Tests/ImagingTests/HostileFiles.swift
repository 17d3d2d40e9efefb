// Small files that cause much work, generated here so that sizes and counts can be chosen.

/// Writers of hostile images.
enum HostileFiles {
  private static func word(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 255), UInt8(value & 255)] }

  private static func segment(_ marker: UInt8, _ payload: [UInt8]) -> [UInt8] {
    [0xFF, marker] + word(payload.count + 2) + payload
  }

  /// Returns `count` copies of `bytes`.
  static func repeated(_ bytes: [UInt8], _ count: Int) -> [UInt8] {
    var all: [UInt8] = []
    all.reserveCapacity(bytes.count * count)
    for _ in 0..<count { all += bytes }
    return all
  }

  /// Returns a progressive JPEG with one grey component, whose scans say "no coefficient" for all blocks in few bits:
  /// a one-bit code announces a run of up to 32,767 empty blocks, with 14 bits for its length.
  static func progressiveJPEG(width: Int, height: Int, scans: Int) -> [UInt8] {
    progressiveJPEG(width: width, height: height, components: 1) + emptyScans(width: width, height: height, scans)
      + [0xFF, 0xD9]
  }

  /// Returns the head of a progressive JPEG up to its first scan.
  static func progressiveJPEG(width: Int, height: Int, components: Int) -> [UInt8] {
    let frame = [8] + word(height) + word(width) + [UInt8(components)]
    var bytes: [UInt8] = [0xFF, 0xD8]
    bytes += segment(0xDB, [0] + [UInt8](repeating: 1, count: 64))
    bytes += segment(0xC2, frame + (1...components).flatMap { [UInt8($0), 0x11, 0] as [UInt8] })
    let lengths: [UInt8] = [1] + [UInt8](repeating: 0, count: 15)
    bytes += segment(0xC4, [0x10] + lengths + [0xE0]) + segment(0xC4, [0x00] + lengths + [0x00])
    return bytes
  }

  /// Returns scans of the first component's 63 AC coefficients, all of them zero.
  static func emptyScans(width: Int, height: Int, _ count: Int) -> [UInt8] {
    let blocks = ((width + 7) / 8) * ((height + 7) / 8)
    var bits: [Bool] = []
    for _ in 0..<((blocks + 32_766) / 32_767) { bits += [false] + [Bool](repeating: true, count: 14) }
    while bits.count % 8 != 0 { bits.append(true) }
    var data: [UInt8] = []
    for start in stride(from: 0, to: bits.count, by: 8) {
      data.append(bits[start..<(start + 8)].reduce(0) { $0 << 1 | ($1 ? 1 : 0) })
      if data.last == 0xFF { data.append(0) }
    }
    let scan = segment(0xDA, [1, 1, 0x00, 1, 63, 0]) + data
    return repeated(scan, count)
  }

  /// Returns a GIF of one white pixel after `blocks` comment sub-blocks.
  static func commentedGIF(blocks: Int) -> [UInt8] {
    screen + [0x21, 0xFE] + repeated([1, 0x20], blocks) + [0] + frame + [2, 0x44, 1, 0, 0x3B]
  }

  /// Returns a GIF of one pixel whose data clear the decoder's table all the time: every code of three bits costs
  /// 4,096 writes.
  static func clearingGIF(bytes count: Int) -> [UInt8] {
    // The code 4 ("clear"), least significant bit first: 001 001 001 ….
    let block = [255] + repeated([0b0010_0100, 0b0100_1001, 0b1001_0010], 85)
    return screen + frame + repeated(block, count / 256) + [0, 0x3B]
  }

  /// A GIF screen of one pixel with two colours, and the descriptor of a one-pixel frame with its code size.
  private static let screen: [UInt8] =
    Array("GIF89a".utf8) + [1, 0, 1, 0, 0x80, 0, 0, 255, 255, 255, 0, 0, 0]
  private static let frame: [UInt8] = [0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2]

  /// Returns `png` with `chunks` inserted after its header chunk. Computes checksums.
  static func png(_ png: [UInt8], adding chunks: [(type: String, data: [UInt8])]) -> [UInt8] {
    var added: [UInt8] = []
    for (type, data) in chunks {
      let body = Array(type.utf8) + data
      added += word(data.count >> 16) + word(data.count) + body + checksum(body)
    }
    return png[..<33] + added + png[33...]
  }

  private static func checksum(_ bytes: [UInt8]) -> [UInt8] {
    var value: UInt32 = .max
    for byte in bytes {
      value ^= UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
    }
    value = ~value
    return word(Int(value >> 16)) + word(Int(value & 0xFFFF))
  }
}
