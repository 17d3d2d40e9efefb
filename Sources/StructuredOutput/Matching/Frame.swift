// The stack of open nodes around a leaf. Frames are immutable, so that parse states share them.

/// An open node around a leaf; `parent` is the next outer one.
final class Frame: Sendable {
  /// The part of a node that is being parsed.
  enum Phase: UInt8, Sendable { case opened, lead, otherLead, otherName, otherColon, value, closed }

  let node: Grammar.NodeID
  /// The index of the next part: child of a sequence, member of an object, element of an array, or repetition of a
  /// series.
  let index: Int32
  let phase: Phase
  let parent: Frame?
  /// The number of open objects and arrays, including this one.
  let depth: Int32
  /// The number of members of an object so far, if they are counted.
  let members: Int32
  /// The elements or names so far, if they must be unique.
  let used: [[UInt8]]
  private let hash: Int

  init(
    _ node: Grammar.NodeID, _ index: Int32, _ phase: Phase, in parent: Frame?, depth: Int32, members: Int32 = 0,
    used: [[UInt8]] = []
  ) {
    self.node = node
    self.index = index
    self.phase = phase
    self.parent = parent
    self.depth = depth
    self.members = members
    self.used = used
    var hasher = Hasher()
    hasher.combine(node)
    hasher.combine(index)
    hasher.combine(phase)
    hasher.combine(members)
    hasher.combine(used)
    hasher.combine(parent?.hash)
    hash = hasher.finalize()
  }

  /// Returns the same node at another part.
  func moved(_ index: Int32, _ phase: Phase, members: Int32? = nil) -> Frame {
    Frame(node, index, phase, in: parent, depth: depth, members: members ?? self.members, used: used)
  }

  /// Returns the same frame with one more used element or name.
  func adding(_ text: [UInt8]) -> Frame {
    Frame(node, index, phase, in: parent, depth: depth, members: members, used: used + [text])
  }

  static func equal(_ a: Frame?, _ b: Frame?) -> Bool {
    var (a, b) = (a, b)
    while a !== b {
      guard let one = a, let other = b, one.hash == other.hash, one.node == other.node, one.index == other.index,
        one.phase == other.phase, one.members == other.members, one.used == other.used
      else { return false }
      (a, b) = (one.parent, other.parent)
    }
    return true
  }

  static func hash(_ frame: Frame?, into hasher: inout Hasher) { hasher.combine(frame?.hash) }
}
