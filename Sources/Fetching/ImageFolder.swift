// The only directory from which images may be read. The kernel confines paths: below the directory, without links.
import CFetch
import Glibc

/// An open directory.
package final class ImageFolder: Sendable {
  /// The absolute path, as in the settings.
  package let path: String
  private let descriptor: Int32
  private let walks: Bool

  /// Opens the directory, following links on the way to it; nil if it does not exist. `walks` forces the fallback for
  /// kernels without openat2.
  package init?(path: String, walks: Bool = false) {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if descriptor < 0 { return nil }
    self.path = path
    self.descriptor = descriptor
    self.walks = walks
  }

  deinit { close(descriptor) }

  /// Returns the complete contents of a regular file. Blocks.
  func bytes(at file: FilePath, maxBytes: Int, reservation: ByteReservation, flag: StopFlag) throws(FetchError)
    -> [UInt8]
  {
    let opened = cf_open_beneath(descriptor, file.relative, walks ? 1 : 0)
    if opened < 0 { throw .failed(reason: "open: errno \(-opened)") }
    defer { close(opened) }
    var facts = stat()
    guard fstat(opened, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
      throw .failed(reason: "not a regular file")
    }
    if facts.st_size > maxBytes { throw .tooLarge(limit: maxBytes) }
    // Data that is appended meanwhile is ignored.
    let size = Int(facts.st_size)
    try reservation.reserve(size)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(size)
    var chunk = [UInt8](repeating: 0, count: min(max(size, 1), 1 << 20))
    while bytes.count < size {
      if flag.isSet { throw .failed(reason: "cancelled") }
      let count = read(opened, &chunk, min(chunk.count, size - bytes.count))
      if count < 0 && errno == EINTR { continue }
      if count < 0 { throw .failed(reason: "read: errno \(errno)") }
      if count == 0 { break }
      bytes += chunk[..<count]
    }
    return bytes
  }
}
