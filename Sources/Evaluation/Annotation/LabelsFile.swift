// Writes `labels.jsonl`: the original items with their labels, in order.
import Foundation
import JSON

enum LabelsFile {
  /// The name of the file.
  static let name = "labels.jsonl"

  /// Writes the items that have a label, atomically. Throws with the name of the file.
  static func write(
    _ items: [Question], _ annotations: [Annotation], into directory: String
  ) throws(EvaluationError) {
    let path = directory + "/" + name
    let labels = Dictionary(uniqueKeysWithValues: annotations.map { ($0.key, $0) })
    let folder = URL(fileURLWithPath: directory, isDirectory: true)
    let temporary = path + ".new"
    do {
      guard FileManager.default.createFile(atPath: temporary, contents: nil) else {
        throw EvaluationError("\(temporary) cannot be created")
      }
      let file = try FileHandle(forWritingTo: URL(fileURLWithPath: temporary))
      // Lines may contain images, so they are not collected in memory.
      for item in items {
        guard let annotation = labels[item.key], annotation.failure == nil else { continue }
        try file.write(contentsOf: Data(JSONValue.object(line(item, annotation, folder)).encoded + [0x0A]))
      }
      try file.synchronize()
      try file.close()
      guard rename(temporary, path) == 0 else {
        throw EvaluationError(String(cString: strerror(errno)))
      }
    } catch {
      throw EvaluationError("\(path) cannot be written: \(error)")
    }
  }

  /// Returns the item's members and its label. Set and id are written even if they were the file name and line
  /// number; paths of images become relative to the new file. Members of an earlier annotation are replaced.
  static func line(_ item: Question, _ annotation: Annotation, _ folder: URL) -> JSONObject {
    var object: JSONObject = ["set": .string(item.set), "id": .string(item.id)]
    for member in item.line.members where object[member.name] == nil { object[member.name] = member.value }
    if !item.images.isEmpty {
      let images = item.images.map { image -> JSONValue in
        switch image {
        case .file(let path): .string(relative(path, to: folder))
        case .dataURI(let uri): .string(uri)
        }
      }
      object["image"] = item.line["image"]?.array == nil ? images[0] : .array(images)
    }
    for member in annotation.verdict.members { object[member.name] = member.value }
    return object
  }

  /// Returns the relative path from a folder to a file, without resolving links.
  static func relative(_ path: String, to folder: URL) -> String {
    let from = folder.standardizedFileURL.pathComponents, to = URL(fileURLWithPath: path).pathComponents
    let common = zip(from, to).prefix { $0 == $1 }.count
    return (Array(repeating: "..", count: from.count - common) + to[common...]).joined(separator: "/")
  }
}
