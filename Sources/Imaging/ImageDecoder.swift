// Decodes image bytes to an upright, opaque RGB image. The header is checked against the limits before a codec may
// allocate memory; each codec then verifies that the decoded size is the one in the header.

/// The entry point to the codecs.
///
/// Results equal Pillow's `ImageOps.exif_transpose`, `alpha_composite` over white and `convert("RGB")`, with two
/// intended exceptions: 16-bit grey keeps its high byte (Pillow clips at 255), and the transparent colour of a PNG is
/// compared at the file's bit depth (Pillow compares it with the 8-bit value).
package enum ImageDecoder {
  /// The contents of a header: the container format and the stored size, before applying the orientation.
  package struct Header: Sendable, Equatable {
    package var format: ImageFormat
    package var width, height: Int
    package init(format: ImageFormat, width: Int, height: Int) {
      self.format = format
      self.width = width
      self.height = height
    }
  }

  /// Reads only the header.
  package static func size(of bytes: [UInt8]) throws(ImageError) -> Header {
    guard let format = ImageFormat(sniffing: bytes) else { throw .unsupportedFormat }
    let size: (Int, Int)?
    switch format {
    case .png: size = PNGCodec.size(of: bytes)
    case .jpeg: size = try JPEGHeader(bytes).map { ($0.width, $0.height) }
    case .webp: size = WebPCodec.size(of: bytes)
    case .gif: size = try GIFHeader(bytes).map { ($0.width, $0.height) }
    }
    guard let (width, height) = size, width > 0, height > 0 else { throw .undecodable(format) }
    return Header(format: format, width: width, height: height)
  }

  /// Reads the header and checks it against the limits, without decoding.
  package static func check(_ bytes: [UInt8], _ limits: ImageLimits) throws(ImageError) -> Header {
    if bytes.count > limits.maxBytes { throw .tooManyBytes(limit: limits.maxBytes, value: bytes.count) }
    let header = try size(of: bytes)
    let (width, height) = (header.width, header.height)
    if max(width, height) > limits.maxEdge { throw .edgeTooLong(limit: limits.maxEdge, value: max(width, height)) }
    let (area, overflow) = width.multipliedReportingOverflow(by: height)
    let maxPixels = min(limits.maxPixels, ImageLimits.greatestMaxPixels)
    if overflow || area > maxPixels { throw .tooManyPixels(limit: maxPixels, value: overflow ? .max : area) }
    return header
  }

  /// Decodes the first image, upright and composited over white. Throws `ImageError.cancelled` soon after
  /// `isCancelled` returns true, and `ImageError.tooSlow` if it takes more processor time than an image of its size
  /// may.
  package static func decode(
    _ bytes: [UInt8], limits: ImageLimits = ImageLimits(), isCancelled: @escaping () -> Bool = { false }
  ) throws(ImageError) -> RGBImage {
    let header = try check(bytes, limits)
    let (width, height) = (header.width, header.height)
    let watch = DecodingWatch(
      seconds: ImageLimits.decodingSeconds(pixels: width * height), isCancelled: isCancelled)
    if watch.shouldStop(), let reason = watch.reason { throw reason }
    let decoded: (RGBImage, Orientation)?
    switch header.format {
    case .png: decoded = PNGCodec.decode(bytes, width: width, height: height, watch)
    case .jpeg: decoded = try JPEGCodec.decode(bytes, limits, watch)
    case .webp: decoded = WebPCodec.decode(bytes, width: width, height: height, watch)
    case .gif: decoded = GIFCodec.decode(bytes, width: width, height: height, watch)
    }
    if let reason = watch.reason { throw reason }
    guard let (image, orientation) = decoded else { throw .undecodable(header.format) }
    return orientation.upright(image)
  }
}
