// Advances parse states byte by byte.

import Text

extension Grammar {
  /// The parse states of the empty text, and whether it is a complete reply.
  var initialStates: (states: [ParseState], canEnd: Bool) {
    var states: [ParseState] = []
    var canEnd = false
    start(root, in: nil, &states, &canEnd)
    return (states, canEnd)
  }

  /// Consumes `byte` in a leaf. Returns false if it cannot follow.
  @inline(__always)
  func step(_ leaf: Node, _ state: inout Int32, _ count: inout Int32, _ byte: UInt8) -> Bool {
    switch leaf {
    case .scalar(let automaton), .distinct(let automaton, _):
      state = automaton.next(state, byte)
      return state >= 0
    case .counted(let text): return text.step(&state, &count, byte)
    case .text(let least, let most):
      let from = state
      state = StringAutomaton.free.next(state, byte)
      if state < 0 { return false }
      guard from == StringAutomaton.content else { return true }
      if byte == 0x22 { return count >= least }
      if count >= most { return false }
      // Without a maximum, counting stops at the minimum.
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
    case .text: StringAutomaton.free.isAccepting(state)
    default: false
    }
  }

  /// Returns the parse states after `byte`, and whether the whole text may end there.
  func step(_ states: [ParseState], _ byte: UInt8) -> (states: [ParseState], canEnd: Bool) {
    var next: [ParseState] = []
    var canEnd = false
    for parse in states {
      var moved = parse
      let leaf = nodes[Int(parse.leaf)]
      guard step(leaf, &moved.state, &moved.count, byte) else { continue }
      if case .distinct(let automaton, let texts) = leaf {
        moved.text.append(byte)
        guard isOpen(moved, automaton, texts) else { continue }
      }
      settle(moved, leaf, &next, &canEnd)
    }
    return (next, canEnd)
  }

  /// Adds a parse state and, if its leaf may end, those after it.
  func settle(_ parse: ParseState, _ leaf: Node, _ states: inout [ParseState], _ canEnd: inout Bool) {
    let isAccepting = isAccepting(leaf, parse.state)
    var isFinal = false
    if isAccepting {
      switch leaf {
      case .scalar(let automaton), .distinct(let automaton, _): isFinal = automaton.isFinal(parse.state)
      default: isFinal = true
      }
    }
    if !isFinal { append(parse, &states) }
    guard isAccepting else { return }
    guard case .distinct = leaf, let frame = parse.frame else { return resume(parse.frame, &states, &canEnd) }
    if !frame.used.contains(parse.text) { resume(frame.adding(parse.text), &states, &canEnd) }
  }

  /// Whether a text that must be unique can still become one that is unused.
  func isOpen(_ parse: ParseState, _ automaton: ByteAutomaton, _ texts: [Int32]) -> Bool {
    guard let frame = parse.frame else { return true }
    let length = parse.text.count
    let rivals = frame.used.count { $0.count >= length && $0[..<length].elementsEqual(parse.text) }
    return texts[Int(parse.state)] > Int32(rivals)
  }

  private func append(_ parse: ParseState, _ states: inout [ParseState]) {
    if states.count < SchemaLimits.parseStates, !states.contains(parse) { states.append(parse) }
  }

  /// Adds the parse states that begin with `node`.
  func start(_ node: NodeID, in frame: Frame?, _ states: inout [ParseState], _ canEnd: inout Bool) {
    let depth = frame?.depth ?? 0
    // Further states would not be followed.
    if states.count >= SchemaLimits.parseStates { return }
    guard heights[Int(node)] < .max, depth + heights[Int(node)] <= Int32(SchemaLimits.nesting) else { return }
    switch nodes[Int(node)] {
    case .scalar, .text, .counted, .distinct:
      let parse = ParseState(leaf: node, state: ByteAutomaton.start, frame: frame)
      settle(parse, nodes[Int(node)], &states, &canEnd)
    case .sequence(let parts):
      guard let first = parts.first else { return resume(frame, &states, &canEnd) }
      start(first, in: Frame(node, 1, .value, in: frame, depth: depth), &states, &canEnd)
    case .choice(let parts):
      for part in parts { start(part, in: frame, &states, &canEnd) }
    case .series(let part, _, _):
      start(part, in: Frame(node, 1, .value, in: frame, depth: depth), &states, &canEnd)
    case .object:
      start(Self.openObject, in: Frame(node, 0, .opened, in: frame, depth: depth + 1), &states, &canEnd)
    case .array:
      start(Self.openArray, in: Frame(node, 0, .opened, in: frame, depth: depth + 1), &states, &canEnd)
    }
  }

  /// Adds the parse states that continue after a part of `frame`.
  func resume(_ frame: Frame?, _ states: inout [ParseState], _ canEnd: inout Bool) {
    guard let frame else {
      canEnd = true
      return
    }
    switch nodes[Int(frame.node)] {
    case .sequence(let parts):
      if Int(frame.index) == parts.count { return resume(frame.parent, &states, &canEnd) }
      start(parts[Int(frame.index)], in: frame.moved(frame.index + 1, .value), &states, &canEnd)
    case .series(let part, let separator, let most):
      if frame.phase == .lead { return start(part, in: frame.moved(frame.index + 1, .value), &states, &canEnd) }
      resume(frame.parent, &states, &canEnd)
      if frame.index < most { start(separator, in: frame.moved(frame.index, .lead), &states, &canEnd) }
    case .object(let form): resume(form, frame, &states, &canEnd)
    case .array(let form): resume(form, frame, &states, &canEnd)
    case .scalar, .text, .counted, .distinct, .choice: break
    }
  }

  private func resume(_ form: ObjectNode, _ frame: Frame, _ states: inout [ParseState], _ canEnd: inout Bool) {
    let index = Int(frame.index), declared = form.members.count
    switch frame.phase {
    case .closed: resume(frame.parent, &states, &canEnd)
    case .lead: start(form.members[index].value, in: frame.moved(frame.index + 1, .value), &states, &canEnd)
    case .otherLead:
      // Until the value begins, the index identifies the form of the name.
      guard let name = form.others[index - declared].name else { return startOther(form, frame, &states, &canEnd) }
      start(name.node, in: frame.moved(frame.index, .otherName), &states, &canEnd)
    case .otherName:
      guard let name = form.others[index - declared].name else { return }
      start(name.end, in: frame.moved(frame.index, .otherColon), &states, &canEnd)
    case .otherColon: startOther(form, frame, &states, &canEnd)
    case .opened, .value: continueObject(form, frame, &states, &canEnd)
    }
  }

  private func startOther(_ form: ObjectNode, _ frame: Frame, _ states: inout [ParseState], _ canEnd: inout Bool) {
    let declared = Int32(form.members.count)
    start(form.others[Int(frame.index - declared)].value, in: frame.moved(declared, .value), &states, &canEnd)
  }

  /// Adds what follows an object's opening brace or a member.
  private func continueObject(_ form: ObjectNode, _ frame: Frame, _ states: inout [ParseState], _ canEnd: inout Bool) {
    let index = Int(frame.index), declared = form.members.count
    let isFirst = frame.phase == .opened
    func fits(_ value: NodeID) -> Bool { heights[Int(value)] <= Int32(SchemaLimits.nesting) - frame.depth }
    let hasOthers = form.others.contains { fits($0.value) && frame.used.count < SchemaLimits.uniqueElements }
    // The minimum and maximum number of declared members that can follow from `index` on.
    func rest(from index: Int) -> (least: Int32, most: Int32) {
      var least: Int32 = 0, most: Int32 = 0
      for member in form.members[index...] where member.isRequired || fits(member.value) {
        most += 1
        if member.isRequired { least += 1 }
      }
      return (least, hasOthers ? .max : most)
    }
    func canContinue(from index: Int, _ members: Int32) -> Bool {
      if !form.isCounted { return true }
      let (least, most) = rest(from: index)
      return members <= form.most - least && (most == .max || members + most >= form.least)
    }
    // Without a maximum, counting stops at the minimum.
    let counted = form.most < .max ? frame.members + 1 : min(frame.members + 1, form.least)
    let required = Int(form.nextRequired[index])
    for index in index..<min(required + 1, declared) {
      let member = form.members[index]
      if !fits(member.value) || !canContinue(from: index + 1, counted) { continue }
      let behind = frame.moved(Int32(index), .lead, members: counted)
      start(isFirst ? member.first : member.next, in: behind, &states, &canEnd)
    }
    guard required == declared else { return }
    if frame.members < form.most {
      for (index, other) in form.others.enumerated() where fits(other.value) {
        if let name = other.name, !canName(name.node, frame) { continue }
        let behind = frame.moved(Int32(declared + index), .otherLead, members: counted)
        start(isFirst ? other.first : other.next, in: behind, &states, &canEnd)
      }
    }
    if frame.members < form.least { return }
    start(
      isFirst ? Self.closeEmptyObject : Self.closeObject, in: frame.moved(frame.index, .closed), &states, &canEnd)
    if isFirst { start(Self.closeObject, in: frame.moved(frame.index, .closed), &states, &canEnd) }
  }

  /// Whether there is a name that no member has.
  private func canName(_ node: NodeID, _ frame: Frame) -> Bool {
    guard case .distinct(_, let texts) = nodes[Int(node)] else { return true }
    return frame.used.count < SchemaLimits.uniqueElements && texts[0] > Int32(frame.used.count)
  }

  private func resume(_ form: ArrayNode, _ frame: Frame, _ states: inout [ParseState], _ canEnd: inout Bool) {
    /// Returns the node of the element at an index; nil if there is none.
    func element(_ index: Int32) -> NodeID? {
      if index >= form.most { return nil }
      // Without a maximum, indices are not counted, but used elements are.
      if let texts = form.texts, frame.used.count >= min(Int(texts), SchemaLimits.uniqueElements) { return nil }
      let node = index < Int32(form.prefix.count) ? form.prefix[Int(index)] : form.items
      guard let node, heights[Int(node)] <= Int32(SchemaLimits.nesting) - frame.depth else { return nil }
      return node
    }
    switch frame.phase {
    case .closed: resume(frame.parent, &states, &canEnd)
    case .lead, .otherLead, .otherName, .otherColon:
      guard let node = element(frame.index) else { return }
      // Without a maximum, counting stops after the prefix and the minimum.
      let counted = form.most < .max || frame.index < max(form.least, Int32(form.prefix.count))
      start(node, in: frame.moved(counted ? frame.index + 1 : frame.index, .value), &states, &canEnd)
    case .opened, .value:
      let isFirst = frame.phase == .opened
      if element(frame.index) != nil {
        start(isFirst ? Self.firstElement : Self.nextElement, in: frame.moved(frame.index, .lead), &states, &canEnd)
      }
      if frame.index >= form.least {
        start(
          isFirst ? Self.closeEmptyArray : Self.closeArray, in: frame.moved(frame.index, .closed), &states, &canEnd)
        if isFirst { start(Self.closeArray, in: frame.moved(frame.index, .closed), &states, &canEnd) }
      }
    }
  }
}
