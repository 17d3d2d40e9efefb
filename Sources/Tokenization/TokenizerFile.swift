// Reads `tokenizer.json` of Hugging Face `tokenizers` strictly: an unsupported setting is an error with its JSON
// path, and is never ignored. `post_processor`, `truncation` and `padding` only apply with `add_special_tokens`,
// which is not used here, so they are not read.

import GenerationTypes
import JSON
import Text

/// The validated parts of a tokenizer.
struct TokenizerFile {
  var vocabulary: Vocabulary
  var encoder: BytePairEncoder
  /// The merges in order of rank.
  var merges: [(left: TokenID, right: TokenID, product: TokenID)]
  var expressions: [RegularExpression]
  /// Whether text is normalised to NFC.
  var composes: Bool
  var rawTokens = AddedTokens()
  var normalizedTokens = AddedTokens()
  var specialTokens: [(text: String, id: TokenID)] = []

  /// The limit on token ids: 16 times the largest vocabulary of current models.
  private static let maxID: Int64 = 1 << 22
  /// The limit on the total size of all added tokens in bytes, each of which becomes a trie node. Current models have
  /// some 20,000.
  static let maxAddedBytes = 1 << 20
  /// The limit on the number of JSON values in the document; a merge is three.
  private static let maxValues = 24_000_000

  init(json: [UInt8]) throws(TokenizerError) {
    let root: JSONValue
    do {
      root = try JSONValue(parsing: json, limits: JSONLimits(values: Self.maxValues))
    } catch {
      throw TokenizerError(path: "", reason: error.description)
    }
    guard case .object = root else {
      throw TokenizerError(path: "", reason: "expected an object, got \(root.typeName)")
    }
    composes = try Self.readNormalizer(root["normalizer"] ?? .null, "normalizer")
    expressions = try Self.readPreTokenizer(root["pre_tokenizer"] ?? .null)
    try Self.checkDecoder(root["decoder"] ?? .null)
    let model = root["model"] ?? .null
    try Self.checkModel(model)
    var texts = try Self.readVocabulary(model["vocab"] ?? .null)
    let baseCount = texts.count
    let added = try Self.readAddedTokens(root["added_tokens"] ?? .array([]), composes: composes, &texts)
    let vocabulary = Vocabulary(texts: texts)
    self.vocabulary = vocabulary
    // Merges refer to base tokens only; larger ids belong to added tokens.
    merges = try Self.readMerges(model["merges"] ?? .null, vocabulary, baseCount)
    encoder = BytePairEncoder(
      merges: MergeTable(merges), byteTokens: Self.byteTokens(vocabulary),
      ignoreMerges: model["ignore_merges"]?.bool ?? false)
    for (position, entry) in added.enumerated() {
      guard vocabulary.id(of: entry.token.content.utf8) == entry.token.id else {
        throw TokenizerError(
          path: "added_tokens[\(position)].id", reason: "the same content already has a different id")
      }
      if entry.token.special { specialTokens.append((entry.token.content, entry.token.id)) }
      if !entry.normalized { rawTokens.add(entry.token); continue }
      var token = entry.token
      let content = Array(token.content.utf8)
      if composes, let composed = CanonicalComposition.composed(content, 0..<content.count) {
        token.content = String(decoding: composed, as: UTF8.self)
      }
      normalizedTokens.add(token)
    }
  }

  /// Returns the token of each byte, or -1.
  static func byteTokens(_ vocabulary: Vocabulary) -> [TokenID] {
    (0...255).map { byte in
      var text: [UInt8] = []
      ByteLevelAlphabet.write(UInt8(byte), into: &text)
      return vocabulary.id(of: text) ?? -1
    }
  }

  // MARK: - Normalizer, pre-tokenizer, decoder

  private static func readNormalizer(_ value: JSONValue, _ path: String, depth: Int = 0) throws(TokenizerError) -> Bool
  {
    if value.isNull { return false }
    switch value["type"]?.string {
    case "NFC": return true
    case "Sequence" where depth < 8:
      var composes = false
      for (position, part) in (value["normalizers"]?.array ?? []).enumerated() {
        if try readNormalizer(part, "\(path).normalizers[\(position)]", depth: depth + 1) { composes = true }
      }
      return composes
    default: throw unsupported(value["type"], "\(path).type", supported: "NFC, Sequence")
    }
  }

  private static func readPreTokenizer(_ value: JSONValue) throws(TokenizerError) -> [RegularExpression] {
    var stages = [(value: value, path: "pre_tokenizer")]
    if value["type"]?.string == "Sequence" {
      stages = (value["pretokenizers"]?.array ?? []).enumerated().map { ($1, "pre_tokenizer.pretokenizers[\($0)]") }
    }
    var expressions: [RegularExpression] = []
    for (position, stage) in stages.enumerated() {
      switch stage.value["type"]?.string {
      case "Split":
        guard let pattern = stage.value["pattern"]?["Regex"]?.string else {
          throw unsupported(stage.value["pattern"], "\(stage.path).pattern", supported: "{\"Regex\": string}")
        }
        try require(stage.value, "behavior", "Isolated", stage.path)
        try require(stage.value, "invert", false, stage.path)
        expressions.append(try RegularExpression(pattern, path: "\(stage.path).pattern.Regex"))
      case "ByteLevel" where position == stages.count - 1:
        try require(stage.value, "add_prefix_space", false, stage.path)
        if stage.value["use_regex"]?.bool ?? true {
          expressions.append(try RegularExpression(PreTokenizer.byteLevelPattern, path: "\(stage.path).use_regex"))
        }
        return expressions
      default:
        throw unsupported(
          stage.value["type"], "\(stage.path).type", supported: "Split, and ByteLevel as the last stage")
      }
    }
    throw TokenizerError(path: "pre_tokenizer", reason: "the last stage must be ByteLevel")
  }

  private static func checkDecoder(_ value: JSONValue) throws(TokenizerError) {
    guard value["type"]?.string == "ByteLevel" else {
      throw unsupported(value["type"], "decoder.type", supported: "ByteLevel")
    }
  }

  // MARK: - Model

  private static func checkModel(_ model: JSONValue) throws(TokenizerError) {
    guard model["type"]?.string ?? "BPE" == "BPE" else {
      throw unsupported(model["type"], "model.type", supported: "BPE")
    }
    for name in ["dropout", "unk_token"] {
      if let value = model[name], !value.isNull { throw unsupported(value, "model.\(name)", supported: "null") }
    }
    for name in ["continuing_subword_prefix", "end_of_word_suffix"] {
      if let value = model[name], !value.isNull, value != "" {
        throw unsupported(value, "model.\(name)", supported: "null, \"\"")
      }
    }
    if let value = model["byte_fallback"], value != false {
      throw unsupported(value, "model.byte_fallback", supported: "false")
    }
    if let value = model["ignore_merges"], value.bool == nil {
      throw unsupported(value, "model.ignore_merges", supported: "true, false")
    }
  }

  private static func readVocabulary(_ value: JSONValue) throws(TokenizerError) -> [String] {
    guard case .object(let members) = value else {
      throw TokenizerError(path: "model.vocab", reason: "expected an object, got \(value.typeName)")
    }
    var texts = [String](repeating: "", count: members.count)
    for position in 0..<members.count {
      let name = members.names[position]
      guard case .integer(let id) = members.values[position], (0..<maxID).contains(id) else {
        throw TokenizerError(
          path: "model.vocab[\"\(name.excerpt(40))\"]", reason: "the id must be an integer between 0 and \(maxID - 1)")
      }
      if name.isEmpty { throw TokenizerError(path: "model.vocab", reason: "a token must not be empty") }
      if id >= texts.count { texts += [String](repeating: "", count: Int(id) + 1 - texts.count) }
      if !texts[Int(id)].isEmpty {
        throw TokenizerError(
          path: "model.vocab[\"\(name.excerpt(40))\"]", reason: "the id \(id) belongs to another token")
      }
      texts[Int(id)] = name
    }
    return texts
  }

  private static func readMerges(
    _ value: JSONValue, _ vocabulary: Vocabulary, _ baseCount: Int
  ) throws(TokenizerError) -> [(left: TokenID, right: TokenID, product: TokenID)] {
    guard case .array(let entries) = value else {
      throw TokenizerError(path: "model.merges", reason: "expected an array, got \(value.typeName)")
    }
    var merges: [(left: TokenID, right: TokenID, product: TokenID)] = []
    merges.reserveCapacity(entries.count)
    var joined: [UInt8] = []
    for (position, entry) in entries.enumerated() {
      joined.removeAll(keepingCapacity: true)
      var cut: Int?
      switch entry {
      case .array(let pair):
        guard pair.count == 2, case .string(let left) = pair[0], case .string(let right) = pair[1] else { break }
        joined += left.utf8
        cut = joined.count
        joined += right.utf8
      case .string(let text):
        joined += text.utf8
        if let space = joined.firstIndex(of: 0x20) {
          joined.remove(at: space)
          if !joined.contains(0x20) { cut = space }
        }
      default: break
      }
      guard let cut else { throw TokenizerError(path: "model.merges[\(position)]", reason: "expected two tokens") }
      guard let left = vocabulary.id(of: joined[..<cut]), let right = vocabulary.id(of: joined[cut...]),
        let product = vocabulary.id(of: joined), max(left, right, product) < baseCount
      else {
        throw TokenizerError(
          path: "model.merges[\(position)]", reason: "one of the tokens or their concatenation is not in the vocabulary"
        )
      }
      merges.append((left, right, product))
    }
    return merges
  }

  // MARK: - Added tokens

  /// Checks the entries and stores their texts in `texts`. A base token with the same id must have the same text.
  private static func readAddedTokens(
    _ value: JSONValue, composes: Bool, _ texts: inout [String]
  ) throws(TokenizerError) -> [(token: AddedToken, normalized: Bool)] {
    guard case .array(let entries) = value else {
      throw TokenizerError(path: "added_tokens", reason: "expected an array, got \(value.typeName)")
    }
    var tokens: [(token: AddedToken, normalized: Bool)] = []
    var byteCount = 0
    for (position, entry) in entries.enumerated() {
      let path = "added_tokens[\(position)]"
      guard case .integer(let id)? = entry["id"], (0..<maxID).contains(id) else {
        throw TokenizerError(path: "\(path).id", reason: "the id must be an integer between 0 and \(maxID - 1)")
      }
      guard let content = entry["content"]?.string, !content.isEmpty else {
        throw TokenizerError(path: "\(path).content", reason: "expected a non-empty string")
      }
      byteCount += content.utf8.count
      guard byteCount <= maxAddedBytes else {
        throw TokenizerError(path: path, reason: "the added tokens exceed \(maxAddedBytes) bytes in total")
      }
      let token = AddedToken(
        id: TokenID(id), content: content, special: try flag("special", entry, path),
        singleWord: try flag("single_word", entry, path), stripsLeft: try flag("lstrip", entry, path),
        stripsRight: try flag("rstrip", entry, path))
      let normalized = try flag("normalized", entry, path, missing: !token.special)
      if token.special, normalized, composes {
        throw TokenizerError(
          path: "\(path).normalized", reason: "normalised special tokens are not supported in combination with NFC")
      }
      if id >= texts.count { texts += [String](repeating: "", count: Int(id) + 1 - texts.count) }
      // Compared as bytes, because `==` on strings treats canonically equivalent texts as equal.
      if !texts[Int(id)].isEmpty, !texts[Int(id)].utf8.elementsEqual(content.utf8) {
        throw TokenizerError(path: "\(path).id", reason: "the id \(id) belongs to another token")
      }
      texts[Int(id)] = content
      tokens.append((token, normalized))
    }
    return tokens
  }

  private static func flag(
    _ name: String, _ entry: JSONValue, _ path: String, missing: Bool = false
  ) throws(TokenizerError) -> Bool {
    guard let value = entry[name] else { return missing }
    guard let flag = value.bool else { throw TokenizerError(path: "\(path).\(name)", reason: "expected true or false") }
    return flag
  }

  private static func require(
    _ object: JSONValue, _ name: String, _ value: JSONValue, _ path: String
  ) throws(TokenizerError) {
    if object[name] != value {
      throw unsupported(object[name], "\(path).\(name)", supported: String(decoding: value.encoded, as: UTF8.self))
    }
  }

  private static func unsupported(_ value: JSONValue?, _ path: String, supported: String) -> TokenizerError {
    let found = String(decoding: (value ?? .null).encoded.prefix(64), as: UTF8.self)
    return TokenizerError(path: path, reason: "\(found) is not supported; supported: \(supported)")
  }
}
