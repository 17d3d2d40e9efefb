// POST /v1/chat/completions. Everything that can be refused is refused before the first byte of the response: validation,
// preparation and admission come first, then the replies are read, whole or as a stream.
import Chat
import GenerationTypes
import HTTP
import JSON
import Scheduling
import Telemetry

/// The chat endpoint.
struct ChatCompletions: Sendable {
  let configuration: APIConfiguration
  let chat: any Chatting
  let engine: any GenerationService
  let metrics: ServerMetrics

  /// A request that the engine has taken.
  private struct Running: Sendable {
    var request: ChatCompletionRequest
    var prepared: any PreparedConversation
    var preparation: Duration
    var feed: ReplyFeed
    var frame: ChatCompletionFrame

    func account(_ replies: [Reply]) -> AnswerAccount {
      AnswerAccount(
        requestedMode: request.conversation.mode, textTokens: prepared.textTokens, imageTokens: prepared.imageTokens,
        replies: replies, preparation: preparation)
    }
  }

  /// Answers one request; throws what `APIError(translating:)` understands.
  func respond(to request: HTTPRequest, _ record: RequestRecord) async throws -> HTTPResponse {
    let body = try JSONBody.parse(request, configuration.limits)
    let wanted = try ChatCompletionRequest(body: body, configuration: configuration)
    let running = try await submit(wanted, record)
    var response = wanted.stream ? stream(running, record) : try await whole(running, record)
    if let names = FieldNames.header(wanted.ignored) { response.headers["x-ignored-parameters"] = names }
    return response
  }

  private func submit(_ wanted: ChatCompletionRequest, _ record: RequestRecord) async throws -> Running {
    let start = ContinuousClock.now
    let prepared = try await prepare(wanted, record)
    let preparation = ContinuousClock.now - start
    let field = wanted.maxTokens?.field ?? "max_completion_tokens"
    let room = engine.contextLength - prepared.prompt.tokens.count
    // A limit nobody asked for shrinks to what the context has left; one the client named is held to.
    let maxTokens = wanted.maxTokens?.value ?? max(1, min(configuration.defaults.maxTokens, room))
    var sources: [(reply: Reply, events: ReplyFeed.Events)] = []
    for index in 0..<wanted.choices {
      var sampling = wanted.sampling
      if let seed = sampling.seed { sampling.seed = seed &+ UInt64(index) }
      var request = GenerationRequest(
        prompt: prepared.prompt, sampling: sampling, control: prepared.control, maxTokens: maxTokens,
        decides: prepared.decides)
      request.serviceClass = wanted.serviceTier == .flex ? .idle : .interactive
      request.isBrief = wanted.conversation.mode == .short || maxTokens <= configuration.defaults.briefTokens
      request.salt = record.keyName ?? ""
      request.deadline = configuration.replyTimeout.map { record.arrival + $0 }
      do {
        let events = try engine.submit(request)
        sources.append((Reply(reader: prepared.makeReader(stopStrings: wanted.stop), arrival: record.arrival), events))
      } catch {
        throw APIError(error, param: field)
      }
    }
    let metrics = metrics
    return Running(
      request: wanted, prepared: prepared, preparation: preparation,
      feed: ReplyFeed(sources) { metrics.interToken.observe($0) },
      frame: ChatCompletionFrame(
        id: "chatcmpl-" + RequestID.random(), created: RequestID.secondsSinceEpoch(), model: configuration.model.id,
        reasoningField: configuration.reasoningField, includeUsage: wanted.includeUsage,
        serviceTier: wanted.serviceTier))
  }

  // MARK: One document

  private func whole(_ running: Running, _ record: RequestRecord) async throws -> HTTPResponse {
    let count = running.request.choices
    var thoughts = Array(repeating: "", count: count), contents = thoughts
    var tokens = Array(repeating: [GeneratedToken](), count: count)
    let wantsLogprobs = running.request.sampling.topLogprobs != nil
    let replies = try await running.feed.read { signal in
      guard case .output(let index, .delta(let pieces, let new)) = signal else { return }
      for piece in pieces {
        switch piece {
        case .thinking(let text): thoughts[index] += text
        case .content(let text): contents[index] += text
        }
      }
      if wantsLogprobs { tokens[index] += new }
    }
    let account = running.account(replies)
    record.note { $0.account = account }
    let choices = replies.enumerated().map { index, reply in
      running.frame.choice(
        index, thought: thoughts[index], content: contents[index],
        logprobs: ChatCompletionFrame.logprobs(tokens[index], chat), reply: reply, single: count == 1)
    }
    return .json(running.frame.completion(choices, account))
  }

  // MARK: A stream of chunks

  private func stream(_ running: Running, _ record: RequestRecord) -> HTTPResponse {
    HTTPResponse(
      status: 200,
      headers: ["content-type": "text/event-stream", "cache-control": "no-cache", "x-accel-buffering": "no"],
      body: .stream { writer in
        do {
          try await write(running, to: writer, record)
        } catch {
          // A peer that left cannot be told; anything else is told in the stream, whose status is long sent.
          if Task.isCancelled || error is CancellationError { throw error }
          let shown = APIError(translating: error, requestID: record.id)
          record.fail(error, as: shown)
          try await writer.write(ServerSentEvent.data(shown.body) + ServerSentEvent.done)
        }
      })
  }

  private func write(_ running: Running, to writer: any HTTPBodyWriter, _ record: RequestRecord) async throws {
    let frame = running.frame
    let count = running.request.choices
    var first: [UInt8] = []
    for index in 0..<count {
      first += ServerSentEvent.data(frame.chunk(index, delta: ["role": "assistant", "content": ""]))
    }
    try await writer.write(first)

    var pending = Array(repeating: [GeneratedToken](), count: count)
    var ended = Array(repeating: Reply?.none, count: count)
    let replies = try await running.feed.read(tick: configuration.keepAlive) { signal in
      switch signal {
      case .tick: try await writer.write(ServerSentEvent.comment("keep-alive"))
      case .output(let index, .progress(let progress)):
        try await writer.write(
          running.request.includeProgress
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
        let account = all.count == count && !running.request.includeUsage ? running.account(all) : nil
        let logprobs = ChatCompletionFrame.logprobs(pending[index], chat)
        let chunk = frame.chunk(index, delta: [:], logprobs: logprobs, finish: reply.finish, account: account)
        try await writer.write(ServerSentEvent.data(chunk))
      }
    }
    let account = running.account(replies)
    let usage = running.request.includeUsage ? ServerSentEvent.data(frame.usageChunk(account)) : []
    try await writer.write(usage + ServerSentEvent.done)
    // Only now: a client that left before its end was not answered, and a request is in the books once.
    record.note { $0.account = account }
  }
}
