import ArgumentParser
import Basics
import Benchmarking
import Configuration
import Foundation
import GenerationTypes
import Inference
import JSON
import ModelFiles
// `r4b bench`: the speed of a model on this machine. Options and rates are those of llama.cpp's llama-bench.
import ModelLoading

struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measures prefill, decode, batches and images in tokens and views per second.")

  @OptionGroup var options: SettingsOptions

  @Option(name: [.customShort("p"), .customLong("prompt")], help: "Prompt lengths to prefill, for instance 512,2048.")
  var prompts = Sizes([512])

  @Option(name: [.customShort("n"), .customLong("tokens")], help: "Numbers of tokens to decode.")
  var tokens = Sizes([64])

  @Option(name: [.customShort("d"), .customLong("depth")], help: "Positions that the sequence already has.")
  var depths = Sizes([0])

  @Option(name: [.customShort("b"), .customLong("batch")], help: "Batch sizes of decode.")
  var batches = Sizes([1])

  @Option(
    name: .customLong("views"), help: "Numbers of views (base view and tiles) to encode, for instance 1,5; 0 for none.")
  var views = Sizes([0])

  @Option(name: [.customShort("r"), .long], help: "Timed repetitions of each row.")
  var repetitions = 5

  @Option(name: [.customShort("t"), .long], help: "Worker threads; default: the cores that this process may use.")
  var threads: Int?

  @Option(name: [.customLong("chunk")], help: "Prompt positions in one step.")
  var chunk = 512

  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    guard (1...1000).contains(repetitions) else {
      throw ValidationError("--repetitions must be between 1 and 1000, got \(repetitions)")
    }
    guard (1...65536).contains(chunk) else {
      throw ValidationError("--chunk must be between 1 and 65536, got \(chunk)")
    }
    for (name, sizes, least) in [
      ("--prompt", prompts, 0), ("--tokens", tokens, 0), ("--depth", depths, 0), ("--batch", batches, 1),
      ("--views", views, 0),
    ] where sizes.values.contains(where: { $0 < least || $0 > 1 << 20 }) {
      throw ValidationError("\(name) must be numbers between \(least) and \(1 << 20), got \(sizes)")
    }
    guard batches.values.allSatisfy({ $0 <= chunk }) else {
      throw ValidationError("--batch must be at most --chunk, which is \(chunk), got \(batches)")
    }
    guard views.values.allSatisfy({ $0 <= 64 }) else {
      throw ValidationError("--views must be at most 64, got \(views)")
    }
  }

  func run() async throws {
    try await reportingErrors { try bench() }
  }

  private func bench() throws {
    let (settings, base) = try options.load(flags: [
      SettingsFlag(\.scheduling.threads, threads.map(String.init), "--threads")
    ])
    let start = ContinuousClock.now
    let source = ModelSource(settings, base)
    let checkpoint = try source.openReporting()
    let model = try source.load(checkpoint, progress: LoadingProgress().show)
    let runner = try RRunner(
      model: model, threads: settings.scheduling.threads, maxBatch: chunk, cacheType: settings.cacheType)
    let loading = (ContinuousClock.now - start).seconds
    var report = BenchReport(model: checkpoint.path, runner: runner, loading: loading, json: json)
    var benchmark = ModelBenchmark(runner: runner)
    report.begin(bandwidth: ReadBandwidth.measure(threads: runner.threadCount))
    try benchmark.run(try plan(checkpoint)) { report.add($0) }
    report.end(bandwidth: ReadBandwidth.measure(threads: runner.threadCount))
  }

  private func plan(_ checkpoint: Checkpoint) throws -> BenchmarkPlan {
    func sizes(_ sizes: Sizes) -> [Int] { sizes.values.filter { $0 > 0 } }
    var plan = BenchmarkPlan(
      prefill: sizes(prompts), decode: sizes(tokens), depths: depths.values, sequences: batches.values,
      repetitions: repetitions)
    guard !sizes(views).isEmpty else { return plan }
    guard let vision = checkpoint.configuration.vision else {
      throw ValidationError("--views requires a model with vision")
    }
    plan.images = sizes(views).map {
      .noise(views: $0, side: vision.imageSize, patchesPerSide: vision.imageSize / vision.patchSize)
    }
    return plan
  }
}

/// Numbers separated by commas.
struct Sizes: ExpressibleByArgument, CustomStringConvertible {
  var values: [Int]
  init(_ values: [Int]) { self.values = values }
  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    values = parts.compactMap { $0 }
    guard values.count == parts.count else { return nil }
  }
  var description: String { values.map(String.init).joined(separator: ",") }
  var defaultValueDescription: String { description }
}
