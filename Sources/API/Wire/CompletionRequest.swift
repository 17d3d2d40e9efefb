// The body of `POST /v1/completions`, OpenAI's older endpoint: text in, text out, no turns and no thoughts.
import Chat
import GenerationTypes
import JSON
import Text

/// A raw completion after validation.
package struct CompletionRequest: Sendable {
  /// A prompt as it was sent.
  package enum Prompt: Sendable, Equatable {
    case text(String)
    case tokens([TokenID])
  }

  /// At least one; each gets as many choices as the options want.
  package let prompts: [Prompt]
  package let options: GenerationOptions
  package let form: AnswerForm
  /// Whether the text begins with the prompt.
  package let echo: Bool
  package let ignored: IgnoredFields

  /// Fields this server reads.
  package static let fields =
    FieldReader.optionFields.filter { $0 != "top_logprobs" } + FieldReader.constraintFields
    + ["prompt", "echo", "suffix", "best_of", "response_format"]

  /// Checks and takes over `body`. Throws an `APIError` that names the field.
  package init(body: JSONValue, configuration: APIConfiguration) throws(APIError) {
    let reader = try FieldReader(body: body, fields: Self.fields)
    try reader.checkModel(configuration.model)
    if let suffix = try reader.string("suffix"), !suffix.isEmpty {
      throw .invalid(
        "suffix", "suffix is not offered: the model cannot fill in between texts.", code: "unsupported_parameter")
    }
    echo = try reader.bool("echo") ?? false
    form = AnswerForm(text: try reader.textForm()?.form)
    var options = try reader.options(configuration, logprobs: .count)
    if echo, options.sampling.topLogprobs != nil {
      throw .invalid(
        "echo", "echo is not offered together with logprobs: prompts are not scored.", code: "unsupported_parameter")
    }
    if let best = try reader.integer("best_of", in: 1...20), best != options.choices {
      throw .invalid(
        "best_of", "best_of (\(best)) is only offered equal to n (\(options.choices)).", code: "unsupported_parameter")
    }
    // What OpenAI gives those who do not say.
    if options.maxTokens == nil { options.maxTokens = TokenLimit(field: "max_tokens", value: 16) }
    prompts = try reader.prompts(configuration)
    guard prompts.count * options.choices <= configuration.limits.completions else {
      throw reader.fail(
        "prompt",
        "asks for \(prompts.count * options.choices) completions; at most \(configuration.limits.completions) are made at once"
      )
    }
    self.options = options
    ignored = try reader.finish()
  }
}

extension FieldReader {
  /// A string, an array of strings, an array of ids, or an array of arrays of ids.
  fileprivate func prompts(_ configuration: APIConfiguration) throws(APIError) -> [CompletionRequest.Prompt] {
    let value = try require("prompt", value("prompt"))
    if let text = value.string { return [.text(text)] }
    guard let values = value.array else {
      throw mismatch("prompt", "a string, an array of strings, or an array of token ids", value)
    }
    if values.isEmpty { throw fail("prompt", "must not be empty") }
    let size = configuration.model.vocabularySize
    if values[0].double != nil { return [.tokens(try tokenIDs(values, "prompt", size))] }
    var prompts: [CompletionRequest.Prompt] = []
    for (index, value) in values.enumerated() {
      let name = "prompt[\(index)]"
      if let text = value.string {
        prompts.append(.text(text))
      } else if let ids = value.array {
        prompts.append(.tokens(try tokenIDs(ids, name, size)))
      } else {
        throw mismatch(name, "a string or an array of token ids", value)
      }
    }
    return prompts
  }
}
