import Chat
import Foundation
import GenerationTypes
import Imaging
import JSON
import Text
import Tokenization

/// The embedded model's files, as Chat sees them.
enum RTiny {
  static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Models/r-tiny")

  static func file(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: directory.appendingPathComponent(name)))
  }

  static func tokenizer() throws -> Tokenizer { try Tokenizer(json: file("tokenizer.json")) }

  static func chat(
    template: String? = nil, withoutTemplate: Bool = false, stopTokens: Set<TokenID> = [621, 619],
    variables: [ExactString: String] = [:]
  ) throws -> ChatModel {
    let own = String(decoding: try file("chat_template.jinja"), as: UTF8.self)
    let processor = try ImageProcessor(
      side: 56, patchSize: 14, pinpoints: [(56, 112), (112, 56), (112, 112), (168, 56), (56, 168)], resample: .bilinear,
      maxPatches: nil)
    return try ChatModel(
      tokenizer: tokenizer(), imageProcessor: processor,
      configuration: .init(
        template: withoutTemplate ? nil : template ?? own, stopTokens: stopTokens, opensThought: true,
        contextLength: 2048, templateVariables: variables))
  }

  static func golden() throws -> [JSONValue] { try JSONValue(parsing: file("golden.json")).array ?? [] }
}

extension Conversation {
  /// One user message.
  static func user(_ text: String, mode: ThinkingMode = .auto, images: [[UInt8]] = []) -> Conversation {
    let parts = images.map { Part.image(bytes: $0, detail: .high, field: "image") } + [.text(text)]
    return Conversation(messages: [Message(role: .user, parts: parts)], mode: mode)
  }
}
