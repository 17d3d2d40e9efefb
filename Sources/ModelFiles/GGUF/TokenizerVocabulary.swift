// A vocabulary as GGUF describes it (`tokenizer.ggml.*`), from which the tokenizer is built.

import Text

/// The kind of a token; the raw values are GGUF's.
package enum TokenKind: Int, Sendable {
  case normal = 1
  /// Stands for text without a token.
  case unknown = 2
  /// Controls the model and is not text: `<|im_end|>`.
  case control = 3
  /// An added token that is text: `<think>`.
  case userDefined = 4
  /// A row of the embedding that no text encodes to.
  case unused = 5
  case byte = 6
}

/// Tokens, merges and special ids of a byte-level BPE vocabulary.
package struct TokenizerVocabulary: Sendable, Equatable {
  /// Path of the file, for errors.
  package var file: String
  /// By id, in the byte-level alphabet; added tokens as they are.
  package var tokens: GGUFStrings
  /// By id, as many as `tokens`.
  package var kinds: [TokenKind]
  /// In order of rank: two tokens with a space between them.
  package var merges: GGUFStrings
  /// llama.cpp's name of the pre-tokenizer: `qwen2`.
  package var preTokenizer: String
  package var beginning: Int?
  package var end: Int?
  /// Ends the assistant's turn, where it differs from `end`.
  package var endOfTurn: Int?
  package var padding: Int?
  /// Whether texts begin with `beginning`; nil where `preTokenizer` decides.
  package var addsBeginning: Bool?
  /// All ids that end a reply, where the file lists them.
  package var stops: [Int]?

  package init(
    file: String = "", tokens: GGUFStrings, kinds: [TokenKind], merges: GGUFStrings, preTokenizer: String,
    beginning: Int? = nil, end: Int? = nil, endOfTurn: Int? = nil, padding: Int? = nil, addsBeginning: Bool? = nil,
    stops: [Int]? = nil
  ) {
    self.stops = stops
    (self.file, self.tokens, self.kinds, self.merges) = (file, tokens, kinds, merges)
    (self.preTokenizer, self.beginning, self.end) = (preTokenizer, beginning, end)
    (self.endOfTurn, self.padding, self.addsBeginning) = (endOfTurn, padding, addsBeginning)
  }

  private static let prefix = "tokenizer.ggml."
  /// Sixteen times as many as today's largest vocabularies have.
  private static let maximumMerges = 1 << 22
  /// GGUF's own keys hold only two.
  private static let stopKey = "r4b.stop_token_ids"

  /// Reads `metadata` of a model with `rows` embedding rows.
  package init(reading metadata: GGUFMetadata, rows: Int) throws(ModelFileError) {
    func key(_ name: String) -> String { Self.prefix + name }
    guard try metadata.text(key("model")) == "gpt2" else {
      let isSentencePiece = metadata[key("model")]?.text == "llama"
      throw metadata.fault(
        key("model"), expected: "\"gpt2\", a byte-level BPE vocabulary",
        found: isSentencePiece ? "\"llama\", a SentencePiece vocabulary" : nil)
    }
    file = metadata.file
    guard let tokens = try metadata.strings(key("tokens")), (1...rows).contains(tokens.count) else {
      throw metadata.fault(
        key("tokens"), expected: "an array of 1 to \(rows) strings, one for each row of token_embd.weight")
    }
    self.tokens = tokens
    guard let merges = try metadata.strings(key("merges")), merges.count <= Self.maximumMerges else {
      throw metadata.fault(key("merges"), expected: "an array of at most \(Self.maximumMerges) strings")
    }
    self.merges = merges
    let types = try metadata.integers(key("token_type"), in: 1...6)
    if let types, types.count != tokens.count {
      throw metadata.fault(key("token_type"), expected: "an array of \(tokens.count) numbers, one for each token")
    }
    kinds = types?.compactMap(TokenKind.init) ?? [TokenKind](repeating: .normal, count: tokens.count)
    // The default of llama.cpp for a missing or empty key; `CheckpointParts` notes it for the operator.
    let stated = try metadata.text(key("pre")) ?? ""
    preTokenizer = stated.isEmpty ? "default" : stated
    let ids = 0...tokens.count - 1
    beginning = try metadata.token(key("bos_token_id"), in: ids)
    end = try metadata.token(key("eos_token_id"), in: ids)
    endOfTurn = try metadata.token(key("eot_token_id"), in: ids)
    padding = try metadata.token(key("padding_token_id"), in: ids)
    addsBeginning = try metadata.flag(key("add_bos_token"))
    stops = try metadata.integers(Self.stopKey, in: ids)
    if try metadata.flag(key("add_space_prefix")) == true {
      throw metadata.fault(key("add_space_prefix"), expected: "false, the only supported value")
    }
  }

  /// Adds the vocabulary to the metadata of a file to be written.
  package func write(into metadata: inout GGUFMetadata) {
    func key(_ name: String) -> String { Self.prefix + name }
    metadata[key("model")] = .text("gpt2")
    metadata[key("pre")] = .text(preTokenizer)
    metadata[key("tokens")] = .strings(tokens)
    metadata[key("token_type")] = .numbers(GGUFNumbers(kinds.map { Int32($0.rawValue) }))
    metadata[key("merges")] = .strings(merges)
    for (name, id) in [
      ("bos_token_id", beginning), ("eos_token_id", end), ("eot_token_id", endOfTurn), ("padding_token_id", padding),
    ] {
      if let id { metadata[key(name)] = .uint32(UInt32(id)) }
    }
    if let addsBeginning { metadata[key("add_bos_token")] = .bool(addsBeginning) }
    if let stops { metadata[Self.stopKey] = .numbers(GGUFNumbers(stops.map(Int32.init))) }
  }

  /// Appends unused tokens up to `rows`, because llama.cpp requires a token for every embedding row.
  package mutating func pad(to rows: Int) {
    while tokens.count < rows {
      tokens.append("[PAD\(tokens.count)]".utf8)
      kinds.append(.unused)
    }
  }

  /// The text of token `id` as the file writes it.
  package func text(of id: Int) -> String { String(decoding: tokens[id], as: UTF8.self) }

  /// The ids that end a reply: those that the file names, and the control tokens that end a turn in common chat
  /// formats, of which files often name only one.
  var stopTokens: [Int] {
    if let stops { return stops }
    let endings: Set<ExactString> = ["<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>"]
    let named = [end, endOfTurn].compactMap(\.self)
    let common = kinds.indices.filter { kinds[$0] == .control && endings.contains(text(of: $0).exact) }
    return named + common.filter { !named.contains($0) }
  }

  /// The tokens that chat templates may name, by name.
  var namedTokens: [ExactString: String] {
    var named: [ExactString: String] = [:]
    for (name, id) in [("bos_token".exact, beginning), ("eos_token".exact, end), ("pad_token".exact, padding)] {
      if let id { named[name] = text(of: id) }
    }
    return named
  }
}

/// The source of a checkpoint's tokenizer.
package enum TokenizerSource: Sendable {
  /// The bytes of `tokenizer.json`, and its path.
  case json([UInt8], path: String)
  case vocabulary(TokenizerVocabulary)

  /// Path of the file, for errors.
  package var file: String {
    switch self {
    case .json(_, let path): path
    case .vocabulary(let vocabulary): vocabulary.file
    }
  }
}
