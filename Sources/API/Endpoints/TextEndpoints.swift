// Endpoints for what the model reads: ids of a text, text of ids, the prompt of a conversation and its number of
// tokens.
import Chat
import GenerationTypes
import HTTP
import JSON
import Work

/// `/tokenize`, `/detokenize`, `/apply-template` and `/v1/chat/completions/input_tokens`.
package struct TextEndpoints: Sendable {
  let service: ReplyService
  private var configuration: APIConfiguration { service.configuration }
  private var chat: any Chatting { service.chat }

  fileprivate static let contents = ["content", "text", "prompt"]
  /// Fields that `tokenize` reads.
  package static let tokenizeFields = contents + ["model", "add_special", "parse_special", "with_pieces"]
  /// Fields that `detokenize` reads.
  package static let detokenizeFields = ["tokens", "model"]

  /// `{content, add_special, with_pieces}` → `{tokens}`, as in llama-server; `text` and `prompt` are other names of
  /// `content`.
  func tokenize(_ request: HTTPRequest, _ record: RequestRecord) async throws -> HTTPResponse {
    let wanted = try await JSONBody.read(request, configuration) { [configuration] in
      try TokenizeRequest(body: $0, configuration: configuration)
    }
    let ids: [TokenID]
    do {
      ids = try await chat.tokens(
        of: wanted.content, recognisesSpecial: wanted.recognisesSpecial, limit: configuration.limits.tokens)
    } catch ChatError.tooLong(let limit) {
      // The limit of this endpoint, not of the context.
      throw APIError.invalid(
        wanted.field,
        "\(wanted.field) must have at most \(limit) tokens. Send the text in parts.",
        code: "invalid_value")
    }
    let size = ids.count * (wanted.withPieces ? 48 : 8)
    return try await configuration.work.run(bytes: size) { [chat] budget in
      try Self.document(ids, wanted, chat, capacity: size) { budget.shouldStop }
    }
  }

  /// The answer to `tokenize`, written token by token: a JSON value of a million pieces would take ten times the
  /// memory.
  private static func document(
    _ ids: [TokenID], _ wanted: TokenizeRequest, _ chat: any Chatting, capacity: Int, shouldStop: () -> Bool
  ) throws -> HTTPResponse {
    var bytes = Array(#"{"tokens":["#.utf8)
    bytes.reserveCapacity(capacity)
    for (index, id) in ids.enumerated() {
      if index > 0 { bytes.append(UInt8(ascii: ",")) }
      if index & 0xFFF == 0xFFF, shouldStop() { throw CancellationError() }
      let number = JSONValue.integer(Int64(id))
      guard wanted.withPieces else {
        number.write(into: &bytes, indent: nil, level: 0)
        continue
      }
      let piece = chat.text(of: id)
      // Bytes if they are not whole characters.
      let whole = String(validating: piece.bytes, as: UTF8.self)
      let entry: JSONValue = [
        "id": number, "piece": whole.map(JSONValue.string) ?? .array(piece.bytes.map { .integer(Int64($0)) }),
      ]
      entry.write(into: &bytes, indent: nil, level: 0)
    }
    bytes += #"],"count":\#(ids.count)}"#.utf8
    return .json(encoded: bytes, ignoring: wanted.ignored)
  }

  /// `{tokens}` → `{content}`; invalid UTF-8 becomes U+FFFD.
  func detokenize(_ request: HTTPRequest, _ record: RequestRecord) async throws -> HTTPResponse {
    try await configuration.work.run(bytes: request.body.count * 4) { [configuration, chat] budget in
      let (ids, ignored) = try JSONBody.decode(request, configuration, budget) {
        body throws -> ([TokenID], IgnoredFields) in
        let reader = try FieldReader(body: body, fields: Self.detokenizeFields)
        try reader.checkModel(configuration.model)
        let values = try reader.require("tokens", reader.array("tokens", max: configuration.limits.values))
        let ids = try reader.tokenIDs(values, "tokens", configuration.model.vocabularySize)
        return (ids, try reader.finish())
      }
      var bytes: [UInt8] = []
      for (index, id) in ids.enumerated() {
        if index & 0xFFF == 0xFFF, budget.shouldStop { throw CancellationError() }
        bytes += chat.text(of: id).bytes
      }
      return .json(["content": .string(String(decoding: bytes, as: UTF8.self))], ignoring: ignored)
    }
  }

  /// The body of a chat completion → `{prompt}` with a placeholder for each image.
  func applyTemplate(_ request: HTTPRequest, _ record: RequestRecord) async throws -> HTTPResponse {
    let (conversation, _, ignored) = try await conversation(request, record)
    let prompt = try await chat.prompt(of: conversation)
    return try await configuration.work.run(bytes: prompt.utf8.count) { _ in
      .json(["prompt": .string(prompt)], ignoring: ignored)
    }
  }

  /// The body of a chat completion → the number of its prompt tokens.
  func countTokens(_ request: HTTPRequest, _ record: RequestRecord) async throws -> HTTPResponse {
    let (conversation, references, ignored) = try await conversation(request, record)
    let prepared = try await service.prepare(
      conversation, references, modes: [conversation.mode], record, field: "messages")[0]
    let (text, image) = (Int64(prepared.textTokens), Int64(prepared.imageTokens))
    return .json(
      [
        "object": "response.input_tokens", "input_tokens": .integer(text + image),
        "input_tokens_details": ["text_tokens": .integer(text), "image_tokens": .integer(image)],
      ], ignoring: ignored)
  }

  private func conversation(
    _ request: HTTPRequest, _ record: RequestRecord
  ) async throws -> (Conversation, [ImageReference], ignored: IgnoredFields) {
    let wanted = try await JSONBody.read(request, configuration) { [configuration] in
      try ChatCompletionsCodec(body: $0, configuration: configuration).request
    }
    let (conversation, images) = try service.conversation(of: wanted, record)
    return (conversation, images, wanted.ignored)
  }
}

/// A validated body of `/tokenize`.
private struct TokenizeRequest: Sendable {
  let content: String
  /// The field that contains the text.
  let field: String
  let recognisesSpecial, withPieces: Bool
  let ignored: IgnoredFields

  init(body: JSONValue, configuration: APIConfiguration) throws(APIError) {
    let reader = try FieldReader(body: body, fields: TextEndpoints.tokenizeFields)
    try reader.checkModel(configuration.model)
    var text: (content: String, field: String)?
    for name in TextEndpoints.contents {
      let own = try reader.string(name)
      text = text ?? own.map { ($0, name) }
    }
    (content, field) = try reader.require("content", text)
    _ = try reader.bool("add_special")
    recognisesSpecial = try reader.bool("parse_special") ?? true
    withPieces = try reader.bool("with_pieces") ?? false
    ignored = try reader.finish()
  }
}

extension HTTPResponse {
  /// A JSON document, with a header that lists the fields without effect.
  static func json(_ value: JSONValue, ignoring ignored: IgnoredFields) -> HTTPResponse {
    json(encoded: value.encoded, ignoring: ignored)
  }

  /// The same for an encoded document.
  static func json(encoded bytes: [UInt8], ignoring ignored: IgnoredFields) -> HTTPResponse {
    var response = json(encoded: bytes)
    response.list(ignored)
    return response
  }
}
