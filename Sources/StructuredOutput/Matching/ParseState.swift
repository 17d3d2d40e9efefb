// One way to parse the text so far: a leaf of the grammar that consumes the next byte, and the stack of open nodes
// around it. A text may have several parse states; a byte is allowed if one of them accepts it.

/// A state of parsing the text so far.
struct ParseState: Hashable, Sendable {
  let leaf: Grammar.NodeID
  var state: Int32
  /// The number of code points of a string so far, capped at what its limits can distinguish.
  var count: Int32 = 0
  /// The text of the leaf so far, if it must differ from its siblings.
  var text: [UInt8] = []
  let frame: Frame?

  static func == (a: ParseState, b: ParseState) -> Bool {
    a.leaf == b.leaf && a.state == b.state && a.count == b.count && a.text == b.text && Frame.equal(a.frame, b.frame)
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(leaf)
    hasher.combine(state)
    hasher.combine(count)
    hasher.combine(text)
    Frame.hash(frame, into: &hasher)
  }
}
