import Foundation
import Testing

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()
private let platform: Set<String> = ["Foundation", "Dispatch", "Synchronization", "Glibc"]

/// What each module may import, from the table in ARCHITECTURE.md; nil for the module that may import all.
private func table() throws -> [String: Set<String>?] {
  let text = try String(contentsOf: root.appendingPathComponent("ARCHITECTURE.md"), encoding: .utf8)
  var modules: [String: Set<String>?] = [:]
  for line in text.split(separator: "\n") where line.hasPrefix("| **") {
    let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
    guard cells.count == 3, let name = cells[0].split(separator: "*").first else { continue }
    modules[String(name)] =
      cells[2].hasPrefix("all") ? .some(nil) : Set(cells[2].split(separator: " ").map(String.init))
  }
  return modules
}

/// The modules that the Swift files of a module import, with the importing file.
private func imports(of module: String) throws -> [(module: String, file: String)] {
  let folder = root.appendingPathComponent("Sources/\(module)")
  let files =
    FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL } ?? []
  return try files.filter { $0.pathExtension == "swift" }.flatMap { file in
    try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
      .map { $0.trimmingCharacters(in: .whitespaces).replacing("@preconcurrency ", with: "") }
      .filter { $0.hasPrefix("import ") }
      .map { line in
        let words = line.split(separator: " ").dropFirst()
        let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "typealias", "let", "var"]
        let imported = words.first { !kinds.contains($0) } ?? ""
        return (String(imported.split(separator: ".").first ?? ""), file.lastPathComponent)
      }
  }
}

@Suite struct `The map of modules` {
  @Test func `the table lists every module and nothing else`() throws {
    let folders = try FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent("Sources").path)
    #expect(Set(folders).subtracting(["System"]) == Set(try table().keys))
  }

  @Test func `no module imports what the table does not allow`() throws {
    let modules = try table()
    #expect(modules.count >= 15)
    for (module, allowed) in modules {
      guard let allowed else { continue }
      for (imported, file) in try imports(of: module) where !platform.contains(imported) {
        #expect(allowed.contains(imported), "\(module)/\(file) imports \(imported)")
      }
    }
  }

  @Test func `the test finds imports`() throws {
    #expect(try imports(of: "Chat").contains { $0.module == "GenerationTypes" })
  }
}
