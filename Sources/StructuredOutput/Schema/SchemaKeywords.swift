// The keywords of JSON Schema (2020-12, and what OpenAI's clients write), grouped by how they are handled.

import Text

enum SchemaKeywords {
  /// Keywords that do not affect which values are valid.
  static let annotations: Set<ExactString> = [
    "title", "description", "default", "examples", "example", "$schema", "$id", "$comment", "$anchor", "deprecated",
    "readOnly", "writeOnly", "discriminator", "$defs", "definitions", "nullable",
    "contentEncoding", "contentMediaType", "contentSchema", "externalDocs", "xml",
  ]
  static let number: Set<ExactString> = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]
  static let string: Set<ExactString> = ["minLength", "maxLength", "pattern", "format", "\u{0}patterns"]
  /// Patterns that apply together, as in `allOf`. An internal keyword, never read from a request.
  static let patterns = "\u{0}patterns"
  static let array: Set<ExactString> = ["items", "prefixItems", "minItems", "maxItems", "uniqueItems"]
  static let object: Set<ExactString> = [
    "properties", "required", "additionalProperties", "propertyNames", "patternProperties", "minProperties",
    "maxProperties",
  ]
  static let whole: Set<ExactString> = ["type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref", "not"]

  /// Keywords of JSON Schema that an automaton cannot enforce, or not at a bounded cost.
  static let unsupported: Set<ExactString> = [
    "if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies", "contains", "minContains",
    "maxContains",
    "unevaluatedItems", "unevaluatedProperties", "additionalItems", "$dynamicRef", "$dynamicAnchor", "$recursiveRef",
    "$recursiveAnchor", "$vocabulary",
  ]
}
