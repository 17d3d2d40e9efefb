// WebP through libwebp: lossy, lossless, with alpha; of an animation the first frame on its canvas. The container is walked by
// libwebp's own demultiplexer, which also hands out EXIF and XMP.
import CWebP

/// Still and animated WebP.
enum WebPCodec {
  /// Canvas size from the header.
  static func size(of bytes: [UInt8]) -> (Int, Int)? {
    features(of: bytes).map { (Int($0.width), Int($0.height)) }
  }

  /// Nil when the file is damaged or cut short. `width` and `height` are those of the header.
  static func decode(_ bytes: [UInt8], width: Int, height: Int) -> (RGBImage, Orientation)? {
    guard let features = features(of: bytes) else { return nil }
    return bytes.withUnsafeBufferPointer { source -> (RGBImage, Orientation)? in
      var data = WebPData(bytes: source.baseAddress, size: source.count)
      guard let demuxer = WebPDemux(&data) else { return nil }
      defer { WebPDemuxDelete(demuxer) }
      guard Int(WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH)) == width,
        Int(WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT)) == height,
        var pixels = firstFrame(demuxer, width: width, height: height)
      else { return nil }
      if features.has_alpha != 0 { Flattening.overWhite(&pixels) } else { Flattening.droppingAlpha(&pixels) }
      let orientation = Orientation(exif: chunk("EXIF", of: demuxer), xmp: chunk("XMP ", of: demuxer))
      return (RGBImage(width: width, height: height, pixels: pixels), orientation)
    }
  }

  private static func features(of bytes: [UInt8]) -> WebPBitstreamFeatures? {
    var features = WebPBitstreamFeatures()
    let status = bytes.withUnsafeBufferPointer { WebPGetFeatures($0.baseAddress, $0.count, &features) }
    return status == VP8_STATUS_OK ? features : nil
  }

  /// The canvas `[height, width, 4]`, transparent where the first frame does not reach.
  private static func firstFrame(_ demuxer: OpaquePointer, width: Int, height: Int) -> [UInt8]? {
    var frame = WebPIterator()
    guard WebPDemuxGetFrame(demuxer, 1, &frame) != 0 else { return nil }
    defer { WebPDemuxReleaseIterator(&frame) }
    let (x, y) = (Int(frame.x_offset), Int(frame.y_offset))
    let (frameWidth, frameHeight) = (Int(frame.width), Int(frame.height))
    guard frame.complete != 0, x >= 0, y >= 0, frameWidth > 0, frameHeight > 0, x + frameWidth <= width,
      y + frameHeight <= height
    else { return nil }
    var configuration = WebPDecoderConfig()
    guard WebPInitDecoderConfig(&configuration) != 0 else { return nil }
    var pixels = [UInt8](repeating: 0, count: width * height * 4)
    let start = (y * width + x) * 4
    let status = pixels.withUnsafeMutableBufferPointer { target in
      configuration.output.colorspace = MODE_RGBA
      configuration.output.is_external_memory = 1
      configuration.output.u.RGBA.rgba = target.baseAddress.map { $0 + start }
      configuration.output.u.RGBA.stride = Int32(width * 4)
      configuration.output.u.RGBA.size = target.count - start
      return WebPDecode(frame.fragment.bytes, frame.fragment.size, &configuration)
    }
    guard status == VP8_STATUS_OK, Int(configuration.output.width) == frameWidth,
      Int(configuration.output.height) == frameHeight
    else { return nil }
    return pixels
  }

  private static func chunk(_ name: String, of demuxer: OpaquePointer) -> ByteReader? {
    var iterator = WebPChunkIterator()
    guard WebPDemuxGetChunk(demuxer, name, 1, &iterator) != 0 else { return nil }
    defer { WebPDemuxReleaseChunkIterator(&iterator) }
    return ByteReader(Array(UnsafeBufferPointer(start: iterator.chunk.bytes, count: iterator.chunk.size)))
  }
}
