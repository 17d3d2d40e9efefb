// How a vocabulary's texts are normalised and cut into words. GGUF gives a name instead of the expressions of `tokenizer.json`;
// the names and what they stand for are llama.cpp's (`tokenizer.ggml.pre`). The expressions are those of the models' own files.

import Text

/// One way to cut text, and the settings of `tokenizer.json` that go with it.
struct PreTokenizerScheme {
  /// GGUF's names, the one to write first.
  let names: [String]
  /// In the order of `tokenizer.json`: each refines the pieces of the one before.
  let expressions: [String]
  /// Whether text is normalised to NFC.
  var composes = false
  /// Whether a piece that is a token by itself is taken whole.
  var ignoresMerges = false
  /// Whether texts begin with the beginning-of-text token unless the file says otherwise.
  var addsBeginning = false

  private static let contractions = #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"#
  private static let symbols = #" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  private static let digitByDigit = #"\#(contractions)|\p{N}|\#(symbols)"#

  static let all = [
    PreTokenizerScheme(names: ["qwen2"], expressions: [digitByDigit], composes: true),
    // The distilled model has Qwen's words without its normalisation.
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
