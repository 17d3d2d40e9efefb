// `r4b perplexity FILE`: how well a model foresees a text, counted as llama.cpp's llama-perplexity counts it.
import ArgumentParser
import Configuration
import Foundation
import GenerationTypes
import Glibc
import Inference
import JSON
import ModelFiles
import Tokenization

struct PerplexityCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "perplexity", abstract: "Measures how well a model foresees a text.",
    discussion: "The text is read in windows; the second half of each is scored. No token is put before a window.")

  @OptionGroup var options: SettingsOptions

  @Option(help: "Tokens in a window.")
  var window = 512

  @Option(help: "Windows at most.")
  var windows: Int?

  @Option(help: "With --json: how many of the most probable tokens to list at each place.")
  var top = 5

  @Flag(help: "Read special tokens such as <|im_start|> in the text as tokens.")
  var special = false

  @Flag(help: "Print a JSON line for each scored place, and one for the whole.")
  var json = false

  @Argument(help: "A file of UTF-8 text.")
  var file: String

  func validate() throws {
    guard (4...1 << 20).contains(window) else { throw ValidationError("--window must be from 4 to \(1 << 20)") }
    guard (0...1000).contains(top) else { throw ValidationError("--top must be from 0 to 1000") }
    if let windows, windows < 1 { throw ValidationError("--windows must be at least 1") }
  }

  func run() async throws {
    try await reportingErrors { try measure() }
  }

  private func measure() throws {
    guard let data = FileManager.default.contents(atPath: file), let text = String(data: data, encoding: .utf8) else {
      throw ConfigurationError("\(file): cannot be read as UTF-8 text")
    }
    let (settings, base) = try options.load()
    let checkpoint = try LoadedModel.checkpoint(settings: settings, base: base)
    let context = checkpoint.configuration.maxPositions
    guard window <= context else {
      throw ConfigurationError("--window \(window): the model's context holds \(context) positions")
    }
    let tokenizer = try LoadedModel.tokenizer(of: checkpoint)
    var tokens = tokenizer.encode(text, literal: special ? [] : [0..<text.utf8.count])
    guard tokens.count >= window else {
      throw ConfigurationError("\(file): \(tokens.count) tokens, a window takes \(window)")
    }
    if let windows { tokens = Array(tokens.prefix(windows * window)) }
    let model = try LoadedModel.model(of: checkpoint, settings, progress: LoadingProgress().show)
    let runner = try RRunner(model: model, threads: settings.optionalInt("scheduling.threads"), maxBatch: 1)
    var score = TextScore()
    try runner.score(
      tokens, window: window, vocabulary: min(tokenizer.vocabularySize, runner.vocabularySize), alternatives: top
    ) { place in
      score.add(place)
      if json { show(Self.line(place)) }
    }
    if json {
      show(["tokens": .integer(Int64(score.count)), "perplexity": .number(score.perplexity)])
    } else {
      print("perplexity \(String(format: "%.4f", score.perplexity)) over \(score.count) tokens")
    }
  }

  private func show(_ line: JSONValue) { _ = put(String(decoding: line.encoded, as: UTF8.self) + "\n", STDOUT_FILENO) }

  private static func line(_ place: ScoredToken) -> JSONValue {
    [
      "position": .integer(Int64(place.position)), "id": .integer(Int64(place.token.id)),
      "logprob": .number(Double(place.token.logprob)),
      "top": .array(place.top.map { [.integer(Int64($0.id)), .number(Double($0.logprob))] }),
    ]
  }
}
