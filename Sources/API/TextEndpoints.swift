// Endpoints that tell what the model reads: ids for text, text for ids, a conversation's prompt and how many tokens it has.
import Chat
import GenerationTypes
import HTTP
import JSON

/// `/tokenize`, `/detokenize`, `/apply-template` and `/v1/chat/completions/input_tokens`.
package struct TextEndpoints: Sendable {
  let configuration: APIConfiguration
  let chat: any Chatting
  let launcher: ReplyLauncher

  private static let contents = ["content", "text", "prompt"]
  /// Fields that `tokenize` reads.
  package static let tokenizeFields = contents + ["model", "add_special", "parse_special", "with_pieces"]
  /// Fields that `detokenize` reads.
  package static let detokenizeFields = ["tokens", "model"]

  /// `{content, add_special, with_pieces}` → `{tokens}`, as llama-server answers; `text` and `prompt` are other names of the content.
  func tokenize(_ request: HTTPRequest, _ record: RequestRecord) async throws -> HTTPResponse {
    let reader = try FieldReader(
      body: try JSONBody.parse(request, configuration.limits), fields: Self.tokenizeFields)
    try reader.checkModel(configuration.model)
    var text: String?
    for name in Self.contents {
      let own = try reader.string(name)
      text = text ?? own
    }
    let content = try reader.require("content", text)
    _ = try reader.bool("add_special")
    let recognises = try reader.bool("parse_special") ?? true
    let withPieces = try reader.bool("with_pieces") ?? false
    let ignored = try reader.finish()
    let ids = try await chat.tokens(
      of: content, recognisesSpecial: recognises, limit: configuration.limits.tokens)
    let tokens = ids.map { id -> JSONValue in
      if !withPieces { return .integer(Int64(id)) }
      let piece = chat.text(of: id)
      // Bytes where they are no whole characters.
      let whole = String(validating: piece.bytes, as: UTF8.self)
      return [
        "id": .integer(Int64(id)),
        "piece": whole.map(JSONValue.string) ?? .array(piece.bytes.map { .integer(Int64($0)) }),
      ]
    }
    return .json(["tokens": .array(tokens), "count": .integer(Int64(tokens.count))], ignoring: ignored)
  }

  /// `{tokens}` → `{content}`; bytes that are no characters become U+FFFD.
  func detokenize(_ request: HTTPRequest, _ record: RequestRecord) async throws -> HTTPResponse {
    let reader = try FieldReader(
      body: try JSONBody.parse(request, configuration.limits), fields: Self.detokenizeFields)
    try reader.checkModel(configuration.model)
    let values = try reader.require("tokens", reader.array("tokens", max: configuration.limits.values))
    let ids = try reader.tokenIDs(values, "tokens", configuration.model.vocabularySize)
    let ignored = try reader.finish()
    var bytes: [UInt8] = []
    for id in ids { bytes += chat.text(of: id).bytes }
    return .json(["content": .string(String(decoding: bytes, as: UTF8.self))], ignoring: ignored)
  }

  /// The body of a chat → `{prompt}`, pictures as their placeholder.
  func applyTemplate(_ request: HTTPRequest, _ record: RequestRecord) async throws -> HTTPResponse {
    let (conversation, _, ignored) = try conversation(request, record)
    return .json(["prompt": .string(try await chat.prompt(of: conversation))], ignoring: ignored)
  }

  /// The body of a chat → how many tokens its prompt has.
  func countTokens(_ request: HTTPRequest, _ record: RequestRecord) async throws -> HTTPResponse {
    let (conversation, references, ignored) = try conversation(request, record)
    let prepared = try await launcher.prepare(conversation, references, record)
    let (text, image) = (Int64(prepared.textTokens), Int64(prepared.imageTokens))
    return .json(
      [
        "object": "response.input_tokens", "input_tokens": .integer(text + image),
        "input_tokens_details": ["text_tokens": .integer(text), "image_tokens": .integer(image)],
      ], ignoring: ignored)
  }

  private func conversation(
    _ request: HTTPRequest, _ record: RequestRecord
  ) throws(APIError) -> (Conversation, [PictureReference], ignored: IgnoredFields) {
    let body = try JSONBody.parse(request, configuration.limits)
    let wanted = try ChatCompletionRequest(body: body, configuration: configuration)
    return (try launcher.conversation(of: wanted, record).0, wanted.references, wanted.ignored)
  }
}

extension FieldReader {
  /// Ids of the vocabulary, or an error that names the one that is none.
  func tokenIDs(_ values: [JSONValue], _ name: String, _ vocabularySize: Int) throws(APIError) -> [TokenID] {
    var ids: [TokenID] = []
    ids.reserveCapacity(values.count)
    for (index, value) in values.enumerated() {
      guard let id = value.int, id >= 0, id < vocabularySize else {
        throw fail("\(name)[\(index)]", "is not a token id of this model (0 to \(vocabularySize - 1))")
      }
      ids.append(TokenID(id))
    }
    return ids
  }
}

extension HTTPResponse {
  /// A JSON document that says which fields of the request had no effect.
  static func json(_ value: JSONValue, ignoring ignored: IgnoredFields) -> HTTPResponse {
    var response = json(value)
    if let names = ignored.header() { response.headers["x-ignored-parameters"] = names }
    return response
  }
}
