// The references of functions in an object file: the relocations in the code of each symbol. Reads the necessary parts
// of 64-bit little-endian ELF (System V ABI, chapter 4).

import Foundation

/// The references of one object file.
struct ObjectFile {
  /// Mangled names of the functions and data that refer to each mangled name.
  private(set) var users: [String: Set<String>] = [:]
  /// Names that the file defines.
  private(set) var definitions: Set<String> = []

  struct FormatError: Error {}

  private struct Section {
    var type, link, info: UInt32
    var flags, offset, size: Int
  }

  init(_ url: URL) throws {
    let bytes = try Data(contentsOf: url, options: .alwaysMapped)
    func number<Number: FixedWidthInteger>(_ offset: Int, _: Number.Type) throws -> Int {
      guard offset >= 0, offset + MemoryLayout<Number>.size <= bytes.count else { throw FormatError() }
      return bytes.withUnsafeBytes {
        Int(Number(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Number.self)))
      }
    }
    func name(_ table: Section, _ offset: Int) throws -> String {
      let start = table.offset + offset
      guard let end = bytes[start...].firstIndex(of: 0) else { throw FormatError() }
      return String(decoding: bytes[start..<end], as: UTF8.self)
    }
    guard bytes.prefix(6).elementsEqual([0x7F, 0x45, 0x4C, 0x46, 2, 1]) else { throw FormatError() }
    let table = try number(0x28, UInt64.self)
    var count = try number(0x3C, UInt16.self)
    // A file with many sections keeps their number in the first one.
    if count == 0 { count = try number(table + 0x20, UInt64.self) }
    let sections = try (0..<count).map { index in
      let at = table + 64 * index
      return Section(
        type: UInt32(try number(at + 4, UInt32.self)), link: UInt32(try number(at + 0x28, UInt32.self)),
        info: UInt32(try number(at + 0x2C, UInt32.self)), flags: try number(at + 8, UInt64.self),
        offset: try number(at + 0x18, UInt64.self), size: try number(at + 0x20, UInt64.self))
    }
    let (symbolTable, relocations, allocated, extended) = (UInt32(2), UInt32(4), 2, UInt32(18))
    guard let symbols = sections.first(where: { $0.type == symbolTable }) else { return }
    let indices = sections.first { $0.type == extended }
    let strings = sections[Int(symbols.link)]
    var names: [String] = []
    /// Functions and data by section, in the order of their offsets.
    var places: [Int: [(at: Int, name: String)]] = [:]
    for symbol in 0..<symbols.size / 24 {
      let at = symbols.offset + 24 * symbol
      let text = try name(strings, try number(at, UInt32.self))
      names.append(text)
      var section = try number(at + 6, UInt16.self)
      if section == 0xFFFF, let indices { section = try number(indices.offset + 4 * symbol, UInt32.self) }
      let kind = try number(at + 4, UInt8.self) & 15
      if section != 0, kind == 1 || kind == 2 {
        places[section, default: []].append((try number(at + 8, UInt64.self), text))
        definitions.insert(text)
      }
    }
    for key in places.keys { places[key]?.sort { $0.at < $1.at } }
    for section in sections where section.type == relocations && sections[Int(section.info)].flags & allocated != 0 {
      let owners = places[Int(section.info)] ?? []
      for entry in 0..<section.size / 24 {
        let at = section.offset + 24 * entry
        let (place, symbol) = (try number(at, UInt64.self), try number(at + 12, UInt32.self))
        var (low, high) = (0, owners.count)
        while low < high {
          let middle = (low + high) / 2
          if owners[middle].at <= place { low = middle + 1 } else { high = middle }
        }
        users[names[symbol], default: []].insert(low > 0 ? owners[low - 1].name : "")
      }
    }
  }
}

@_silgen_name("swift_demangle")
private func demangle(
  _ name: UnsafePointer<CChar>, _ length: Int, _ output: UnsafeMutablePointer<CChar>?,
  _ size: UnsafeMutablePointer<Int>?, _ flags: UInt32
) -> UnsafeMutablePointer<CChar>?

/// Returns a mangled name in readable form.
func demangled(_ name: String) -> String {
  guard let text = demangle(name, name.utf8.count, nil, nil, 0) else { return name }
  defer { free(text) }
  return String(cString: text)
}
