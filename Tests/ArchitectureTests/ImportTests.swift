import Foundation
import Testing

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()
private let platform: Set<String> = ["Foundation", "Dispatch", "Synchronization", "Glibc"]

/// Room to what it may import, from the table in ARCHITECTURE.md; nil for the room that may import all.
private func table() throws -> [String: Set<String>?] {
  let text = try String(contentsOf: root.appendingPathComponent("ARCHITECTURE.md"), encoding: .utf8)
  var rooms: [String: Set<String>?] = [:]
  for line in text.split(separator: "\n") where line.hasPrefix("| **") {
    let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
    guard cells.count == 3, let name = cells[0].split(separator: "*").first else { continue }
    rooms[String(name)] = cells[2].hasPrefix("all") ? .some(nil) : Set(cells[2].split(separator: " ").map(String.init))
  }
  return rooms
}

/// Modules that the Swift files of one room import, with the file that does.
private func imports(of room: String) throws -> [(module: String, file: String)] {
  let folder = root.appendingPathComponent("Sources/\(room)")
  let files =
    FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL } ?? []
  return try files.filter { $0.pathExtension == "swift" }.flatMap { file in
    try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
      .map { $0.trimmingCharacters(in: .whitespaces).replacing("@preconcurrency ", with: "") }
      .filter { $0.hasPrefix("import ") }
      .map { line in
        let words = line.split(separator: " ").dropFirst()
        let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "typealias", "let", "var"]
        let module = words.first { !kinds.contains($0) } ?? ""
        return (String(module.split(separator: ".").first ?? ""), file.lastPathComponent)
      }
  }
}

@Suite struct `The map of the house` {
  @Test func `every room stands in the table and every row of the table is a room`() throws {
    let folders = try FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent("Sources").path)
    #expect(Set(folders).subtracting(["System"]) == Set(try table().keys))
  }

  @Test func `no room imports what the table does not allow`() throws {
    let rooms = try table()
    #expect(rooms.count >= 15)
    for (room, allowed) in rooms {
      guard let allowed else { continue }
      for (module, file) in try imports(of: room) where !platform.contains(module) {
        #expect(allowed.contains(module), "\(room)/\(file) imports \(module)")
      }
    }
  }

  @Test func `the test sees imports at all`() throws {
    #expect(try imports(of: "Chat").contains { $0.module == "GenerationTypes" })
  }
}
