// The server's description of itself: an OpenAPI 3.1 document with JSON Schema 2020-12, the one place where requests and replies are
// written down. Made once at start-up, because its bounds are the operator's. Tests hold it from both sides: its fields are those that
// the decoders read, and what the server answers is what it says. Objects of requests say `additionalProperties`; those of replies do
// not, so that clients are ready for more, and the tests add `false`.
import JSON

/// `/openapi.json`. Text, not values: it is read more often than changed, and in the order it is written.
struct OpenAPIDocument: Sendable {
  let configuration: APIConfiguration
  var limits: RequestLimits { configuration.limits }

  init(_ configuration: APIConfiguration) { self.configuration = configuration }

  var text: String {
    #"""
    {
    "openapi": "3.1.0",
    "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
    "info": {
      "title": "r4b", "version": \#(Self.quoted(configuration.version)),
      "summary": "OpenAI's API for a model that chooses whether to think",
      "description": "\#(Self.about)",
      "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}
    },
    "servers": [{"url": "/"}],
    "security": [{}, {"key": []}],
    "tags": [
      {"name": "generation", "description": "Chats, completions and responses."},
      {"name": "text", "description": "What the model reads: tokens and prompts."},
      {"name": "models", "description": "The loaded model."},
      {"name": "operation", "description": "Whether the server lives, is ready, and what it did."}
    ],
    "paths": {
    \#(paths)
    },
    "components": {
    "securitySchemes": {
      "key": {"type": "http", "scheme": "bearer", "description": "Wanted where the operator has set keys."}
    },
    "headers": {
    \#(headers)
    },
    "responses": {
    \#(errors)
    },
    "examples": {
    \#(examples)
    },
    "schemas": {
    \#([requests, generation, thinking, messages, tools, constraints, texts, replies, responses, events, rollouts, usage].joined(separator: ",\n"))
    }
    }
    }

    """#
  }

  private static let about =
    "In requests, null counts as absent. Names that are not fields are ignored and listed in x-ignored-parameters, but one that "
    + "looks like a misspelt field is 400. Bounds are those of this server's configuration."

  /// `text` as a JSON string.
  static func quoted(_ text: String) -> String { String(decoding: JSONValue.string(text).encoded, as: UTF8.self) }

  static func schema(_ name: String) -> String { ##"{"$ref": "#/components/schemas/\##(name)"}"## }

  // MARK: Headers

  private var headers: String {
    #"""
    "x-request-id": {
      "description": "Names the request in the server's log: the client's own x-request-id where it is 1 to 128 letters, digits, - _ .",
      "required": true, "schema": {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,128}$"}
    },
    "openai-processing-ms": {
      "description": "Milliseconds until the response began.", "required": true,
      "schema": {"type": "integer", "minimum": 0}
    },
    "x-ignored-parameters": {
      "description": "Fields of the request that had no effect, at most 16.", "schema": {"type": "string"}
    },
    "retry-after": {
      "description": "Seconds after which a retry may succeed.", "required": true,
      "schema": {"type": "integer", "minimum": 1, "maximum": 3600}
    },
    "www-authenticate": {"description": "The scheme of the key.", "required": true, "schema": {"const": "Bearer"}},
    "allow": {"description": "The methods of the path.", "required": true, "schema": {"type": "string"}}
    """#
  }

  /// The headers of a response: those that every one has, and more.
  static func headers(_ more: String...) -> String {
    let entries = (["x-request-id", "openai-processing-ms"] + more).map {
      ##""\##($0)": {"$ref": "#/components/headers/\##($0)"}"##
    }
    return "{\(entries.joined(separator: ", "))}"
  }

  // MARK: Errors

  private static let statuses: [(status: Int, meaning: String, header: String?)] = [
    (400, "The request is wrong or asks for what is not offered; `param` names the field.", nil),
    (401, "A valid API key is wanted.", "www-authenticate"),
    (403, "The key's policy forbids this, or the Host header names another server.", nil),
    (404, "There is no such route or model.", nil),
    (405, "The route takes other methods.", "allow"),
    (408, "The request came too slowly.", "retry-after"),
    (411, "The body's length is missing.", nil),
    (413, "The body or an image is too large, or the route takes no body.", nil),
    (414, "The path is too long.", nil),
    (415, "The body is not application/json in UTF-8, or an image's format is not supported.", nil),
    (417, "Only 100-continue can be expected.", nil),
    (422, "An image cannot be decoded.", nil),
    (429, "The waiting line is full, or there are too many connections.", "retry-after"),
    (431, "The request's head is too large.", nil),
    (500, "The server failed; its log names the cause under the request's id.", nil),
    (501, "The transfer coding or the method is not known.", nil),
    (503, "The server is loading, shutting down, full or out of time.", "retry-after"),
    (505, "Only HTTP/1.1 is spoken.", nil),
  ]

  private var errors: String {
    Self.statuses.map { status, meaning, header in
      let headers = header.map { Self.headers($0) } ?? Self.headers()
      return #"""
        "Error\#(status)": {
          "description": \#(Self.quoted(meaning)), "headers": \#(headers),
          "content": {"application/json": {"schema": \#(Self.schema("Error"))}}
        }
        """#
    }.joined(separator: ",\n")
  }

  /// The errors of an operation: all of them, as any request can be too slow, too large or for another server; without those of
  /// a body where there is none.
  static func errors(hasBody: Bool) -> String {
    let ofBodies = [411, 415, 422]
    return statuses.filter { hasBody || !ofBodies.contains($0.status) }.map {
      ##""\##($0.status)": {"$ref": "#/components/responses/Error\##($0.status)"}"##
    }.joined(separator: ",\n    ")
  }
}
