// Decodes JPEG with libjpeg-turbo and its default settings, which Pillow uses: accurate integer IDCT, fancy chroma
// upsampling. `JPEGHeader` reads the marker segments first, so that nothing is allocated unchecked.
import CJPEG

/// Decodes baseline and progressive JPEG: grey, YCbCr or RGB, CMYK and YCCK.
enum JPEGCodec {
  /// Returns nil if the file is damaged, truncated, stopped by `watch`, or has neither 1, 3 nor 4 components.
  static func decode(
    _ bytes: [UInt8], _ limits: ImageLimits, _ watch: DecodingWatch
  ) throws(ImageError) -> (RGBImage, Orientation)? {
    guard let header = try JPEGHeader(bytes), [1, 3, 4].contains(header.components) else { return nil }
    let scans = header.scans(in: bytes)
    let (work, overflow) = scans.multipliedReportingOverflow(
      by: max(header.width * header.height, ImageLimits.minimumScanPixels))
    if overflow || work > limits.maxScanPixels {
      throw .tooManyScans(scans: scans, limit: limits.maxScanPixels, value: overflow ? .max : work)
    }
    if header.decodingBytes > limits.maxDecodingBytes {
      throw .tooMuchMemory(limit: limits.maxDecodingBytes, value: header.decodingBytes)
    }
    let channels = header.components == 4 ? 4 : 3
    var pixels = [UInt8](repeating: 0, count: header.width * header.height * channels)
    let complete = pixels.withUnsafeMutableBufferPointer { target in
      bytes.withUnsafeBufferPointer { source in
        cjpeg_decode(
          source.baseAddress, source.count, UInt32(header.width), UInt32(header.height), Int32(header.components),
          target.baseAddress, shouldStop, Unmanaged.passUnretained(watch).toOpaque())
      }
    }
    guard complete == 1 else { return nil }
    if channels == 4 { Flattening.invertedCMYK(&pixels) }
    let orientation = Orientation(exif: ByteReader(header.exif), xmp: header.xmp)
    return (RGBImage(width: header.width, height: header.height, pixels: pixels), orientation)
  }

  /// Calls the `DecodingWatch` behind the pointer, which `decode` keeps alive.
  private static let shouldStop: @convention(c) (UnsafeMutableRawPointer?) -> Int32 = { context in
    guard let context else { return 0 }
    return Unmanaged<DecodingWatch>.fromOpaque(context).takeUnretainedValue().shouldStop() ? 1 : 0
  }
}
