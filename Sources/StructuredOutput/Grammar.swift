// What a reply may be, as a pushdown automaton over bytes: scalars are automata, objects and arrays open and close around them, and
// what is open is a stack of frames. Immutable; shared by all replies of a form.
import JSON

/// The compiled form of an answer, for one vocabulary: its masks are kept with it.
package final class Grammar: Sendable {
  /// Index of a node.
  typealias NodeID = Int32

  /// A part of the form.
  enum Node: Sendable {
    /// Text of an automaton, which has a number for caches.
    case scalar(ByteAutomaton)
    /// A free string of so many code points.
    case text(least: Int32, most: Int32)
    case sequence([NodeID])
    case choice([NodeID])
    case object(ObjectForm)
    case array(ArrayForm)
    /// Several of the same with a separator between them.
    case series(NodeID, separator: NodeID, most: Int32)
  }

  /// An object: declared members in their order, then others. Leads are what stands before a member's value.
  struct ObjectForm: Sendable {
    struct Member: Sendable {
      /// The lead of a first member, and of a later one.
      var first, next: NodeID
      var value: NodeID
      var isRequired: Bool
    }
    var members: [Member]
    /// For every place, the next member that must come; the count when none must.
    var nextRequired: [Int32]
    /// Members that are not declared; nil for none.
    var others: (first: NodeID, next: NodeID, value: NodeID)?
  }

  /// An array: leads are what stands before an element.
  struct ArrayForm: Sendable {
    var prefix: [NodeID]
    /// Elements behind the prefix; nil for none.
    var items: NodeID?
    var least, most: Int32
  }

  /// Parts that all objects and arrays share, at fixed places.
  static let openObject: NodeID = 0, closeEmptyObject: NodeID = 1, closeObject: NodeID = 2
  static let openArray: NodeID = 3, closeEmptyArray: NodeID = 4, closeArray: NodeID = 5
  static let firstElement: NodeID = 6, nextElement: NodeID = 7

  let nodes: [Node]
  /// Objects and arrays that a node needs open at once at least.
  let heights: [Int32]
  let root: NodeID
  let cache = MaskCache()

  init(nodes: [Node], heights: [Int32], root: NodeID) {
    (self.nodes, self.heights, self.root) = (nodes, heights, root)
  }

  /// Any JSON object. A grammar of its own each time, as masks are kept with it.
  package static func anyObject() -> Grammar {
    var builder = GrammarBuilder()
    let root = builder.anyObject()
    guard let grammar = builder.build(root: root) else { preconditionFailure("there are objects") }
    return grammar
  }

  /// The values that `schema`, found at `path` of a request, allows.
  package convenience init(schema: JSONValue, path: String) throws(SchemaError) {
    var compiler = SchemaCompiler(root: schema, path: path)
    let root = try compiler.compile(schema, path)
    try self.init(compiler.builder, root: root, path: path)
  }

  /// One tool of an answer that calls tools.
  package struct Tool: Sendable {
    package var name: String
    /// The schema of the arguments; nil for any object.
    package var parameters: JSONValue?
    /// Where the schema stood in the request.
    package var path: String
    package init(name: String, parameters: JSONValue?, path: String) {
      (self.name, self.parameters, self.path) = (name, parameters, path)
    }
  }

  /// One to `most` calls in Qwen's form, with `opening` and `closing` tags; or, `afterOpening`, the rest of one call.
  package convenience init(
    calls tools: [Tool], most: Int = 16, afterOpening: Bool = false
  ) throws(SchemaError) {
    var builder = GrammarBuilder()
    var choices: [NodeID] = []
    for tool in tools {
      var arguments: NodeID
      if let parameters = tool.parameters, parameters.object?.isEmpty == false {
        var compiler = SchemaCompiler(root: parameters, path: tool.path, builder: builder)
        arguments = try compiler.compileObject(parameters, tool.path)
        builder = compiler.builder
        if builder.heights(root: arguments) == nil {
          throw SchemaError(path: tool.path, reason: "nothing can satisfy it")
        }
      } else {
        arguments = builder.anyObject()
      }
      let name = String(decoding: JSONValue.string(tool.name).encoded, as: UTF8.self)
      let opening = afterOpening ? "" : "<tool_call>"
      let lead = builder.literal(opening + "\n{\"name\": \(name), \"arguments\": ")
      choices.append(builder.add(.sequence([lead, arguments, builder.literal("}\n</tool_call>")])))
    }
    var root = builder.add(.choice(choices))
    if !afterOpening, most > 1 {
      root = builder.add(.series(root, separator: builder.literal("\n"), most: Int32(clamping: most)))
    }
    try self.init(builder, root: root, path: "tools")
  }

  private convenience init(_ builder: GrammarBuilder, root: NodeID, path: String) throws(SchemaError) {
    guard let heights = builder.heights(root: root) else {
      throw SchemaError(path: path, reason: "nothing can satisfy it")
    }
    guard heights[Int(root)] <= Int32(SchemaLimits.nesting) else {
      throw SchemaError(
        path: path, reason: "needs more than \(SchemaLimits.nesting) objects and arrays within each other")
    }
    self.init(nodes: builder.flattened, heights: heights, root: root)
  }
}

/// Collects the nodes of a grammar.
struct GrammarBuilder: Sendable {
  private(set) var nodes: [Grammar.Node] = []
  private var anyValueNode: Grammar.NodeID?
  private var anyObjectNode: Grammar.NodeID?
  private var literals: [String: Grammar.NodeID] = [:]
  /// Entries of all transition tables.
  private(set) var entries = 0

  init() {
    let gap = Self.gap
    for form in [
      [.literal("{")], [.literal("}")], [gap, .literal("}")], [.literal("[")], [.literal("]")], [gap, .literal("]")],
      [gap],
      [.literal(","), gap],
    ] as [[Spelling]] { _ = add(Self.automaton(form)) }
  }

  /// How structure is spelled: text, or white space that may be there.
  enum Spelling {
    case literal(String)
    /// Nothing, a space, or one or two line feeds with up to 20 spaces or tabs.
    case white
  }

  private static let gap = Spelling.white

  mutating func add(_ node: Grammar.Node) -> Grammar.NodeID {
    if case .scalar(let automaton) = node { entries += automaton.tableEntries }
    nodes.append(node)
    return Grammar.NodeID(nodes.count - 1)
  }

  mutating func add(_ automaton: ByteAutomaton) -> Grammar.NodeID { add(.scalar(automaton)) }

  /// Puts `node` into a place that was kept for it.
  mutating func set(_ id: Grammar.NodeID, _ node: Grammar.Node) { nodes[Int(id)] = node }

  /// Exactly this text.
  mutating func literal(_ text: String) -> Grammar.NodeID {
    if let known = literals[text] { return known }
    let id = add(Self.automaton([.literal(text)]))
    literals[text] = id
    return id
  }

  /// What stands before a declared member's value.
  mutating func lead(_ name: String, isFirst: Bool) -> Grammar.NodeID {
    let quoted = String(decoding: JSONValue.string(name).encoded, as: UTF8.self)
    return add(
      Self.automaton((isFirst ? [.white] : [.literal(","), .white]) + [.literal(quoted), .literal(":"), .white]))
  }

  private static func automaton(_ form: [Spelling]) -> ByteAutomaton {
    var builder = ByteAutomatonBuilder()
    // Where the text so far may end; white space may be left out, so there may be several.
    var ends = [builder.state()]
    for spelling in form {
      switch spelling {
      case .literal(let text):
        var bytes = Array(text.utf8)
        let last = bytes.removeLast()
        guard let head = bytes.first else {
          let target = builder.state()
          for end in ends { builder.connect(end, last...last, target) }
          ends = [target]
          continue
        }
        var at = builder.state()
        for end in ends { builder.connect(end, head...head, at) }
        for byte in bytes.dropFirst() + [last] {
          let next = builder.state()
          builder.connect(at, byte...byte, next)
          at = next
        }
        ends = [at]
      case .white:
        let space = builder.state(), line = builder.state(), second = builder.state()
        for end in ends {
          builder.connect(end, " ", space)
          builder.connect(end, "\n", line)
        }
        builder.connect(line, "\n", second)
        ends += [space, line, second]
        var at = builder.state()
        for source in [line, second] {
          builder.connect(source, " ", at)
          builder.connect(source, "\t", at)
        }
        ends.append(at)
        for _ in 1..<20 {
          let next = builder.state()
          builder.connect(at, " ", next)
          builder.connect(at, "\t", next)
          at = next
          ends.append(at)
        }
      }
    }
    for end in ends { builder.accept(end) }
    guard case .automaton(let automaton) = builder.build(entries: .max) else {
      preconditionFailure("a text of its own")
    }
    return automaton
  }

  /// Any JSON value.
  mutating func anyValue() -> Grammar.NodeID {
    if let anyValueNode { return anyValueNode }
    let id = add(.choice([]))
    anyValueNode = id
    let object = anyObject()
    let array = add(.array(Grammar.ArrayForm(prefix: [], items: id, least: 0, most: .max)))
    let string = add(.text(least: 0, most: .max))
    set(id, .choice([string, number(), literal("true"), literal("false"), literal("null"), object, array]))
    return id
  }

  /// Any JSON object.
  mutating func anyObject() -> Grammar.NodeID {
    if let anyObjectNode { return anyObjectNode }
    let id = add(.choice([]))
    anyObjectNode = id
    let value = anyValue()
    let others = otherMembers(except: [], value: value)
    set(id, .object(Grammar.ObjectForm(members: [], nextRequired: [0], others: others)))
    return id
  }

  /// Any number.
  mutating func number() -> Grammar.NodeID {
    if let known = literals["number"] { return known }
    guard let automaton = try? NumberBounds(isInteger: false).automaton() else {
      preconditionFailure("there are numbers")
    }
    let id = add(automaton)
    literals["number"] = id
    return id
  }

  /// Members with any other name, none where there are too many declared ones to tell them from: written without escapes, so that no spelling of a declared name is among them.
  mutating func otherMembers(
    except names: [String], value: Grammar.NodeID
  ) -> (first: Grammar.NodeID, next: Grammar.NodeID, value: Grammar.NodeID)? {
    guard let first = Self.otherLead(names, isFirst: true), let next = Self.otherLead(names, isFirst: false) else {
      return nil
    }
    return (add(first), add(next), value)
  }

  private static func otherLead(_ names: [String], isFirst: Bool) -> ByteAutomaton? {
    let declared = names.map { Array($0.utf8) }
    // Before the name, in it (with the declared names that it may still become), and behind it.
    enum State: Hashable {
      case comma, white(Int), content(Int, like: [Int], pending: Int), colon, gap(Int), done
    }
    func gap(_ state: Int, _ byte: UInt8) -> Int? {
      // 0 nothing yet, 1 a space, 2 a line feed, 3 two, 4… white space of the line.
      switch (state, byte) {
      case (0, 0x20): 1
      case (0, 0x0A): 2
      case (2, 0x0A): 3
      case (2..., 0x20), (2..., 0x09): state < 4 ? 4 : state < 23 ? state + 1 : nil
      default: nil
      }
    }
    // Bytes of a character to come: 1…3, or 4…7 where the next is bounded further (Unicode 16, table 3-7).
    func begins(_ byte: UInt8) -> Int? {
      switch byte {
      case 0x20...0x21, 0x23...0x5B, 0x5D...0x7F: 0
      case 0xC2...0xDF: 1
      case 0xE0: 4
      case 0xED: 5
      case 0xE1...0xEF: 2
      case 0xF0: 6
      case 0xF4: 7
      case 0xF1...0xF3: 3
      default: nil
      }
    }
    func goesOn(_ pending: Int, _ byte: UInt8) -> Int? {
      switch (pending, byte) {
      case (1...3, 0x80...0xBF): pending - 1
      case (4, 0xA0...0xBF), (5, 0x80...0x9F): 1
      case (6, 0x90...0xBF), (7, 0x80...0x8F): 2
      default: nil
      }
    }
    let automaton = try? ByteAutomaton.explored(
      from: isFirst ? State.white(0) : State.comma, bytes: Array(0...255), limit: SchemaLimits.patternStates,
      step: { state, byte -> State? in
        switch state {
        case .comma: return byte == UInt8(ascii: ",") ? .white(0) : nil
        case .white(let count):
          if byte == 0x22 { return .content(0, like: Array(declared.indices), pending: 0) }
          return gap(count, byte).map { .white($0) }
        case .content(let place, let like, let pending):
          let still = like.filter { place < declared[$0].count && declared[$0][place] == byte }
          let next = still.isEmpty ? 0 : place + 1
          if pending > 0 { return goesOn(pending, byte).map { .content(next, like: still, pending: $0) } }
          if byte == 0x22 { return like.contains { declared[$0].count == place } ? nil : .colon }
          return begins(byte).map { .content(next, like: still, pending: $0) }
        case .colon: return byte == UInt8(ascii: ":") ? .gap(0) : nil
        case .gap(let count): return gap(count, byte).map { .gap($0) }
        case .done: return nil
        }
      },
      isAccepting: { if case .gap = $0 { true } else { false } })
    return automaton ?? nil
  }

  /// What every node needs open at least; nil where `root` can never end.
  func heights(root: Grammar.NodeID) -> [Int32]? {
    let never = Int32.max
    var heights = [Int32](repeating: never, count: nodes.count)
    var changed = true
    func highest(_ ids: some Sequence<Grammar.NodeID>) -> Int32 { ids.reduce(0) { max($0, heights[Int($1)]) } }
    while changed {
      changed = false
      for (index, node) in nodes.enumerated() {
        let height: Int32
        switch node {
        case .scalar: height = 0
        case .text(let least, let most): height = least <= most ? 0 : never
        case .sequence(let parts): height = highest(parts)
        case .choice(let parts): height = parts.reduce(never) { min($0, heights[Int($1)]) }
        case .series(let part, let separator, _): height = max(heights[Int(part)], heights[Int(separator)])
        case .object(let form):
          let inner = highest(form.members.filter(\.isRequired).map(\.value))
          height = inner == never ? never : inner + 1
        case .array(let form):
          let count = Int(min(form.least, Int32(form.prefix.count)))
          var inner = highest(form.prefix[..<count])
          if Int(form.least) > form.prefix.count { inner = max(inner, form.items.map { heights[Int($0)] } ?? never) }
          if form.least > form.most { inner = never }
          height = inner == never ? never : inner + 1
        }
        if height < heights[index] {
          heights[index] = height
          changed = true
        }
      }
    }
    return heights[Int(root)] == never ? nil : heights
  }

  func build(root: Grammar.NodeID) -> Grammar? {
    heights(root: root).map { Grammar(nodes: flattened, heights: $0, root: root) }
  }

  /// The nodes with every choice among choices, which may go in circles, as one choice among other things.
  var flattened: [Grammar.Node] {
    nodes.map { node in
      guard case .choice(let parts) = node else { return node }
      var seen = Set<Grammar.NodeID>()
      var flat: [Grammar.NodeID] = []
      var waiting = Array(parts.reversed())
      while let part = waiting.popLast() {
        guard seen.insert(part).inserted else { continue }
        if case .choice(let inner) = nodes[Int(part)] {
          waiting += inner.reversed()
        } else {
          flat.append(part)
        }
      }
      return .choice(flat)
    }
  }
}
