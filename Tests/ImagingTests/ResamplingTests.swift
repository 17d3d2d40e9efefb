import Imaging
import Testing

@Suite struct `Resampling` {
  struct Case: Decodable {
    var source, target: [Int]
    var filter: Int
    var hash: String
  }

  @Test func `every resize equals Pillow's byte for byte`() throws {
    let cases: [Case] = try Fixture.values("resizes")
    #expect(cases.count > 300)
    for item in cases {
      let filter = try #require(ResampleFilter(rawValue: item.filter))
      let source = Fixture.formula(width: item.source[0], height: item.source[1])
      let result = Resampler.resize(source, width: item.target[0], height: item.target[1], filter: filter)
      #expect(result.width == item.target[0] && result.height == item.target[1])
      #expect(Fixture.hash(result.pixels) == item.hash, "\(item.source) to \(item.target), \(filter)")
    }
  }

  @Test(arguments: ResampleFilter.allCases)
  func `a uniform image stays uniform`(filter: ResampleFilter) {
    let flat = RGBImage(width: 50, height: 31, pixels: [UInt8](repeating: 201, count: 50 * 31 * 3))
    let result = Resampler.resize(flat, width: 17, height: 90, filter: filter)
    #expect(result.pixels.allSatisfy { $0 == 201 })
  }
}
