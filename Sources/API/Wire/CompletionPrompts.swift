// Decodes the prompts of a raw completion, and token ids.
import GenerationTypes
import JSON

extension FieldReader {
  /// A string, an array of strings, an array of token ids, or an array of arrays of token ids.
  func rawTexts(_ name: String, _ configuration: APIConfiguration) throws(APIError) -> [ReplyRequest.RawText] {
    let value = try require(name, value(name))
    if let text = value.string { return [.text(text)] }
    guard let values = value.array else {
      throw mismatch(name, "a string, an array of strings, or an array of token ids", value)
    }
    if values.isEmpty { throw fail(name, "must not be empty") }
    let size = configuration.model.vocabularySize
    if values[0].double != nil { return [.tokens(try tokenIDs(values, name, size))] }
    var texts: [ReplyRequest.RawText] = []
    for (index, value) in values.enumerated() {
      let name = "\(name)[\(index)]"
      if let text = value.string {
        texts.append(.text(text))
      } else if let ids = value.array {
        texts.append(.tokens(try tokenIDs(ids, name, size)))
      } else {
        throw mismatch(name, "a string or an array of token ids", value)
      }
    }
    return texts
  }

  /// Checks that `values` are ids of the vocabulary.
  func tokenIDs(_ values: [JSONValue], _ name: String, _ vocabularySize: Int) throws(APIError) -> [TokenID] {
    var ids: [TokenID] = []
    ids.reserveCapacity(values.count)
    for (index, value) in values.enumerated() {
      guard let id = value.int, id >= 0, id < vocabularySize else {
        throw fail("\(name)[\(index)]", "must be a token id between 0 and \(vocabularySize - 1)")
      }
      ids.append(TokenID(id))
    }
    return ids
  }
}
