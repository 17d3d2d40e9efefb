import Foundation
import Imaging
import Testing

@Suite struct `Decoding` {
  static let names = (try? Fixture.values("images", as: [Fixture.Image].self))?.map(\.name) ?? []

  @Test func `there are images of every format`() {
    for prefix in ["png-", "jpeg-", "webp-", "gif-"] { #expect(Self.names.filter { $0.hasPrefix(prefix) }.count >= 8) }
  }

  @Test(arguments: names)
  func `an image decodes to the same pixels as in Pillow`(name: String) throws {
    let expected = try #require(try Fixture.values("images", as: [Fixture.Image].self).first { $0.name == name })
    let pixels = try Fixture.bytes("expected.rgb")[expected.offset...].prefix(expected.width * expected.height * 3)
    let image = try ImageDecoder.decode(try Fixture.bytes(name))
    #expect(image.width == expected.width && image.height == expected.height)
    let difference = zip(image.pixels, pixels).map { abs(Int($0) - Int($1)) }.max() ?? 0
    #expect(image.pixels.count == pixels.count && difference == 0, "largest difference \(difference)")
  }

  @Test(arguments: names)
  func `the header contains the format and the stored size`(name: String) throws {
    let header = try ImageDecoder.size(of: try Fixture.bytes(name))
    #expect(name.hasPrefix(header.format.rawValue.lowercased() + "-"))
    if !name.hasPrefix("gif-small-") { #expect(header.width == 21 && header.height == 13) }
  }

  @Test(arguments: [
    [], [0xFF], Array("GIF88a".utf8), Array("BM000000000000".utf8), Array("RIFF0000WAVE".utf8), Array("<svg/>".utf8),
  ])
  func `other formats are distinguished from damaged files`(bytes: [UInt8]) {
    #expect(throws: ImageError.unsupportedFormat) { try ImageDecoder.decode(bytes) }
    #expect(throws: ImageError.unsupportedFormat) { try ImageDecoder.size(of: bytes) }
  }

  @Test func `the format is recognised by the bytes, and each error has its class`() {
    #expect(ImageError.unsupportedFormat.kind == .unsupported)
    #expect(ImageError.tooManyBytes(limit: 1, value: 2).kind == .tooLarge)
    #expect(ImageError.tooManyPixels(limit: 1, value: 2).kind == .tooLarge)
    #expect(ImageError.edgeTooLong(limit: 1, value: 2).kind == .tooLarge)
    #expect(ImageError.undecodable(.png).kind == .undecodable)
    #expect(ImageError.edgeTooLong(limit: 10, value: 11).description.contains("at most 10 pixels, got 11"))
  }
}
