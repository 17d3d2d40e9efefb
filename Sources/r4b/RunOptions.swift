// The options of `r4b eval` and `r4b annotate`, and the frame of their runs: a client, a progress display, an end at
// the first signal.
import API
import ArgumentParser
import Evaluation
import Foundation
import Glibc
import JSON

/// The model to ask, the number of questions, and the directory for results.
struct RunOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Directory for the results.", valueName: "dir"))
  var out: String

  @Option(
    help: ArgumentHelp(
      "Server with OpenAI's API, for instance http://127.0.0.1:8000/v1; default: the model in this process.",
      valueName: "url"))
  var url: String?

  @Option(help: "API key for --url; default: R4B_API_KEY.")
  var key: String?

  @Option(help: ArgumentHelp("Model name in requests to --url.", valueName: "name"))
  var modelName: String?

  @Option(help: "Limit of questions per set, from the first.")
  var limit: Int?

  @Option(help: "Concurrent requests.")
  var parallel = 4

  @Option(
    help:
      "Limit of reply tokens, including thinking; default: the server's limit, here 8192 or what the context leaves."
  )
  var maxTokens: Int?

  @Option(help: "Seed for requests and for confidence intervals.")
  var seed: UInt64 = 0

  @Flag(help: "Store the text of answers and thinking.")
  var keepText = false

  @Argument(help: ArgumentHelp("Question sets.", valueName: "set.jsonl"))
  var sets: [String]

  func validate() throws {
    for (name, value) in [("limit", limit), ("parallel", parallel), ("max-tokens", maxTokens)] {
      if let value, value < 1 { throw ValidationError("--\(name) must be at least 1, got \(value)") }
    }
    if parallel > 64 { throw ValidationError("--parallel must be at most 64, got \(parallel)") }
    if url == nil, modelName != nil { throw ValidationError("--model-name requires --url") }
  }

  /// Returns the questions up to the limit. Throws at the first malformed one.
  func questions(needAnswers: Bool) throws(EvaluationError) -> QuestionSet {
    var set = try QuestionSet(files: sets, needsAnswers: needAnswers)
    if let limit { set.limit(toFirst: limit) }
    return set
  }

  /// Returns the server of --url or the model in this process, which must be shut down at the end.
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

  /// Returns a variable's value; nil where it is empty or not set.
  static func environment(_ name: String) -> String? {
    ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// Returns the key of the flag, or else of the variable, without white space around it.
  static func key(_ flag: String?, flag name: String, variable: String) throws -> String? {
    try flag.map { try APIKeys.outgoing($0, source: name) } ?? APIKeys.outgoing(environment(variable), source: variable)
  }

  /// Runs `body` with a progress display until its end or the first signal. After a signal, prints how to continue and
  /// throws the exit code.
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
      note("Stopped. Repeat the command to continue.")
      throw ExitCode(128 + SIGINT)
    }
  }
}

/// A client, and its description in reports.
struct Answerer: Sendable {
  var client: any ModelClient
  /// The `model` of requests.
  var model: String?
  /// The properties of the server or model on which answers depend.
  var source: JSONValue
  var title: String
  /// The model in this process, if it answers.
  var local: LocalModelClient?

  /// Runs `body`, then shuts the model down, even after an error.
  func use(_ body: () async throws -> Void) async throws {
    do { try await body() } catch {
      await local?.shutdown()
      throw error
    }
    await local?.shutdown()
  }
}
