// The vocabulary as a tree of bytes in flat arrays: nodes in the order of a depth-first walk, so that what lies below a node is a
// range, and a walk that meets a forbidden byte jumps over everything that begins with it.
import GenerationTypes
import Text

/// The byte strings of a vocabulary, arranged for walking. Built once per model.
package final class TokenTrie: Sendable {
  /// Ids below this may be in masks.
  package let vocabularySize: Int
  /// Byte that leads to each node; node 0 is the empty string.
  let labels: [UInt8]
  /// First node behind each node's subtree.
  let ends: [Int32]
  /// The node above each node.
  private let parents: [Int32]
  /// Where the tokens that end at a node begin in `tokens`; one entry more than nodes.
  let firsts: [Int32]
  /// Ids in the order of their bytes.
  let tokens: [TokenID]
  /// Bytes of the longest token.
  let longest: Int

  /// Bytes beyond which a token has no place in a form.
  private static let mostBytes = 1024

  /// Arranges the tokens that are neither excluded, empty nor longer than any real one.
  package init(vocabularySize: Int, excluded: Set<TokenID>, bytes: (TokenID) -> [UInt8]) {
    self.vocabularySize = vocabularySize
    var strings: [(bytes: [UInt8], id: TokenID)] = []
    strings.reserveCapacity(vocabularySize)
    for id in 0..<TokenID(vocabularySize) where !excluded.contains(id) {
      let bytes = bytes(id)
      if !bytes.isEmpty, bytes.count <= Self.mostBytes { strings.append((bytes, id)) }
    }
    strings.sort { $0.bytes == $1.bytes ? $0.id < $1.id : $0.bytes.lexicographicallyPrecedes($1.bytes) }
    var labels: [UInt8] = [0], ends: [Int32] = [0], firsts: [Int32] = [0], parents: [Int32] = [0]
    var path: [Int32] = [0]
    var last: [UInt8] = []
    for (place, (bytes, _)) in strings.enumerated() {
      var shared = 0
      while shared < min(bytes.count, last.count), bytes[shared] == last[shared] { shared += 1 }
      for node in path[(shared + 1)...] { ends[Int(node)] = Int32(labels.count) }
      path.removeSubrange((shared + 1)...)
      for byte in bytes[shared...] {
        parents.append(path[path.count - 1])
        path.append(Int32(labels.count))
        labels.append(byte)
        ends.append(0)
        firsts.append(Int32(place))
      }
      last = bytes
    }
    for node in path { ends[Int(node)] = Int32(labels.count) }
    (self.labels, self.ends, self.firsts) = (labels, ends, firsts + [Int32(strings.count)])
    self.parents = parents
    tokens = strings.map(\.id)
    longest = strings.reduce(0) { max($0, $1.bytes.count) }
  }

  /// The node behind `byte` below `node`.
  func child(of node: Int, _ byte: UInt8) -> Int? {
    var child = node + 1
    let end = node == 0 ? labels.count : Int(ends[node])
    while child < end {
      if labels[child] == byte { return child }
      child = Int(ends[child])
    }
    return nil
  }

  /// The bytes of `node`.
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
