// Replies that are plain text, not a JSON string: one of several texts, or a text that matches a regular expression
// completely. Both become one automaton over UTF-8.

extension Grammar {
  /// Compiles the grammar of one of `choices`. If text precedes the answer, leading white space would be taken as a
  /// part of that text; such a choice is an error unless `allowsLeadingWhitespace`.
  package convenience init(choices: [String], path: String, allowsLeadingWhitespace: Bool) throws(SchemaError) {
    guard !choices.isEmpty else { throw SchemaError(path: path, reason: "must have at least one choice") }
    guard choices.count <= SchemaLimits.enumValues else {
      throw SchemaError(path: path, reason: "has more than \(SchemaLimits.enumValues) choices")
    }
    var builder = TextTrie()
    for (index, choice) in choices.enumerated() {
      let location = "\(path)[\(index)]"
      guard let first = choice.unicodeScalars.first else {
        throw SchemaError(path: location, reason: "must not be empty")
      }
      guard allowsLeadingWhitespace || !first.properties.isWhitespace else {
        throw SchemaError(path: location, reason: "must not begin with white space")
      }
      guard builder.bytes + choice.utf8.count <= SchemaLimits.literalBytes else {
        throw SchemaError(path: path, reason: "has choices of more than \(SchemaLimits.literalBytes) bytes in total")
      }
      builder.insert(choice.utf8)
    }
    try self.init(text: builder.automaton(), path: path)
  }

  /// Compiles the grammar of the texts that `pattern` matches completely, without leading white space unless
  /// `allowsLeadingWhitespace`.
  package convenience init(
    pattern: String, path: String, allowsLeadingWhitespace: Bool, budget: CompilationBudget = CompilationBudget()
  ) throws(SchemaError) {
    guard pattern.utf8.count <= SchemaLimits.patternBytes else {
      throw SchemaError(
        path: path, reason: "must have at most \(SchemaLimits.patternBytes) bytes, got \(pattern.utf8.count)")
    }
    do {
      var expression = try PatternParser.parse(pattern, isWhole: true)
      if !allowsLeadingWhitespace {
        expression = .sequence([.lookahead(.set(CodePoints.anyWhite), isNegative: true), expression])
      }
      let automaton = try PatternAutomaton.automaton(of: expression, encoding: .plain, budget: budget)
      guard let automaton, automaton.count > 1 else {
        throw PatternError(
          reason: "matches no text\(allowsLeadingWhitespace ? "" : " without leading white space")")
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

  /// Creates the grammar of the texts of one automaton.
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
  /// The total number of bytes of all texts.
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

  /// Returns the automaton, or nil if its table would be too large.
  mutating func automaton() -> ByteAutomaton? {
    if case .automaton(let automaton) = builder.build(entries: SchemaLimits.tableEntries) { automaton } else { nil }
  }
}
