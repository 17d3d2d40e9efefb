// `r4b quantize SOURCE OUT`: a checkpoint as a GGUF file of text and, beside it, one of vision. Files have their names only
// when both are whole and on the disk; whatever ends the command before that leaves at most files that end in `.partial`.
import ArgumentParser
import Basics
import Dispatch
import Foundation
import Glibc
import Inference
import ModelFiles
import Synchronization
import Tokenization

extension FileType: ExpressibleByArgument {}

struct QuantizeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quantize", abstract: "Writes a checkpoint as GGUF files with smaller weights.",
    discussion: "docs/quantization.md says what each type costs and which tensors get which type.")

  @Argument(help: "Checkpoint directory in Hugging Face layout, or a GGUF file.")
  var source: String

  @Argument(help: "The text file, NAME.gguf; the vision file becomes mmproj-NAME.gguf beside it.")
  var out: String

  @Option(help: "The mixture of types: \(FileType.allCases.map(\.rawValue).joined(separator: ", ")).")
  var type: FileType

  @Option(help: "The vision file's matrices: q8_0, f16 or bf16. Default: bf16 with --type bf16, else f16.")
  var visionType: FileType?

  @Option(help: "The head's type, where it is to be another than the mixture's: for instance q4_k.")
  var headType: String?

  @Option(help: "The vision file that goes with a GGUF file, where it is not mmproj-NAME.gguf beside it.")
  var mmproj: String?

  @Flag(help: "Replace files that are there.")
  var force = false

  func validate() throws {
    if let visionType, !visionType.suitsVision {
      throw ValidationError("--vision-type must be q8_0, f16 or bf16, not \(visionType.rawValue)")
    }
    if let headType, head == nil {
      let known = ElementType.allCases.map { $0.rawValue.lowercased() }.joined(separator: ", ")
      throw ValidationError("--head-type must be one of \(known), not \(headType)")
    }
    let name = URL(fileURLWithPath: out).lastPathComponent
    guard name.hasSuffix(".gguf"), name.count > 5, !name.hasPrefix("mmproj") else {
      throw ValidationError("OUT must be a file NAME.gguf that does not begin with mmproj, not \(out)")
    }
  }

  func run() async throws {
    ProcessPreparation.survivesFailedWrites()
    try await reportingErrors { try write() }
  }

  private var head: ElementType? { headType.flatMap { ElementType(rawValue: $0.uppercased()) } }

  private func write() throws {
    let place = URL(fileURLWithPath: out)
    let vision = place.deletingLastPathComponent().appendingPathComponent("mmproj-" + place.lastPathComponent)
    let checkpoint = try Checkpoint(path: source, mmproj: mmproj)
    for sentence in checkpoint.notes { note("Note: \(sentence).") }
    let hasVision = checkpoint.configuration.vision != nil
    for path in hasVision ? [place.path, vision.path] : [place.path] { try refuse(path, checkpoint) }
    if isQuantized(checkpoint) { note("note: \(source) is quantised already; the errors of both roundings add up") }
    // Before the first file is there: room for it may take minutes to get.
    let interruption = Interruption()
    let name = place.deletingPathExtension().lastPathComponent
    let vocabulary = try vocabulary(of: checkpoint)
    var files: [QuantizedFile] = []
    let visionType = self.visionType ?? (type == .bf16 ? .bf16 : .f16)
    if let metadata = checkpoint.visionMetadata(name: name) {
      let plan = checkpoint.configuration.visionPlan(visionType)
      files.append(try QuantizedFile(path: vision.path, visionType, metadata: metadata, plan: plan))
    }
    files.append(
      try QuantizedFile(
        path: place.path, type, metadata: checkpoint.textMetadata(name: name, vocabulary: vocabulary),
        plan: checkpoint.configuration.textPlan(type, head: head)))
    let quantizer = try Quantizer(checkpoint, into: files)
    var progress = QuantizationProgress(total: quantizer.parameterCount)
    let isWhole = try quantizer.run(progress: { progress.show($0) }, isCancelled: { interruption.signal != nil })
    if let signal = interruption.signal, !isWhole {
      note("\ninterrupted: nothing was written")
      throw ExitCode(128 + signal)
    }
    progress.finish()
    try quantizer.finish()
    report(files)
  }

  /// Throws when `path` is there and may not be replaced, or is a file that is read.
  private func refuse(_ path: String, _ checkpoint: Checkpoint) throws {
    var status = stat()
    guard stat(path, &status) == 0 else { return }
    for file in Set(checkpoint.tensorNames.compactMap { checkpoint.tensor($0)?.file }) {
      var read = stat()
      if stat(file, &read) == 0, read.st_ino == status.st_ino, read.st_dev == status.st_dev {
        throw QuantizeError("\(path) is a file of SOURCE: a file cannot be replaced while it is read")
      }
    }
    if !force { throw QuantizeError("\(path) exists (--force replaces it)") }
  }

  private func isQuantized(_ checkpoint: Checkpoint) -> Bool {
    checkpoint.tensorNames.contains { checkpoint.tensor($0)?.type.isQuantized == true }
  }

  private func vocabulary(of checkpoint: Checkpoint) throws -> TokenizerVocabulary {
    switch checkpoint.tokenizer {
    case .vocabulary(let vocabulary): return vocabulary
    case .json(let bytes, let path):
      do { return try TokenizerVocabulary(tokenizerJSON: bytes) } catch {
        throw TokenizerError(document: path, path: error.path, reason: error.reason)
      }
    }
  }

  /// One line a file: its size, bits for a weight, and tensors by type.
  private func report(_ files: [QuantizedFile]) {
    for file in files.reversed() {
      let tensors = file.writer.tensors
      let values = tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
      let bits = Double(tensors.reduce(0) { $0 + $1.byteCount }) * 8 / Double(values)
      let types = Dictionary(grouping: tensors, by: \.type).map { "\($0.key.rawValue)×\($0.value.count)" }.sorted()
      print(
        "\(file.writer.path): \(file.writer.byteCount) bytes, \(String(format: "%.2f", bits)) bits a weight, "
          + types.joined(separator: " "))
    }
  }
}

/// Why a file is not written.
private struct QuantizeError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// Notes the first SIGINT or SIGTERM instead of ending on it, so that unfinished files are removed.
private final class Interruption {
  private final class Received: Sendable { let number = Atomic<Int32>(0) }

  private let received = Received()
  private let sources: [any DispatchSourceSignal]

  init() {
    // A queue of its own: the global ones have as many threads as there are cores, and all of those round weights.
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

  /// The signal that came, if one did.
  var signal: Int32? {
    let number = received.number.load(ordering: .relaxed)
    return number == 0 ? nil : number
  }
}

/// How far it is, how fast, and how long it will take: one line that is written over on a terminal, else a line every tenth.
private struct QuantizationProgress {
  private let total: Int
  private let begin = ContinuousClock.now
  private let onTerminal = isatty(STDERR_FILENO) == 1
  private var shown = ContinuousClock.now
  private var tenths = 0

  init(total: Int) { self.total = total }

  /// Tells that `done` values are written, when it is time for another line.
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
    return "quantising: \(percent) %, \(Int(rate / 1e6)) million weights a second, \(rest / 60):"
      + String(format: "%02d", rest % 60) + " left"
  }
}
