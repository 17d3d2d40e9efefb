// `r4b eval SET.jsonl… --out DIR`: questions with known answers in all modes, and a report on the cost and benefit of
// thinking.
import ArgumentParser
import Evaluation
import Foundation
import Statistics

struct EvalCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Measures accuracy and tokens of the thinking modes on questions with known answers.",
    discussion: """
      Writes each answer to the directory as it arrives; repeating the command continues a stopped run. At the end it writes report.html, report.md and \
      report.json. See docs/evaluation.md.
      """)

  /// Biases of `--sweep default`.
  private static let standardSweep = [-8.0, -4, -2, -1, 0, 1, 2, 4, 8]

  @OptionGroup var options: SettingsOptions

  @OptionGroup var asking: RunOptions

  @Option(help: "Thinking modes to measure: short, auto, long.")
  var modes = "short,auto,long"

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Additional runs of mode auto with these think biases: -4,0,4, or default.", valueName: "biases")
  )
  var sweep: String?

  @Option(help: "Limit of questions per set for the sweep, from the first.")
  var sweepLimit: Int?

  func validate() throws {
    if let sweepLimit, sweepLimit < 1 {
      throw ValidationError("--sweep-limit must be at least 1, got \(sweepLimit)")
    }
    _ = try chosenModes()
    _ = try biases()
  }

  private func chosenModes() throws -> [Arm.Mode] {
    let modes = try modes.split(separator: ",", omittingEmptySubsequences: false).map { name in
      guard let mode = Arm.Mode(rawValue: String(name)) else {
        throw ValidationError("--modes must be a list of short, auto and long, got \"\(name)\"")
      }
      return mode
    }
    guard Set(modes).count == modes.count else { throw ValidationError("--modes must not repeat a mode") }
    return modes
  }

  private func biases() throws -> [Double] {
    guard let sweep else { return [] }
    if sweep == "default" { return Self.standardSweep }
    let biases = try sweep.split(separator: ",", omittingEmptySubsequences: false).map { text in
      guard let bias = Double(text), (-100...100).contains(bias) else {
        throw ValidationError("--sweep must be a list of numbers between -100 and 100, got \"\(text)\"")
      }
      return bias
    }
    guard Set(biases).count == biases.count else { throw ValidationError("--sweep must not repeat a bias") }
    return biases
  }

  func run() async throws {
    ProcessPreparation.survivesFailedWrites()
    try await reportingErrors { try await evaluate() }
  }

  private func evaluate() async throws {
    let set = try asking.questions(needAnswers: true)
    let signals = await Signals()
    let answerer = try await asking.answerer(options)
    var parameters = RunParameters()
    parameters.modes = try chosenModes()
    (parameters.biases, parameters.sweepQuestions) = (try biases(), sweepLimit)
    (parameters.maxTokens, parameters.seed, parameters.keepsText) = (asking.maxTokens, asking.seed, asking.keepText)
    (parameters.model, parameters.source, parameters.parallel) = (answerer.model, answerer.source, asking.parallel)
    try await answerer.use { [parameters] in
      let run = try EvaluationRun(set, parameters, directory: asking.out)
      let results = try await asking.untilSignal(signals) { progress in
        try await run.run(with: RetryingModelClient(answerer.client), progress: progress)
      }
      try report(results, title: "Evaluation of \(answerer.title)")
    }
  }

  private func report(_ results: [EvaluationResult], title: String) throws {
    let report = EvaluationReport(results, title: title, seed: asking.seed)
    try report.write(into: asking.out)
    for summary in report.sections[0].modes { print(Self.line(summary)) }
    note("Wrote \(asking.out)/report.html, report.md and report.json.")
    let failures = results.count { $0.failure != nil }
    if failures > 0 {
      note("\(failures) of \(results.count) requests failed; repeat the command to retry them.")
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
