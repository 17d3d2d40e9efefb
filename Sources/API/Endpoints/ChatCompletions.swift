// POST /v1/chat/completions.
import Chat
import GenerationTypes
import JSON

/// A request for a chat completion.
package struct ChatCompletionsCodec: ReplyCodec {
  package let request: ReplyRequest
  private let frame: ChatCompletionFrame

  /// Fields this server reads.
  package static let fields =
    FieldReader.optionFields + FieldReader.modeFields + FieldReader.formFields + ["messages"]

  package init(body: JSONValue, configuration: APIConfiguration) throws(APIError) {
    let reader = try FieldReader(body: body, fields: Self.fields)
    try reader.checkModel(configuration.model)
    let thinking = try reader.thinkingWish(configuration.defaults)
    let form = try reader.answerForm(configuration.limits)
    let options = try reader.options(configuration)
    // Last, because images cost the most to read.
    let prompt = try reader.conversation(configuration)
    request = ReplyRequest(
      prompt: prompt, promptField: "messages", options: options, thinking: thinking, form: form,
      ignored: try reader.finish())
    frame = ChatCompletionFrame(
      id: "chatcmpl-" + RequestID.random(), created: RequestID.secondsSinceEpoch(), model: configuration.model.id,
      reasoningField: configuration.reasoningField, includeUsage: options.includeUsage,
      serviceTier: options.serviceTier)
  }

  func document(_ ended: EndedReplies) -> JSONValue {
    let choices = zip(ended.replies, ended.transcripts).enumerated().map { index, reply in
      frame.choice(
        index, reply.1, logprobs: ChatCompletionFrame.logprobs(reply.1.tokens, ended.chat), reply: reply.0,
        single: ended.replies.count == 1)
    }
    return frame.completion(choices, ended.figures[0])
  }

  func streamEncoder(_ running: RunningReplies, _ chat: any Chatting) -> (any ReplyStreamEncoder)? {
    ChatCompletionStream(
      frame: frame, chat: chat, includeProgress: request.options.includeProgress,
      pending: Array(repeating: [], count: running.count))
  }
}

/// The chunks of a chat completion.
private struct ChatCompletionStream: ReplyStreamEncoder {
  let frame: ChatCompletionFrame
  let chat: any Chatting
  let includeProgress: Bool
  /// Tokens whose text is not whole yet; they belong to the chunk that shows it.
  var pending: [[GeneratedToken]]

  func begin() -> [UInt8] {
    pending.indices.flatMap { ServerSentEvent.data(frame.chunk($0, delta: ["role": "assistant", "content": ""])) }
  }

  func progress(_ progress: ReplyProgress, of reply: Int) -> [UInt8] {
    includeProgress
      ? ServerSentEvent.data(frame.progressChunk(reply, progress)) : ServerSentEvent.comment(progress.comment)
  }

  mutating func delta(_ pieces: [ReplyPiece], _ tokens: [GeneratedToken], of reply: Int) -> [UInt8] {
    pending[reply] += tokens
    var chunks: [UInt8] = []
    for piece in pieces {
      let logprobs = takeLogprobs(of: reply)
      chunks += ServerSentEvent.data(frame.chunk(reply, delta: frame.delta(piece), logprobs: logprobs))
    }
    return chunks
  }

  mutating func end(_ reply: Reply, of index: Int, _ figures: AnswerFigures?) -> [UInt8] {
    ServerSentEvent.data(
      frame.chunk(
        index, delta: [:], logprobs: takeLogprobs(of: index), finish: reply.finishWord,
        figures: frame.includeUsage ? nil : figures))
  }

  func finish(_ replies: [Reply], _ figures: AnswerFigures) -> [UInt8] {
    (frame.includeUsage ? ServerSentEvent.data(frame.usageChunk(figures)) : []) + ServerSentEvent.done
  }

  private mutating func takeLogprobs(of reply: Int) -> JSONValue {
    defer { pending[reply] = [] }
    return ChatCompletionFrame.logprobs(pending[reply], chat)
  }
}
