// What a path to a model means: a file, or a directory with the files of one model.
import Glibc
import Text

/// Where the files of a model are.
enum CheckpointLocation: Equatable {
  /// A directory in Hugging Face layout.
  case directory
  /// A GGUF text file and, if there is one, its vision file.
  case gguf(text: String, vision: String?)

  private static let ending = ".gguf"
  private static let visionPrefix = "mmproj"

  /// Resolves `path`. `mmproj` names the vision file of a GGUF file.
  init(path: String, mmproj: String?) throws(ModelFileError) {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw ModelFileError(file: path, expected: "a model directory or a GGUF file", found: systemError(errno))
    }
    if status.st_mode & S_IFMT == S_IFDIR {
      try self.init(directory: path, mmproj: mmproj)
    } else {
      let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
      let folder = slash.map { String(path[...$0]) } ?? ""
      let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
      self.init(folder: folder, name: name, mmproj: mmproj)
    }
  }

  /// The file `name` in `folder`, which ends in a slash or is empty.
  private init(folder: String, name: String, mmproj: String?) {
    if let mmproj {
      self = .gguf(text: folder + name, vision: mmproj)
      return
    }
    let beside = "\(folder)\(Self.visionPrefix)-\(name)"
    self = .gguf(text: folder + name, vision: access(beside, F_OK) == 0 ? beside : nil)
  }

  private init(directory path: String, mmproj: String?) throws(ModelFileError) {
    let names = try Self.files(in: path)
    let ggufs = names.filter { $0.hasSuffix(Self.ending) }.sorted()
    if ggufs.isEmpty || names.contains(TensorStore.single) || names.contains(TensorStore.index) {
      if let mmproj {
        throw ModelFileError(
          file: path, expected: "a GGUF text file for the vision file \(mmproj)",
          found: "a directory without GGUF files")
      }
      self = .directory
      return
    }
    let folder = path.hasSuffix("/") ? path : path + "/"
    let texts = ggufs.filter { !$0.hasPrefix(Self.visionPrefix) }
    guard texts.count == 1 else {
      throw ModelFileError(
        file: path, expected: "one GGUF text file (the model path may name one of several)",
        found: texts.isEmpty ? "no GGUF text file" : texts.map(quoted).prefix(8).joined(separator: ", "))
    }
    self.init(folder: folder, name: texts[0], mmproj: mmproj)
    let visions = ggufs.filter { $0.hasPrefix(Self.visionPrefix) }
    // In a directory with one model, the only vision file belongs to it, whatever its name is.
    guard mmproj == nil, case .gguf(_, nil) = self, !visions.isEmpty else { return }
    guard visions.count == 1 else {
      throw ModelFileError(
        file: path, expected: "one vision file, or --mmproj to choose one",
        found: visions.map(quoted).prefix(8).joined(separator: ", "))
    }
    self = .gguf(text: folder + texts[0], vision: folder + visions[0])
  }

  /// The plain names in a directory.
  private static func files(in path: String) throws(ModelFileError) -> [String] {
    guard let directory = opendir(path) else {
      throw ModelFileError(file: path, expected: "a model directory", found: systemError(errno))
    }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if ModelDirectory.isPlain(name) { names.append(name) }
    }
    return names
  }
}
