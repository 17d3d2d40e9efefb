import Basics
import Imaging
import Testing

@Suite struct `Hostile images` {
  static let samples = [
    "png-6-8.png", "png-6-16-interlaced.png", "png-3-4.png", "png-palette-alphas.png", "png-exif-text.png",
    "png-xmp-deflated.png",
    "jpeg-420.jpg", "jpeg-progressive.jpg", "jpeg-cmyk.jpg", "jpeg-orientation-6.jpg", "jpeg-xmp.jpg",
    "webp-lossy.webp",
    "webp-lossy-alpha.webp", "webp-animated.webp", "webp-small-frame.webp", "webp-exif.webp", "gif-interlaced.gif",
    "gif-animated.gif", "gif-small-frame-transparent.gif",
  ]

  /// Decodes with limits that a changed header easily exceeds; nil if rejected.
  private func attempt(_ bytes: [UInt8]) -> RGBImage? {
    _ = try? ImageDecoder.size(of: bytes)
    return try? ImageDecoder.decode(bytes, limits: ImageLimits(maxPixels: 100_000))
  }

  @Test(arguments: samples)
  func `no prefix crashes, and half an image is rejected`(name: String) throws {
    let bytes = try Fixture.bytes(name)
    for length in 0..<bytes.count {
      let isRejected = attempt(Array(bytes[..<length])) == nil
      if length <= bytes.count / 2 && !name.contains("animated") {
        #expect(isRejected, "\(length) of \(bytes.count) bytes")
      }
    }
    #expect(attempt(bytes) != nil)
  }

  @Test(arguments: [
    "png-6-8.png", "jpeg-420.jpg", "jpeg-progressive.jpg", "webp-lossy.webp", "webp-lossless.webp", "gif-plain.gif",
  ])
  func `an image that ends inside its pixels is undecodable, as in Pillow`(name: String) throws {
    let bytes = try Fixture.bytes(name)
    #expect(throws: ImageError.undecodable(try ImageDecoder.size(of: bytes).format)) {
      _ = try ImageDecoder.decode(Array(bytes.dropLast(24)))
    }
  }

  @Test func `damage after the pixels of a PNG loses neither the pixels nor a preceding orientation`() throws {
    let bytes = try Fixture.bytes("png-exif.png")
    let whole = try ImageDecoder.decode(bytes)
    #expect(whole.width == 13 && whole.height == 21)
    for missing in 1...12 { #expect(attempt(bytes.dropLast(missing)) == whole) }
  }

  @Test(arguments: samples)
  func `no mutation crashes`(name: String) throws {
    let original = try Fixture.bytes(name)
    var random = SplitMix64(seed: UInt64(original.count))
    for _ in 0..<400 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let index = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: bytes[index] = [0, 0xFF, 0x7F, 0x80].randomElement(using: &random) ?? 0
        default: bytes.removeSubrange(index..<min(bytes.count, index + Int.random(in: 1...9, using: &random)))
        }
        if bytes.isEmpty { break }
      }
      if let image = attempt(bytes) { #expect(image.pixels.count == image.width * image.height * 3) }
    }
  }

  @Test func `a decompression bomb is rejected by its header`() throws {
    let bytes = try Fixture.bytes("bomb.png")
    #expect(bytes.count < 40_000)
    #expect(throws: ImageError.tooManyPixels(limit: 64_000_000, value: 268_435_456)) { try ImageDecoder.decode(bytes) }
    #expect(throws: ImageError.edgeTooLong(limit: 16_383, value: 16_384)) {
      try ImageDecoder.decode(bytes, limits: ImageLimits(maxPixels: .max, maxEdge: 16_383))
    }
    #expect(throws: ImageError.tooManyBytes(limit: 1000, value: bytes.count)) {
      try ImageDecoder.decode(bytes, limits: ImageLimits(maxBytes: 1000))
    }
  }

  @Test(arguments: [
    ("png-6-8.png", 16, [0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF]),
    ("gif-plain.gif", 6, [0xFF, 0xFF, 0xFF, 0xFF]),
    ("webp-small-frame.webp", 24, [0xFF, 0x3F, 0x00, 0xFF, 0x3F, 0x00]),
  ])
  func `a header with too large a size is rejected as too large`(name: String, offset: Int, size: [UInt8]) throws {
    var bytes = try Fixture.bytes(name)
    bytes.replaceSubrange(offset..<(offset + size.count), with: size)
    let error = #expect(throws: ImageError.self) { try ImageDecoder.decode(bytes) }
    #expect(error?.kind == .tooLarge)
  }

  @Test func `a JPEG frame that is too large is rejected as such, and one without size is undecodable`() throws {
    var bytes = try Fixture.bytes("jpeg-420.jpg")
    let frame = try #require((0..<(bytes.count - 1)).first { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xC0 })
    bytes.replaceSubrange((frame + 5)..<(frame + 9), with: [0xFF, 0xDC, 0xFF, 0xDC])
    let error = #expect(throws: ImageError.self) { try ImageDecoder.decode(bytes) }
    #expect(error?.kind == .tooLarge)
    bytes.replaceSubrange((frame + 5)..<(frame + 9), with: [0, 0, 0, 9])
    #expect(throws: ImageError.undecodable(.jpeg)) { try ImageDecoder.decode(bytes) }
  }

  @Test func `values equal to the limits are allowed`() throws {
    let bytes = try Fixture.bytes("jpeg-420.jpg")
    let limits = ImageLimits(maxBytes: bytes.count, maxPixels: 21 * 13, maxEdge: 21)
    #expect(try ImageDecoder.decode(bytes, limits: limits).width == 21)
    #expect(throws: ImageError.tooManyPixels(limit: 272, value: 273)) {
      try ImageDecoder.decode(bytes, limits: ImageLimits(maxPixels: 272))
    }
  }
}
