// One open file, read by position. Not mapped: a file that is truncated while the server runs must give an error, not
// SIGBUS. Immutable, so any thread may read.
import Glibc

/// An open regular file of known length.
final class ModelFile: Sendable {
  let path: String
  /// Length when the file was opened.
  let byteCount: Int
  private let descriptor: Int32

  /// Takes ownership of `descriptor`, even when it throws.
  init(path: String, owning descriptor: Int32) throws(ModelFileError) {
    var status = stat()
    let failed = fstat(descriptor, &status) != 0
    self.path = path
    self.descriptor = descriptor
    byteCount = failed ? 0 : Int(status.st_size)
    guard !failed, status.st_mode & S_IFMT == S_IFREG else {
      throw ModelFileError(
        file: path, expected: "a regular file", found: failed ? systemError(errno) : "a file of another kind")
    }
  }

  deinit { close(descriptor) }

  /// Fills `buffer` with the bytes from `offset` on. Throws when the file ends before the buffer is full.
  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer, location: ModelFileError.Location = .whole)
    throws(ModelFileError)
  {
    var done = 0
    while done < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      let count = pread(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
      if count > 0 { done += count; continue }
      if count < 0, errno == EINTR { continue }
      throw ModelFileError(
        file: path, location: location, expected: "\(buffer.count) bytes from byte \(offset)",
        found: count < 0 ? systemError(errno) : "only \(done) to the end of the file")
    }
  }

  /// `count` bytes from `offset` on; the caller has bounded `count`.
  func bytes(at offset: Int, count: Int) throws(ModelFileError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    // `withUnsafeMutableBytes` does not carry typed errors, so the error travels as a value.
    let result = bytes.withUnsafeMutableBytes { buffer in
      Result { () throws(ModelFileError) in try read(at: offset, into: buffer) }
    }
    try result.get()
    return bytes
  }
}
