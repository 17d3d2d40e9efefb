// The files of one directory, opened relative to its descriptor. A name is a single path component. A symbolic link is
// followed once, and only into the same directory or to `../../blobs/NAME` as in the Hugging Face cache, so that a
// downloaded directory cannot expose other files of the machine.
import Glibc
import Text

/// An open model directory.
struct ModelDirectory: ~Copyable {
  let path: String
  private let descriptor: Int32

  init(path: String) throws(ModelFileError) {
    descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    self.path = path
    guard descriptor >= 0 else {
      throw ModelFileError(file: path, expected: "a model directory", found: systemError(errno))
    }
  }

  deinit { close(descriptor) }

  /// The path of `name`, for errors.
  func path(of name: String) -> String { path.hasSuffix("/") ? path + name : path + "/" + name }

  /// Whether `name` is one visible path component of printable ASCII: no separator, not `.` or `..`, at most 255 bytes.
  static func isPlain(_ name: String) -> Bool {
    let bytes = name.utf8
    return (1...255).contains(bytes.count) && bytes.first != UInt8(ascii: ".")
      && bytes.allSatisfy { (0x20..<0x7F).contains($0) && $0 != UInt8(ascii: "/") }
  }

  /// Opens a regular file; nil when there is no file of that name.
  func open(_ name: String) throws(ModelFileError) -> ModelFile? {
    let path = path(of: name)
    guard Self.isPlain(name) else {
      throw ModelFileError(file: self.path, expected: "a plain file name", found: quoted(name))
    }
    // O_NONBLOCK, so that opening a FIFO does not wait for a writer.
    let flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
    let direct = openat(descriptor, name, flags)
    if direct >= 0 { return try ModelFile(path: path, owning: direct) }
    let failure = errno
    if failure == ENOENT { return nil }
    guard failure == ELOOP else {
      throw ModelFileError(file: path, expected: "a readable file", found: systemError(failure))
    }
    let target = try link(name)
    let linked = openat(descriptor, target, flags)
    guard linked >= 0 else {
      throw ModelFileError(
        file: path, expected: "a readable file", found: "a link to \(quoted(target)): \(systemError(errno))")
    }
    return try ModelFile(path: path, owning: linked)
  }

  /// Returns the target of the symbolic link `name`; throws when it may not be followed.
  private func link(_ name: String) throws(ModelFileError) -> String {
    let capacity = Int(PATH_MAX)
    var bytes = [CChar](repeating: 0, count: capacity)
    let count = readlinkat(descriptor, name, &bytes, capacity)
    let target = String(decoding: bytes.prefix(max(0, count)).map(UInt8.init(bitPattern:)), as: UTF8.self)
    let blobs = "../../blobs/"
    let last = target.hasPrefix(blobs) ? String(target.dropFirst(blobs.count)) : target
    guard Self.isPlain(last) else {
      throw ModelFileError(
        file: path(of: name), expected: "a file, or a link into the same directory or ../../blobs/",
        found: "a link to \(quoted(target))")
    }
    return target
  }

  /// Returns the bytes of a file of at most `limit` bytes; nil when there is no file of that name.
  func contents(of name: String, limit: Int) throws(ModelFileError) -> [UInt8]? {
    guard let file = try open(name) else { return nil }
    guard file.byteCount <= limit else {
      throw ModelFileError(file: file.path, expected: "at most \(limit) bytes", found: "\(file.byteCount)")
    }
    return try file.bytes(at: 0, count: file.byteCount)
  }
}

/// The system's text for an error number.
func systemError(_ number: Int32) -> String { String(cString: strerror(number)) }
