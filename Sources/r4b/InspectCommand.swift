import ArgumentParser
import Foundation
import Inference
import ModelFiles
// `r4b inspect PATH`: the contents of a checkpoint, and whether it is complete.
import ModelLoading

struct InspectCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Shows the contents of a checkpoint and checks that it is complete.")

  @Argument(help: "Model: a directory in Hugging Face layout, or a GGUF file.")
  var path: String

  @Option(help: ArgumentHelp("Vision file of a GGUF file; default: mmproj-NAME.gguf beside it.", valueName: "path"))
  var mmproj: String?

  func run() async throws {
    let checkpoint: Checkpoint
    do { checkpoint = try Checkpoint(path: path, mmproj: mmproj) } catch {
      note("error: \(error)")
      throw ExitCode.failure
    }
    let text = checkpoint.configuration.text
    print("checkpoint   \(path)")
    print(
      "decoder      \(text.layerCount) layers, hidden \(text.hiddenSize), \(text.headCount) heads, \(text.kvHeadCount) KV heads of "
        + "dimension \(text.headDimension), intermediate \(text.intermediateSize), vocabulary \(text.vocabularySize)"
        + (text.tied ? ", tied head" : "") + (text.headNorms ? "" : ", no head norms"))
    printVision(of: checkpoint)
    if case .vocabulary(let vocabulary) = checkpoint.tokenizer {
      print(
        "vocabulary   \(vocabulary.tokens.count) tokens, \(vocabulary.merges.count) merges, pre-tokenizer "
          + "\(vocabulary.preTokenizer)")
    }
    print("context      \(checkpoint.configuration.maxPositions) positions")
    print(
      "template     \(checkpoint.chatTemplate.map { "\($0.utf8.count) bytes" } ?? "none: the built-in template is used")"
    )
    print("stop tokens  \(checkpoint.generation.endOfSequence.map(String.init).joined(separator: " "))")
    let summary = CheckpointSummary(of: checkpoint)
    print("\ngroup                        tensors    parameters         bytes  types")
    for group in summary.groups {
      let types = group.types.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.key.rawValue)×\($0.value)" }
      print(row(group.name, group.tensorCount, group.parameterCount, group.byteCount, types.joined(separator: " ")))
    }
    print(row("total", summary.tensorCount, summary.parameterCount, summary.byteCount, ""))
    if let bytes = try? RModel.weightBytes(of: checkpoint, plan: checkpoint.types()) {
      print("in memory                 \(ByteCount.text(bytes)) of weights")
    }
    for sentence in checkpoint.notes { print("note: \(sentence)") }
    if !summary.unused.isEmpty { print("\nnot used: \(summary.unused.joined(separator: " "))") }
    for required in checkpoint.configuration.requiredTensors {
      do { _ = try checkpoint.require(required.name, shape: required.shape) } catch {
        note("error: \(error)")
        throw ExitCode.failure
      }
    }
  }

  private func printVision(of checkpoint: Checkpoint) {
    guard let vision = checkpoint.configuration.vision, let preprocessor = checkpoint.preprocessor else {
      print("vision       none: text only")
      return
    }
    print(
      "vision       \(vision.layerCount) layers, hidden \(vision.hiddenSize), \(vision.headCount) heads, views of "
        + "\(vision.imageSize)×\(vision.imageSize) in \(vision.patchCount) patches")
    let pinpoints = preprocessor.pinpoints.map { "\($0.height)×\($0.width)" }.joined(separator: " ")
    let tiles = pinpoints.isEmpty ? "base view only, no tiles" : "best of \(pinpoints) (height×width)"
    print("images       \(tiles), resample \(preprocessor.resample)")
  }

  private func row(_ name: String, _ tensors: Int, _ parameters: Int, _ bytes: Int, _ types: String) -> String {
    func right(_ value: Int, _ width: Int) -> String {
      let text = String(value)
      return String(repeating: " ", count: max(0, width - text.count)) + text
    }
    return name + String(repeating: " ", count: max(1, 26 - name.count)) + right(tensors, 10) + right(parameters, 14)
      + right(bytes, 14) + "  " + types
  }
}
