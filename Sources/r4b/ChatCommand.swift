import ArgumentParser
import Basics
import Chat
import Configuration
import Dispatch
import Foundation
import GenerationTypes
import Glibc
// `r4b chat`: one question, or a conversation, in the terminal. Answers go to standard output, thinking (dimmed) and
// counts to standard error, so that a pipe gets only the answer.
import ModelLoading
import Scheduling

struct ChatCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chat", abstract: "Chats with the model in the terminal: one question, or a conversation without one.")

  @OptionGroup var options: SettingsOptions

  @Option(
    name: .shortAndLong, help: ArgumentHelp("Image for the first question; may be repeated.", valueName: "path"))
  var image: [String] = []

  @Option(help: "Thinking mode: auto (the model decides), long (think) or short (do not think).")
  var mode: String?

  @Option(help: "Limit of generated tokens, including thinking.")
  var maxTokens: Int?

  @Option(help: "Sampling temperature; 0 always takes the most probable token.")
  var temperature: Double?

  @Option(help: "Seed for sampling.")
  var seed: UInt64?

  @Argument(help: "Question; without one, read questions from the terminal.")
  var question: [String] = []

  func validate() throws {
    if let maxTokens, maxTokens < 1 { throw ValidationError("--max-tokens must be at least 1, got \(maxTokens)") }
    if let temperature, !(0...2).contains(temperature) {
      throw ValidationError("--temperature must be between 0 and 2, got \(temperature)")
    }
    if let mode, ThinkingMode(rawValue: mode) == nil {
      throw ValidationError("--mode must be auto, long or short, got \(mode)")
    }
  }

  func run() async throws {
    try await reportingErrors { try await chat() }
  }

  private func chat() async throws {
    let (settings, base) = try options.load()
    let loaded = try await LoadedModel(settings, base)
    let mode = ThinkingMode(rawValue: self.mode ?? settings.generation.thinkingMode) ?? .auto
    var session = TerminalSession(
      loaded: loaded, mode: mode, maxTokens: maxTokens ?? settings.generation.maxTokens)
    session.thought = ThoughtRules(settings)
    if let temperature { session.sampling.temperature = Float(temperature) }
    if let seed { session.sampling.seed = seed }
    for path in image { try session.attach(path) }
    if question.isEmpty {
      guard await session.converse() else { throw OutputClosed() }
    } else {
      switch await session.ask(question.joined(separator: " ")) {
      case .answered: break
      case .refused: throw ExitCode.failure
      case .unread: throw OutputClosed()
      case .stopped: throw ExitCode(128 + SIGINT)
      }
    }
    await loaded.engine.shutdown(grace: .zero)
  }
}

/// Standard output is closed: nobody reads the answers.
private struct OutputClosed: Error, CustomStringConvertible {
  let description = "standard output is closed"
}

/// A conversation in progress.
private struct TerminalSession {
  let loaded: LoadedModel
  var mode: ThinkingMode
  var sampling: SamplingParameters
  var thought = ThoughtRules()
  let maxTokens: Int?
  private var messages: [Conversation.Message] = []
  private var images: [(path: String, bytes: [UInt8])] = []
  private let dims = isatty(STDERR_FILENO) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil

  init(loaded: LoadedModel, mode: ThinkingMode, maxTokens: Int?) {
    (self.loaded, self.mode, self.maxTokens) = (loaded, mode, maxTokens)
    sampling = loaded.sampling
  }

  /// Attaches an image to the next question.
  mutating func attach(_ path: String) throws {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ConfigurationError("\(path): cannot read the image")
    }
    images.append((path, Array(data)))
  }

  /// The outcome of a question.
  enum Outcome { case answered, refused, stopped, unread }

  /// Reads questions until the end of input; returns false when standard output is closed. Without a terminal it shows
  /// no prompt.
  mutating func converse() async -> Bool {
    let onTerminal = isatty(STDIN_FILENO) == 1
    if onTerminal {
      note(
        "/image PATH attaches an image · /mode auto|long|short · /new starts a new conversation · /quit or Ctrl-D ends · "
          + "Ctrl-C stops a reply")
    }
    while true {
      if onTerminal { _ = put("> ", STDERR_FILENO) }
      guard let line = readLine() else { break }
      let text = line.trimmingCharacters(in: .whitespaces)
      let words = text.split(separator: " ", maxSplits: 1).map(String.init)
      switch words.first {
      case nil: continue
      case "/quit", "/exit": return true
      case "/new": (messages, images) = ([], [])
      case "/mode":
        if words.count == 2, let chosen = ThinkingMode(rawValue: words[1]) {
          mode = chosen
        } else {
          note("mode: \(mode.rawValue); change it with /mode auto, /mode long or /mode short")
        }
      case "/image":
        do { try attach(words.count == 2 ? words[1] : "") } catch { note("\(error)") }
      case let word? where word.hasPrefix("/"):
        note("unknown command \(word); commands are /image, /mode, /new and /quit")
      default: if await ask(text) == .unread { return false }
      }
    }
    if onTerminal { note("") }
    return true
  }

  /// Asks one question and prints the reply. Without an answer the conversation stays unchanged.
  mutating func ask(_ text: String) async -> Outcome {
    let parts: [Conversation.Part] =
      images.map { .image(bytes: $0.bytes, detail: .high, field: $0.path) } + [.text(text)]
    let conversation = Conversation(
      messages: messages + [Conversation.Message(role: .user, parts: parts)], mode: mode)
    do {
      let answer = try await reply(to: conversation)
      messages = conversation.messages + [Conversation.Message(role: .assistant, parts: [.text(answer)])]
      images = []
      return .answered
    } catch is CancellationError {
      note("\n(stopped)")
      return .stopped
    } catch is OutputClosed {
      return .unread
    } catch {
      note("error: \(error)")
      return .refused
    }
  }

  private func reply(to conversation: Conversation) async throws -> String {
    let chat = try await loaded.chat.prepare(conversation)
    let room = loaded.engine.contextLength - chat.prompt.tokens.count
    var request = GenerationRequest(
      prompt: chat.prompt, sampling: sampling, control: chat.control, maxTokens: max(1, min(maxTokens ?? room, room)),
      decides: chat.decides)
    (request.start, request.thought) = (chat.start, thought)
    let (engine, submission) = (loaded.engine, request)
    let dims = self.dims
    return try await Interrupt.cancelling {
      var parser = chat.makeParser()
      var answer = ""
      var thinking = false
      var thinkProbability: Float?
      let start = ContinuousClock.now
      func show(_ pieces: [ReplyPiece]) throws(OutputClosed) {
        for piece in pieces {
          switch piece {
          case .thinking(let text):
            _ = put(dims ? "\u{1B}[2m\(text)\u{1B}[0m" : text, STDERR_FILENO)
            thinking = true
          case .content(let text):
            if thinking { note("\n") }
            thinking = false
            guard put(text, STDOUT_FILENO) else { throw OutputClosed() }
            answer += text
          case .toolCall, .toolArguments: break
          }
        }
      }
      var reason = FinishReason.stop
      for try await event in try engine.submit(submission) {
        switch event {
        case .prefill, .encoding, .prefilled: break
        case .finished(let why): reason = why
        case .token(let token):
          if let probability = token.thinkProbability { thinkProbability = probability }
          try show(parser.consume(token))
        }
      }
      try Task.checkCancellation()
      try show(parser.finish(reason))
      guard put("\n", STDOUT_FILENO) else { throw OutputClosed() }
      note(Self.summary(chat, parser, thinkProbability, took: .now - start))
      return answer
    }
  }

  private static func summary(
    _ chat: PreparedChat, _ parser: ReplyParser, _ thinkProbability: Float?, took time: Duration
  ) -> String {
    let counts = parser.thought.counts
    let mode = parser.thought.outcome == .thinking ? "thinking" : "non-thinking"
    let probability = thinkProbability.map { ", P(think) " + String(format: "%.3f", $0) } ?? ""
    let seconds = time.seconds
    return
      "[\(mode)\(probability) · prompt \(chat.textTokens) text + \(chat.imageTokens) image · thinking \(counts.thinking) · "
      + "control \(counts.control) · answer \(counts.answer) · \(String(format: "%.2f", seconds)) s]"
  }
}

/// Ctrl-C while a reply runs cancels the reply; at other times it ends the program as usual.
private enum Interrupt {
  /// Installs the handler before `reply` begins, because an earlier signal would end the program.
  static func cancelling<Value: Sendable>(
    _ reply: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    signal(SIGINT, SIG_IGN)
    let (interrupts, interrupted) = AsyncStream.makeStream(of: Void.self)
    let source = DispatchSource.makeSignalSource(signal: SIGINT)
    source.setEventHandler { interrupted.yield() }
    await withCheckedContinuation { registered in
      source.setRegistrationHandler { registered.resume() }
      source.resume()
    }
    defer {
      source.cancel()
      signal(SIGINT, SIG_DFL)
    }
    let task = Task(operation: reply)
    let watch = Task {
      for await _ in interrupts { task.cancel() }
    }
    defer { watch.cancel() }
    return try await task.value
  }
}

/// Shows on a terminal the fraction of the weights that is read.
struct LoadingProgress {
  private let onTerminal = isatty(STDERR_FILENO) == 1

  func show(_ fraction: Double) {
    guard onTerminal else { return }
    let text = fraction < 1 ? "\rLoading \(Int(fraction * 100)) % " : "\r\u{1B}[K"
    _ = put(text, STDERR_FILENO)
  }
}
