// Compiles forms of answers to grammars over the model's vocabulary. Clients send the same schemas repeatedly, so
// grammars are cached with the masks that they have computed.
import GenerationTypes
import JSON
import StructuredOutput
import Synchronization
import Text
import Tokenization

/// Compiles forms for one model.
final class FormCompiler: Sendable {
  /// The source of a grammar.
  private struct Key: Hashable {
    var kind: ExactString
    var text: [UInt8]
  }

  /// The number of cached grammars.
  private static let capacity = 8

  private let tokenizer: Tokenizer
  private let stop: Set<TokenID>
  private let trie: TokenTrie
  private let cache = Mutex<[Key: Grammar]>([:])

  init(tokenizer: Tokenizer, control: ControlTokens) {
    (self.tokenizer, stop) = (tokenizer, control.stop)
    // The text of an answer contains no special tokens and no thinking tags, but may contain their letters.
    let tags = [control.thinking.open, control.thinking.close].compactMap { $0 }
    let excluded = control.stop.union(control.forbidden).union(tokenizer.specialTokens.map(\.id)).union(tags)
    trie = TokenTrie(vocabularySize: tokenizer.vocabularySize, excluded: excluded) { tokenizer.bytes(of: $0) }
  }

  /// A compiled form.
  package struct Form: Sendable {
    /// The constraint; nil for a free answer.
    var constraint: (any TokenConstraint)?
    /// Paths of the schemas that are not enforced.
    var loose: [String] = []
  }

  /// Compiles `form`. Throws `ChatError.schema` if it cannot be enforced. A text may begin with white space only if the
  /// reply is the whole answer (`isWhole`). `shouldStop` is called repeatedly and ends the compilation by returning
  /// true.
  func form(
    of form: AnswerForm, isWhole: Bool = false, shouldStop: @escaping () -> Bool = { false }
  ) throws(ChatError) -> Form {
    let budget = CompilationBudget(shouldStop: shouldStop)
    do throws(SchemaError) {
      let text = try form.text.map { form throws(SchemaError) in
        matcher(try grammar(of: form, isWhole: isWhole, budget))
      }
      guard let use = form.tools else { return Form(constraint: text) }
      // Checking each tool must not use up the budget of the grammar for all tools.
      let (tools, loose) = try callable(use, CompilationBudget(sharing: budget))
      switch use.choice {
      case .none: return Form(constraint: text, loose: loose)
      case .auto where text == nil:
        let rest = try grammar(of: tools, "rest") { tools throws(SchemaError) in
          try Grammar(calls: tools, afterOpening: true, budget: budget)
        }
        let calls = LazyCalls(matcher(rest), tokenizer: tokenizer, stop: stop, isParallel: use.isParallel)
        return Form(constraint: calls, loose: loose)
      case .auto, .required, .named:
        var most = use.isParallel ? Self.mostCalls : 1
        if case .named = use.choice { most = 1 }
        let calls = matcher(
          try grammar(of: tools, "calls \(most)") { [most] tools throws(SchemaError) in
            try Grammar(calls: tools, most: most, budget: budget)
          })
        guard let text, use.choice == .auto else { return Form(constraint: calls, loose: loose) }
        return Form(constraint: EitherForm([text, calls]), loose: loose)
      }
    } catch {
      throw .schema(error)
    }
  }

  /// The largest number of calls in one answer.
  private static let mostCalls = 16

  private func matcher(_ grammar: Grammar) -> GrammarMatcher {
    let tokenizer = tokenizer
    return GrammarMatcher(grammar, trie: trie, stop: stop) { tokenizer.bytes(of: $0) }
  }

  private func grammar(
    of form: TextForm, isWhole: Bool, _ budget: CompilationBudget
  ) throws(SchemaError) -> Grammar {
    switch form {
    case .object:
      return try cached(Key(kind: "object", text: [])) { () throws(SchemaError) in .anyObject() }
    case .schema(let schema, let path):
      return try cached(Key(kind: "schema", text: schema.encoded)) { () throws(SchemaError) in
        try Grammar(schema: schema, path: path, budget: budget)
      }
    case .choice(let texts, let path):
      let key = Key(kind: ExactString("choice \(isWhole)"), text: JSONValue.array(texts.map(JSONValue.string)).encoded)
      return try cached(key) { () throws(SchemaError) in
        try Grammar(choices: texts, path: path, allowsLeadingWhitespace: isWhole)
      }
    case .pattern(let pattern, let path):
      return try cached(Key(kind: ExactString("pattern \(isWhole)"), text: Array(pattern.utf8))) {
        () throws(SchemaError) in
        try Grammar(pattern: pattern, path: path, allowsLeadingWhitespace: isWhole, budget: budget)
      }
    }
  }

  private func grammar(
    of tools: [Grammar.Tool], _ kind: String, _ make: ([Grammar.Tool]) throws(SchemaError) -> Grammar
  ) throws(SchemaError) -> Grammar {
    let text = JSONValue.array(tools.map { [.string($0.name), $0.parameters ?? .null] })
    return try cached(Key(kind: kind.exact, text: text.encoded)) { () throws(SchemaError) in try make(tools) }
  }

  /// Returns the tools for the grammar. An unsupported schema is an error if it is strict; otherwise any object is
  /// allowed and the path is reported.
  private func callable(
    _ use: ToolUse, _ budget: CompilationBudget
  ) throws(SchemaError) -> (tools: [Grammar.Tool], loose: [String]) {
    var tools: [Grammar.Tool] = []
    var loose: [String] = []
    for tool in use.callable {
      var held = Grammar.Tool(name: tool.name, parameters: tool.parameters, path: tool.path)
      do {
        _ = try grammar(of: [held], "one") { tools throws(SchemaError) in
          try Grammar(calls: tools, most: 1, budget: budget)
        }
      } catch {
        if tool.isStrict || error.isStopped { throw error }
        loose.append(error.path)
        held.parameters = nil
      }
      tools.append(held)
    }
    return (tools, loose)
  }

  private func cached(_ key: Key, _ make: () throws(SchemaError) -> Grammar) throws(SchemaError) -> Grammar {
    if let known = cache.withLock({ $0[key] }) { return known }
    let made = try make()
    cache.withLock { cache in
      if cache.count >= Self.capacity { cache = [:] }
      cache[key] = made
    }
    return made
  }
}
