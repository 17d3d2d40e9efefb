import ArgumentParser
import Configuration
import Foundation
import GenerationTypes
import Glibc
import Inference
import JSON
import ModelFiles
// `r4b perplexity FILE`: how well a model predicts a text, computed as in llama.cpp's llama-perplexity.
import ModelLoading
import Tokenization

struct PerplexityCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "perplexity", abstract: "Measures how well a model predicts a text.",
    discussion: "Splits the text into windows and scores the second half of each. Adds no token before a window.")

  @OptionGroup var options: SettingsOptions

  @Option(help: "Tokens per window.")
  var window = 512

  @Option(help: "Limit of windows.")
  var windows: Int?

  @Option(help: "With --json: the number of most probable tokens to list at each position.")
  var top = 5

  @Flag(help: "Encode the text of special tokens, such as <|im_start|>, as these tokens.")
  var special = false

  @Flag(help: "Print one JSON line per scored position, and one for the whole text.")
  var json = false

  @Argument(help: "File with UTF-8 text.")
  var file: String

  func validate() throws {
    guard (4...1 << 20).contains(window) else {
      throw ValidationError("--window must be between 4 and \(1 << 20), got \(window)")
    }
    guard (0...1000).contains(top) else { throw ValidationError("--top must be between 0 and 1000, got \(top)") }
    if let windows, windows < 1 { throw ValidationError("--windows must be at least 1, got \(windows)") }
  }

  func run() async throws {
    try await reportingErrors { try measure() }
  }

  private func measure() throws {
    guard let data = FileManager.default.contents(atPath: file), let text = String(data: data, encoding: .utf8) else {
      throw ConfigurationError("\(file): cannot read the file as UTF-8 text")
    }
    let (settings, base) = try options.load()
    let source = ModelSource(settings, base)
    let checkpoint = try source.openReporting()
    let context = checkpoint.configuration.maxPositions
    guard window <= context else {
      throw ConfigurationError("--window must be at most the model's context of \(context) positions, got \(window)")
    }
    let tokenizer = try checkpoint.makeTokenizer()
    var tokens = tokenizer.encode(text, literal: special ? [] : [0..<text.utf8.count])
    guard tokens.count >= window else {
      throw ConfigurationError(
        "\(file): the text must have at least one window of \(window) tokens, got \(tokens.count)")
    }
    if let windows { tokens = Array(tokens.prefix(windows * window)) }
    let model = try source.load(checkpoint, progress: LoadingProgress().show)
    let runner = try RRunner(
      model: model, threads: settings.scheduling.threads, maxBatch: 1, cacheType: settings.cacheType)
    var score = TextScore()
    try runner.score(
      tokens, window: window, vocabulary: min(tokenizer.vocabularySize, runner.vocabularySize), alternatives: top
    ) { token in
      score.add(token)
      if json { show(Self.line(token)) }
    }
    if json {
      show(["tokens": .integer(Int64(score.count)), "perplexity": .number(score.perplexity)])
    } else {
      print("perplexity \(String(format: "%.4f", score.perplexity)) over \(score.count) tokens")
    }
  }

  private func show(_ line: JSONValue) { _ = put(String(decoding: line.encoded, as: UTF8.self) + "\n", STDOUT_FILENO) }

  private static func line(_ scored: ScoredToken) -> JSONValue {
    [
      "position": .integer(Int64(scored.position)), "id": .integer(Int64(scored.token.id)),
      "logprob": .number(Double(scored.token.logprob)),
      "top": .array(scored.top.map { [.integer(Int64($0.id)), .number(Double($0.logprob))] }),
    ]
  }
}
