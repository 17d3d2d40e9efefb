// POST /v1/chat/completions. Everything that can be refused is refused before the first byte of the response: validation,
// preparation and admission come first, then the replies are read, whole or as a stream.
import Chat
import GenerationTypes
import HTTP
import JSON
import Scheduling
import Telemetry
import Work

/// The chat endpoint.
struct ChatCompletions: Sendable {
  let configuration: APIConfiguration
  let chat: any Chatting
  let launcher: ReplyLauncher

  /// A request that the engine has taken.
  private struct Running: Sendable {
    var options: GenerationOptions
    var replies: ConversationReplies
    var frame: ChatCompletionFrame
  }

  /// Answers one request; throws what `APIError(translating:)` understands.
  func respond(to request: HTTPRequest, _ record: RequestRecord) async throws -> HTTPResponse {
    let wanted = try await JSONBody.read(request, configuration) { [configuration] in
      try ChatCompletionRequest(body: $0, configuration: configuration)
    }
    let running = Running(
      options: wanted.options, replies: try await launcher.replies(to: wanted, record),
      frame: ChatCompletionFrame(
        id: "chatcmpl-" + RequestID.random(), created: RequestID.secondsSinceEpoch(), model: configuration.model.id,
        reasoningField: configuration.reasoningField, includeUsage: wanted.options.includeUsage,
        serviceTier: wanted.options.serviceTier))
    var response =
      wanted.options.stream
      ? EventStream.response(record) { try await write(running, to: $0, record) } : try await whole(running, record)
    if let names = wanted.ignored.header(adding: running.replies.prepared.loose) {
      response.headers["x-ignored-parameters"] = names
    }
    return response
  }

  // MARK: One document

  private func whole(_ running: Running, _ record: RequestRecord) async throws -> HTTPResponse {
    let count = running.options.choices
    var texts = Array(repeating: ReplyText(), count: count)
    var tokens = Array(repeating: [GeneratedToken](), count: count)
    let wantsLogprobs = running.options.sampling.topLogprobs != nil
    let replies = try await running.replies.feed.read { signal in
      guard case .output(let index, .delta(let pieces, let new)) = signal else { return }
      for piece in pieces { texts[index].append(piece) }
      if wantsLogprobs { tokens[index] += new }
    }
    let figures = running.replies.figures(of: replies, record)
    running.replies.settle(figures, record)
    return try await configuration.work.finish(bytes: ReplyText.size(texts, tokens)) { [texts, tokens, chat] in
      let choices = replies.enumerated().map { index, reply in
        running.frame.choice(
          index, texts[index],
          logprobs: ChatCompletionFrame.logprobs(tokens[index], chat), reply: reply, single: count == 1)
      }
      return .json(running.frame.completion(choices, figures))
    }
  }

  // MARK: A stream of chunks

  private func write(_ running: Running, to writer: any HTTPBodyWriter, _ record: RequestRecord) async throws {
    let frame = running.frame
    let count = running.options.choices
    var first: [UInt8] = []
    for index in 0..<count {
      first += ServerSentEvent.data(frame.chunk(index, delta: ["role": "assistant", "content": ""]))
    }
    try await writer.write(first)

    var pending = Array(repeating: [GeneratedToken](), count: count)
    var ended = Array(repeating: Reply?.none, count: count)
    var figures: AnswerFigures?
    _ = try await running.replies.feed.read(tick: configuration.keepAlive) { signal in
      switch signal {
      case .tick: try await writer.write(ServerSentEvent.comment("keep-alive"))
      case .output(let index, .progress(let progress)):
        try await writer.write(
          running.options.includeProgress
            ? ServerSentEvent.data(frame.progressChunk(index, progress)) : ServerSentEvent.comment(progress.comment))
      case .output(let index, .delta(let pieces, let tokens)):
        pending[index] += tokens
        var chunks: [UInt8] = []
        for piece in pieces {
          // Tokens whose text is not whole yet wait for the chunk that shows it.
          let logprobs = ChatCompletionFrame.logprobs(pending[index], chat)
          pending[index] = []
          chunks += ServerSentEvent.data(frame.chunk(index, delta: frame.delta(piece), logprobs: logprobs))
        }
        if !chunks.isEmpty { try await writer.write(chunks) }
      case .ended(let index, let reply):
        ended[index] = reply
        let all = ended.compactMap { $0 }
        if all.count == count { figures = running.replies.figures(of: all, record) }
        let logprobs = ChatCompletionFrame.logprobs(pending[index], chat)
        let chunk = frame.chunk(
          index, delta: [:], logprobs: logprobs, finish: reply.finishWord,
          figures: running.options.includeUsage ? nil : figures)
        try await writer.write(ServerSentEvent.data(chunk))
      }
    }
    guard let figures else { return }
    let usage = running.options.includeUsage ? ServerSentEvent.data(frame.usageChunk(figures)) : []
    try await writer.write(usage + ServerSentEvent.done)
    // Only now: a client that left before its end was not answered, and a request is in the books once.
    running.replies.settle(figures, record)
  }
}
