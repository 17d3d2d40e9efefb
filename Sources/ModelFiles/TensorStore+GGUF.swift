// The tensors of a GGUF text file and its vision file under their canonical names. A tensor without a canonical name is
// an error, because ignoring it would silently change every reply.

import Text

extension TensorStore {
  /// Adds the tensors of `text` and `vision`.
  init(text: GGUFFile, vision: GGUFFile?) throws(ModelFileError) {
    self.init(source: text.path, isGGUF: true)
    try add(text, canonical: GGUFTensorNames.text.canonical)
    guard let vision else { return }
    let swapped = Self.hasSwappedNames(vision)
    try add(vision) { stored in
      guard let name = GGUFTensorNames.vision.canonical(stored), swapped else {
        return GGUFTensorNames.vision.canonical(stored)
      }
      // Our own spelling, so the parts stand between dots.
      return name.split(at: ".").map { $0 == "fc1" ? "fc2" : $0 == "fc2" ? "fc1" : $0 }.joined(separator: ".")
    }
  }

  /// Whether the file has the names of older converters, which called the first layer of the tower's MLP `ffn_down`.
  /// Its shape shows it: it ends in the hidden size.
  private static func hasSwappedNames(_ vision: GGUFFile) -> Bool {
    guard let up = vision.tensor("v.blk.0.ffn_up.weight"), let norm = vision.tensor("v.blk.0.ln2.weight"),
      up.shape.count == 2, let hidden = norm.shape.first
    else { return false }
    return up.shape[0] == hidden && up.shape[1] != hidden
  }

  private mutating func add(_ gguf: GGUFFile, canonical: (String) -> String?) throws(ModelFileError) {
    for tensor in gguf.tensors {
      guard let name = canonical(tensor.name) else {
        throw ModelFileError(
          file: gguf.path, location: .tensor(tensor.name), expected: "only tensors of this architecture",
          found: "an unknown tensor, \(tensor.type.name) \(tensor.shape)")
      }
      try add(tensor, as: name, of: gguf)
    }
    files.append(gguf.file)
  }

  private mutating func add(_ tensor: GGUFTensor, as name: String, of gguf: GGUFFile) throws(ModelFileError) {
    if let other = tensors[name.exact]?.file ?? unreadable[name.exact]?.file {
      throw ModelFileError(
        file: gguf.path, location: .tensor(tensor.name), expected: "one tensor for \(quoted(name))",
        found: other == gguf.path ? "a second under another name" : "another in \(other)")
    }
    guard let type = tensor.type.element, let byteCount = tensor.byteCount else {
      unreadable[name.exact] = Unreadable(file: gguf.path, type: tensor.type.name)
      return
    }
    tensors[name.exact] = TensorInfo(
      name: name, storedName: tensor.name, file: gguf.path, type: type, shape: tensor.shape, byteCount: byteCount,
      offset: tensor.offset, fileIndex: files.count)
  }
}
