// Collects the nodes of a grammar: punctuation with white space, unconstrained values, names and nesting depths.
import JSON
import Text

/// Collects the nodes of a grammar.
struct GrammarBuilder: Sendable {
  private(set) var nodes: [Grammar.Node] = []
  private var anyValueNode: Grammar.NodeID?
  private var anyObjectNode: Grammar.NodeID?
  private var anyLeads: (Grammar.NodeID, Grammar.NodeID)?
  private var literals: [ExactString: Grammar.NodeID] = [:]
  /// The number of entries in all transition tables.
  private(set) var entries = 0

  init() {
    let gap = Self.gap
    for form in [
      [.literal("{")], [.literal("}")], [gap, .literal("}")], [.literal("[")], [.literal("]")], [gap, .literal("]")],
      [gap],
      [.literal(","), gap],
    ] as [[Punctuation]] { _ = add(Self.automaton(form)) }
  }

  /// A piece of punctuation: text, or optional white space.
  enum Punctuation {
    case literal(String)
    /// Nothing, a space, or one or two line feeds followed by up to 20 spaces or tabs.
    case white
  }

  private static let gap = Punctuation.white

  mutating func add(_ node: Grammar.Node) -> Grammar.NodeID {
    switch node {
    case .scalar(let automaton), .distinct(let automaton, _): entries += automaton.tableEntries
    case .counted(let text): entries += text.automaton.tableEntries
    default: break
    }
    nodes.append(node)
    return Grammar.NodeID(nodes.count - 1)
  }

  mutating func add(_ automaton: ByteAutomaton) -> Grammar.NodeID { add(.scalar(automaton)) }

  /// Sets a node that was reserved before.
  mutating func set(_ id: Grammar.NodeID, _ node: Grammar.Node) { nodes[Int(id)] = node }

  /// Adds a node that accepts exactly `text`.
  mutating func literal(_ text: String) -> Grammar.NodeID {
    if let known = literals[text] { return known }
    let id = add(Self.automaton([.literal(text)]))
    literals[text] = id
    return id
  }

  /// Adds the text before a declared member's value.
  mutating func lead(_ name: String, isFirst: Bool) -> Grammar.NodeID {
    let quoted = String(decoding: JSONValue.string(name).encoded, as: UTF8.self)
    return add(
      Self.automaton((isFirst ? [.white] : [.literal(","), .white]) + [.literal(quoted), .literal(":"), .white]))
  }

  private static func automaton(_ form: [Punctuation]) -> ByteAutomaton {
    var builder = ByteAutomatonBuilder()
    for end in append(form, &builder) { builder.accept(end) }
    guard case .automaton(let automaton) = builder.build(entries: .max) else {
      preconditionFailure("the text is not empty")
    }
    return automaton
  }

  /// Adds `form` to an automaton, after `sources` or at its start. Returns the states after it.
  private static func append(
    _ form: [Punctuation], _ builder: inout ByteAutomatonBuilder, from sources: [Int32] = []
  ) -> [Int32] {
    // The states in which the text so far may end. Optional white space makes several possible.
    var ends = sources.isEmpty ? [builder.state()] : sources
    for piece in form {
      switch piece {
      case .literal(let text):
        for byte in text.utf8 {
          let target = builder.state()
          for end in ends { builder.connect(end, byte...byte, target) }
          ends = [target]
        }
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
    return ends
  }

  /// Adds a node that accepts any JSON value.
  mutating func anyValue() -> Grammar.NodeID {
    if let anyValueNode { return anyValueNode }
    let id = add(.choice([]))
    anyValueNode = id
    let object = anyObject()
    let array = add(.array(Grammar.ArrayNode(prefix: [], items: id, least: 0, most: .max)))
    let string = add(.text(least: 0, most: .max))
    set(id, .choice([string, number(), literal("true"), literal("false"), literal("null"), object, array]))
    return id
  }

  /// Adds a node that accepts any JSON object.
  mutating func anyObject() -> Grammar.NodeID {
    if let anyObjectNode { return anyObjectNode }
    let id = add(.choice([]))
    anyObjectNode = id
    let value = anyValue()
    set(id, .object(Grammar.ObjectNode(members: [], nextRequired: [0], others: [anyMember(value: value)])))
    return id
  }

  /// Adds a node that accepts any number.
  mutating func number() -> Grammar.NodeID {
    if let known = literals["number"] { return known }
    guard let automaton = try? NumberBounds(isInteger: false).automaton(CompilationBudget()) else {
      preconditionFailure("a number always exists")
    }
    let id = add(automaton)
    literals["number"] = id
    return id
  }

  /// Returns members with any name.
  mutating func anyMember(value: Grammar.NodeID) -> Grammar.ObjectNode.AdditionalMembers {
    let budget = CompilationBudget()
    if let known = anyLeads {
      return Grammar.ObjectNode.AdditionalMembers(first: known.0, next: known.1, name: nil, value: value)
    }
    guard let classes = try? CharacterClasses(of: [.anything], budget: budget),
      let names = (try? PatternAutomaton.characters(of: .anything, classes, budget)) ?? nil,
      let first = try? lead(names, isFirst: true, budget), let next = try? lead(names, isFirst: false, budget)
    else { preconditionFailure("a name always exists") }
    anyLeads = (first, next)
    return Grammar.ObjectNode.AdditionalMembers(first: first, next: next, name: nil, value: value)
  }

  /// Adds the text before the value of a member whose name is accepted by `names`.
  mutating func lead(
    _ names: CharacterAutomaton, isFirst: Bool, _ budget: CompilationBudget
  ) throws(PatternError) -> Grammar.NodeID {
    var automaton = ByteAutomatonBuilder()
    let before = Self.append(isFirst ? [.white, .literal("\"")] : [.literal(","), .white, .literal("\"")], &automaton)
    let open = before[0], close = automaton.state()
    _ = try names.encode(into: &automaton, .json, from: open, to: close, budget)
    for end in Self.append([.literal(":"), .white], &automaton, from: [close]) { automaton.accept(end) }
    switch automaton.build(entries: SchemaLimits.tableEntries) {
    case .automaton(let automaton): return add(automaton)
    case .empty: throw PatternError(reason: "matches no name")
    case .tooLarge: throw PatternError(reason: "is too complex to compile")
    }
  }

  /// Returns the automata of a scalar node or a choice of scalars. Throws for other nodes.
  func automata(of node: Grammar.NodeID) throws(PatternError) -> [ByteAutomaton] {
    var visited: Set<Grammar.NodeID> = []
    var waiting = [node]
    var automata: [ByteAutomaton] = []
    while let id = waiting.popLast() {
      guard visited.insert(id).inserted else { continue }
      switch nodes[Int(id)] {
      case .scalar(let automaton): automata.append(automaton)
      case .choice(let parts): waiting += parts
      default: throw PatternError(reason: "cannot be enforced for these items; remove it")
      }
    }
    return automata
  }

  /// Adds the text after a name that has its own node.
  mutating func colon() -> Grammar.NodeID {
    if let known = literals[":"] { return known }
    let id = add(Self.automaton([.literal(":"), .white]))
    literals[":"] = id
    return id
  }

  /// Returns the minimum nesting depth of every node; nil if `root` can never end.
  func heights(root: Grammar.NodeID) -> [Int32]? {
    let never = Int32.max
    var heights = [Int32](repeating: never, count: nodes.count)
    var changed = true
    func highest(_ ids: some Sequence<Grammar.NodeID>) -> Int32 { ids.reduce(0) { max($0, heights[Int($1)]) } }
    // References to later nodes converge in a backward pass, references to earlier nodes in a forward pass.
    var isForward = false
    while changed {
      changed = false
      isForward.toggle()
      for step in nodes.indices {
        let index = isForward ? step : nodes.count - 1 - step
        let node = nodes[index]
        let height: Int32
        switch node {
        case .scalar, .counted, .distinct: height = 0
        case .text(let least, let most): height = least <= most ? 0 : never
        case .sequence(let parts): height = highest(parts)
        case .choice(let parts): height = parts.reduce(never) { min($0, heights[Int($1)]) }
        case .series(let part, let separator, _): height = max(heights[Int(part)], heights[Int(separator)])
        case .object(let form):
          var inner = highest(form.members.filter(\.isRequired).map(\.value))
          let missing = Int(form.least) - form.members.count(where: \.isRequired)
          if missing > 0 {
            // Of the optional additional members, the one with the smallest depth counts.
            let other = form.others.reduce(never) { min($0, heights[Int($1.value)]) }
            let optional = form.members.filter { !$0.isRequired }.map { heights[Int($0.value)] }.sorted()
            inner = max(inner, min(other, missing <= optional.count ? optional[missing - 1] : never))
          }
          if form.members.count(where: \.isRequired) > Int(form.most) || form.least > form.most { inner = never }
          height = inner == never ? never : inner + 1
        case .array(let form):
          let count = Int(min(form.least, Int32(form.prefix.count)))
          var inner = highest(form.prefix[..<count])
          if Int(form.least) > form.prefix.count { inner = max(inner, form.items.map { heights[Int($0)] } ?? never) }
          if form.least > min(form.most, form.texts ?? .max) { inner = never }
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
    guard let heights = heights(root: root), let nodes = try? flattened(CompilationBudget()) else { return nil }
    return Grammar(nodes: nodes, heights: heights, root: root)
  }

  /// Returns the nodes with nested choices, which may be cyclic, flattened into one choice of other nodes.
  func flattened(_ budget: CompilationBudget) throws(PatternError) -> [Grammar.Node] {
    var flat = nodes
    for (index, node) in nodes.enumerated() {
      guard case .choice(let parts) = node else { continue }
      var visited = Set<Grammar.NodeID>()
      var others: [Grammar.NodeID] = []
      var waiting = Array(parts.reversed())
      while let part = waiting.popLast() {
        try budget.spend(16)
        guard visited.insert(part).inserted else { continue }
        if case .choice(let inner) = nodes[Int(part)] {
          waiting += inner.reversed()
        } else {
          others.append(part)
        }
      }
      flat[index] = .choice(others)
    }
    return flat
  }
}
