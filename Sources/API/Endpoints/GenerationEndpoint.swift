// The skeleton of every endpoint that generates: decode the body, start the replies, encode them whole or as a stream,
// list the fields that had no effect. Everything that can fail early fails before the first byte of the response.
//
// To add an API: write a `ReplyCodec` in a file of its own in this folder, its JSON objects in Wire, and its route in
// `APIServer`.
import Chat
import GenerationTypes
import HTTP
import JSON
import Work

/// One request in the format of an API: decodes the body and encodes the replies.
protocol ReplyCodec: Sendable {
  /// Decodes and checks a body. Throws an `APIError` that names the field.
  init(body: JSONValue, configuration: APIConfiguration) throws(APIError)
  /// What the body asks for.
  var request: ReplyRequest { get }
  /// Encodes the replies as one document.
  func document(_ ended: EndedReplies) -> JSONValue
  /// Returns an encoder for a stream; nil for an API without streams.
  func streamEncoder(_ running: RunningReplies, _ chat: any Chatting) -> (any ReplyStreamEncoder)?
}

extension ReplyCodec {
  func streamEncoder(_ running: RunningReplies, _ chat: any Chatting) -> (any ReplyStreamEncoder)? { nil }
}

/// Encodes the events of one request's replies as a stream in the format of an API. Empty results are not written.
protocol ReplyStreamEncoder: Sendable {
  /// The media type of the stream.
  var contentType: String { get }
  /// The bytes that bridge a silence.
  var keepAlive: [UInt8] { get }
  /// Encodes what precedes the first event.
  mutating func begin() -> [UInt8]
  /// Encodes how far the prompt of a reply is.
  mutating func progress(_ progress: ReplyProgress, of reply: Int) -> [UInt8]
  /// Encodes text of a reply, and the tokens since its last delta.
  mutating func delta(_ pieces: [ReplyPiece], _ tokens: [GeneratedToken], of reply: Int) -> [UInt8]
  /// Encodes the end of one reply; `figures` is set for the last one.
  mutating func end(_ reply: Reply, of index: Int, _ figures: AnswerFigures?) -> [UInt8]
  /// Encodes the end of the stream.
  mutating func finish(_ replies: [Reply], _ figures: AnswerFigures) -> [UInt8]
  /// Encodes an early end of the stream.
  mutating func failure(_ error: APIError) -> [UInt8]
}

extension ReplyStreamEncoder {
  var contentType: String { ServerSentEvent.contentType }
  var keepAlive: [UInt8] { ServerSentEvent.comment("keep-alive") }
  func begin() -> [UInt8] { [] }
  func progress(_ progress: ReplyProgress, of reply: Int) -> [UInt8] { ServerSentEvent.comment(progress.comment) }
  func failure(_ error: APIError) -> [UInt8] { ServerSentEvent.data(error.body) + ServerSentEvent.done }
}

/// Answers the requests of one API.
struct GenerationEndpoint<Codec: ReplyCodec>: Sendable {
  let service: ReplyService

  /// Answers one request; throws what `APIError(translating:)` understands.
  func respond(to request: HTTPRequest, _ record: RequestRecord) async throws -> HTTPResponse {
    let codec = try await JSONBody.read(request, service.configuration) { [configuration = service.configuration] in
      try Codec(body: $0, configuration: configuration)
    }
    let running = try await service.start(codec.request, record)
    var response: HTTPResponse
    if codec.request.options.stream, let encoder = codec.streamEncoder(running, service.chat) {
      response = stream(encoder, running, record)
    } else {
      response = try await document(codec, running, record)
    }
    response.list(codec.request.ignored, adding: running.loose)
    return response
  }

  private func document(
    _ codec: Codec, _ running: RunningReplies, _ record: RequestRecord
  ) async throws -> HTTPResponse {
    var transcripts = Array(repeating: ReplyTranscript(), count: running.count)
    let needsTokens = codec.request.options.sampling.topLogprobs != nil
    let replies = try await running.feed.read { signal in
      guard case .output(let index, .delta(let pieces, let tokens)) = signal else { return }
      transcripts[index].append(pieces, needsTokens ? tokens : [])
    }
    let figures = running.figures(of: replies, record)
    if codec.request.isRollout {
      service.settle(rollouts: figures, record)
    } else {
      service.settle(running, figures[0], record)
    }
    let ended = EndedReplies(
      running: running, replies: replies, transcripts: transcripts, figures: figures, chat: service.chat)
    return try await service.configuration.work.finish(bytes: transcripts.reduce(0) { $0 + $1.size }) {
      .json(codec.document(ended))
    }
  }

  private func stream(
    _ encoder: any ReplyStreamEncoder, _ running: RunningReplies, _ record: RequestRecord
  ) -> HTTPResponse {
    HTTPResponse(
      status: 200,
      headers: ["content-type": encoder.contentType, "cache-control": "no-cache", "x-accel-buffering": "no"],
      body: .stream { writer in
        var encoder = encoder
        do {
          try await write(running, to: writer, &encoder, record)
        } catch {
          // The status has been sent, so the stream reports the error, unless the client has left.
          if Task.isCancelled || error is CancellationError { throw error }
          let shown = APIError(translating: error, requestID: record.id)
          record.fail(error, as: shown)
          try await writer.write(encoder.failure(shown))
        }
      })
  }

  private func write(
    _ running: RunningReplies, to writer: any HTTPBodyWriter, _ encoder: inout any ReplyStreamEncoder,
    _ record: RequestRecord
  ) async throws {
    let begin = encoder.begin()
    if !begin.isEmpty { try await writer.write(begin) }
    var ended = Array(repeating: Reply?.none, count: running.count)
    var figures: AnswerFigures?
    let replies = try await running.feed.read(tick: service.configuration.keepAlive) { signal in
      let bytes: [UInt8]
      switch signal {
      case .tick: bytes = encoder.keepAlive
      case .output(let index, .progress(let progress)): bytes = encoder.progress(progress, of: index)
      case .output(let index, .delta(let pieces, let tokens)): bytes = encoder.delta(pieces, tokens, of: index)
      case .ended(let index, let reply):
        ended[index] = reply
        let all = ended.compactMap { $0 }
        if all.count == running.count { figures = running.figures(of: all, record)[0] }
        bytes = encoder.end(reply, of: index, figures)
      }
      if !bytes.isEmpty { try await writer.write(bytes) }
    }
    guard let figures else { return }
    try await writer.write(encoder.finish(replies, figures))
    // Only now: a client that left before the end has no answer, and is not counted as answered.
    service.settle(running, figures, record)
  }
}
