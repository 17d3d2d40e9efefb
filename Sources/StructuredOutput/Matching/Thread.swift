// One way to read the text so far: a leaf of the grammar that takes the next byte, and the stack of what is open around it. Frames
// are shared and never change. A text may have several readings; what follows of all of them is allowed.

/// What is open around a leaf, innermost first.
final class Frame: Sendable {
  /// Where a node's parts are.
  enum Phase: UInt8, Sendable { case opened, lead, otherLead, value, closed }

  let node: Grammar.NodeID
  /// The next part: child of a sequence, member of an object, element of an array, repetition of a series.
  let place: Int32
  let phase: Phase
  let parent: Frame?
  /// Objects and arrays open, this one included.
  let depth: Int32
  private let hash: Int

  init(_ node: Grammar.NodeID, _ place: Int32, _ phase: Phase, in parent: Frame?, depth: Int32) {
    (self.node, self.place, self.phase, self.parent, self.depth) = (node, place, phase, parent, depth)
    var hasher = Hasher()
    hasher.combine(node)
    hasher.combine(place)
    hasher.combine(phase)
    hasher.combine(parent?.hash)
    hash = hasher.finalize()
  }

  /// The same place of the same node with another part.
  func moved(_ place: Int32, _ phase: Phase) -> Frame { Frame(node, place, phase, in: parent, depth: depth) }

  static func equal(_ a: Frame?, _ b: Frame?) -> Bool {
    var (a, b) = (a, b)
    while a !== b {
      guard let one = a, let other = b, one.hash == other.hash, one.node == other.node, one.place == other.place,
        one.phase == other.phase
      else { return false }
      (a, b) = (one.parent, other.parent)
    }
    return true
  }

  static func hash(_ frame: Frame?, into hasher: inout Hasher) { hasher.combine(frame?.hash) }
}

/// A reading of the text so far.
struct Thread: Hashable, Sendable {
  let leaf: Grammar.NodeID
  var state: Int32
  /// Code points of a free string, as far as its bounds can tell them apart.
  var count: Int32 = 0
  let frame: Frame?

  static func == (a: Thread, b: Thread) -> Bool {
    a.leaf == b.leaf && a.state == b.state && a.count == b.count && Frame.equal(a.frame, b.frame)
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(leaf)
    hasher.combine(state)
    hasher.combine(count)
    Frame.hash(frame, into: &hasher)
  }
}

extension Grammar {
  /// The readings of the empty text.
  var beginnings: [Thread] {
    var threads: [Thread] = []
    var canEnd = false
    start(root, in: nil, &threads, &canEnd)
    return threads
  }

  /// Takes `byte` in a leaf; false where it cannot follow.
  @inline(__always)
  func step(_ leaf: Node, _ state: inout Int32, _ count: inout Int32, _ byte: UInt8) -> Bool {
    switch leaf {
    case .scalar(let automaton):
      state = automaton.next(state, byte)
      return state >= 0
    case .text(let least, let most):
      let from = state
      state = StringForm.free.next(state, byte)
      if state < 0 { return false }
      guard from == StringForm.content else { return true }
      if byte == 0x22 { return count >= least }
      if count >= most { return false }
      // Without an upper bound only the lower one is counted to.
      if most < .max || count < least { count += 1 }
      return true
    default: return false
    }
  }

  /// Whether a leaf's text may end.
  @inline(__always)
  func isAccepting(_ leaf: Node, _ state: Int32) -> Bool {
    switch leaf {
    case .scalar(let automaton): automaton.isAccepting(state)
    case .text: StringForm.free.isAccepting(state)
    default: false
    }
  }

  /// What the readings become with `byte`, and whether the whole text may end there.
  func step(_ threads: [Thread], _ byte: UInt8) -> (threads: [Thread], canEnd: Bool) {
    var next: [Thread] = []
    var canEnd = false
    for thread in threads {
      var moved = thread
      let leaf = nodes[Int(thread.leaf)]
      guard step(leaf, &moved.state, &moved.count, byte) else { continue }
      settle(moved, leaf, &next, &canEnd)
    }
    return (next, canEnd)
  }

  /// Adds a reading and, where its leaf may end, those behind it.
  func settle(_ thread: Thread, _ leaf: Node, _ threads: inout [Thread], _ canEnd: inout Bool) {
    let isAccepting = isAccepting(leaf, thread.state)
    var isFinal = false
    if isAccepting {
      switch leaf {
      case .scalar(let automaton): isFinal = automaton.isFinal(thread.state)
      default: isFinal = true
      }
    }
    if !isFinal { append(thread, &threads) }
    if isAccepting { resume(thread.frame, &threads, &canEnd) }
  }

  private func append(_ thread: Thread, _ threads: inout [Thread]) {
    if threads.count < SchemaLimits.threads, !threads.contains(thread) { threads.append(thread) }
  }

  /// Adds the readings that begin with `node`.
  func start(_ node: NodeID, in frame: Frame?, _ threads: inout [Thread], _ canEnd: inout Bool) {
    let depth = frame?.depth ?? 0
    guard heights[Int(node)] < .max, depth + heights[Int(node)] <= Int32(SchemaLimits.nesting) else { return }
    switch nodes[Int(node)] {
    case .scalar, .text:
      let thread = Thread(leaf: node, state: ByteAutomaton.start, frame: frame)
      settle(thread, nodes[Int(node)], &threads, &canEnd)
    case .sequence(let parts):
      guard let first = parts.first else { return resume(frame, &threads, &canEnd) }
      start(first, in: Frame(node, 1, .value, in: frame, depth: depth), &threads, &canEnd)
    case .choice(let parts):
      for part in parts { start(part, in: frame, &threads, &canEnd) }
    case .series(let part, _, _):
      start(part, in: Frame(node, 1, .value, in: frame, depth: depth), &threads, &canEnd)
    case .object:
      start(Self.openObject, in: Frame(node, 0, .opened, in: frame, depth: depth + 1), &threads, &canEnd)
    case .array:
      start(Self.openArray, in: Frame(node, 0, .opened, in: frame, depth: depth + 1), &threads, &canEnd)
    }
  }

  /// Adds the readings that go on behind a part of `frame`.
  func resume(_ frame: Frame?, _ threads: inout [Thread], _ canEnd: inout Bool) {
    guard let frame else {
      canEnd = true
      return
    }
    switch nodes[Int(frame.node)] {
    case .sequence(let parts):
      if Int(frame.place) == parts.count { return resume(frame.parent, &threads, &canEnd) }
      start(parts[Int(frame.place)], in: frame.moved(frame.place + 1, .value), &threads, &canEnd)
    case .series(let part, let separator, let most):
      if frame.phase == .lead { return start(part, in: frame.moved(frame.place + 1, .value), &threads, &canEnd) }
      resume(frame.parent, &threads, &canEnd)
      if frame.place < most { start(separator, in: frame.moved(frame.place, .lead), &threads, &canEnd) }
    case .object(let form): resume(form, frame, &threads, &canEnd)
    case .array(let form): resume(form, frame, &threads, &canEnd)
    case .scalar, .text, .choice: break
    }
  }

  private func resume(_ form: ObjectForm, _ frame: Frame, _ threads: inout [Thread], _ canEnd: inout Bool) {
    let place = Int(frame.place)
    switch frame.phase {
    case .closed: resume(frame.parent, &threads, &canEnd)
    case .lead: start(form.members[place].value, in: frame.moved(frame.place + 1, .value), &threads, &canEnd)
    case .otherLead:
      guard let others = form.others else { return }
      start(others.value, in: frame.moved(frame.place, .value), &threads, &canEnd)
    case .opened, .value:
      let isFirst = frame.phase == .opened
      let required = Int(form.nextRequired[place])
      for index in place..<min(required + 1, form.members.count) {
        let member = form.members[index]
        if frame.depth + min(heights[Int(member.value)], .max - frame.depth) > Int32(SchemaLimits.nesting) { continue }
        start(isFirst ? member.first : member.next, in: frame.moved(Int32(index), .lead), &threads, &canEnd)
      }
      guard required == form.members.count else { return }
      if let others = form.others,
        frame.depth + min(heights[Int(others.value)], .max - frame.depth) <= Int32(SchemaLimits.nesting)
      {
        let behind = frame.moved(Int32(form.members.count), .otherLead)
        start(isFirst ? others.first : others.next, in: behind, &threads, &canEnd)
      }
      start(
        isFirst ? Self.closeEmptyObject : Self.closeObject, in: frame.moved(frame.place, .closed), &threads, &canEnd)
      if isFirst { start(Self.closeObject, in: frame.moved(frame.place, .closed), &threads, &canEnd) }
    }
  }

  private func resume(_ form: ArrayForm, _ frame: Frame, _ threads: inout [Thread], _ canEnd: inout Bool) {
    /// The node of the element at `place`; nil where there is none.
    func element(_ place: Int32) -> NodeID? {
      if place >= form.most { return nil }
      let node = place < Int32(form.prefix.count) ? form.prefix[Int(place)] : form.items
      guard let node, heights[Int(node)] <= Int32(SchemaLimits.nesting) - frame.depth else { return nil }
      return node
    }
    switch frame.phase {
    case .closed: resume(frame.parent, &threads, &canEnd)
    case .lead, .otherLead:
      guard let node = element(frame.place) else { return }
      // Without an upper bound there is nothing to count beyond prefix and lower one.
      let counted = form.most < .max || frame.place < max(form.least, Int32(form.prefix.count))
      start(node, in: frame.moved(counted ? frame.place + 1 : frame.place, .value), &threads, &canEnd)
    case .opened, .value:
      let isFirst = frame.phase == .opened
      if element(frame.place) != nil {
        start(isFirst ? Self.firstElement : Self.nextElement, in: frame.moved(frame.place, .lead), &threads, &canEnd)
      }
      if frame.place >= form.least {
        start(
          isFirst ? Self.closeEmptyArray : Self.closeArray, in: frame.moved(frame.place, .closed), &threads, &canEnd)
        if isFirst { start(Self.closeArray, in: frame.moved(frame.place, .closed), &threads, &canEnd) }
      }
    }
  }
}
