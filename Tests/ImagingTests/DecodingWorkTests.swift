// Limits on the cost of an image beyond its size: scans, memory, metadata and time.
import Basics
import Imaging
import Testing

@Suite struct `The cost of decoding` {
  /// Runs `work` and returns how many seconds it took.
  private func seconds(_ work: () throws -> Void) rethrows -> Double {
    try ContinuousClock().measure { try work() }.seconds
  }

  @Test func `a small file of 128 scans over 50 million pixels is rejected before it is decoded`() {
    let bytes = HostileFiles.progressiveJPEG(width: 7071, height: 7071, scans: 128)
    #expect(bytes.count < 20_000)
    let limits = ImageLimits(maxPixels: 50_000_000)
    #expect(throws: ImageError.tooManyScans(scans: 128, limit: 1_000_000_000, value: 128 * 7071 * 7071)) {
      try ImageDecoder.decode(bytes, limits: limits)
    }
    #expect(
      ImageError.tooManyScans(scans: 128, limit: 1_000, value: 2_000).description
        == "the 128 scans of the image must decode at most 1000 pixels in total, got 2000; save it as a baseline JPEG")
    #expect(ImageError.tooManyScans(scans: 1, limit: 1, value: 1).kind == .tooLarge)
  }

  @Test func `as many scans as encoders write are allowed at the largest size, and more for small images`() throws {
    // 2000 by 2000 pixels at the pixel limit: at most 20 scans are allowed.
    let limits = ImageLimits(maxPixels: 4_000_000)
    let twenty = HostileFiles.progressiveJPEG(width: 2000, height: 2000, scans: 20)
    #expect(try ImageDecoder.decode(twenty, limits: limits).width == 2000)
    let more = HostileFiles.progressiveJPEG(width: 2000, height: 2000, scans: 21)
    #expect(throws: ImageError.tooManyScans(scans: 21, limit: 80_000_000, value: 84_000_000)) {
      try ImageDecoder.decode(more, limits: limits)
    }
    let small = HostileFiles.progressiveJPEG(width: 16, height: 16, scans: 300)
    #expect(try ImageDecoder.decode(small, limits: limits).height == 16)
  }

  @Test func `scans of tiny images count too`() {
    let bytes = HostileFiles.progressiveJPEG(width: 8, height: 8, scans: 200_000)
    let error = #expect(throws: ImageError.self) { try ImageDecoder.decode(bytes) }
    #expect(error?.kind == .tooLarge)
  }

  @Test(arguments: ["jpeg-420.jpg", "jpeg-progressive.jpg"])
  func `bytes after the end of a JPEG do not count as scans`(name: String) throws {
    let bytes = try Fixture.bytes(name)
    let image = try ImageDecoder.decode(bytes)
    var random = SplitMix64(seed: 5)
    let clip = (0..<2_000_000).map { _ in UInt8.random(in: 0...255, using: &random) }
    let scans = HostileFiles.repeated([0xFF, 0xDA, 0x00, 0x02], 100_000)
    for appended in [clip, scans, bytes, HostileFiles.progressiveJPEG(width: 9, height: 9, scans: 200_000)] {
      #expect(try ImageDecoder.decode(bytes + appended) == image)
    }
  }

  @Test(arguments: ["jpeg-420.jpg", "jpeg-progressive.jpg"])
  func `scans inside the segments of a JPEG do not count`(name: String) throws {
    let bytes = try Fixture.bytes(name)
    let image = try ImageDecoder.decode(bytes)
    let thumbnail = [0xFF, 0xD8] + HostileFiles.repeated([0xFF, 0xDA, 0xFF, 0xD9], 16_000)
    let segment: [UInt8] = [0xFF, 0xE2, UInt8((thumbnail.count + 2) >> 8), UInt8((thumbnail.count + 2) & 255)]
    let padded = bytes.prefix(2) + HostileFiles.repeated(segment + thumbnail, 4) + bytes.dropFirst(2)
    #expect(try ImageDecoder.decode(Array(padded)) == image)
  }

  @Test func `coefficients count as memory`() {
    // Four components of two bytes plus four of pixels: 12 bytes per pixel.
    let head = HostileFiles.progressiveJPEG(width: 4000, height: 4000, components: 4)
    let bytes = head + HostileFiles.emptyScans(width: 4000, height: 4000, 1) + [0xFF, 0xD9]
    #expect(throws: ImageError.tooMuchMemory(limit: 160_000_000, value: 192_000_000)) {
      try ImageDecoder.decode(bytes, limits: ImageLimits(maxPixels: 16_000_000))
    }
    #expect(throws: Never.self) { try ImageDecoder.decode(bytes, limits: ImageLimits(maxPixels: 20_000_000)) }
  }

  @Test func `a cancelled decode stops, in every format`() throws {
    for name in [
      "png-6-8.png", "png-6-16-interlaced.png", "jpeg-420.jpg", "jpeg-progressive.jpg", "webp-lossy.webp",
      "gif-plain.gif",
    ] {
      let bytes = try Fixture.bytes(name)
      #expect(throws: ImageError.cancelled) { try ImageDecoder.decode(bytes, isCancelled: { true }) }
      // Called once before the codec starts, and at least once by the codec.
      var asked = 0
      #expect(throws: ImageError.cancelled) {
        try ImageDecoder.decode(
          bytes,
          isCancelled: {
            asked += 1
            return asked > 1
          })
      }
    }
  }

  @Test func `a progressive decode stops between two rows of blocks of a scan`() {
    let bytes = HostileFiles.progressiveJPEG(width: 2000, height: 2000, scans: 20)
    var asked = 0
    #expect(throws: ImageError.cancelled) {
      try ImageDecoder.decode(
        bytes,
        isCancelled: {
          asked += 1
          return asked == 300  // Each scan has 250 rows.
        })
    }
    #expect(asked == 300)
  }

  @Test func `a GIF whose codes only clear the table is stopped in time`() {
    let bytes = HostileFiles.clearingGIF(bytes: 16 << 20)
    let time = seconds {
      let error = #expect(throws: ImageError.self) { try ImageDecoder.decode(bytes) }
      #expect(error?.kind == .tooLarge)
    }
    #expect(time < 20)
  }

  @Test func `the size of a GIF is read within a bounded number of blocks`() throws {
    #expect(try ImageDecoder.size(of: HostileFiles.commentedGIF(blocks: 60_000)).width == 1)
    #expect(try ImageDecoder.decode(HostileFiles.commentedGIF(blocks: 60_000)).pixels == [255, 255, 255])
    let bytes = HostileFiles.commentedGIF(blocks: 4_000_000)
    #expect(throws: ImageError.tooManyBlocks(.gif, limit: 65_536)) { try ImageDecoder.check(bytes, ImageLimits()) }
    #expect(throws: ImageError.tooManyBlocks(.gif, limit: 65_536)) { try ImageDecoder.decode(bytes) }
  }

  @Test func `the size of a JPEG is read within a bounded number of segments`() throws {
    let bytes = try Fixture.bytes("jpeg-420.jpg")
    func commented(_ count: Int) -> [UInt8] {
      Array(bytes.prefix(2) + HostileFiles.repeated([0xFF, 0xFE, 0, 2], count) + bytes.dropFirst(2))
    }
    #expect(try ImageDecoder.decode(commented(60_000)) == ImageDecoder.decode(bytes))
    #expect(throws: ImageError.tooManyBlocks(.jpeg, limit: 65_536)) {
      try ImageDecoder.check(commented(1_000_000), ImageLimits())
    }
  }

  @Test func `unneeded chunks of a PNG are not read`() throws {
    let bytes = try Fixture.bytes("png-6-8.png")
    let image = try ImageDecoder.decode(bytes)
    // Compressed data that starts valid and is damaged later, so that a decoder would inflate and discard each chunk.
    let damaged: [UInt8] = Array("k\0\0".utf8) + [0x78, 0x9C] + [UInt8](repeating: 0xED, count: 64)
    var chunks: [(type: String, data: [UInt8])] = []
    for type in ["zTXt", "iCCP", "iTXt", "sPLT", "tEXt", "eXIf", "prVt"] {
      chunks += [(type: String, data: [UInt8])](repeating: (type, damaged), count: 2_000)
    }
    #expect(try ImageDecoder.decode(HostileFiles.png(bytes, adding: chunks)) == image)
  }
}
