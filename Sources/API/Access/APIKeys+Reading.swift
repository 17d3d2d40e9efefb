// Reads keys from a variable, or from a file with one `name:key` per line. A key that no request can send is an error
// at startup, because every client would get 401 without a visible reason.
import Digests
import JSON
import Text

/// Why a key is invalid: a sentence for the operator that contains no key.
package struct APIKeyFault: Error, Equatable, CustomStringConvertible {
  package let description: String

  init(_ source: String, _ what: String) { description = "\(source): \(what)" }
}

extension APIKeys {
  private static let scheme = "Bearer "
  private static let longestName = 128

  /// Adds the key in `text`, for instance a variable. White space and line ends around it are ignored: secrets in files
  /// end with a line feed, which no header field can contain. `source` names the origin for errors.
  package mutating func add(written text: String, name: String, source: String) throws(APIKeyFault) {
    let bytes = Array(text.utf8).withoutByteOrderMark
    try add(Self.trimmed(bytes[...]), name: Array(name.utf8)[...], source: source)
  }

  /// Adds every key of a file: lines `name:key`, empty lines and comments after `#`. Lines may end in CRLF; a byte
  /// order mark at the start is skipped.
  package mutating func add(file bytes: [UInt8], source: String) throws(APIKeyFault) {
    guard String(validating: bytes, as: UTF8.self) != nil else { throw APIKeyFault(source, "the file is not UTF-8") }
    let before = digests.count
    let lines = bytes.withoutByteOrderMark.split(separator: 0x0A, omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      let line = Self.trimmed(line)
      if line.isEmpty || line.first == UInt8(ascii: "#") { continue }
      let source = "\(source) line \(index + 1)"
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { throw APIKeyFault(source, "must be name:key") }
      let (name, key) = (Self.trimmed(line[..<colon]), Self.trimmed(line[(colon + 1)...]))
      try add(key, name: name, source: source)
    }
    if digests.count == before { throw APIKeyFault(source, "the file has no key") }
  }

  private mutating func add(
    _ key: ArraySlice<UInt8>, name: ArraySlice<UInt8>, source: String
  ) throws(APIKeyFault) {
    guard !name.isEmpty, name.count <= Self.longestName, name.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
      throw APIKeyFault(
        source, "a key's name must have 1 to \(Self.longestName) bytes without control characters, got \(name.count)")
    }
    if key.isEmpty { throw APIKeyFault(source, "the key is blank, so no request could present it") }
    if let byte = key.first(where: { !(0x20...0x7E).contains($0) }) {
      throw APIKeyFault(
        source, "the key has the byte \(Self.shown(byte)), which clients cannot send in a header; use visible ASCII")
    }
    let longest = Self.longestField - Self.scheme.utf8.count
    if key.count > longest {
      throw APIKeyFault(source, "the key must have at most \(longest) bytes, got \(key.count)")
    }
    let digest = SHA256.digest(of: Array(key))
    for entry in digests {
      if entry.name.utf8.elementsEqual(name) {
        throw APIKeyFault(
          source, "the name \(entry.name) is used twice; names must differ, as usage is counted by name")
      }
      if entry.digest == digest { throw APIKeyFault(source, "the key is also that of \(entry.name); keys must differ") }
    }
    add(String(decoding: key, as: UTF8.self), name: String(decoding: name, as: UTF8.self))
  }

  private static func shown(_ byte: UInt8) -> String { "0x" + Hexadecimal.text(of: byte, width: 2).uppercased() }

  /// The bytes without white space at either end.
  private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let isSpace = { (byte: UInt8) in byte == 0x20 || (0x09...0x0D).contains(byte) }
    guard let first = bytes.firstIndex(where: { !isSpace($0) }), let last = bytes.lastIndex(where: { !isSpace($0) })
    else { return [] }
    return bytes[first...last]
  }
}
