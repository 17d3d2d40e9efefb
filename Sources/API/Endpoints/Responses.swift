// POST /v1/responses, stateless: the same reply as a chat's, told in items and typed events.
import Chat
import GenerationTypes
import HTTP
import JSON
import Scheduling
import Work

/// The endpoint of responses.
struct Responses: Sendable {
  let configuration: APIConfiguration
  let chat: any Chatting
  let launcher: ReplyLauncher

  /// A request that the engine has taken.
  private struct Running: Sendable {
    var options: GenerationOptions
    var replies: ConversationReplies
    var frame: ResponseFrame
  }

  /// Answers one request; throws what `APIError(translating:)` understands.
  func respond(to request: HTTPRequest, _ record: RequestRecord) async throws -> HTTPResponse {
    let wanted = try await JSONBody.read(request, configuration) { [configuration] in
      try ResponsesRequest(body: $0, configuration: configuration)
    }
    let running = Running(
      options: wanted.options, replies: try await launcher.replies(to: wanted, record, prompt: "input"),
      frame: ResponseFrame(
        id: "resp_" + RequestID.random(), created: RequestID.secondsSinceEpoch(), model: configuration.model.id,
        serviceTier: wanted.options.serviceTier, echo: wanted.echo))
    var response =
      wanted.options.stream ? stream(running, record) : try await whole(running, record)
    if let names = wanted.ignored.header(adding: running.replies.prepared.loose) {
      response.headers["x-ignored-parameters"] = names
    }
    return response
  }

  private func whole(_ running: Running, _ record: RequestRecord) async throws -> HTTPResponse {
    var items = ResponseItems()
    let (reply, figures) = try await read(running, record) { pieces, logprobs in
      for piece in pieces { _ = items.append(piece, logprobs: logprobs) }
    }
    running.replies.settle(figures, record)
    _ = items.end(Self.status(reply))
    // Log-probabilities of a token take some hundred bytes each.
    let size = reply.counts.total * (running.options.sampling.topLogprobs.map { 256 * ($0 + 1) } ?? 16)
    return try await configuration.work.finish(bytes: size) { [items] in
      .json(running.frame.response(Self.status(reply), items.finished, figures))
    }
  }

  private func stream(_ running: Running, _ record: RequestRecord) -> HTTPResponse {
    let sequence = EventSequence()
    let failure: @Sendable (APIError) -> [UInt8] = { error in
      sequence.event(
        "response.failed", ["response": running.frame.failed(error)])
    }
    return EventStream.response(record, failure: failure) { writer in
      let begun = running.frame.response("in_progress", [], nil)
      try await writer.write(
        sequence.event("response.created", ["response": begun])
          + sequence.event("response.in_progress", ["response": begun]))
      var items = ResponseItems()
      let (reply, figures) = try await read(running, record, writer) { pieces, logprobs in
        var events: [UInt8] = []
        for piece in pieces {
          for (type, members) in items.append(piece, logprobs: logprobs) { events += sequence.event(type, members) }
        }
        if !events.isEmpty { try await writer.write(events) }
      }
      let status = Self.status(reply)
      var last: [UInt8] = []
      for (type, members) in items.end(status) { last += sequence.event(type, members) }
      last += sequence.event(
        "response.\(status)", ["response": running.frame.response(status, items.finished, figures)])
      try await writer.write(last)
      running.replies.settle(figures, record)
    }
  }

  /// Reads the reply; `take` gets its text with the log-probabilities of the answer's part of it.
  private func read(
    _ running: Running, _ record: RequestRecord, _ writer: (any HTTPBodyWriter)? = nil,
    _ take: ([ReplyPiece], [JSONValue]) async throws -> Void
  ) async throws -> (Reply, AnswerFigures) {
    var pending: [GeneratedToken] = []
    let replies = try await running.replies.feed.read(tick: writer == nil ? nil : configuration.keepAlive) { signal in
      switch signal {
      case .tick: try await writer?.write(ServerSentEvent.comment("keep-alive"))
      case .output(_, .progress(let progress)): try await writer?.write(ServerSentEvent.comment(progress.comment))
      case .output(_, .delta(let pieces, let tokens)):
        pending += tokens
        if pieces.isEmpty { return }
        let logprobs = ChatCompletionFrame.logprobs(pending, chat)["content"]?.array ?? []
        pending = []
        try await take(pieces, logprobs)
      case .ended: break
      }
    }
    return (replies[0], running.replies.figures(of: replies, record))
  }

  private static func status(_ reply: Reply) -> String { reply.finish == .length ? "incomplete" : "completed" }
}
