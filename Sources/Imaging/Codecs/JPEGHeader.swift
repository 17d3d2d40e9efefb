// Reads the marker segments of a JPEG (ITU-T T.81, B.1.1) as libjpeg does, so that size, memory and work are known
// before a decoder allocates memory. Data after the end marker, as appended by phones and editors, is ignored.
import Glibc

/// The contents of a JPEG up to its first scan.
struct JPEGHeader {
  private(set) var width = 0
  private(set) var height = 0
  /// The horizontal and vertical sampling factors of each component.
  private(set) var sampling: [(horizontal: Int, vertical: Int)] = []
  private(set) var exif: [UInt8] = []
  private(set) var xmp: ByteReader?
  private var isProgressive = false
  /// The number of components of the first scan, and the offset after that scan's header.
  private var firstScan = (components: 0, end: 0)

  /// Returns nil if there is no frame header before the first scan.
  init?(_ bytes: [UInt8]) throws(ImageError) {
    var markers = JPEGMarkers(bytes, from: 2)
    var count = 0
    while let (marker, segment) = markers.next() {
      count += 1
      if count > ImageLimits.maxBlocks { throw .tooManyBlocks(.jpeg, limit: ImageLimits.maxBlocks) }
      switch marker {
      case 0xD9: return nil
      case 0xDA:
        guard width > 0, height > 0, let components = segment.byte(0) else { return nil }
        firstScan = (components, markers.offset)
        return
      case 0xC0...0xC3, 0xC5...0xC7, 0xC9...0xCB, 0xCD...0xCF:
        guard width == 0, readFrame(segment) else { return nil }
        isProgressive = marker & 3 == 2
      case 0xE1 where segment.has("Exif\0\0", at: 0):
        exif += segment.part(from: exif.isEmpty ? 0 : 6)?.copy ?? []
      case 0xE1 where segment.has("http://ns.adobe.com/xap/1.0/\0", at: 0):
        xmp = segment.part(from: 29)
      default: break
      }
    }
    return nil
  }

  /// The number of components.
  var components: Int { sampling.count }

  /// Whether the decoder stores all coefficients until it has read the last scan.
  private var keepsCoefficients: Bool { isProgressive || firstScan.components < components }

  /// Returns the number of scans that the decoder reads: one if the first contains everything, else all up to the end
  /// marker.
  func scans(in bytes: [UInt8]) -> Int {
    guard keepsCoefficients else { return 1 }
    var markers = JPEGMarkers(bytes, from: firstScan.end)
    var count = 1
    while let (marker, _) = markers.next(), marker != 0xD9 {
      if marker == 0xDA { count += 1 }
    }
    return count
  }

  /// The memory in bytes for the pixels and the stored coefficients: 2 per coefficient, in whole blocks of 8 by 8.
  var decodingBytes: Int {
    let pixels = width * height * (components == 4 ? 4 : 3)
    guard keepsCoefficients, let across = sampling.map(\.horizontal).max(), let down = sampling.map(\.vertical).max()
    else { return pixels }
    let columns = (width + 8 * across - 1) / (8 * across)
    let rows = (height + 8 * down - 1) / (8 * down)
    return sampling.reduce(pixels) { $0 + columns * $1.horizontal * rows * $1.vertical * 128 }
  }

  /// Reads a frame header (B.2.2): precision, height, width, then id, sampling factors and table of each component.
  private mutating func readFrame(_ segment: ByteReader) -> Bool {
    guard segment.byte(0) == 8, let height = segment.number(at: 1, width: 2),
      let width = segment.number(at: 3, width: 2), let components = segment.byte(5), (1...4).contains(components)
    else { return false }
    for index in 0..<components {
      guard let factors = segment.byte(7 + index * 3), (1...4).contains(factors >> 4), (1...4).contains(factors & 15)
      else { return false }
      sampling.append((factors >> 4, factors & 15))
    }
    (self.width, self.height) = (width, height)
    return true
  }
}

/// The markers of a JPEG from an offset on, skipping entropy-coded data and garbage between them.
struct JPEGMarkers {
  private let bytes: [UInt8]
  private let reader: ByteReader
  /// The offset at which the search continues, after the last segment.
  private(set) var offset: Int

  init(_ bytes: [UInt8], from offset: Int) {
    self.bytes = bytes
    reader = ByteReader(bytes)
    self.offset = offset
  }

  /// Returns the next marker with its segment; nil at the end of the bytes or at an incomplete segment. Skips markers
  /// without a segment, except the end of the image: restarts, the start of an image, and `TEM`.
  mutating func next() -> (marker: Int, segment: ByteReader)? {
    while let marker = nextCode() {
      switch marker {
      case 0x01, 0xD0...0xD8: continue
      case 0xD9: return reader.part(from: offset, length: 0).map { (marker, $0) }
      default: break
      }
      guard let length = reader.number(at: offset, width: 2), length >= 2,
        let segment = reader.part(from: offset + 2, length: length - 2)
      else { return nil }
      offset += length
      return (marker, segment)
    }
    return nil
  }

  /// Returns the byte after the next run of 0xFF that is neither 0 (a stuffed data byte) nor fill.
  private mutating func nextCode() -> Int? {
    bytes.withUnsafeBytes { bytes in
      while offset < bytes.count, let base = bytes.baseAddress,
        let found = memchr(base + offset, 0xFF, bytes.count - offset)
      {
        offset = found - UnsafeMutableRawPointer(mutating: base) + 1
        while offset < bytes.count, bytes[offset] == 0xFF { offset += 1 }
        guard offset < bytes.count else { return nil }
        let code = Int(bytes[offset])
        offset += 1
        if code != 0 { return code }
      }
      return nil
    }
  }
}
