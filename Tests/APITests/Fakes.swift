// A scripted engine, and a model whose tokens are easy to read.
import API
import Chat
import GenerationTypes
import HTTP
import JSON
import Ledger
import ModelFiles
import Scheduling
import Synchronization
import Telemetry
import Tokenization

/// Tokens of the test model. Ids from 100 on are the word `w<id>` and a space.
enum Fake {
  static let close: TokenID = 1, blank: TokenID = 2, end: TokenID = 3
  /// The two halves of `é`: no text until the second.
  static let half: TokenID = 50, otherHalf: TokenID = 51
  /// The beginning of a call of `f`, and the two halves of its arguments `{"a": 1}`.
  static let call: TokenID = 60, arguments: TokenID = 61, otherArguments: TokenID = 62
  static let vocabularySize = 1000

  static let tokenizer: Tokenizer = {
    var texts = (0..<vocabularySize).map { $0 < 100 ? "x\($0)" : "w\($0)Ġ" }
    texts[0] = "<think>"
    (texts[Int(close)], texts[Int(blank)], texts[Int(end)]) = ("</think>", "ĊĊ", "<|im_end|>")
    (texts[Int(half)], texts[Int(otherHalf)]) = ("Ã", "©")
    texts[Int(call)] = #"<tool_call>{"name":Ġ"f",Ġ"arguments":Ġ"#
    (texts[Int(arguments)], texts[Int(otherArguments)]) = (#"{"a":Ġ"#, "1}}</tool_call>")
    var kinds = [TokenKind](repeating: .normal, count: texts.count)
    kinds[Int(end)] = .control
    let vocabulary = TokenizerVocabulary(
      tokens: GGUFStrings(texts), kinds: kinds, merges: GGUFStrings(), preTokenizer: "gpt-2")
    do { return try Tokenizer(vocabulary: vocabulary) } catch { preconditionFailure("\(error)") }
  }()

  static let control = ControlTokens(of: tokenizer, stop: [end], image: nil)

  /// A prompt of `words` text tokens and images of 10 tokens each.
  static func prepared(
    words: Int, images: Int = 0, mode: ThinkingMode, start: ReplyStart, tools: ToolUse? = nil
  ) -> PreparedChat {
    let image = PreparedImage(
      views: [], viewCount: 1, side: 1, layout: ImageLayout(patchesPerSide: 1, grid: nil, tokenCount: 10), width: 1,
      height: 1)
    return PreparedChat(
      prompt: Prompt(
        tokens: Array(repeating: 100, count: words + 10 * images),
        images: (0..<images).map { Prompt.Image(image: image, position: words + 10 * $0) }),
      mode: mode, start: start, tokenizer: tokenizer, control: control, tools: tools)
  }
}

/// Counts words instead of rendering a template, and remembers the conversations.
final class FakeChat: Chatting {
  let seen = Mutex<[Conversation]>([])
  let failure: (any Error)?
  let takesImages: Bool
  init(failure: (any Error)? = nil, takesImages: Bool = true) {
    (self.failure, self.takesImages) = (failure, takesImages)
  }

  func prepare(_ conversation: Conversation, modes: [ThinkingMode]) async throws -> [PreparedChat] {
    if let failure { throw failure }
    seen.withLock { $0.append(conversation) }
    var (words, images) = (0, 0)
    for part in conversation.messages.flatMap(\.parts) {
      switch part {
      case .text(let text): words += text.split(separator: " ").count
      case .image: images += 1
      }
    }
    return modes.map {
      Fake.prepared(
        words: words, images: images, mode: $0, start: $0 == .short ? .answer : .insideThought,
        tools: conversation.answer.tools)
    }
  }

  func tokens(of text: String, recognisesSpecial: Bool, limit: Int) async throws -> [TokenID] {
    let words = text.split(separator: " ")
    if words.count > limit { throw ChatError.tooLong(limit: limit) }
    return words.map { TokenID($0.dropFirst()) ?? 100 }
  }

  func prompt(of conversation: Conversation) async throws -> String { "\(conversation.messages.count) messages" }

  func completion(of tokens: [TokenID], form: AnswerForm, isEchoed: Bool) async throws -> PreparedChat {
    Fake.prepared(words: tokens.count, mode: .short, start: .plainText)
  }

  func text(of id: TokenID) -> (string: String, bytes: [UInt8]) { ("w\(id)", Array("w\(id)".utf8)) }
}

extension ReplyRequest {
  /// The messages of a conversation.
  var messages: [Conversation.Message] {
    if case .conversation(let messages, _) = prompt { messages } else { [] }
  }
}

/// Sends the same events for every request, or `second` for the second one if it is set.
final class FakeEngine: GenerationService {
  enum Step: Sendable {
    case event(GenerationEvent)
    case fail(any Error)
    /// Leaves the stream open, like an engine that still computes.
    case hang

    /// 1 ms in the queue, 2 ms of prefill, one cached token.
    static var prefilled: Step {
      var timings = GenerationTimings()
      (timings.queue, timings.prefill) = (.milliseconds(1), .milliseconds(2))
      return .event(.prefilled(timings, cachedTokens: 1))
    }
  }

  let contextLength = 4096
  let load = EngineLoad()
  let steps: [Step]
  let second: [Step]?
  /// The events for shadow requests.
  let spare: [Step]?
  let refusal: AdmissionError?
  let requests = Mutex<[GenerationRequest]>([])
  /// The number of streams whose reader went away.
  let cancelled = Mutex(0)

  init(_ steps: [Step], second: [Step]? = nil, spare: [Step]? = nil, refusal: AdmissionError? = nil) {
    (self.steps, self.second, self.spare, self.refusal) = (steps, second, spare, refusal)
  }

  /// Sends tokens, then `finish`.
  convenience init(
    tokens: [TokenID], finish: FinishReason = .stop, thinkProbability: Float? = nil, logprobs: Bool = false
  ) {
    var steps: [Step] = [.event(.prefill(done: 2, total: 4)), .prefilled]
    for (index, id) in tokens.enumerated() {
      let top = logprobs ? [TokenLogprob(id: id, logprob: -0.5)] : []
      steps.append(
        .event(
          .token(
            GeneratedToken(
              id: id, logprob: logprobs ? -0.5 : nil, top: top, thinkProbability: index == 0 ? thinkProbability : nil)))
      )
    }
    steps.append(.event(.finished(finish)))
    self.init(steps)
  }

  func submit(_ request: GenerationRequest) throws(AdmissionError) -> AsyncThrowingStream<GenerationEvent, any Error> {
    if let refusal { throw refusal }
    let count = requests.withLock { requests in
      requests.append(request)
      return requests.count
    }
    let usual = count == 2 ? second ?? self.steps : self.steps
    let steps = request.serviceClass == .shadow ? spare ?? usual : usual
    let (stream, continuation) = AsyncThrowingStream.makeStream(of: GenerationEvent.self, throwing: (any Error).self)
    continuation.onTermination = { [weak self] reason in
      if case .cancelled = reason { self?.cancelled.withLock { $0 += 1 } }
    }
    for step in steps {
      switch step {
      case .event(let event): continuation.yield(event)
      case .fail(let error): continuation.finish(throwing: error)
      case .hang: open.withLock { $0.append(continuation) }
      }
    }
    if case .event(.finished)? = steps.last { continuation.finish() }
    return stream
  }

  private let open = Mutex<[AsyncThrowingStream<GenerationEvent, any Error>.Continuation]>([])
}

/// Collects the bytes that a stream writes.
final class Collector: HTTPBodyWriter {
  let bytes = Mutex<[UInt8]>([])
  func write(_ new: [UInt8]) async throws { bytes.withLock { $0 += new } }
  var text: String { bytes.withLock { String(decoding: $0, as: UTF8.self) } }
}

/// A server around the fakes.
struct TestServer {
  var configuration = APIConfiguration(
    model: ModelDescription(
      id: "r4b", aliases: ["org/R"], created: 7, owner: "us", vocabularySize: Fake.vocabularySize,
      meta: ["context": 4096]))
  var chat = FakeChat()
  var engine = FakeEngine(tokens: [100, 101, Fake.close, Fake.blank, 200, 201, 202, Fake.end], thinkProbability: 0.75)
  let metrics = ServerMetrics(model: "r4b", version: "1") {
    LoadSample(running: 0, waiting: 0, kvTokens: 0, kvCapacityTokens: 0)
  }
  var ledger: Ledger?
  let lines = Lines()

  final class Lines: Sendable { let bytes = Mutex<[UInt8]>([]) }

  struct Answer {
    var status: Int
    var headers: HTTPHeaders
    var text: String
    var json: JSONValue { (try? JSONValue(parsing: text)) ?? .null }
    /// The `data:` documents of a stream, without `[DONE]`.
    var chunks: [JSONValue] {
      text.split(separator: "\n").filter { $0.hasPrefix("data: {") }.compactMap {
        try? JSONValue(parsing: String($0.dropFirst(6)))
      }
    }
  }

  func api(_ log: JSONLog) -> APIServer {
    APIServer(
      configuration: configuration, chat: chat, engine: engine, metrics: metrics, log: log, ledger: ledger)
  }

  /// Sends a request and returns the whole answer; adds to `lines`.
  func ask(_ request: HTTPRequest) async throws -> Answer {
    let log = JSONLog { [lines] line in lines.bytes.withLock { $0 += line } }
    let response = await api(log).respond(to: request)
    let collector = Collector()
    switch response.body {
    case .empty: break
    case .bytes(let bytes): try await collector.write(bytes)
    case .stream(let write): try await write(collector)
    }
    log.flush()
    return Answer(status: response.status, headers: response.headers, text: collector.text)
  }

  func post(_ body: String, headers: HTTPHeaders = [:]) async throws -> Answer {
    var headers = headers
    if headers["content-type"] == nil { headers.append("content-type", "application/json") }
    return try await ask(
      HTTPRequest(method: "POST", path: "/v1/chat/completions", headers: headers, body: Array(body.utf8)))
  }

  /// Posts one user message with `fields` (JSON members) beside it.
  func chat(_ fields: String = "", headers: HTTPHeaders = [:]) async throws -> Answer {
    try await post(
      #"{"model":"r4b","messages":[{"role":"user","content":"one two three"}]"# + (fields.isEmpty ? "" : ",\(fields)")
        + "}", headers: headers)
  }

  /// Posts `body` to another endpoint.
  func post(to path: String, _ body: String) async throws -> Answer {
    try await ask(
      HTTPRequest(
        method: "POST", path: path, headers: ["content-type": "application/json"], body: Array(body.utf8)))
  }

  func get(_ path: String, query: String = "", headers: HTTPHeaders = [:]) async throws -> Answer {
    try await ask(HTTPRequest(method: "GET", path: path, query: query, headers: headers))
  }

  var log: String { lines.bytes.withLock { String(decoding: $0, as: UTF8.self) } }
}
