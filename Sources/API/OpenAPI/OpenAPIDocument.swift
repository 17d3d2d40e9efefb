// The server's description of itself: OpenAPI 3.1 with JSON Schema 2020-12. The file `openapi.json` is part of the
// program; placeholders such as {{limits.images}} stand for what the operator decides. Tests compare its fields with
// those that the decoders read, and the server's answers with its schemas. Objects of requests state
// `additionalProperties`; those of replies do not, so that clients are ready for new members, and the tests add
// `false`.
import CEmbedded
import JSON
import Text

/// The document at `/openapi.json`, with the limits and names of this server.
package struct OpenAPIDocument: Sendable {
  package private(set) var json: JSONValue = .null
  /// Placeholders without a value; empty unless `openapi.json` is wrong.
  package private(set) var unknown: [String] = []
  /// Values without a placeholder; empty unless `openapi.json` is wrong.
  package var unused: [String] { values.keys.filter { !used.contains($0) }.map(\.string) }

  private let values: [ExactString: JSONValue]
  private var used: Set<ExactString> = []

  package init(_ configuration: APIConfiguration) {
    values = Self.values(configuration)
    let bytes = [UInt8](UnsafeRawBufferPointer(start: ce_openapi, count: ce_openapi_size))
    do {
      json = fill(try JSONValue(parsing: bytes))
    } catch {
      preconditionFailure("openapi.json: \(error)")
    }
  }

  /// The values of all placeholders.
  private static func values(_ configuration: APIConfiguration) -> [ExactString: JSONValue] {
    func number(_ value: Int) -> JSONValue { .integer(Int64(value)) }
    let limits = configuration.limits
    let rollouts = max(1, limits.rollouts)
    let lastToken = configuration.model.vocabularySize - 1
    let moreDigits = String(max(1, lastToken)).utf8.count - 1
    return [
      "limits.choices": number(limits.choices), "limits.completions": number(limits.completions),
      "limits.default_rollouts": number(min(RolloutsCodec.standardCount, rollouts)),
      "limits.image_bytes": number(limits.imageBytes), "limits.images": number(limits.images),
      "limits.logit_biases": number(limits.logitBiases), "limits.messages": number(limits.messages),
      "limits.rollouts": number(rollouts), "limits.stop_bytes": number(limits.stopBytes),
      "limits.stop_strings": number(limits.stopStrings), "limits.tool_calls": number(limits.toolCalls),
      "limits.tools": number(limits.tools), "limits.values": number(limits.values),
      "model.id": .string(configuration.model.id), "model.last_token": number(lastToken),
      // No more digits than the largest id has.
      "model.token_pattern": .string("^(0|[1-9][0-9]{0,\(moreDigits)})$"),
      "server.version": .string(configuration.version),
    ]
  }

  private mutating func fill(_ value: JSONValue) -> JSONValue {
    switch value {
    case .string(let text): return fill(text)
    case .array(let elements): return .array(elements.map { fill($0) })
    case .object(let object):
      var filled = JSONObject()
      for (name, value) in object.members { filled[name] = fill(value) }
      return .object(filled)
    default: return value
    }
  }

  /// A string that is a placeholder becomes its value; within a longer string, the text of the value.
  private mutating func fill(_ text: String) -> JSONValue {
    let bytes = Array(text.utf8)
    var rest = bytes[...]
    var filled: [UInt8] = []
    while let open = rest.firstRange(of: Array("{{".utf8)),
      let close = rest[open.upperBound...].firstRange(of: Array("}}".utf8))
    {
      let name = String(decoding: rest[open.upperBound..<close.lowerBound], as: UTF8.self)
      guard let value = values[name.exact] else {
        unknown.append(name)
        return .string(text)
      }
      used.insert(name.exact)
      if open.lowerBound == bytes.startIndex, close.upperBound == bytes.endIndex { return value }
      filled += rest[..<open.lowerBound]
      filled += value.string.map { Array($0.utf8) } ?? value.encoded
      rest = rest[close.upperBound...]
    }
    return .string(String(decoding: filled + rest, as: UTF8.self))
  }
}
