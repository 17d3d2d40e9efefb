// Translates the errors of other modules into what a client may read. No other place does.
import Basics
import Chat
import HTTP
import Imaging
import Scheduling
import StructuredOutput
import Telemetry
import Work

extension APIError {
  /// The client's view of an admission error. `param` names the field of the token limit, `prompt` that of the prompt,
  /// of which `imageTokens` belong to images.
  init(_ error: AdmissionError, param: String, prompt: String = "messages", imageTokens: Int = 0) {
    switch error {
    case .queueFull(let limit, let retryAfter):
      self.init(
        429, "The queue is full with \(limit) waiting requests. Try again later.", type: "rate_limit_error",
        code: "queue_full",
        retryAfter: max(1, Int(min(retryAfter.seconds.rounded(.up), 3600))))
    case .clientQueueFull(let waiting, let retryAfter):
      self.init(
        429,
        "The queue is nearly full, and \(waiting) of your requests already wait in it. "
          + "Try again when some have been answered.",
        type: "rate_limit_error", code: "queue_full",
        retryAfter: max(1, Int(min(retryAfter.seconds.rounded(.up), 3600))))
    case .tooLong(let promptTokens, let maxTokens, let limit):
      if promptTokens > limit {
        let parts = imageTokens == 0 ? "" : " (\(promptTokens - imageTokens) of text, \(imageTokens) of images)"
        self.init(contextLength: limit, prompt: prompt, tokens: "\(promptTokens) tokens\(parts)")
      } else {
        self.init(
          contextLength: limit, param: promptTokens == limit ? prompt : param,
          "you requested \(promptTokens + maxTokens) tokens (\(promptTokens) in the \(prompt), \(maxTokens) in the "
            + "completion). Please reduce the length of the \(prompt) or completion.")
      }
    case .shuttingDown: self = .draining
    }
  }

  /// 400 for a prompt that the context cannot hold. `tokens` states its length, as far as it is known.
  private init(contextLength limit: Int, prompt: String, tokens: String) {
    self.init(
      contextLength: limit, param: prompt,
      "your \(prompt) resulted in \(tokens). Please reduce the length of the \(prompt).")
  }

  /// 400 for more tokens than the context holds, in OpenAI's wording, from which LiteLLM and agents recognise the error
  /// and read its numbers. The message contains the code because LangChain searches for it there, and OpenAI's SDK
  /// shows only the message.
  private init(contextLength limit: Int, param: String, _ excess: String) {
    self.init(
      400, "This model's maximum context length is \(limit) tokens. However, \(excess) (context_length_exceeded)",
      param: param, code: "context_length_exceeded")
  }

  /// The reason why a running server is not ready: the error that a request would get now.
  init(notReady refusal: AdmissionError) {
    self.init(refusal, param: "")
    if status == 429 { (status, type) = (503, "server_error") }
  }

  /// 503 while the server shuts down.
  static let draining = APIError(
    503, "The server is shutting down. Try again later.", type: "server_error", code: "shutting_down", retryAfter: 10)

  /// 503 for a reply over the server's time limit.
  static let deadline = APIError(
    503, "The reply took longer than the time limit of this server. Ask for fewer tokens, or try again later.",
    type: "server_error",
    code: "deadline_exceeded", retryAfter: 10)

  /// The client's view of any error. Unexpected errors appear in the log only.
  init(translating error: any Error, requestID: String) {
    switch error {
    case let error as APIError: self = error
    case let error as ChatError: self.init(error)
    case let error as WorkError: self.init(error)
    case GenerationError.shuttingDown: self = .draining
    case GenerationError.deadline: self = .deadline
    default: self = .inner(requestID: requestID)
    }
  }

  /// The client's view of rejected work.
  init(_ error: WorkError) {
    switch error {
    case .overBudget(let limit):
      self.init(
        400,
        "Reading and preparing this request takes more than \(limit.shownSeconds) s of processor time, "
          + "the limit of this server. Send less text, fewer or smaller images, or a simpler schema.",
        code: "request_too_expensive")
    case .full(let limit):
      self.init(
        503, "The server already has \(limit) waiting jobs, its limit. Try again.", type: "server_error",
        code: "overloaded", retryAfter: 1)
    case .clientFull(let limit):
      self.init(
        429,
        "Your requests already have \(limit) waiting jobs, the limit for one client. "
          + "Try again when some have been answered.",
        type: "rate_limit_error", code: "too_many_requests", retryAfter: 1)
    }
  }

  /// The client's view of a conversation that has no prompt; `prompt` names its field.
  init(_ error: ChatError, prompt: String = "messages") {
    switch error {
    case .template(let message):
      self.init(
        400, "\(prompt): the chat template rejects the conversation: \(message).", param: prompt, code: "invalid_value")
    case .image(let field, let error):
      let (status, code) =
        switch error.kind {
        case .unsupported: (415, "unsupported_image")
        case .tooLarge: (413, "image_too_large")
        case .undecodable: (422, "undecodable_image")
        case .configuration: (500, "server_error")
        }
      let isOurs = status == 500
      self.init(
        status, isOurs ? "The server cannot process images. Its log has the cause." : "\(field): \(error).",
        type: isOurs ? "server_error" : "invalid_request_error", param: field, code: code)
    case .schema(let error):
      self.init(400, "\(error.path) \(error.reason).", param: error.path, code: "unsupported_schema")
    case .tooLong(let limit):
      self.init(contextLength: limit, prompt: prompt, tokens: "more than \(limit) tokens")
    case .tooManyImageTokens(let text, let images, let limit):
      self.init(
        contextLength: limit, prompt: prompt,
        tokens: "\(text + images) tokens (\(text) of text, \(images) of images)")
    case .imagesUnsupported(let field, let model):
      self.init(
        400, "\(field): the model \(model) does not accept images. Send text only.", param: field,
        code: "unsupported_parameter")
    }
  }

  /// The failure that the metrics count; nil for unknown routes and methods.
  var failure: ServerMetrics.Failure? {
    switch status {
    case 401, 403: .auth
    case 404, 405: nil
    case 429, 503: .capacity
    case 500...: .inference
    default: .validation
    }
  }
}

extension Duration {
  /// Seconds for a message: 20 and not 20.0.
  fileprivate var shownSeconds: String { Int(exactly: seconds).map(String.init) ?? "\(seconds)" }
}
