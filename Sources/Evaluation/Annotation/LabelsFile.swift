// `labels.jsonl`: the items as they were, with their labels, in their order.
import Foundation
import JSON

enum LabelsFile {
  /// The name of the file.
  static let name = "labels.jsonl"

  /// Writes the items that have a label, whole or not at all. Throws naming the file.
  static func write(
    _ items: [Question], _ annotations: [Annotation], into directory: String
  ) throws(EvaluationError) {
    let path = directory + "/" + name
    let labels = Dictionary(uniqueKeysWithValues: annotations.map { ($0.key, $0) })
    let folder = URL(fileURLWithPath: directory, isDirectory: true)
    let temporary = path + ".new"
    do {
      guard FileManager.default.createFile(atPath: temporary, contents: nil) else {
        throw EvaluationError("\(temporary) cannot be made")
      }
      let file = try FileHandle(forWritingTo: URL(fileURLWithPath: temporary))
      // Images may be in the lines: they are not gathered in memory.
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

  /// The item's members, then its label. Set and id are named even where they were the file's name and the line's number; paths of images
  /// are relative to the new file. Members of an earlier annotation are replaced.
  static func line(_ item: Question, _ annotation: Annotation, _ folder: URL) -> JSONObject {
    var object: JSONObject = ["set": .string(item.set), "id": .string(item.id)]
    for member in item.line.members where object[member.name] == nil { object[member.name] = member.value }
    if !item.images.isEmpty {
      let places = item.images.map { image -> JSONValue in
        switch image {
        case .file(let path): .string(relative(path, to: folder))
        case .dataURI(let uri): .string(uri)
        }
      }
      object["image"] = item.line["image"]?.array == nil ? places[0] : .array(places)
    }
    for member in annotation.verdict.members { object[member.name] = member.value }
    return object
  }

  /// A path from a folder to a file, both as they are named, links not followed.
  static func relative(_ path: String, to folder: URL) -> String {
    let from = folder.standardizedFileURL.pathComponents, to = URL(fileURLWithPath: path).pathComponents
    let common = zip(from, to).prefix { $0 == $1 }.count
    return (Array(repeating: "..", count: from.count - common) + to[common...]).joined(separator: "/")
  }
}
