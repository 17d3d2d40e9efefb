// POST /v1/completions, OpenAI's older endpoint: text in, text out, without template, turns and thoughts. Everything
// that is generated counts as answer.
import Chat
import GenerationTypes
import JSON
import Text

/// A request for raw completions.
package struct CompletionsCodec: ReplyCodec {
  package let request: ReplyRequest
  private let frame: CompletionFrame

  /// Fields this server reads.
  package static let fields =
    FieldReader.optionFields.filter { $0 != "top_logprobs" } + FieldReader.constraintFields
    + ["prompt", "echo", "suffix", "best_of", "response_format"]

  package init(body: JSONValue, configuration: APIConfiguration) throws(APIError) {
    let reader = try FieldReader(body: body, fields: Self.fields)
    try reader.checkModel(configuration.model)
    if let suffix = try reader.string("suffix"), !suffix.isEmpty {
      throw .invalid(
        "suffix", "suffix is not supported, because the model cannot insert text. Leave it out.",
        code: "unsupported_parameter")
    }
    let isEchoed = try reader.bool("echo") ?? false
    let form = AnswerForm(text: try reader.textForm()?.form)
    var options = try reader.options(configuration, logprobs: .count)
    if isEchoed, options.sampling.topLogprobs != nil {
      throw .invalid(
        "echo", "echo is not supported together with logprobs, because prompts are not scored. Leave one of them out.",
        code: "unsupported_parameter")
    }
    if let best = try reader.integer("best_of", in: 1...20), best != options.choices {
      throw .invalid(
        "best_of", "best_of must equal n (\(options.choices)), got \(best).", code: "unsupported_parameter")
    }
    // OpenAI's default.
    if options.maxTokens == nil { options.maxTokens = TokenLimit(field: "max_tokens", value: 16) }
    let texts = try reader.rawTexts("prompt", configuration)
    let (count, limit) = (texts.count * options.choices, configuration.limits.completions)
    guard count <= limit else {
      throw reader.fail("prompt", "must ask for at most \(limit) completions (prompts times n), got \(count)")
    }
    request = ReplyRequest(
      prompt: .texts(texts, isEchoed: isEchoed), promptField: "prompt", options: options, form: form,
      ignored: try reader.finish())
    frame = CompletionFrame(
      id: "cmpl-" + RequestID.random(), created: RequestID.secondsSinceEpoch(), model: configuration.model.id,
      includeUsage: options.includeUsage)
  }

  func document(_ ended: EndedReplies) -> JSONValue {
    let choices = ended.replies.enumerated().map { index, reply in
      var logprobs = CompletionLogprobs()
      return frame.choice(
        index, text: ended.running.echoes[index] + ended.transcripts[index].content,
        logprobs: logprobs.take(ended.transcripts[index].tokens, ended.chat), finish: reply.finishWord)
    }
    return frame.completion(choices, ended.figures[0])
  }

  func streamEncoder(_ running: RunningReplies, _ chat: any Chatting) -> (any ReplyStreamEncoder)? {
    CompletionStream(
      frame: frame, chat: chat, echoes: running.echoes, pending: Array(repeating: [], count: running.count),
      logprobs: Array(repeating: CompletionLogprobs(), count: running.count))
  }
}

/// The chunks of raw completions.
private struct CompletionStream: ReplyStreamEncoder {
  let frame: CompletionFrame
  let chat: any Chatting
  let echoes: [String]
  /// Tokens whose text is not whole yet; they belong to the chunk that shows it.
  var pending: [[GeneratedToken]]
  var logprobs: [CompletionLogprobs]

  func begin() -> [UInt8] {
    echoes.enumerated().filter { !$0.element.isEmpty }.flatMap { index, echo in
      ServerSentEvent.data(frame.chunk(frame.choice(index, text: echo, logprobs: .null, finish: nil)))
    }
  }

  mutating func delta(_ pieces: [ReplyPiece], _ tokens: [GeneratedToken], of reply: Int) -> [UInt8] {
    pending[reply] += tokens
    var text = ""
    for case .content(let part) in pieces { text += part }
    return text.isEmpty ? [] : chunk(text, of: reply, finish: nil)
  }

  mutating func end(_ reply: Reply, of index: Int, _ figures: AnswerFigures?) -> [UInt8] {
    chunk("", of: index, finish: reply.finishWord)
  }

  func finish(_ replies: [Reply], _ figures: AnswerFigures) -> [UInt8] {
    (frame.includeUsage ? ServerSentEvent.data(frame.usageChunk(figures)) : []) + ServerSentEvent.done
  }

  private mutating func chunk(_ text: String, of reply: Int, finish: String?) -> [UInt8] {
    let entries = logprobs[reply].take(pending[reply], chat)
    pending[reply] = []
    return ServerSentEvent.data(frame.chunk(frame.choice(reply, text: text, logprobs: entries, finish: finish)))
  }
}
