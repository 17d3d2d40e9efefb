// The normalisation and splitting of a vocabulary's texts. GGUF stores a name (`tokenizer.ggml.pre`) instead of the
// expressions in `tokenizer.json`. Names and meanings are llama.cpp's; the expressions come from the models' own
// files.

import Text

/// A named way to split text, with the related settings of `tokenizer.json`.
struct PreTokenizerScheme {
  /// GGUF's names; the first one is written.
  let names: [String]
  /// The expressions in the order of `tokenizer.json`. Each splits the pieces of the previous one.
  let expressions: [String]
  /// Whether text is normalised to NFC.
  var composes = false
  /// Whether a piece that is itself a token is encoded as that token.
  var ignoresMerges = false
  /// Whether texts begin with the beginning-of-text token, unless the file says otherwise.
  var addsBeginning = false

  private static let contractions = #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"#
  private static let symbols = #" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  private static let digitByDigit = #"\#(contractions)|\p{N}|\#(symbols)"#

  static let all = [
    PreTokenizerScheme(names: ["qwen2"], expressions: [digitByDigit], composes: true),
    // The distilled model splits text as Qwen does, but without normalisation.
    PreTokenizerScheme(names: ["deepseek-r1-qwen", "megrez", "stablelm2", "hunyuan"], expressions: [digitByDigit]),
    PreTokenizerScheme(
      names: ["llama-bpe", "llama3", "llama-v3"], expressions: [#"\#(contractions)|\p{N}{1,3}|\#(symbols)"#],
      ignoresMerges: true, addsBeginning: true),
    PreTokenizerScheme(
      names: ["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"],
      expressions: [#"\p{N}"#, PreTokenizer.byteLevelPattern]),
    PreTokenizerScheme(
      names: ["gpt-2", "phi-2", "mpt", "olmo", "jais", "exaone4"], expressions: [PreTokenizer.byteLevelPattern]),
    PreTokenizerScheme(
      names: ["default"],
      expressions: [#"[\p{P}\$\+<=>\^~\|]+"#, PreTokenizer.byteLevelPattern, #"\p{N}+"#, "[0-9][0-9][0-9]"]),
  ]

  static func named(_ name: String) -> PreTokenizerScheme? { all.first { $0.names.contains(name) } }
}
