import ArgumentParser
import Basics
import Dispatch
import Foundation
import Glibc
import Inference
import ModelFiles
// `r4b quantize SOURCE OUT`: a checkpoint as a GGUF text file and a vision file beside it. Files get their names only
// when both are complete and on the disk; an interrupted command leaves at most files that end in `.partial`.
import ModelLoading
import Synchronization
import Tokenization

extension FileType: ExpressibleByArgument {}

struct QuantizeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quantize", abstract: "Writes a checkpoint as GGUF files with quantised weights.",
    discussion: "docs/quantization.md describes the accuracy of each type and the types of the tensors.")

  @Argument(help: "Model: a directory in Hugging Face layout, or a GGUF file.")
  var source: String

  @Argument(help: "Text file to write, NAME.gguf; the vision file becomes mmproj-NAME.gguf beside it.")
  var out: String

  @Option(help: "Mixture of types in the text file.")
  var type: FileType

  @Option(help: "Type of the vision file: q8_0, f16 or bf16; default: bf16 with --type bf16, else f16.")
  var visionType: FileType?

  @Option(help: "Type of the output head, for instance q4_k; default: that of the mixture.")
  var headType: String?

  @Option(help: "Vision file of a GGUF source; default: mmproj-NAME.gguf beside it.")
  var mmproj: String?

  @Flag(help: "Replace existing files.")
  var force = false

  func validate() throws {
    if let visionType, !visionType.suitsVision {
      throw ValidationError("--vision-type must be q8_0, f16 or bf16, got \(visionType.rawValue)")
    }
    if let headType, head == nil {
      let known = ElementType.allCases.map { $0.rawValue.lowercased() }.joined(separator: ", ")
      throw ValidationError("--head-type must be one of \(known), got \(headType)")
    }
    let name = URL(fileURLWithPath: out).lastPathComponent
    guard name.hasSuffix(".gguf"), name.count > 5, !name.hasPrefix("mmproj") else {
      throw ValidationError("OUT must end in .gguf and not begin with mmproj, got \(out)")
    }
  }

  func run() async throws {
    ProcessPreparation.survivesFailedWrites()
    try await reportingErrors { try write() }
  }

  private var head: ElementType? { headType.flatMap { ElementType(rawValue: $0.uppercased()) } }

  private func write() throws {
    let text = URL(fileURLWithPath: out)
    let vision = text.deletingLastPathComponent().appendingPathComponent("mmproj-" + text.lastPathComponent)
    let checkpoint = try Checkpoint(path: source, mmproj: mmproj)
    for sentence in checkpoint.notes { note("Note: \(sentence).") }
    let hasVision = checkpoint.configuration.vision != nil
    for path in hasVision ? [text.path, vision.path] : [text.path] { try checkReplaceable(path, checkpoint) }
    if isQuantized(checkpoint) {
      note("Note: \(source) is already quantised; the errors of both quantisations add up.")
    }
    // Before the first file is created: reserving its space may take minutes.
    let interruption = Interruption()
    let name = text.deletingPathExtension().lastPathComponent
    let vocabulary = try checkpoint.makeVocabulary()
    var files: [QuantizedFile] = []
    let visionType = self.visionType ?? (type == .bf16 ? .bf16 : .f16)
    if let metadata = checkpoint.visionMetadata(name: name) {
      let plan = checkpoint.configuration.visionPlan(visionType)
      files.append(try QuantizedFile(path: vision.path, visionType, metadata: metadata, plan: plan))
    }
    files.append(
      try QuantizedFile(
        path: text.path, type, metadata: checkpoint.textMetadata(name: name, vocabulary: vocabulary),
        plan: checkpoint.configuration.textPlan(type, head: head)))
    let quantizer = try Quantizer(checkpoint, into: files)
    var progress = QuantizationProgress(total: quantizer.parameterCount)
    let isWhole = try quantizer.run(progress: { progress.show($0) }, isCancelled: { interruption.signal != nil })
    if let signal = interruption.signal, !isWhole {
      note("\nInterrupted: no file was written.")
      throw ExitCode(128 + signal)
    }
    progress.finish()
    try quantizer.finish()
    report(files)
  }

  /// Throws when `path` exists and may not be replaced, or is a file of the source.
  private func checkReplaceable(_ path: String, _ checkpoint: Checkpoint) throws {
    var status = stat()
    guard stat(path, &status) == 0 else { return }
    for file in Set(checkpoint.tensorNames.compactMap { checkpoint.tensor($0)?.file }) {
      var read = stat()
      if stat(file, &read) == 0, read.st_ino == status.st_ino, read.st_dev == status.st_dev {
        throw QuantizeError("\(path) is a file of SOURCE and cannot be replaced; choose another OUT")
      }
    }
    if !force { throw QuantizeError("\(path) exists; --force replaces it") }
  }

  private func isQuantized(_ checkpoint: Checkpoint) -> Bool {
    checkpoint.tensorNames.contains { checkpoint.tensor($0)?.type.isQuantized == true }
  }

  /// Prints one line per file: its size, bits per weight, and tensors by type.
  private func report(_ files: [QuantizedFile]) {
    for file in files.reversed() {
      let tensors = file.writer.tensors
      let values = tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
      let bits = Double(tensors.reduce(0) { $0 + $1.byteCount }) * 8 / Double(values)
      let types = Dictionary(grouping: tensors, by: \.type).map { "\($0.key.rawValue)×\($0.value.count)" }.sorted()
      print(
        "\(file.writer.path): \(file.writer.byteCount) bytes, \(String(format: "%.2f", bits)) bits per weight, "
          + types.joined(separator: " "))
    }
  }
}

/// Why no file is written.
private struct QuantizeError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// Records the first SIGINT or SIGTERM instead of ending, so that partial files are removed.
private final class Interruption {
  private final class Received: Sendable { let number = Atomic<Int32>(0) }

  private let received = Received()
  private let sources: [any DispatchSourceSignal]

  init() {
    // A separate queue: the threads of the global queues, one per core, are all quantising weights.
    let queue = DispatchQueue(label: "interruption")
    sources = [SIGINT, SIGTERM].map { [received] number in
      Glibc.signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler { _ = received.number.compareExchange(expected: 0, desired: number, ordering: .relaxed) }
      source.resume()
      return source
    }
  }

  deinit { for source in sources { source.cancel() } }

  /// The received signal, if any.
  var signal: Int32? {
    let number = received.number.load(ordering: .relaxed)
    return number == 0 ? nil : number
  }
}

/// Progress, speed and remaining time: one line that is overwritten on a terminal, else a line for every tenth.
private struct QuantizationProgress {
  private let total: Int
  private let begin = ContinuousClock.now
  private let onTerminal = isatty(STDERR_FILENO) == 1
  private var shown = ContinuousClock.now
  private var tenths = 0

  init(total: Int) { self.total = total }

  /// Shows that `done` values are written, if another line is due.
  mutating func show(_ done: Int) {
    let now = ContinuousClock.now
    if onTerminal {
      guard now - shown > .milliseconds(200) || done == total else { return }
      shown = now
      _ = put("\r\u{1B}[K" + line(done, now), STDERR_FILENO)
    } else {
      guard done * 10 / max(1, total) > tenths else { return }
      tenths = done * 10 / max(1, total)
      note(line(done, now))
    }
  }

  func finish() { if onTerminal { note("") } }

  private func line(_ done: Int, _ now: ContinuousClock.Instant) -> String {
    let elapsed = now - begin
    let seconds = max(1e-3, elapsed.seconds)
    let rate = Double(done) / seconds
    let percent = Int(Double(done) / Double(max(1, total)) * 100)
    let rest = Int((Double(total - done) / rate).rounded(.up))
    return "quantising: \(percent) %, \(Int(rate / 1e6)) million weights per second, \(rest / 60):"
      + String(format: "%02d", rest % 60) + " left"
  }
}
