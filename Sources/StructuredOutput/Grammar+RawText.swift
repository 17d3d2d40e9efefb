// Answers that are a text as it is, not a JSON string: one of some texts, or what a regular expression matches as a whole.
// Both become one automaton over UTF-8.

extension Grammar {
  /// One of `choices`. Where something stands before the answer, white space at its beginning would be taken for a part of that:
  /// unless `mayBeginWhite`, such a choice is an error.
  package convenience init(choices: [String], path: String, mayBeginWhite: Bool) throws(SchemaError) {
    guard !choices.isEmpty else { throw SchemaError(path: path, reason: "must have at least one choice") }
    guard choices.count <= SchemaLimits.enumValues else {
      throw SchemaError(path: path, reason: "has more than \(SchemaLimits.enumValues) choices")
    }
    var builder = TextTrie()
    for (index, choice) in choices.enumerated() {
      let place = "\(path)[\(index)]"
      guard let first = choice.unicodeScalars.first else { throw SchemaError(path: place, reason: "must not be empty") }
      guard mayBeginWhite || !first.properties.isWhitespace else {
        throw SchemaError(path: place, reason: "must not begin with white space")
      }
      guard builder.bytes + choice.utf8.count <= SchemaLimits.literalBytes else {
        throw SchemaError(path: path, reason: "has more than \(SchemaLimits.literalBytes) bytes of choices")
      }
      builder.insert(choice.utf8)
    }
    try self.init(text: builder.automaton(), path: path)
  }

  /// What `pattern` matches from beginning to end. Unless `mayBeginWhite`, texts that begin with white space are left out.
  package convenience init(
    pattern: String, path: String, mayBeginWhite: Bool, budget: CompilationBudget = CompilationBudget()
  ) throws(SchemaError) {
    guard pattern.utf8.count <= SchemaLimits.patternBytes else {
      throw SchemaError(
        path: path, reason: "has \(pattern.utf8.count) bytes; at most \(SchemaLimits.patternBytes) are allowed")
    }
    do {
      var expression = try PatternParser.parse(pattern, isWhole: true)
      if !mayBeginWhite {
        expression = .sequence([.lookahead(.set(CodePoints.anyWhite), isNegative: true), expression])
      }
      let automaton = try PatternAutomaton.automaton(of: expression, spelling: .plain, budget: budget)
      guard let automaton, automaton.count > 1 else {
        throw PatternError(
          reason: "matches no text\(mayBeginWhite ? "" : " that begins with anything but white space")")
      }
      try self.init(text: automaton, path: path)
    } catch let error as PatternError {
      throw SchemaError(error, path: path)
    } catch let error as SchemaError {
      throw error
    } catch {
      throw SchemaError(path: path, reason: "is not supported")
    }
  }

  /// The texts of one automaton.
  private convenience init(text automaton: ByteAutomaton?, path: String) throws(SchemaError) {
    var builder = GrammarBuilder()
    guard let automaton else { throw SchemaError(path: path, reason: "is too large") }
    let root = builder.add(automaton)
    guard let grammar = builder.build(root: root) else { throw SchemaError(path: path, reason: "matches no text") }
    self.init(nodes: grammar.nodes, heights: grammar.heights, root: grammar.root)
  }
}

/// A set of texts as a tree of their bytes.
private struct TextTrie {
  private var builder = ByteAutomatonBuilder()
  private var children: [[(byte: UInt8, state: Int32)]] = [[]]
  /// Bytes of all texts.
  private(set) var bytes = 0

  init() { _ = builder.state() }

  mutating func insert(_ text: some Collection<UInt8>) {
    var at: Int32 = ByteAutomaton.start
    for byte in text {
      if let known = children[Int(at)].first(where: { $0.byte == byte }) {
        at = known.state
        continue
      }
      let next = builder.state()
      builder.connect(at, byte...byte, next)
      children[Int(at)].append((byte, next))
      children.append([])
      at = next
    }
    builder.accept(at)
    bytes += text.count
  }

  /// nil where the table would be larger than allowed.
  mutating func automaton() -> ByteAutomaton? {
    if case .automaton(let automaton) = builder.build(entries: SchemaLimits.tableEntries) { automaton } else { nil }
  }
}
