// A cache of masks and of the parts that many states share. A lock protects it, because any number of replies share a
// grammar. When the cache is full, it is cleared.
import GenerationTypes
import Synchronization
import Text

/// The masks computed for one grammar and vocabulary: at most 8 MB for Qwen3's vocabulary.
final class MaskCache: Sendable {
  /// A leaf in a state, with its counts reduced to what one token can distinguish.
  struct LeafKey: Hashable, Sendable {
    var leaf: Grammar.NodeID
    var state: Int32
    /// The missing and the remaining number of code points.
    var missing, remaining: Int32
  }

  /// The tokens of a leaf, independent of the surrounding structure.
  struct LeafTokens: Sendable {
    /// Tokens that stay within the leaf up to their end.
    var inside: TokenMask
    /// The trie nodes at which the leaf's text may end.
    var exits: [Int32]
  }

  private struct Storage {
    var masks: [[ParseState]: TokenMask] = [:]
    var leaves: [LeafKey: LeafTokens] = [:]
  }

  private static let maskLimit = 64, leafLimit = 320
  private let storage = Mutex(Storage())

  func mask(of states: [ParseState]) -> TokenMask? { storage.withLock { $0.masks[states] } }

  func store(_ mask: TokenMask, for states: [ParseState]) {
    storage.withLock { storage in
      if storage.masks.count >= Self.maskLimit { storage.masks = [:] }
      storage.masks[states] = mask
    }
  }

  func tokens(of key: LeafKey) -> LeafTokens? { storage.withLock { $0.leaves[key] } }

  func store(_ tokens: LeafTokens, for key: LeafKey) {
    storage.withLock { storage in
      if storage.leaves.count >= Self.leafLimit { storage.leaves = [:] }
      storage.leaves[key] = tokens
    }
  }
}
