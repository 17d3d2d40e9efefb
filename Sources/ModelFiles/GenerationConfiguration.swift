// `generation_config.json`: the authors' defaults for sampling. A value that the file does not state is nil; without
// any value, replies are greedy.
import JSON

/// Sampling defaults and stop tokens of a checkpoint.
package struct GenerationConfiguration: Sendable, Equatable {
  /// Ids that end a reply; from `generation_config.json`, else `text_config`, else `config.json` (an empty list says
  /// nothing), else Qwen3's `<|im_end|>` and `<|endoftext|>` where the vocabulary has them.
  package var endOfSequence: [Int]
  package var padding: Int?
  package var doSample: Bool?
  package var temperature: Double?
  package var topK: Int?
  package var topP: Double?
  package var minP: Double?
  package var repetitionPenalty: Double?
  package var maxNewTokens: Int?

  package init(
    endOfSequence: [Int], padding: Int? = nil, doSample: Bool? = nil, temperature: Double? = nil, topK: Int? = nil,
    topP: Double? = nil, minP: Double? = nil, repetitionPenalty: Double? = nil, maxNewTokens: Int? = nil
  ) {
    (self.endOfSequence, self.padding, self.doSample) = (endOfSequence, padding, doSample)
    (self.temperature, self.topK, self.topP, self.minP) = (temperature, topK, topP, minP)
    (self.repetitionPenalty, self.maxNewTokens) = (repetitionPenalty, maxNewTokens)
  }

  static let qwen3EndOfSequence = [151_645, 151_643]

  /// Reads the file when there is one; `configuration` is `config.json`.
  init(reading json: ConfigurationReader?, configuration: ConfigurationReader, vocabularySize: Int)
    throws(ModelFileError)
  {
    let ids = 0..<vocabularySize
    var sources = [configuration]
    if let text = try configuration.child("text_config") { sources.insert(text, at: 0) }
    if let json { sources.insert(json, at: 0) }
    var stated: [Int] = []
    for source in sources where stated.isEmpty { stated = try source.tokens("eos_token_id", in: ids) ?? [] }
    self.init(endOfSequence: stated.isEmpty ? Self.qwen3EndOfSequence.filter(ids.contains) : stated)
    guard let json else { return }
    padding = try json.token("pad_token_id", in: ids)
    doSample = try json.flag("do_sample")
    temperature = try json.number("temperature", in: 0...100)
    topK = try json.integer("top_k", in: 0...1 << 22)
    topP = try json.number("top_p", in: 0...1)
    minP = try json.number("min_p", in: 0...1)
    repetitionPenalty = try json.number("repetition_penalty", in: 1e-3...1e3)
    maxNewTokens = try json.integer("max_new_tokens", in: 1...1 << 24)
  }
}
