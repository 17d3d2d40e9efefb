// POST /v1/completions: a text goes on. No template, no turns, no thoughts: everything generated counts as answer.
import Chat
import GenerationTypes
import HTTP
import JSON
import Scheduling
import Work

/// The endpoint of raw completions.
struct Completions: Sendable {
  let configuration: APIConfiguration
  let chat: any Chatting
  let launcher: ReplyLauncher

  /// A request that the engine has taken.
  private struct Running: Sendable {
    var request: CompletionRequest
    /// What each choice begins with.
    var echoes: [String]
    var textTokens: Int
    var preparation: Duration
    var feed: ReplyFeed
    var frame: CompletionFrame
    var count: Int { echoes.count }

    func figures(of replies: [Reply], _ record: RequestRecord) -> AnswerFigures {
      record.figures(of: replies, requestedMode: .short, textTokens: textTokens, preparation: preparation)
    }
  }

  /// Answers one request; throws what `APIError(translating:)` understands.
  func respond(to request: HTTPRequest, _ record: RequestRecord) async throws -> HTTPResponse {
    let wanted = try await JSONBody.read(request, configuration) { [configuration] in
      try CompletionRequest(body: $0, configuration: configuration)
    }
    let running: Running
    do {
      running = try await submit(wanted, record)
    } catch let error as ChatError {
      throw APIError(error, prompt: "prompt")
    }
    var response =
      wanted.options.stream
      ? EventStream.response(record) { try await write(running, to: $0, record) } : try await whole(running, record)
    if let names = wanted.ignored.header() { response.headers["x-ignored-parameters"] = names }
    return response
  }

  private func submit(_ wanted: CompletionRequest, _ record: RequestRecord) async throws -> Running {
    let start = ContinuousClock.now
    var prepared: [(prompt: any PreparedConversation, echo: String)] = []
    for prompt in wanted.prompts {
      switch prompt {
      case .text(let text):
        let ids = try await chat.tokens(of: text, recognisesSpecial: true, limit: launcher.engine.contextLength)
        prepared.append(
          (
            try await chat.prepareCompletion(of: ids, form: wanted.form, isEchoed: wanted.echo), wanted.echo ? text : ""
          ))
      case .tokens(let ids):
        let echo = try await configuration.work.run(bytes: wanted.echo ? ids.count * 16 : 0) { [chat] _ in
          wanted.echo ? WholeCharacters(ids.flatMap { chat.text(of: $0).bytes }).text : ""
        }
        prepared.append(
          (try await chat.prepareCompletion(of: ids, form: wanted.form, isEchoed: wanted.echo), echo))
      }
    }
    let preparation = ContinuousClock.now - start
    var sources: [ReplyFeed.Source] = []
    for (prompt, _) in prepared {
      sources += try launcher.launch(
        prompt, wanted.options, ThinkingPlan(withoutThought: ()), record, prompt: "prompt")
    }
    return Running(
      request: wanted, echoes: prepared.flatMap { Array(repeating: $0.echo, count: wanted.options.choices) },
      textTokens: prepared.reduce(0) { $0 + $1.prompt.textTokens }, preparation: preparation,
      feed: launcher.feed(sources),
      frame: CompletionFrame(
        id: "cmpl-" + RequestID.random(), created: RequestID.secondsSinceEpoch(), model: configuration.model.id,
        includeUsage: wanted.options.includeUsage))
  }

  private func whole(_ running: Running, _ record: RequestRecord) async throws -> HTTPResponse {
    var texts = running.echoes
    var tokens = Array(repeating: [GeneratedToken](), count: running.count)
    let wantsLogprobs = running.request.options.sampling.topLogprobs != nil
    let replies = try await running.feed.read { signal in
      guard case .output(let index, .delta(let pieces, let new)) = signal else { return }
      for case .content(let text) in pieces { texts[index] += text }
      if wantsLogprobs { tokens[index] += new }
    }
    let figures = running.figures(of: replies, record)
    record.answered(figures)
    let size = texts.reduce(0) { $0 + $1.utf8.count } + tokens.reduce(0) { $0 + $1.count * 256 }
    return try await configuration.work.finish(bytes: size) { [texts, tokens, chat] in
      let choices = replies.enumerated().map { index, reply in
        var logprobs = CompletionLogprobs()
        return running.frame.choice(
          index, text: texts[index], logprobs: logprobs.take(tokens[index], chat), finish: reply.finishWord)
      }
      return .json(running.frame.completion(choices, figures))
    }
  }

  private func write(_ running: Running, to writer: any HTTPBodyWriter, _ record: RequestRecord) async throws {
    let frame = running.frame
    var first: [UInt8] = []
    for (index, echo) in running.echoes.enumerated() where !echo.isEmpty {
      first += ServerSentEvent.data(frame.chunk(frame.choice(index, text: echo, logprobs: .null, finish: nil)))
    }
    if !first.isEmpty { try await writer.write(first) }
    var pending = Array(repeating: [GeneratedToken](), count: running.count)
    var logprobs = Array(repeating: CompletionLogprobs(), count: running.count)
    let replies = try await running.feed.read(tick: configuration.keepAlive) { signal in
      switch signal {
      case .tick: try await writer.write(ServerSentEvent.comment("keep-alive"))
      case .output(_, .progress(let progress)): try await writer.write(ServerSentEvent.comment(progress.comment))
      case .output(let index, .delta(let pieces, let tokens)):
        pending[index] += tokens
        var text = ""
        for case .content(let part) in pieces { text += part }
        if text.isEmpty { return }
        let choice = frame.choice(index, text: text, logprobs: logprobs[index].take(pending[index], chat), finish: nil)
        pending[index] = []
        try await writer.write(ServerSentEvent.data(frame.chunk(choice)))
      case .ended(let index, let reply):
        let last = logprobs[index].take(pending[index], chat)
        let choice = frame.choice(index, text: "", logprobs: last, finish: reply.finishWord)
        try await writer.write(ServerSentEvent.data(frame.chunk(choice)))
      }
    }
    let figures = running.figures(of: replies, record)
    let usage = running.request.options.includeUsage ? ServerSentEvent.data(frame.usageChunk(figures)) : []
    try await writer.write(usage + ServerSentEvent.done)
    record.answered(figures)
  }
}
