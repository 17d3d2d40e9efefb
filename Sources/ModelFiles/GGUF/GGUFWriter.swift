// Writes a GGUF file, version 3: the header, then the tensors' bytes in the same order, in pieces of any size. The file
// grows under a name that ends in `.partial`, locked against a second writer. It gets its final name only when it is
// complete and on the disk; until then an existing file of that name is not touched.
import Glibc
import Text

/// A tensor of a file to be written: its name, type and shape.
package struct GGUFTensorPlan: Sendable, Equatable {
  package let name: String
  package let type: ElementType
  /// Outermost dimension first; the last is a whole number of blocks of `type`.
  package let shape: [Int]

  package init(name: String, type: ElementType, shape: [Int]) {
    (self.name, self.type, self.shape) = (name, type, shape)
  }

  package var byteCount: Int { type.byteCount(of: shape.reduce(1, *)) }
}

/// A GGUF file being written. One thread at a time may use it. Unless `finish` has succeeded, `deinit` removes the
/// partial file.
package final class GGUFWriter {
  /// The final path of the file.
  package let path: String
  package let tensors: [GGUFTensorPlan]
  /// Bytes of the whole file.
  package let byteCount: Int
  /// The tensor that the next bytes belong to; `tensors.count` when all are written.
  package private(set) var current = 0
  private let descriptor: Int32
  private let partial: String
  private var position = 0
  /// Bytes of the current tensor that are not written yet.
  private var missing = 0
  private var isFinished = false

  private static let alignment = GGUFHeader.defaultAlignment

  /// Returns the path of the file while it is incomplete.
  package static func partialPath(of path: String) -> String { path + ".partial" }

  /// Creates the file and writes its header. Reserves space for the whole file where the file system supports it, so
  /// that a full disk is an error at once and not after hours of work.
  package init(path: String, metadata: GGUFMetadata, tensors: [GGUFTensorPlan]) throws(ModelFileError) {
    (self.path, self.tensors) = (path, tensors)
    partial = Self.partialPath(of: path)
    let header = Self.header(metadata, tensors)
    byteCount = tensors.reduce(header.count) { $0 + Self.padded($1.byteCount) }
    descriptor = Glibc.open(partial, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
    guard descriptor >= 0 else {
      isFinished = true
      throw ModelFileError(file: partial, expected: "a new file", found: systemError(errno))
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0, Self.isNamed(partial, descriptor) else {
      isFinished = true  // The file belongs to another process.
      throw ModelFileError(
        file: partial, expected: "exclusive access", found: "another process that writes this file")
    }
    guard ftruncate(descriptor, 0) == 0 else { throw failure("an empty file") }
    let reserved = posix_fallocate(descriptor, 0, off_t(byteCount))
    // Other errors of the reservation do not prevent writing.
    if reserved == ENOSPC || reserved == EFBIG || reserved == EDQUOT {
      throw ModelFileError(file: partial, expected: "space for \(byteCount) bytes", found: systemError(reserved))
    }
    try header.withUnsafeBytes { bytes in
      Result { () throws(ModelFileError) in try put(bytes) }
    }.get()
    skipEmpty()
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
    if !isFinished { unlink(partial) }
  }

  /// Appends bytes to the current tensor, and the padding after its last byte.
  package func write(_ bytes: UnsafeRawBufferPointer) throws(ModelFileError) {
    precondition(bytes.count <= missing, "more bytes than tensor \(current) of \(tensors.count) has")
    try put(bytes)
    missing -= bytes.count
    if missing > 0 || bytes.isEmpty { return }
    let zeros = [UInt8](repeating: 0, count: Self.padded(position) - position)
    try zeros.withUnsafeBytes { bytes in
      Result { () throws(ModelFileError) in try put(bytes) }
    }.get()
    current += 1
    skipEmpty()
  }

  /// Completes the file: flushes it to the disk, then gives it its final name, atomically replacing a file of that
  /// name.
  package func finish() throws(ModelFileError) {
    precondition(current == tensors.count, "\(current) of \(tensors.count) tensors are written")
    guard fsync(descriptor) == 0 else { throw failure("to flush the file to the disk") }
    guard rename(partial, path) == 0 else { throw failure("the name \(quoted(path))") }
    isFinished = true
    // The new name is on the disk only when its directory is flushed.
    let directory = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[...$0]) } ?? "."
    let opened = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard opened >= 0 else { return }
    _ = fsync(opened)
    close(opened)
  }

  /// Whether `path` still names the file of `descriptor`: another writer may have renamed it before it was locked here.
  private static func isNamed(_ path: String, _ descriptor: Int32) -> Bool {
    var (own, named) = (stat(), stat())
    return fstat(descriptor, &own) == 0 && lstat(path, &named) == 0 && own.st_ino == named.st_ino
      && own.st_dev == named.st_dev
  }

  private func skipEmpty() {
    while current < tensors.count, tensors[current].byteCount == 0 { current += 1 }
    missing = current < tensors.count ? tensors[current].byteCount : 0
  }

  private func put(_ bytes: UnsafeRawBufferPointer) throws(ModelFileError) {
    var done = 0
    while done < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
      let count = pwrite(descriptor, rest.baseAddress, rest.count, off_t(position + done))
      if count > 0 { done += count; continue }
      if count < 0, errno == EINTR { continue }
      throw failure("space for \(byteCount) bytes, of which \(position + done) are written")
    }
    position += done
  }

  private func failure(_ expected: String) -> ModelFileError {
    ModelFileError(file: partial, expected: expected, found: systemError(errno))
  }

  // MARK: - Header

  private static func padded(_ count: Int) -> Int { (count + alignment - 1) / alignment * alignment }

  private static func header(_ metadata: GGUFMetadata, _ tensors: [GGUFTensorPlan]) -> [UInt8] {
    var out = Array("GGUF".utf8)
    append(UInt32(3), to: &out)
    append(UInt64(tensors.count), to: &out)
    // Files of this writer have the default alignment, whatever alignment the source of the metadata had.
    let keys = metadata.keys.filter { $0 != "general.alignment" }
    append(UInt64(keys.count), to: &out)
    for key in keys {
      guard let value = metadata[key] else { continue }
      append(string: key.utf8, to: &out)
      append(value, to: &out)
    }
    var offset = 0
    for tensor in tensors {
      append(string: tensor.name.utf8, to: &out)
      append(UInt32(tensor.shape.count), to: &out)
      for extent in tensor.shape.reversed() { append(UInt64(extent), to: &out) }
      append(GGUFTensorType(tensor.type).code, to: &out)
      append(UInt64(offset), to: &out)
      offset += padded(tensor.byteCount)
    }
    out += [UInt8](repeating: 0, count: padded(out.count) - out.count)
    return out
  }

  private static func append(_ value: GGUFValue, to out: inout [UInt8]) {
    switch value {
    case .scalar(let scalar):
      append(scalar.kind.rawValue, to: &out)
      withUnsafeBytes(of: scalar.bits.littleEndian) { out += $0.prefix(scalar.kind.byteCount) }
    case .string(let bytes):
      append(GGUFKind.string.rawValue, to: &out)
      append(string: bytes, to: &out)
    case .numbers(let numbers):
      append(GGUFKind.array.rawValue, to: &out)
      append(numbers.kind.rawValue, to: &out)
      append(UInt64(numbers.count), to: &out)
      out += numbers.bytes
    case .strings(let strings):
      append(GGUFKind.array.rawValue, to: &out)
      append(GGUFKind.string.rawValue, to: &out)
      append(UInt64(strings.count), to: &out)
      for index in 0..<strings.count { append(string: strings[index], to: &out) }
    }
  }

  private static func append(string: some Collection<UInt8>, to out: inout [UInt8]) {
    append(UInt64(string.count), to: &out)
    out += string
  }

  private static func append(_ value: some FixedWidthInteger, to out: inout [UInt8]) {
    withUnsafeBytes(of: value.littleEndian) { out += $0 }
  }
}
