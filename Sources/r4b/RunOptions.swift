// The options that `r4b eval` and `r4b annotate` share, and what both do around a run: a client, a display, an end at the first signal.
import API
import ArgumentParser
import Evaluation
import Foundation
import Glibc
import JSON

/// Who is asked, how much, and where results go.
struct RunOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Directory for results.", valueName: "dir"))
  var out: String

  @Option(
    help: ArgumentHelp(
      "Ask a server with OpenAI's API, for instance http://127.0.0.1:8000/v1, not the model in this process.",
      valueName: "url"))
  var url: String?

  @Option(help: "Key for --url; R4B_API_KEY otherwise.")
  var key: String?

  @Option(help: ArgumentHelp("Name of the model in requests to --url.", valueName: "name"))
  var modelName: String?

  @Option(help: "Questions of each set at most, from the first.")
  var limit: Int?

  @Option(help: "Questions in flight.")
  var parallel = 4

  @Option(
    help:
      "Tokens of a reply at most, thinking included; else the server's own limit, here 8192 or what the context leaves."
  )
  var maxTokens: Int?

  @Option(help: "Seed of requests and, where there are any, of intervals.")
  var seed: UInt64 = 0

  @Flag(help: "Keep the texts of answers and thoughts.")
  var keepText = false

  @Argument(help: ArgumentHelp("Question sets.", valueName: "set.jsonl"))
  var sets: [String]

  func validate() throws {
    for (name, value) in [("limit", limit), ("parallel", parallel), ("max-tokens", maxTokens)] {
      if let value, value < 1 { throw ValidationError("--\(name) must be at least 1, not \(value)") }
    }
    if parallel > 64 { throw ValidationError("--parallel must be at most 64, not \(parallel)") }
    if url == nil, modelName != nil { throw ValidationError("--model-name belongs to --url") }
  }

  /// The questions, cut to the limit. Throws at the first fault.
  func questions(needAnswers: Bool) throws(EvaluationError) -> QuestionSet {
    var set = try QuestionSet(files: sets, needsAnswers: needAnswers)
    if let limit { set.limit(toFirst: limit) }
    return set
  }

  /// Who answers: the server of --url, or the model in this process, which must be shut down in the end.
  func answerer(_ options: SettingsOptions) async throws -> Answerer {
    if let url {
      let client = try HTTPModelClient(base: url, key: try Self.key(key, flag: "--key", variable: "R4B_API_KEY"))
      return Answerer(
        client: client, model: modelName, source: .string(client.address), title: modelName ?? client.address)
    }
    let (settings, base) = try options.load()
    let model = try await LocalModelClient(settings: settings, base: base)
    return Answerer(
      client: model, model: model.name, source: model.source, title: "\(model.name) (\(model.weights))",
      local: model)
  }

  /// A variable's value; nil where it is empty or not there.
  static func environment(_ name: String) -> String? {
    ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// The key of a flag, or else of a variable, without white space around it.
  static func key(_ flag: String?, flag name: String, variable: String) throws -> String? {
    try flag.map { try APIKeys.outgoing($0, source: name) } ?? APIKeys.outgoing(environment(variable), source: variable)
  }

  /// Runs `body` with a display until its end or the first signal; after a signal, says how to go on and throws the exit code.
  func untilSignal<Result: Sendable>(
    _ signals: Signals, _ body: @escaping @Sendable ((RunProgress) -> Void) async throws -> Result
  ) async throws -> Result {
    let task = Task {
      var display = RunDisplay()
      defer { display.end() }
      return try await body { display.show($0) }
    }
    let watch = Task { [wait = signals.wait] in
      await wait()
      task.cancel()
    }
    defer {
      watch.cancel()
      withExtendedLifetime(signals) {}
    }
    do { return try await task.value } catch is CancellationError {
      note("Stopped. The same command continues.")
      throw ExitCode(128 + SIGINT)
    }
  }
}

/// A client and what reports say of it.
struct Answerer: Sendable {
  var client: any ModelClient
  /// The `model` of requests.
  var model: String?
  /// Who answers, so far as it changes answers.
  var source: JSONValue
  var title: String
  /// The model in this process, if it is the one.
  var local: LocalModelClient?

  /// Runs `body` and shuts the model down, whatever comes of it.
  func use(_ body: () async throws -> Void) async throws {
    do { try await body() } catch {
      await local?.shutdown()
      throw error
    }
    await local?.shutdown()
  }
}
