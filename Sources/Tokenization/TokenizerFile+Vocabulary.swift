// The same parts from a vocabulary of GGUF, and a vocabulary for GGUF from `tokenizer.json`. GGUF says less: added tokens are
// taken as they stand in the text, before normalisation, and strip nothing.

import GenerationTypes
import ModelFiles
import Text

extension TokenizerFile {
  /// Throws at the first token or merge that is wrong, or when the way of cutting words is not known.
  init(_ vocabulary: TokenizerVocabulary) throws(TokenizerError) {
    func fault(_ path: String, _ reason: String) -> TokenizerError {
      TokenizerError(document: vocabulary.file, path: "tokenizer.ggml.\(path)", reason: reason)
    }
    guard let scheme = PreTokenizerScheme.named(vocabulary.preTokenizer) else {
      let known = PreTokenizerScheme.all.flatMap(\.names).joined(separator: ", ")
      throw fault("pre", "\"\(vocabulary.preTokenizer.excerpt(64))\" is not known (known: \(known))")
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
      // A row of padding has a name that no text may lead to.
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
      else { throw fault("merges[\(position)]", "a token or their join is not in the vocabulary") }
      merges.append((first, second, product))
    }
    encoder = BytePairEncoder(
      merges: MergeTable(merges), byteTokens: Self.byteTokens(self.vocabulary), ignoreMerges: scheme.ignoresMerges)
    var addedBytes = 0
    for (id, text) in texts.enumerated() where !text.isEmpty {
      if ![.normal, .byte, .unused].contains(vocabulary.kinds[id]) { addedBytes += text.utf8.count }
      guard addedBytes <= Self.maxAddedBytes else {
        throw fault("tokens[\(id)]", "the added tokens are longer than \(Self.maxAddedBytes) bytes together")
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

  /// The token that every text begins with, if there is one.
  static func leadingToken(of vocabulary: TokenizerVocabulary) -> TokenID? {
    let adds = PreTokenizerScheme.named(vocabulary.preTokenizer)?.addsBeginning ?? false
    return vocabulary.addsBeginning ?? adds ? vocabulary.beginning.map(TokenID.init) : nil
  }
}

extension TokenizerVocabulary {
  /// A vocabulary for GGUF from the contents of a `tokenizer.json`. Throws at what GGUF cannot say: expressions without a name
  /// there, and added tokens that strip white space or look at their neighbours.
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
        path: "pre_tokenizer", reason: "GGUF has no name for these expressions with this normaliser: \(patterns)")
    }
    var kinds = [TokenKind](repeating: .normal, count: file.vocabulary.count)
    for token in file.rawTokens.tokens + file.normalizedTokens.tokens {
      guard !token.singleWord, !token.stripsLeft, !token.stripsRight else {
        throw TokenizerError(
          path: "added_tokens", reason: "\"\(token.content)\" is matched in a way that GGUF cannot say")
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
