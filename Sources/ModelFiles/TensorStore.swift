// All tensors of a checkpoint. Those of a directory are in `model.safetensors`, or in the shards that
// `model.safetensors.index.json` names. The single file wins where both exist, as in transformers.
import JSON
import Text

/// The tensors of one or many files under their canonical names.
struct TensorStore: Sendable {
  /// A tensor of an unsupported type; an error only where the tensor is needed.
  struct Unreadable: Sendable {
    let file: String
    let type: String
  }

  static let single = "model.safetensors"
  static let index = "model.safetensors.index.json"
  static let maximumShards = 1000

  /// The single file or the index, for errors about missing tensors.
  let source: String
  let isGGUF: Bool
  var files: [ModelFile] = []
  var tensors: [ExactString: TensorInfo] = [:]
  var unreadable: [ExactString: Unreadable] = [:]

  /// A store without tensors; `source` is for errors.
  init(source: String, isGGUF: Bool) { (self.source, self.isGGUF) = (source, isGGUF) }

  init(in directory: borrowing ModelDirectory) throws(ModelFileError) {
    isGGUF = false
    if let file = try directory.open(Self.single) {
      source = file.path
      _ = try add(file)
      return
    }
    guard let text = try directory.contents(of: Self.index, limit: 64 << 20) else {
      throw ModelFileError(
        file: directory.path, expected: "\(Self.single) or \(Self.index)", found: "neither")
    }
    source = directory.path(of: Self.index)
    let shards = try Self.shards(parsing: text, file: source)
    for (shard, listed) in shards {
      guard let file = try directory.open(shard) else {
        throw ModelFileError(
          file: source, location: .key("weight_map"), expected: "shard \(quoted(shard)) in the directory",
          found: "no such file")
      }
      let held = try add(file)
      for name in listed where !held.contains(name.exact) {
        throw ModelFileError(
          file: file.path, location: .tensor(name), expected: "the tensor that \(Self.index) assigns to this file",
          found: "no such tensor")
      }
    }
  }

  /// Returns the tensor names of an index by shard, in document order of the shards' first tensors.
  private static func shards(parsing text: [UInt8], file: String) throws(ModelFileError) -> [(String, [String])] {
    let document = try ConfigurationReader(parsing: text, file: file)
    guard let map = document["weight_map"]?.object else {
      throw document.fault("weight_map", expected: "an object from tensor to shard")
    }
    var shards: [(String, [String])] = []
    var positions: [ExactString: Int] = [:]
    for (tensor, value) in map.members {
      guard let shard = value.string, ModelDirectory.isPlain(shard) else {
        throw ModelFileError(
          file: file, location: .key("weight_map.\(quoted(tensor))"), expected: "the name of a file in the directory",
          found: shown(value))
      }
      if let position = positions[shard.exact] {
        shards[position].1.append(tensor)
      } else {
        positions[shard.exact] = shards.count
        shards.append((shard, [tensor]))
      }
    }
    guard shards.count <= maximumShards else {
      throw document.fault("weight_map", expected: "at most \(maximumShards) shards", found: "\(shards.count)")
    }
    return shards
  }

  /// Adds every tensor of `file` and returns their stored names.
  private mutating func add(_ file: ModelFile) throws(ModelFileError) -> Set<ExactString> {
    let header = try SafetensorsHeader(of: file)
    var held: Set<ExactString> = []
    for entry in header.entries {
      held.insert(entry.name.exact)
      let name = canonicalTensorName(entry.name)
      if isPoolingHead(name) { continue }
      if let other = tensors[name.exact]?.file ?? unreadable[name.exact]?.file {
        throw ModelFileError(
          file: file.path, location: .tensor(entry.name), expected: "one tensor for \(quoted(name))",
          found: other == file.path ? "a second under another name" : "another in \(other)")
      }
      guard let type = ElementType(safetensors: entry.type) else {
        unreadable[name.exact] = Unreadable(file: file.path, type: entry.type)
        continue
      }
      tensors[name.exact] = TensorInfo(
        name: name, storedName: entry.name, file: file.path, type: type, shape: entry.shape,
        byteCount: entry.range.count, offset: header.dataOffset + entry.range.lowerBound, fileIndex: files.count)
    }
    files.append(file)
    return held
  }

  /// Returns the tensor `name`, which must have exactly `shape` and a supported type.
  func require(_ name: String, shape: [Int]) throws(ModelFileError) -> TensorInfo {
    if let other = unreadable[name.exact] {
      throw ModelFileError(
        file: other.file, location: .tensor(spelling(of: name)),
        expected: isGGUF ? GGUFTensorType.readable : "BF16, F16 or F32", found: quoted(other.type))
    }
    guard let tensor = tensors[name.exact] else {
      let isVision = GGUFTensorNames.text.stored(name) == nil
      throw ModelFileError(
        file: isGGUF && isVision ? files.last?.path ?? source : source, location: .tensor(spelling(of: name)),
        expected: "shape \(shape)", found: "no such tensor")
    }
    // No converter quantises vectors.
    guard shape.count > 1 || !tensor.type.isQuantized else {
      throw ModelFileError(
        file: tensor.file, location: .tensor(spelling(of: name)), expected: "F32, F16 or BF16 for a vector",
        found: tensor.type.rawValue)
    }
    guard tensor.shape == shape else {
      throw ModelFileError(
        file: tensor.file, location: .tensor(spelling(of: name)), expected: "shape \(shape)", found: "\(tensor.shape)")
    }
    return tensor
  }

  /// The name for errors: in GGUF files the stored name.
  private func spelling(of name: String) -> String {
    isGGUF ? GGUFTensorNames.text.stored(name) ?? GGUFTensorNames.vision.stored(name) ?? name : name
  }

  /// Layers present after `prefix`: one more than the highest index.
  func layerCount(after prefix: String) -> Int {
    tensors.keys.reduce(0) { max($0, (layerIndex(of: $1.string, after: prefix) ?? -1) + 1) }
  }
}
