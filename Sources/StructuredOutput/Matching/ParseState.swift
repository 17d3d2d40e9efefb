// One way to read the text so far: a leaf of the grammar that takes the next byte, and the stack of what is open around it. Frames
// are shared and never change. A text may have several readings; what follows of all of them is allowed.

import Text

/// What is open around a leaf, innermost first.
final class Frame: Sendable {
  /// Where a node's parts are.
  enum Phase: UInt8, Sendable { case opened, lead, otherLead, otherName, otherColon, value, closed }

  let node: Grammar.NodeID
  /// The next part: child of a sequence, member of an object, element of an array, repetition of a series.
  let place: Int32
  let phase: Phase
  let parent: Frame?
  /// Objects and arrays open, this one included.
  let depth: Int32
  /// Members of an object so far, where they are counted.
  let members: Int32
  /// Elements or names so far, where they must differ.
  let seen: [[UInt8]]
  private let hash: Int

  init(
    _ node: Grammar.NodeID, _ place: Int32, _ phase: Phase, in parent: Frame?, depth: Int32, members: Int32 = 0,
    seen: [[UInt8]] = []
  ) {
    (self.node, self.place, self.phase, self.parent, self.depth) = (node, place, phase, parent, depth)
    (self.members, self.seen) = (members, seen)
    var hasher = Hasher()
    hasher.combine(node)
    hasher.combine(place)
    hasher.combine(phase)
    hasher.combine(members)
    hasher.combine(seen)
    hasher.combine(parent?.hash)
    hash = hasher.finalize()
  }

  /// The same place of the same node with another part.
  func moved(_ place: Int32, _ phase: Phase, members: Int32? = nil) -> Frame {
    Frame(node, place, phase, in: parent, depth: depth, members: members ?? self.members, seen: seen)
  }

  /// The same with one more element or name that must not come again.
  func adding(_ text: [UInt8]) -> Frame {
    Frame(node, place, phase, in: parent, depth: depth, members: members, seen: seen + [text])
  }

  static func equal(_ a: Frame?, _ b: Frame?) -> Bool {
    var (a, b) = (a, b)
    while a !== b {
      guard let one = a, let other = b, one.hash == other.hash, one.node == other.node, one.place == other.place,
        one.phase == other.phase, one.members == other.members, one.seen == other.seen
      else { return false }
      (a, b) = (one.parent, other.parent)
    }
    return true
  }

  static func hash(_ frame: Frame?, into hasher: inout Hasher) { hasher.combine(frame?.hash) }
}

/// A reading of the text so far.
struct Reading: Hashable, Sendable {
  let leaf: Grammar.NodeID
  var state: Int32
  /// Code points of a free string, as far as its bounds can tell them apart.
  var count: Int32 = 0
  /// The text of the leaf so far, where it must differ from its siblings.
  var text: [UInt8] = []
  let frame: Frame?

  static func == (a: Reading, b: Reading) -> Bool {
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

extension Grammar {
  /// The readings of the empty text, and whether it may be all.
  var beginnings: (threads: [Reading], canEnd: Bool) {
    var threads: [Reading] = []
    var canEnd = false
    start(root, in: nil, &threads, &canEnd)
    return (threads, canEnd)
  }

  /// Takes `byte` in a leaf; false where it cannot follow.
  @inline(__always)
  func step(_ leaf: Node, _ state: inout Int32, _ count: inout Int32, _ byte: UInt8) -> Bool {
    switch leaf {
    case .scalar(let automaton), .distinct(let automaton, _):
      state = automaton.next(state, byte)
      return state >= 0
    case .counted(let text): return text.step(&state, &count, byte)
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
    case .scalar(let automaton), .distinct(let automaton, _): automaton.isAccepting(state)
    case .counted(let text): text.automaton.isAccepting(state)
    case .text: StringForm.free.isAccepting(state)
    default: false
    }
  }

  /// What the readings become with `byte`, and whether the whole text may end there.
  func step(_ threads: [Reading], _ byte: UInt8) -> (threads: [Reading], canEnd: Bool) {
    var next: [Reading] = []
    var canEnd = false
    for thread in threads {
      var moved = thread
      let leaf = nodes[Int(thread.leaf)]
      guard step(leaf, &moved.state, &moved.count, byte) else { continue }
      if case .distinct(let automaton, let texts) = leaf {
        moved.text.append(byte)
        guard isOpen(moved, automaton, texts) else { continue }
      }
      settle(moved, leaf, &next, &canEnd)
    }
    return (next, canEnd)
  }

  /// Adds a reading and, where its leaf may end, those behind it.
  func settle(_ thread: Reading, _ leaf: Node, _ threads: inout [Reading], _ canEnd: inout Bool) {
    let isAccepting = isAccepting(leaf, thread.state)
    var isFinal = false
    if isAccepting {
      switch leaf {
      case .scalar(let automaton), .distinct(let automaton, _): isFinal = automaton.isFinal(thread.state)
      default: isFinal = true
      }
    }
    if !isFinal { append(thread, &threads) }
    guard isAccepting else { return }
    guard case .distinct = leaf, let frame = thread.frame else { return resume(thread.frame, &threads, &canEnd) }
    if !frame.seen.contains(thread.text) { resume(frame.adding(thread.text), &threads, &canEnd) }
  }

  /// Whether a text that must differ from its siblings can become one that none of them is.
  func isOpen(_ thread: Reading, _ automaton: ByteAutomaton, _ texts: [Int32]) -> Bool {
    guard let frame = thread.frame else { return true }
    let length = thread.text.count
    let rivals = frame.seen.count { $0.count >= length && $0[..<length].elementsEqual(thread.text) }
    return texts[Int(thread.state)] > Int32(rivals)
  }

  private func append(_ thread: Reading, _ threads: inout [Reading]) {
    if threads.count < SchemaLimits.threads, !threads.contains(thread) { threads.append(thread) }
  }

  /// Adds the readings that begin with `node`.
  func start(_ node: NodeID, in frame: Frame?, _ threads: inout [Reading], _ canEnd: inout Bool) {
    let depth = frame?.depth ?? 0
    // More than that is not followed, so there is no need to look at it.
    if threads.count >= SchemaLimits.threads { return }
    guard heights[Int(node)] < .max, depth + heights[Int(node)] <= Int32(SchemaLimits.nesting) else { return }
    switch nodes[Int(node)] {
    case .scalar, .text, .counted, .distinct:
      let thread = Reading(leaf: node, state: ByteAutomaton.start, frame: frame)
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
  func resume(_ frame: Frame?, _ threads: inout [Reading], _ canEnd: inout Bool) {
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
    case .scalar, .text, .counted, .distinct, .choice: break
    }
  }

  private func resume(_ form: ObjectForm, _ frame: Frame, _ threads: inout [Reading], _ canEnd: inout Bool) {
    let place = Int(frame.place), declared = form.members.count
    switch frame.phase {
    case .closed: resume(frame.parent, &threads, &canEnd)
    case .lead: start(form.members[place].value, in: frame.moved(frame.place + 1, .value), &threads, &canEnd)
    case .otherLead:
      // Until its value begins, the place tells the form of the name.
      guard let name = form.others[place - declared].name else { return startOther(form, frame, &threads, &canEnd) }
      start(name.node, in: frame.moved(frame.place, .otherName), &threads, &canEnd)
    case .otherName:
      guard let name = form.others[place - declared].name else { return }
      start(name.end, in: frame.moved(frame.place, .otherColon), &threads, &canEnd)
    case .otherColon: startOther(form, frame, &threads, &canEnd)
    case .opened, .value: goOn(form, frame, &threads, &canEnd)
    }
  }

  private func startOther(_ form: ObjectForm, _ frame: Frame, _ threads: inout [Reading], _ canEnd: inout Bool) {
    let declared = Int32(form.members.count)
    start(form.others[Int(frame.place - declared)].value, in: frame.moved(declared, .value), &threads, &canEnd)
  }

  /// What follows a member of an object or its opening brace.
  private func goOn(_ form: ObjectForm, _ frame: Frame, _ threads: inout [Reading], _ canEnd: inout Bool) {
    let place = Int(frame.place), declared = form.members.count
    let isFirst = frame.phase == .opened
    func fits(_ value: NodeID) -> Bool { heights[Int(value)] <= Int32(SchemaLimits.nesting) - frame.depth }
    let hasOthers = form.others.contains { fits($0.value) && frame.seen.count < SchemaLimits.uniqueElements }
    // Members that must come and that may come from `index` on.
    func rest(from index: Int) -> (least: Int32, most: Int32) {
      var least: Int32 = 0, most: Int32 = 0
      for member in form.members[index...] where member.isRequired || fits(member.value) {
        most += 1
        if member.isRequired { least += 1 }
      }
      return (least, hasOthers ? .max : most)
    }
    func canGoOn(from index: Int, _ members: Int32) -> Bool {
      if !form.isCounted { return true }
      let (least, most) = rest(from: index)
      return members <= form.most - least && (most == .max || members + most >= form.least)
    }
    // Without an upper bound only the lower one is counted to.
    let counted = form.most < .max ? frame.members + 1 : min(frame.members + 1, form.least)
    let required = Int(form.nextRequired[place])
    for index in place..<min(required + 1, declared) {
      let member = form.members[index]
      if !fits(member.value) || !canGoOn(from: index + 1, counted) { continue }
      let behind = frame.moved(Int32(index), .lead, members: counted)
      start(isFirst ? member.first : member.next, in: behind, &threads, &canEnd)
    }
    guard required == declared else { return }
    if frame.members < form.most {
      for (index, other) in form.others.enumerated() where fits(other.value) {
        if let name = other.name, !canName(name.node, frame) { continue }
        let behind = frame.moved(Int32(declared + index), .otherLead, members: counted)
        start(isFirst ? other.first : other.next, in: behind, &threads, &canEnd)
      }
    }
    if frame.members < form.least { return }
    start(
      isFirst ? Self.closeEmptyObject : Self.closeObject, in: frame.moved(frame.place, .closed), &threads, &canEnd)
    if isFirst { start(Self.closeObject, in: frame.moved(frame.place, .closed), &threads, &canEnd) }
  }

  /// Whether there is a name that no member has.
  private func canName(_ node: NodeID, _ frame: Frame) -> Bool {
    guard case .distinct(_, let texts) = nodes[Int(node)] else { return true }
    return frame.seen.count < SchemaLimits.uniqueElements && texts[0] > Int32(frame.seen.count)
  }

  private func resume(_ form: ArrayForm, _ frame: Frame, _ threads: inout [Reading], _ canEnd: inout Bool) {
    /// The node of the element at `place`; nil where there is none.
    func element(_ place: Int32) -> NodeID? {
      if place >= form.most { return nil }
      // Without an upper bound places are not counted, but what was seen is.
      if let texts = form.texts, frame.seen.count >= min(Int(texts), SchemaLimits.uniqueElements) { return nil }
      let node = place < Int32(form.prefix.count) ? form.prefix[Int(place)] : form.items
      guard let node, heights[Int(node)] <= Int32(SchemaLimits.nesting) - frame.depth else { return nil }
      return node
    }
    switch frame.phase {
    case .closed: resume(frame.parent, &threads, &canEnd)
    case .lead, .otherLead, .otherName, .otherColon:
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
