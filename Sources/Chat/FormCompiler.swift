// Forms become grammars over the model's vocabulary. Clients send the same schemas again and again, so grammars are kept, with the
// masks they have computed.
import GenerationTypes
import JSON
import StructuredOutput
import Synchronization
import Text
import Tokenization

/// Compiles forms for one model.
final class FormCompiler: Sendable {
  /// What a grammar was made from.
  private struct Key: Hashable {
    var kind: ExactString
    var text: [UInt8]
  }

  private static let most = 8

  private let tokenizer: Tokenizer
  private let stop: Set<TokenID>
  private let trie: TokenTrie
  private let kept = Mutex<[Key: Grammar]>([:])

  init(tokenizer: Tokenizer, control: ControlTokens) {
    (self.tokenizer, stop) = (tokenizer, control.stop)
    // Special tokens and thinking tags have no place in an answer's text; the same letters from other tokens do.
    let tags = [control.thinking.open, control.thinking.close].compactMap { $0 }
    let excluded = control.stop.union(control.forbidden).union(tokenizer.specialTokens.map(\.id)).union(tags)
    trie = TokenTrie(vocabularySize: tokenizer.vocabularySize, excluded: excluded) { tokenizer.bytes(of: $0) }
  }

  /// What keeps an answer to its form.
  package struct Form: Sendable {
    /// nil where the answer is free.
    var constraint: (any TokenConstraint)?
    /// Paths of schemas that are not held to.
    var loose: [String] = []
  }

  /// Compiles `form`; throws `ChatError.schema` for what cannot be held to. White space may begin a text only where nothing stands
  /// before the answer (`isWhole`). `shouldStop` is asked now and then whether the form is still wanted.
  func form(
    of form: AnswerForm, isWhole: Bool = false, shouldStop: @escaping () -> Bool = { false }
  ) throws(ChatError) -> Form {
    let budget = CompilationBudget(shouldStop: shouldStop)
    do throws(SchemaError) {
      let text = try form.text.map { form throws(SchemaError) in
        matcher(try grammar(of: form, isWhole: isWhole, budget))
      }
      guard let use = form.tools else { return Form(constraint: text) }
      // Checking every tool by itself may not use up what all of them together take.
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

  /// Calls that one answer may hold.
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
      return try kept(Key(kind: "object", text: [])) { () throws(SchemaError) in .anyObject() }
    case .schema(let schema, let path):
      return try kept(Key(kind: "schema", text: schema.encoded)) { () throws(SchemaError) in
        try Grammar(schema: schema, path: path, budget: budget)
      }
    case .choice(let texts, let path):
      let key = Key(kind: ExactString("choice \(isWhole)"), text: JSONValue.array(texts.map(JSONValue.string)).encoded)
      return try kept(key) { () throws(SchemaError) in
        try Grammar(choices: texts, path: path, allowsLeadingWhitespace: isWhole)
      }
    case .pattern(let pattern, let path):
      return try kept(Key(kind: ExactString("pattern \(isWhole)"), text: Array(pattern.utf8))) {
        () throws(SchemaError) in
        try Grammar(pattern: pattern, path: path, allowsLeadingWhitespace: isWhole, budget: budget)
      }
    }
  }

  private func grammar(
    of tools: [Grammar.Tool], _ kind: String, _ make: ([Grammar.Tool]) throws(SchemaError) -> Grammar
  ) throws(SchemaError) -> Grammar {
    let text = JSONValue.array(tools.map { [.string($0.name), $0.parameters ?? .null] })
    return try kept(Key(kind: kind.exact, text: text.encoded)) { () throws(SchemaError) in try make(tools) }
  }

  /// The tools as the grammar takes them. A schema that cannot be held to is an error where it is meant strictly; else any object
  /// is taken, and the place is told.
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

  private func kept(_ key: Key, _ make: () throws(SchemaError) -> Grammar) throws(SchemaError) -> Grammar {
    if let known = kept.withLock({ $0[key] }) { return known }
    let made = try make()
    kept.withLock { kept in
      if kept.count >= Self.most { kept = [:] }
      kept[key] = made
    }
    return made
  }
}
