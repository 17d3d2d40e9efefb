// POST /v1/responses, stateless: the reply of a chat as items and typed events.
import Chat
import GenerationTypes
import JSON
import Text

/// A request for a response.
package struct ResponsesCodec: ReplyCodec {
  package let request: ReplyRequest
  private let frame: ResponseFrame

  package init(body: JSONValue, configuration: APIConfiguration) throws(APIError) {
    let reader = try FieldReader(body: body, fields: Self.fields)
    try reader.checkModel(configuration.model)
    try reader.checkStateless()
    let thinking = try reader.responseThinking(configuration.defaults)
    let form = try reader.responseForm(configuration.limits)
    var options = try reader.options(configuration, logprobs: .alternatives)
    options.maxTokens = try reader.tokenLimit("max_output_tokens")
    var decoder = MessageDecoder(configuration)
    let messages = try decoder.messages(ofResponses: reader)
    frame = ResponseFrame(
      id: "resp_" + RequestID.random(), created: RequestID.secondsSinceEpoch(), model: configuration.model.id,
      serviceTier: options.serviceTier, echo: reader.responseEcho(options))
    request = ReplyRequest(
      prompt: .conversation(messages, images: decoder.references), promptField: "input", options: options,
      thinking: thinking, form: form, ignored: try reader.finish())
  }

  func document(_ ended: EndedReplies) -> JSONValue {
    let (transcript, status) = (ended.transcripts[0], Self.status(ended.replies[0]))
    var items = ResponseItems()
    for block in transcript.blocks {
      switch block.kind {
      case .thought: _ = items.append(.thinking(block.text), logprobs: [])
      case .content:
        let logprobs = ChatCompletionFrame.logprobEntries(transcript.tokens[block.tokens], ended.chat)
        _ = items.append(.content(block.text), logprobs: logprobs)
      case .call(_, let name):
        _ = items.append(.toolCall(index: 0, name: name), logprobs: [])
        if !block.text.isEmpty { _ = items.append(.toolArguments(index: 0, block.text), logprobs: []) }
      }
    }
    _ = items.end(status)
    return frame.response(status, items.finished, ended.figures[0])
  }

  func streamEncoder(_ running: RunningReplies, _ chat: any Chatting) -> (any ReplyStreamEncoder)? {
    ResponseStream(frame: frame, chat: chat)
  }

  fileprivate static func status(_ reply: Reply) -> String { reply.finish == .length ? "incomplete" : "completed" }
}

/// The typed events of a response.
private struct ResponseStream: ReplyStreamEncoder {
  let frame: ResponseFrame
  let chat: any Chatting
  var items = ResponseItems()
  /// Tokens whose text is not whole yet; they belong to the event that shows it.
  var pending: [GeneratedToken] = []
  /// The number of the next event.
  var number: Int64 = 0

  mutating func begin() -> [UInt8] {
    let begun: JSONObject = ["response": frame.response("in_progress", [], nil)]
    return event("response.created", begun) + event("response.in_progress", begun)
  }

  mutating func delta(_ pieces: [ReplyPiece], _ tokens: [GeneratedToken], of reply: Int) -> [UInt8] {
    pending += tokens
    if pieces.isEmpty { return [] }
    let logprobs = ChatCompletionFrame.logprobEntries(pending[...], chat)
    pending = []
    var events: [UInt8] = []
    for piece in pieces {
      for (type, members) in items.append(piece, logprobs: logprobs) { events += event(type, members) }
    }
    return events
  }

  func end(_ reply: Reply, of index: Int, _ figures: AnswerFigures?) -> [UInt8] { [] }

  mutating func finish(_ replies: [Reply], _ figures: AnswerFigures) -> [UInt8] {
    let status = ResponsesCodec.status(replies[0])
    var events: [UInt8] = []
    for (type, members) in items.end(status) { events += event(type, members) }
    return events + event("response.\(status)", ["response": frame.response(status, items.finished, figures)])
  }

  mutating func failure(_ error: APIError) -> [UInt8] {
    event("response.failed", ["response": frame.failed(error)])
  }

  /// Encodes one event with its type, as a name and in the data.
  private mutating func event(_ type: String, _ members: JSONObject) -> [UInt8] {
    defer { number += 1 }
    let object: JSONObject = ["type": .string(type), "sequence_number": .integer(number)]
    return Array("event: \(type)\n".utf8) + ServerSentEvent.data(.object(object + members))
  }
}
