// Decodes WebP with libwebp: lossy, lossless, with alpha; of an animation the first frame on its canvas. libwebp's
// demultiplexer reads the container, including EXIF and XMP.
import CWebP

/// Decodes still and animated WebP.
enum WebPCodec {
  /// Returns the canvas size from the header.
  static func size(of bytes: [UInt8]) -> (Int, Int)? {
    features(of: bytes).map { (Int($0.width), Int($0.height)) }
  }

  /// Returns nil if the file is damaged, truncated or stopped by `watch`. `width` and `height` come from the header.
  static func decode(
    _ bytes: [UInt8], width: Int, height: Int, _ watch: DecodingWatch
  ) -> (RGBImage, Orientation)? {
    guard let features = features(of: bytes) else { return nil }
    return bytes.withUnsafeBufferPointer { source -> (RGBImage, Orientation)? in
      var data = WebPData(bytes: source.baseAddress, size: source.count)
      guard let demuxer = WebPDemux(&data) else { return nil }
      defer { WebPDemuxDelete(demuxer) }
      guard Int(WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH)) == width,
        Int(WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT)) == height,
        var pixels = firstFrame(demuxer, width: width, height: height, watch)
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

  /// Returns the canvas `[height, width, 4]`, transparent outside the first frame.
  private static func firstFrame(
    _ demuxer: OpaquePointer, width: Int, height: Int, _ watch: DecodingWatch
  ) -> [UInt8]? {
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
      return decode(frame.fragment, into: &configuration, watch)
    }
    guard status == VP8_STATUS_OK, Int(configuration.output.width) == frameWidth,
      Int(configuration.output.height) == frameHeight
    else { return nil }
    return pixels
  }

  /// The number of bytes passed to the decoder at once, between two checks of the watch.
  private static let pieceBytes = 1 << 15

  /// Decodes the frame piece by piece. With any status other than `VP8_STATUS_OK` the pixels are incomplete.
  private static func decode(
    _ frame: WebPData, into configuration: inout WebPDecoderConfig, _ watch: DecodingWatch
  ) -> VP8StatusCode {
    guard let decoder = WebPIDecode(nil, 0, &configuration) else { return VP8_STATUS_OUT_OF_MEMORY }
    defer { WebPIDelete(decoder) }
    var status = VP8_STATUS_SUSPENDED
    var end = 0
    while status == VP8_STATUS_SUSPENDED, end < frame.size {
      if watch.shouldStop() { return VP8_STATUS_USER_ABORT }
      end = min(end + pieceBytes, frame.size)
      status = WebPIUpdate(decoder, frame.bytes, end)
    }
    return status
  }

  private static func chunk(_ name: String, of demuxer: OpaquePointer) -> ByteReader? {
    var iterator = WebPChunkIterator()
    guard WebPDemuxGetChunk(demuxer, name, 1, &iterator) != 0 else { return nil }
    defer { WebPDemuxReleaseChunkIterator(&iterator) }
    return ByteReader(Array(UnsafeBufferPointer(start: iterator.chunk.bytes, count: iterator.chunk.size)))
  }
}
