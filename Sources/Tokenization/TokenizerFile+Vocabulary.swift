// Creates the parts from a GGUF vocabulary, and a GGUF vocabulary from `tokenizer.json`. GGUF stores less: added
// tokens match the text literally, before normalisation, and never include white space.

import GenerationTypes
import ModelFiles
import Text

extension TokenizerFile {
  /// Reads a GGUF vocabulary. Throws at the first invalid token or merge, or if the pre-tokenizer is unknown.
  init(_ vocabulary: TokenizerVocabulary) throws(TokenizerError) {
    func fault(_ path: String, _ reason: String) -> TokenizerError {
      TokenizerError(document: vocabulary.file, path: "tokenizer.ggml.\(path)", reason: reason)
    }
    guard let scheme = PreTokenizerScheme.named(vocabulary.preTokenizer) else {
      let known = PreTokenizerScheme.all.flatMap(\.names).joined(separator: ", ")
      throw fault("pre", "\"\(vocabulary.preTokenizer.excerpt(64))\" is not a known pre-tokenizer; known are \(known)")
    }
    composes = scheme.composes
    expressions = []
    for expression in scheme.expressions { expressions.append(try RegularExpression(expression, path: "pre")) }
    var texts: [String] = []
    texts.reserveCapacity(vocabulary.tokens.count)
    for id in 0..<vocabulary.tokens.count {
      guard let text = String(validating: vocabulary.tokens[id], as: UTF8.self) else {
        throw fault("tokens[\(id)]", "not UTF-8")
      }
      // The name of a padding row must not match any text.
      texts.append(vocabulary.kinds[id] == .unused && text == "[PAD\(id)]" ? "" : text)
    }
    while texts.last?.isEmpty == true { texts.removeLast() }
    self.vocabulary = Vocabulary(texts: texts)
    merges = []
    merges.reserveCapacity(vocabulary.merges.count)
    for position in 0..<vocabulary.merges.count {
      let merge = vocabulary.merges[position]
      guard let space = merge.dropFirst().firstIndex(of: 0x20), space + 1 < merge.endIndex else {
        throw fault("merges[\(position)]", "expected two tokens with a space between them")
      }
      let (left, right) = (merge[..<space], merge[(space + 1)...])
      guard let first = self.vocabulary.id(of: left), let second = self.vocabulary.id(of: right),
        let product = self.vocabulary.id(of: Array(left) + right)
      else { throw fault("merges[\(position)]", "one of the tokens or their concatenation is not in the vocabulary") }
      merges.append((first, second, product))
    }
    encoder = BytePairEncoder(
      merges: MergeTable(merges), byteTokens: Self.byteTokens(self.vocabulary), ignoreMerges: scheme.ignoresMerges)
    var addedBytes = 0
    for (id, text) in texts.enumerated() where !text.isEmpty {
      if ![.normal, .byte, .unused].contains(vocabulary.kinds[id]) { addedBytes += text.utf8.count }
      guard addedBytes <= Self.maxAddedBytes else {
        throw fault("tokens[\(id)]", "the added tokens exceed \(Self.maxAddedBytes) bytes in total")
      }
      switch vocabulary.kinds[id] {
      case .normal, .byte, .unused: continue
      case .control, .unknown:
        rawTokens.add(AddedToken(id: TokenID(id), content: text, special: true))
        specialTokens.append((text, TokenID(id)))
      case .userDefined: rawTokens.add(AddedToken(id: TokenID(id), content: text))
      }
    }
  }

  /// Returns the token that every text begins with, or nil.
  static func leadingToken(of vocabulary: TokenizerVocabulary) -> TokenID? {
    let adds = PreTokenizerScheme.named(vocabulary.preTokenizer)?.addsBeginning ?? false
    return vocabulary.addsBeginning ?? adds ? vocabulary.beginning.map(TokenID.init) : nil
  }
}

extension TokenizerVocabulary {
  /// Creates a GGUF vocabulary from the contents of a `tokenizer.json`. Throws if GGUF cannot represent it:
  /// expressions without a GGUF name, or added tokens that strip white space or depend on neighbouring characters.
  package init(tokenizerJSON json: [UInt8]) throws(TokenizerError) {
    let file = try TokenizerFile(json: json)
    let patterns = file.expressions.map(\.pattern)
    guard
      let scheme = PreTokenizerScheme.all.first(where: {
        $0.expressions == patterns && $0.composes == file.composes
          && $0.ignoresMerges == file.encoder.ignoreMerges
      })
    else {
      throw TokenizerError(
        path: "pre_tokenizer",
        reason: "GGUF has no name for this combination of normaliser and expressions: \(patterns)")
    }
    var kinds = [TokenKind](repeating: .normal, count: file.vocabulary.count)
    for token in file.rawTokens.tokens + file.normalizedTokens.tokens {
      guard !token.singleWord, !token.stripsLeft, !token.stripsRight else {
        throw TokenizerError(
          path: "added_tokens", reason: "\"\(token.content)\" has matching options that GGUF cannot represent")
      }
      kinds[Int(token.id)] = token.special ? .control : .userDefined
    }
    var tokens = GGUFStrings()
    for id in 0..<file.vocabulary.count {
      let text = file.vocabulary.text(of: TokenID(id))
      if text.isEmpty { kinds[id] = .unused }
      tokens.append(text.isEmpty ? Array("[PAD\(id)]".utf8)[...] : text)
    }
    var merges = GGUFStrings()
    for merge in file.merges {
      merges.append(file.vocabulary.text(of: merge.left) + [0x20] + file.vocabulary.text(of: merge.right))
    }
    self.init(tokens: tokens, kinds: kinds, merges: merges, preTokenizer: scheme.names[0], addsBeginning: false)
  }
}
