// `r4b annotate ITEMS.jsonl… --out DIR`: which items a bi-mode training set should have answered at once and which after a thought.
import ArgumentParser
import Evaluation
import Foundation
import JSON

struct AnnotateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "annotate",
    abstract: "Labels items direct or reasoning, by the two rules of R-4B's bi-mode annealing.",
    discussion: """
      Items with a known answer: samples without thinking, all wrong is reasoning. The rest: a judging model, or the model's own P(think). Labels are written to \
      the directory as they come; the same command continues a run that was stopped. The end is labels.jsonl, summary.md and summary.json. See \
      docs/annotation.md.
      """)

  /// What decides about items without an answer.
  enum Difficulty: String, ExpressibleByArgument, CaseIterable {
    case judge
    case thinkProbability = "p-think"
  }

  @OptionGroup var options: SettingsOptions
  @OptionGroup var asking: RunOptions

  @Option(help: "Samples of an item with a known answer.")
  var samples = 8

  @Option(help: "Samples that one request asks for at most.")
  var samplesPerRequest = 8

  @Option(help: "Temperature of the samples.")
  var temperature = 1.0

  @Option(help: "What decides about items without a known answer.")
  var difficulty = Difficulty.judge

  @Option(help: "With --difficulty p-think: the P(think) from which an item needs reasoning.")
  var threshold: Double?

  @Flag(help: "Let the difficulty decide about items with a known answer, too.")
  var ignoreAnswers = false

  @Option(help: ArgumentHelp("Ask a judge elsewhere, any server with OpenAI's API.", valueName: "url"))
  var judgeURL: String?

  @Option(help: "Key for --judge-url; R4B_JUDGE_KEY otherwise.")
  var judgeKey: String?

  @Option(help: ArgumentHelp("Name of the model in requests to --judge-url.", valueName: "name"))
  var judgeModelName: String?

  @Option(help: ArgumentHelp("File with the judge's prompt; {question} stands for the item.", valueName: "file"))
  var judgePrompt: String?

  @Flag(help: "Do not hold the judge to JSON by response_format, for servers without it.")
  var judgePlain = false

  @Option(
    help: ArgumentHelp("Members for the bodies of requests to the model; null takes one out.", valueName: "json"))
  var extraBody: String?

  @Option(help: ArgumentHelp("Members for the bodies of requests to the judge.", valueName: "json"))
  var judgeExtraBody: String?

  func validate() throws {
    if !(1...1024).contains(samples) { throw ValidationError("--samples must be from 1 to 1024, not \(samples)") }
    if samplesPerRequest < 1 {
      throw ValidationError("--samples-per-request must be at least 1, not \(samplesPerRequest)")
    }
    if !(0...2).contains(temperature) || temperature == 0 && samples > 1 {
      throw ValidationError("--temperature must be above 0 and at most 2, not \(temperature)")
    }
    if let threshold {
      if difficulty == .judge { throw ValidationError("--threshold belongs to --difficulty p-think") }
      if !(0...1).contains(threshold) {
        throw ValidationError("--threshold must be from 0 to 1, not \(threshold)")
      }
    }
    let judges: [(String, Bool)] = [
      ("url", judgeURL != nil), ("key", judgeKey != nil), ("model-name", judgeModelName != nil),
      ("prompt", judgePrompt != nil), ("plain", judgePlain), ("extra-body", judgeExtraBody != nil),
    ]
    for (name, isGiven) in judges where isGiven {
      if difficulty != .judge { throw ValidationError("--judge-\(name) belongs to --difficulty judge") }
      if judgeURL == nil, name == "key" || name == "model-name" {
        throw ValidationError("--judge-\(name) belongs to --judge-url")
      }
    }
    _ = try Self.members(extraBody, "extra-body")
    _ = try Self.members(judgeExtraBody, "judge-extra-body")
  }

  private static func members(_ text: String?, _ name: String) throws -> JSONObject {
    guard let text else { return JSONObject() }
    do {
      guard let object = try JSONValue(parsing: Array(text.utf8)).object else {
        throw ValidationError("--\(name): expected a JSON object")
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
      throw EvaluationError("\(judgePrompt) cannot be read or has more than \(1 << 20) bytes")
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
      note("\(summary.all.failures) of \(summary.items) items have no label; the same command asks for them again.")
      throw ExitCode.failure
    }
  }
}
