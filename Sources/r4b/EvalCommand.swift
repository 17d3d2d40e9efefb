// `r4b eval SET.jsonl… --out DIR`: questions with known answers through the modes, and a report on what thinking costs and brings.
import ArgumentParser
import Configuration
import Evaluation
import Foundation
import Glibc
import Statistics

struct EvalCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Measures accuracy and tokens of the thinking modes on questions with known answers.",
    discussion: """
      Answers are written to the directory as they come; the same command continues a run that was stopped. The report is report.html, report.md and \
      report.json. See docs/evaluation.md.
      """)

  /// Biases of `--sweep default`.
  private static let standardSweep = [-8.0, -4, -2, -1, 0, 1, 2, 4, 8]

  @OptionGroup var options: SettingsOptions

  @Option(help: ArgumentHelp("Directory for answers and report.", valueName: "dir"))
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

  @Option(help: "Modes to ask in, of short, auto, long.")
  var modes = "short,auto,long"

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Think biases to ask auto with besides, such as -4,0,4, or default.", valueName: "biases"))
  var sweep: String?

  @Option(help: "Questions of each set that the sweep takes, from the first.")
  var sweepLimit: Int?

  @Option(help: "Questions of each set at most, from the first.")
  var limit: Int?

  @Option(help: "Requests in flight.")
  var parallel = 4

  @Option(help: "Tokens of a reply at most, thinking included.")
  var maxTokens = 8192

  @Option(help: "Seed of requests and of the report's intervals.")
  var seed: UInt64 = 0

  @Flag(help: "Keep the texts of answers and thoughts.")
  var keepText = false

  @Argument(help: ArgumentHelp("Question sets.", valueName: "set.jsonl"))
  var sets: [String]

  func validate() throws {
    for (name, value) in [
      ("sweep-limit", sweepLimit), ("limit", limit), ("parallel", parallel), ("max-tokens", maxTokens),
    ] {
      if let value, value < 1 { throw ValidationError("--\(name) must be at least 1, not \(value)") }
    }
    if parallel > 64 { throw ValidationError("--parallel must be at most 64, not \(parallel)") }
    _ = try chosenModes()
    _ = try biases()
    if url == nil, modelName != nil { throw ValidationError("--model-name belongs to --url") }
  }

  private func chosenModes() throws -> [Arm.Mode] {
    let modes = try modes.split(separator: ",", omittingEmptySubsequences: false).map { name in
      guard let mode = Arm.Mode(rawValue: String(name)) else {
        throw ValidationError("--modes: \"\(name)\" is none of short, auto, long")
      }
      return mode
    }
    guard Set(modes).count == modes.count else { throw ValidationError("--modes: a mode is given twice") }
    return modes
  }

  private func biases() throws -> [Double] {
    guard let sweep else { return [] }
    if sweep == "default" { return Self.standardSweep }
    let biases = try sweep.split(separator: ",", omittingEmptySubsequences: false).map { text in
      guard let bias = Double(text), (-100...100).contains(bias) else {
        throw ValidationError("--sweep: \"\(text)\" is no number from -100 to 100")
      }
      return bias
    }
    guard Set(biases).count == biases.count else { throw ValidationError("--sweep: a bias is given twice") }
    return biases
  }

  func run() async throws {
    try await reportingErrors { try await evaluate() }
  }

  private func evaluate() async throws {
    var set = try QuestionSet(files: sets)
    if let limit { set.limit(toFirst: limit) }
    var parameters = RunParameters()
    parameters.modes = try chosenModes()
    (parameters.biases, parameters.sweepQuestions) = (try biases(), sweepLimit)
    (parameters.maxTokens, parameters.seed, parameters.keepsText) = (maxTokens, seed, keepText)
    parameters.parallel = parallel
    let signals = await Signals()
    if let url {
      let environment = ProcessInfo.processInfo.environment["R4B_API_KEY"]
      let client = try HTTPModelClient(base: url, key: key ?? environment.flatMap { $0.isEmpty ? nil : $0 })
      (parameters.model, parameters.source) = (modelName, "a server")
      try await ask(set, parameters, client, signals, title: modelName ?? url)
    } else {
      let (settings, base) = try options.load()
      let model = try await LocalModelClient(settings: settings, base: base)
      (parameters.model, parameters.source) = (model.name, model.weights)
      do {
        try await ask(set, parameters, model, signals, title: "\(model.name) (\(model.weights))")
      } catch {
        await model.shutdown()
        throw error
      }
      await model.shutdown()
    }
  }

  /// Runs until the end or the first signal, and writes the report.
  private func ask(
    _ set: QuestionSet, _ parameters: RunParameters, _ client: any ModelClient, _ signals: Signals, title: String
  ) async throws {
    let run = try EvaluationRun(set, parameters, directory: out)
    let task = Task {
      var display = EvalProgress()
      defer { display.end() }
      return try await run.run(with: RetryingModelClient(client)) { display.show($0) }
    }
    let watch = Task { [wait = signals.wait] in
      await wait()
      task.cancel()
    }
    defer {
      watch.cancel()
      withExtendedLifetime(signals) {}
    }
    let results: [EvaluationResult]
    do { results = try await task.value } catch is CancellationError {
      note("Stopped. The same command continues.")
      throw ExitCode(128 + SIGINT)
    }
    let report = EvaluationReport(results, title: "Evaluation of \(title)", seed: seed)
    try report.write(into: out)
    for summary in report.sections[0].modes { print(Self.line(summary)) }
    note("Wrote \(out)/report.html, report.md and report.json.")
    let failures = results.count { $0.failure != nil }
    if failures > 0 {
      note("\(failures) of \(results.count) requests failed; the same command asks them again.")
      throw ExitCode.failure
    }
  }

  private static func line(_ summary: EvaluationReport.Summary) -> String {
    let accuracy = summary.accuracy.map { String(format: "%5.1f %%", 100 * $0.estimate) } ?? "–"
    let tokens = summary.output.map { String(format: "%.1f", $0.mean) } ?? "unknown"
    let thinks = summary.thinkRate.map { String(format: "%.1f %%", 100 * $0.estimate) } ?? "unknown"
    let mode = summary.arm.description
    return "\(mode)\(String(repeating: " ", count: max(1, 6 - mode.count)))accuracy \(accuracy) of \(summary.count), "
      + "tokens \(tokens), thinks \(thinks)"
  }
}
