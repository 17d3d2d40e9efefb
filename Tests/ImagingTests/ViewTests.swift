import GenerationTypes
import Imaging
import Testing

@Suite struct `Views and layouts` {
  static let five = [(2, 4), (4, 2), (4, 4), (6, 2), (2, 6)]
  static let many = (1...6).flatMap { rows in (1...6).map { (2 * rows, 2 * $0) } }

  static func processor(
    side: Int = 384, canvases: [(Int, Int)] = five, resample: ResampleFilter = .bilinear, maxPatches: Int? = nil,
    mean: [Double] = [0.5, 0.5, 0.5]
  ) throws -> ImageProcessor {
    try ImageProcessor(
      side: side, patchSize: 14, pinpoints: canvases.map { (height: $0.0 * side / 2, width: $0.1 * side / 2) },
      resample: resample, maxPatches: maxPatches, mean: mean)
  }

  /// Width, height, tiles down and across, remaining rows and columns, positions.
  @Test(arguments: [
    [384, 384, 1, 2, 27, 28, 1512], [100, 100, 1, 2, 27, 28, 1512], [224, 224, 1, 2, 27, 28, 1512],
    [336, 336, 1, 2, 27, 28, 1512], [640, 480, 2, 2, 40, 54, 2929], [800, 600, 2, 2, 40, 54, 2929],
    [1024, 768, 2, 2, 40, 54, 2929], [4032, 3024, 2, 2, 40, 54, 2929], [480, 640, 2, 2, 54, 40, 2943],
    [3024, 4032, 2, 2, 54, 40, 2943], [1920, 1080, 2, 2, 30, 54, 2379], [1280, 720, 2, 2, 30, 54, 2379],
    [1080, 1920, 2, 2, 54, 30, 2403], [768, 768, 2, 2, 54, 54, 3699], [1000, 1000, 2, 2, 54, 54, 3699],
    [512, 1024, 2, 1, 54, 27, 2241], [768, 384, 1, 2, 27, 54, 2214], [300, 900, 3, 1, 81, 27, 2997],
    [1152, 384, 1, 3, 27, 81, 2943], [1200, 400, 1, 3, 27, 81, 2943], [2000, 500, 1, 3, 21, 81, 2451],
    [1153, 944, 2, 2, 44, 54, 3149], [1, 1000, 3, 1, 81, 1, 891], [1000, 1, 1, 3, 1, 81, 811],
  ])
  func `layouts agree with the table of the model's specification`(row: [Int]) throws {
    let layout = try Self.processor().layout(width: row[0], height: row[1], detail: .full)
    let grid = try #require(layout.grid)
    #expect(
      [row[0], row[1], grid.tileRows, grid.tileColumns, grid.rows.count, grid.columns.count, layout.tokenCount] == row)
    #expect(layout.patchesPerSide == 27 && grid.shrunk == nil && !layout.newlineAfterBase)
  }

  @Test func `layouts equal the reference's, with and without a limit on patches`() throws {
    let cases: [[Int]] = try Fixture.values("layouts")
    #expect(cases.count > 1500)
    var shrunk = 0
    for item in cases {
      let processor = try Self.processor(
        canvases: item[2] == 1 ? Self.many : Self.five, maxPatches: item[3] == 0 ? nil : item[3])
      let layout = processor.layout(width: item[0], height: item[1], detail: .full)
      let grid = try #require(layout.grid)
      let size = grid.shrunk ?? (grid.rows.count, grid.columns.count)
      if grid.shrunk != nil { shrunk += 1 }
      let found = [grid.tileRows * 384, grid.tileColumns * 384, size.rows, size.columns, layout.tokenCount]
      #expect(found == Array(item[4...]), "\(item)")
    }
    #expect(shrunk > 100)
  }

  @Test func `rounding to seven decimals and truncating equals Python's result`() throws {
    enum Field: Decodable {
      case bits(UInt64)
      case value(Int)
      init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
          self = .bits(try #require(UInt64(text, radix: 16)))
        } else {
          self = .value(try container.decode(Int.self))
        }
      }
    }
    let cases: [[Field]] = try Fixture.values("rounding")
    #expect(cases.count > 200)
    for item in cases {
      guard case .bits(let bits) = item[0], case .value(let value) = item[1] else { continue }
      let double = Double(bitPattern: bits)
      #expect(AnyResolution.truncating(double) == value, "\(double)")
    }
  }

  @Test func `among equal canvases the less wasteful one wins, then the earlier one`() {
    typealias Size = AnyResolution.Size
    let (wide, tall, square) = (
      Size(height: 384, width: 768), Size(height: 768, width: 384), Size(height: 768, width: 768)
    )
    #expect(AnyResolution.canvas(height: 384, width: 384, among: [wide, tall, square]) == wide)
    #expect(AnyResolution.canvas(height: 384, width: 384, among: [tall, wide, square]) == tall)
    #expect(AnyResolution.canvas(height: 384, width: 384, among: [square, tall, wide]) == tall)
    #expect(AnyResolution.canvas(height: 1, width: 100_000, among: [square, tall]) == tall)
    #expect(AnyResolution.canvas(height: 5, width: 5, among: []) == nil)
  }

  struct Case: Decodable {
    var width, height, filter, count: Int
    var full, low, economy: String
  }

  @Test func `views equal Pillow's`() throws {
    for item in try Fixture.values("views", as: [Case].self) {
      let filter = try #require(ResampleFilter(rawValue: item.filter))
      let processor = try Self.processor(side: 96, resample: filter, mean: [0.48145466, 0.4578275, 0.40821073])
      let image = Fixture.formula(width: item.width, height: item.height)
      for (detail, hash, count) in [
        (ImageProcessor.Detail.full, item.full, item.count), (.low, item.low, 1), (.economy, item.economy, 1),
      ] {
        let prepared = processor.prepare(image, detail: detail)
        #expect(prepared.viewCount == count && prepared.views.count == count * 96 * 96 * 3 && prepared.side == 96)
        #expect(prepared.width == item.width && prepared.height == item.height)
        #expect(Fixture.hash(prepared.views) == hash, "\(item.width)x\(item.height) \(filter) \(detail)")
        #expect(prepared.layout == processor.layout(width: item.width, height: item.height, detail: detail))
      }
    }
  }

  @Test func `the low and economy views take a fixed number of positions`() throws {
    let processor = try Self.processor()
    let low = processor.layout(width: 4000, height: 10, detail: .low)
    #expect(low.tokenCount == 729 && low.grid == nil && !low.newlineAfterBase)
    let economy = processor.layout(width: 4000, height: 10, detail: .economy)
    #expect(economy.tokenCount == 730 && economy.grid == nil && economy.newlineAfterBase)
    #expect(try Self.processor(canvases: []).layout(width: 500, height: 500, detail: .full).tokenCount == 729)
  }

  @Test func `the longest thin image is prepared at every detail level`() throws {
    let processor = try Self.processor()
    for (width, height) in [(32_768, 1), (1, 32_768)] {
      let image = RGBImage(width: width, height: height, pixels: [UInt8](repeating: 90, count: 32_768 * 3))
      for detail in [ImageProcessor.Detail.full, .low, .economy] {
        let prepared = processor.prepare(image, detail: detail)
        #expect(prepared.views.count == prepared.viewCount * 384 * 384 * 3)
      }
    }
  }

  @Test func `inconsistent settings are rejected`() {
    func isRejected(
      side: Int = 384, patch: Int = 14, pinpoint: (Int, Int) = (384, 768), maxPatches: Int? = nil,
      mean: [Double] = [0, 0, 0]
    ) -> Bool {
      do throws(ImageError) {
        _ = try ImageProcessor(
          side: side, patchSize: patch, pinpoints: [(height: pinpoint.0, width: pinpoint.1)], resample: .bilinear,
          maxPatches: maxPatches, mean: mean)
        return false
      } catch {
        return error.kind == .configuration
      }
    }
    #expect(!isRejected())
    #expect(isRejected(side: 0))
    #expect(isRejected(side: 1 << 40))
    #expect(isRejected(patch: 0))
    #expect(isRejected(patch: 385))
    #expect(isRejected(pinpoint: (0, 384)))
    #expect(isRejected(pinpoint: (384, 400)))
    #expect(isRejected(pinpoint: (384 * 9, 384 * 9)))
    #expect(isRejected(pinpoint: (Int.max / 384 * 384, 384)))
    #expect(isRejected(maxPatches: 0))
    #expect(isRejected(mean: [0.5, 0.5]))
    #expect(isRejected(mean: [0.5, 0.5, .nan]))
  }
}
