// The pages of `Public/`, read once at startup. A request's whole path is the key of a dictionary, so that no path is
// traversed, no symbolic link is followed and no disk is read.
import Digests
import Glibc
import HTTP
import Text

/// Files to serve, by request path.
package struct StaticFiles: Sendable {
  private struct File: Sendable {
    var bytes: [UInt8]
    var type: String
    var tag: String
  }

  /// Why the pages could not be read.
  package struct LoadError: Error, Equatable, CustomStringConvertible {
    package var description: String
  }

  private var files: [ExactString: File] = [:]
  private var size = 0
  private static let maxBytes = 64 << 20
  private static let maxDepth = 8
  private static let types: [ExactString: String] = [
    "html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
    "json": "application/json", "svg": "image/svg+xml", "png": "image/png", "jpg": "image/jpeg", "webp": "image/webp",
    "ico": "image/x-icon", "woff2": "font/woff2", "txt": "text/plain; charset=utf-8",
  ]

  /// Reads every regular file below `directory` whose name does not begin with a dot; at most 64 MiB in all.
  package init(directory: String) throws(LoadError) { try add(directory, as: "", depth: 0) }

  private mutating func add(_ directory: String, as prefix: String, depth: Int) throws(LoadError) {
    guard let handle = opendir(directory) else {
      throw LoadError(description: "cannot read the directory \(directory)")
    }
    defer { closedir(handle) }
    while let entry = readdir(handle) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
      }
      if name.hasPrefix(exactly: ".") { continue }
      let path = "\(directory)/\(name)"
      var status = stat()
      guard lstat(path, &status) == 0 else { throw LoadError(description: "cannot read \(path)") }
      switch status.st_mode & S_IFMT {
      case S_IFDIR where depth < Self.maxDepth: try add(path, as: "\(prefix)/\(name)", depth: depth + 1)
      case S_IFREG: try add(file: path, size: Int(status.st_size), as: "\(prefix)/\(name)")
      default: continue
      }
    }
  }

  private mutating func add(file path: String, size: Int, as name: String) throws(LoadError) {
    self.size += size
    if self.size > Self.maxBytes {
      throw LoadError(
        description: "the pages must have at most \(Self.maxBytes) bytes together; \(path) exceeds the limit")
    }
    guard let file = fopen(path, "rb") else { throw LoadError(description: "cannot read \(path)") }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: size)
    if fread(&bytes, 1, size, file) != size { throw LoadError(description: "\(path) changed while it was read") }
    let ending = name.split(at: ".").last ?? ""
    let digest = Hexadecimal.text(of: SHA256.digest(of: bytes).prefix(12))
    files[name.exact] = File(
      bytes: bytes, type: Self.types[ending.exact] ?? "application/octet-stream", tag: "\"\(digest)\"")
  }

  private func file(_ path: String) -> File? {
    let path = path.exact
    return files[path == "/" ? "/index.html" : path] ?? files[ExactString(path.string + ".html")]
  }

  /// Whether `path` is a page.
  package func contains(_ path: String) -> Bool { file(path) != nil }

  /// Returns the response for `path`, or nil if there is no such page. `/` is `/index.html`, `/dashboard` is
  /// `/dashboard.html`.
  package func response(path: String, headers: HTTPHeaders) -> HTTPResponse? {
    guard let file = file(path) else { return nil }
    var response = HTTPResponse(status: 200, headers: Self.policy)
    response.headers["etag"] = file.tag
    if Self.matches(headers["if-none-match"], file.tag) {
      response.status = 304
      return response
    }
    response.headers["content-type"] = file.type
    response.headers["accept-ranges"] = "bytes"
    // A range conditional on another version means the whole file (RFC 9110, section 13.1.5).
    let condition = headers["if-range"]
    guard let range = headers["range"], condition?.isEqual(exactly: file.tag) != false,
      let wanted = Self.range(range, size: file.bytes.count)
    else {
      response.body = .bytes(file.bytes)
      return response
    }
    if wanted.isEmpty {
      response.status = 416
      response.headers["content-range"] = "bytes */\(file.bytes.count)"
      return response
    }
    response.status = 206
    response.headers["content-range"] = "bytes \(wanted.lowerBound)-\(wanted.upperBound - 1)/\(file.bytes.count)"
    response.body = .bytes(Array(file.bytes[wanted]))
    return response
  }

  /// Allows nothing from other origins, nothing inline and no frames.
  private static let policy: HTTPHeaders = [
    "content-security-policy":
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
      + "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cache-control": "no-cache",
  ]

  /// Weak comparison of an `If-None-Match` list (RFC 9110, section 13.1.2).
  private static func matches(_ list: String?, _ tag: String) -> Bool {
    guard let list else { return false }
    return list.split(at: ",").contains { item in
      let item = Substring(item.utf8.drop { $0 == 0x20 }.prefix { $0 != 0x20 })
      return item.exact == "*" || item.isEqual(exactly: tag) || item.isEqual(exactly: "W/\(tag)")
    }
  }

  /// The bytes of a single `bytes=` range; empty if it lies beyond the end, nil if it must be ignored.
  private static func range(_ value: String, size: Int) -> Range<Int>? {
    guard value.hasPrefix(exactly: "bytes="), !value.contains(exactly: ",") else { return nil }
    let bounds = Substring(value.utf8.dropFirst(6)).split(at: "-", omittingEmpty: false)
    guard bounds.count == 2, bounds.allSatisfy({ $0.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } }) else { return nil }
    switch (Int(bounds[0]), Int(bounds[1])) {
    case (nil, let last?) where bounds[0].isEmpty: return size - min(last, size)..<size
    case (let first?, nil) where bounds[1].isEmpty: return min(first, size)..<size
    case (let first?, let last?) where first <= last:
      return min(first, size)..<max(min(first, size), min(last, size - 1) + 1)
    default: return nil
    }
  }
}
