// `r4b annotate ITEMS.jsonl… --out DIR`: labels for a bi-mode training set, which items to answer directly and which
// with thinking.
import ArgumentParser
import Evaluation
import Foundation
import JSON

struct AnnotateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "annotate",
    abstract: "Labels items as direct or reasoning by the two rules of R-4B's bi-mode annealing.",
    discussion: """
      Items with a known answer are sampled without thinking; if all samples are wrong, the label is reasoning. For other items a judge or the model's P(think) \
      decides. Writes each label to the directory as it arrives; repeating the command continues a stopped run. At the end it writes labels.jsonl, summary.md \
      and summary.json. See docs/annotation.md.
      """)

  /// The rule for items without a known answer.
  enum Difficulty: String, ExpressibleByArgument, CaseIterable {
    case judge
    case thinkProbability = "p-think"
  }

  @OptionGroup var options: SettingsOptions
  @OptionGroup var asking: RunOptions

  @Option(help: "Samples per item with a known answer.")
  var samples = 8

  @Option(help: "Limit of samples per request.")
  var samplesPerRequest = 8

  @Option(help: "Temperature of the samples.")
  var temperature = 1.0

  @Option(help: "Rule for items without a known answer.")
  var difficulty = Difficulty.judge

  @Option(help: "With --difficulty p-think: the lowest P(think) of the label reasoning; default: 0.5.")
  var threshold: Double?

  @Flag(help: "Apply --difficulty to items with a known answer, too.")
  var ignoreAnswers = false

  @Option(help: ArgumentHelp("Server with OpenAI's API that judges; default: the model itself.", valueName: "url"))
  var judgeURL: String?

  @Option(help: "API key for --judge-url; default: R4B_JUDGE_KEY.")
  var judgeKey: String?

  @Option(help: ArgumentHelp("Model name in requests to --judge-url.", valueName: "name"))
  var judgeModelName: String?

  @Option(help: ArgumentHelp("File with the judge's prompt, with {question} in place of the item.", valueName: "file"))
  var judgePrompt: String?

  @Flag(help: "Do not request JSON with response_format, for servers without it.")
  var judgePlain = false

  @Option(
    help: ArgumentHelp("JSON members to add to requests to the model; null removes one.", valueName: "json"))
  var extraBody: String?

  @Option(help: ArgumentHelp("JSON members to add to requests to the judge; null removes one.", valueName: "json"))
  var judgeExtraBody: String?

  func validate() throws {
    if !(1...1024).contains(samples) { throw ValidationError("--samples must be between 1 and 1024, got \(samples)") }
    if samplesPerRequest < 1 {
      throw ValidationError("--samples-per-request must be at least 1, got \(samplesPerRequest)")
    }
    if !(0...2).contains(temperature) || temperature == 0 && samples > 1 {
      throw ValidationError("--temperature must be above 0 and at most 2, got \(temperature)")
    }
    if let threshold {
      if difficulty == .judge { throw ValidationError("--threshold requires --difficulty p-think") }
      if !(0...1).contains(threshold) {
        throw ValidationError("--threshold must be between 0 and 1, got \(threshold)")
      }
    }
    let judges: [(String, Bool)] = [
      ("url", judgeURL != nil), ("key", judgeKey != nil), ("model-name", judgeModelName != nil),
      ("prompt", judgePrompt != nil), ("plain", judgePlain), ("extra-body", judgeExtraBody != nil),
    ]
    for (name, isGiven) in judges where isGiven {
      if difficulty != .judge { throw ValidationError("--judge-\(name) requires --difficulty judge") }
      if judgeURL == nil, name == "key" || name == "model-name" {
        throw ValidationError("--judge-\(name) requires --judge-url")
      }
    }
    _ = try Self.members(extraBody, "extra-body")
    _ = try Self.members(judgeExtraBody, "judge-extra-body")
  }

  private static func members(_ text: String?, _ name: String) throws -> JSONObject {
    guard let text else { return JSONObject() }
    do {
      guard let object = try JSONValue(parsing: Array(text.utf8)).object else {
        throw ValidationError("--\(name) must be a JSON object")
      }
      return object
    } catch let error as JSONError {
      throw ValidationError("--\(name): \(error)")
    }
  }

  func run() async throws {
    ProcessPreparation.survivesFailedWrites()
    try await reportingErrors { try await annotate() }
  }

  private func annotate() async throws {
    let set = try asking.questions(needAnswers: false)
    var parameters = AnnotationParameters()
    (parameters.samples, parameters.samplesPerRequest) = (samples, samplesPerRequest)
    (parameters.temperature, parameters.ignoresAnswers) = (temperature, ignoreAnswers)
    (parameters.maxTokens, parameters.seed, parameters.keepsText) = (asking.maxTokens, asking.seed, asking.keepText)
    parameters.difficulty =
      switch difficulty {
      case .judge: .judge(try judge())
      case .thinkProbability: .thinkProbability(threshold: threshold ?? 0.5)
      }
    parameters.extra = try Self.members(extraBody, "extra-body")
    parameters.judgeExtra = try Self.members(judgeExtraBody, "judge-extra-body")
    parameters.parallel = asking.parallel
    let signals = await Signals()
    let other = try judgeURL.map {
      try HTTPModelClient(base: $0, key: try RunOptions.key(judgeKey, flag: "--judge-key", variable: "R4B_JUDGE_KEY"))
    }
    let answerer = try await asking.answerer(options)
    (parameters.model, parameters.source) = (answerer.model, answerer.source)
    parameters.judgeModel = other == nil ? answerer.model : judgeModelName
    parameters.judgeSource = other.map { .string($0.address) } ?? answerer.source
    let model = RetryingModelClient(answerer.client)
    let judge = other.map { RetryingModelClient($0) } ?? model
    try await answerer.use {
      let run = try AnnotationRun(set, parameters, directory: asking.out)
      let annotations = try await asking.untilSignal(signals) { progress in
        try await run.run(with: model, judge: judge, progress: progress)
      }
      try report(AnnotationSummary(annotations, title: "Annotation by \(answerer.title)"))
    }
  }

  private func judge() throws(EvaluationError) -> DifficultyJudge {
    guard let judgePrompt else { return DifficultyJudge(asksForJSON: !judgePlain) }
    guard let data = FileManager.default.contents(atPath: judgePrompt), data.count <= 1 << 20 else {
      throw EvaluationError("\(judgePrompt): cannot read the file, or it has more than \(1 << 20) bytes")
    }
    do throws(EvaluationError) {
      return try DifficultyJudge(prompt: String(decoding: data, as: UTF8.self), asksForJSON: !judgePlain)
    } catch {
      throw EvaluationError("\(judgePrompt): \(error)")
    }
  }

  private func report(_ summary: AnnotationSummary) throws {
    try summary.write(into: asking.out)
    print(summary.table)
    note("Wrote \(asking.out)/labels.jsonl, summary.md and summary.json.")
    if summary.all.failures > 0 {
      note("\(summary.all.failures) of \(summary.items) items have no label; repeat the command to retry them.")
      throw ExitCode.failure
    }
  }
}
