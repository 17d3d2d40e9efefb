// Masks and the parts of masks that many places of a text share, behind a lock: the sampler's thread asks, any number of replies
// share a grammar. What is kept is bounded; beyond the bound the cache begins anew.
import GenerationTypes
import Synchronization
import Text

/// What has been computed for one grammar and the vocabulary that it is used with: at most 8 MB at the size of Qwen3's.
final class MaskCache: Sendable {
  /// A leaf in a state, its counts as far as one token can tell them apart.
  struct LeafKey: Hashable, Sendable {
    var leaf: Grammar.NodeID
    var state: Int32
    /// Code points that are missing and that may still come.
    var missing, room: Int32
  }

  /// What tokens do in a leaf, whatever is around it.
  struct LeafTokens: Sendable {
    /// Tokens that stay within the leaf to their end.
    var inside: TokenMask
    /// Nodes of the trie at which the leaf's text may end.
    var exits: [Int32]
  }

  private struct Kept {
    var masks: [[Reading]: TokenMask] = [:]
    var leaves: [LeafKey: LeafTokens] = [:]
  }

  private static let mostMasks = 64, mostLeaves = 320
  private let kept = Mutex(Kept())

  func mask(of threads: [Reading]) -> TokenMask? { kept.withLock { $0.masks[threads] } }

  func keep(_ mask: TokenMask, for threads: [Reading]) {
    kept.withLock { kept in
      if kept.masks.count >= Self.mostMasks { kept.masks = [:] }
      kept.masks[threads] = mask
    }
  }

  func tokens(of key: LeafKey) -> LeafTokens? { kept.withLock { $0.leaves[key] } }

  func keep(_ tokens: LeafTokens, for key: LeafKey) {
    kept.withLock { kept in
      if kept.leaves.count >= Self.mostLeaves { kept.leaves = [:] }
      kept.leaves[key] = tokens
    }
  }
}
