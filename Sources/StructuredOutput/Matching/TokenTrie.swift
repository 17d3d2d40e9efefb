// The vocabulary as a trie of bytes in flat arrays. Nodes are in depth-first order, so that a subtree is a range and
// a walk can skip everything that begins with a forbidden byte.
import GenerationTypes
import Text

/// The byte strings of a vocabulary, arranged as a trie. BuildResult once per model.
package final class TokenTrie: Sendable {
  /// The size of the vocabulary; masks contain smaller ids.
  package let vocabularySize: Int
  /// The byte that leads to each node; node 0 is the empty string.
  let labels: [UInt8]
  /// The first node after each node's subtree.
  let ends: [Int32]
  /// The parent of each node.
  private let parents: [Int32]
  /// The index in `tokens` of the first token that ends at each node; one entry more than nodes.
  let firsts: [Int32]
  /// The token ids in the order of their bytes.
  let tokens: [TokenID]
  /// The length of the longest token in bytes.
  let longest: Int

  /// The limit on the length of a token in bytes. Longer ones are never allowed.
  private static let byteLimit = 1024

  /// Arranges the tokens that are not excluded, not empty and not too long.
  package init(vocabularySize: Int, excluded: Set<TokenID>, bytes: (TokenID) -> [UInt8]) {
    self.vocabularySize = vocabularySize
    var strings: [(bytes: [UInt8], id: TokenID)] = []
    strings.reserveCapacity(vocabularySize)
    for id in 0..<TokenID(vocabularySize) where !excluded.contains(id) {
      let bytes = bytes(id)
      if !bytes.isEmpty, bytes.count <= Self.byteLimit { strings.append((bytes, id)) }
    }
    strings.sort { $0.bytes == $1.bytes ? $0.id < $1.id : $0.bytes.lexicographicallyPrecedes($1.bytes) }
    var labels: [UInt8] = [0], ends: [Int32] = [0], firsts: [Int32] = [0], parents: [Int32] = [0]
    var path: [Int32] = [0]
    var last: [UInt8] = []
    for (index, (bytes, _)) in strings.enumerated() {
      var shared = 0
      while shared < min(bytes.count, last.count), bytes[shared] == last[shared] { shared += 1 }
      for node in path[(shared + 1)...] { ends[Int(node)] = Int32(labels.count) }
      path.removeSubrange((shared + 1)...)
      for byte in bytes[shared...] {
        parents.append(path[path.count - 1])
        path.append(Int32(labels.count))
        labels.append(byte)
        ends.append(0)
        firsts.append(Int32(index))
      }
      last = bytes
    }
    for node in path { ends[Int(node)] = Int32(labels.count) }
    self.labels = labels
    self.ends = ends
    self.firsts = firsts + [Int32(strings.count)]
    self.parents = parents
    tokens = strings.map(\.id)
    longest = strings.reduce(0) { max($0, $1.bytes.count) }
  }

  /// Returns the child of `node` for `byte`.
  func child(of node: Int, _ byte: UInt8) -> Int? {
    var child = node + 1
    let end = node == 0 ? labels.count : Int(ends[node])
    while child < end {
      if labels[child] == byte { return child }
      child = Int(ends[child])
    }
    return nil
  }

  /// Returns the bytes of `node`.
  func path(to node: Int32) -> [UInt8] {
    var bytes: [UInt8] = []
    var at = node
    while at > 0 {
      bytes.append(labels[Int(at)])
      at = parents[Int(at)]
    }
    return bytes.reversed()
  }
}
