// R-Tiny with changed files, in a temporary directory.
import Foundation
import Inference
import JSON
import ModelFiles
import ModelLoading

/// A copy of R-Tiny that tests may change. It is removed with its last reference.
final class RTinyCopy: Sendable {
  static let original = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../Models/r-tiny").standardizedFileURL

  let path: String

  init() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("loading-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    path = folder.path
    for name in [
      "chat_template.jinja", "config.json", "generation_config.json", "model.safetensors", "preprocessor_config.json",
      "tokenizer.json", "tokenizer_config.json",
    ] {
      try FileManager.default.copyItem(
        at: Self.original.appendingPathComponent(name), to: folder.appendingPathComponent(name))
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func open() throws -> Checkpoint { try Checkpoint(path: path) }

  /// Replaces a file.
  func write(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path).appendingPathComponent(name))
  }

  /// Replaces every `old` in a file.
  func replace(_ old: String, by new: String, in name: String) throws {
    let file = URL(fileURLWithPath: path).appendingPathComponent(name)
    let text = try String(contentsOf: file, encoding: .utf8)
    try write(name, text.replacing(old, with: new))
  }

  /// Writes the decoder alone as a GGUF file beside the other files, and returns its path.
  func writeGGUF(template: String?) throws -> String {
    let checkpoint = try open()
    let file = path + "/text.gguf"
    var metadata = checkpoint.textMetadata(name: "text", vocabulary: try checkpoint.makeVocabulary())
    metadata["tokenizer.chat_template"] = template.map { .text($0) }
    let output = try QuantizedFile(
      path: file, .f16, metadata: metadata, plan: checkpoint.configuration.textPlan(.f16))
    let quantizer = try Quantizer(checkpoint, into: [output])
    _ = try quantizer.run(progress: { _ in }, isCancelled: { false })
    try quantizer.finish()
    return file
  }
}

/// The text of the error that `body` throws; empty when it throws none.
func message(_ body: () throws -> Void) -> String {
  do { try body() } catch { return "\(error)" }
  return ""
}
