// The keywords of JSON Schema (2020-12 and what OpenAI's clients write), by what becomes of them here.

enum SchemaKeywords {
  /// Say nothing about which values are valid.
  static let annotations: Set<String> = [
    "title", "description", "default", "examples", "example", "$schema", "$id", "$comment", "$anchor", "deprecated",
    "readOnly", "writeOnly", "discriminator", "$defs", "definitions", "nullable",
  ]
  static let number: Set<String> = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]
  static let string: Set<String> = ["minLength", "maxLength", "pattern", "format"]
  static let array: Set<String> = ["items", "prefixItems", "minItems", "maxItems", "uniqueItems"]
  static let object: Set<String> = ["properties", "required", "additionalProperties"]
  static let whole: Set<String> = ["type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref"]

  /// Known to JSON Schema, but an automaton cannot hold to them, or not at a bounded price.
  static let unsupported: Set<String> = [
    "not", "if", "then", "else", "patternProperties", "propertyNames", "minProperties", "maxProperties",
    "dependentRequired", "dependentSchemas", "dependencies", "contains", "minContains", "maxContains",
    "unevaluatedItems", "unevaluatedProperties", "additionalItems", "contentEncoding", "contentMediaType",
    "contentSchema", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary",
  ]

  /// Formats by the pattern that is generated for them: a part of what the format allows.
  static let formats: [String: String] = {
    let date =
      "(19|20)[0-9]{2}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
    let time = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
    let byte = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
    let label = "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?"
    return [
      "date": date, "time": time, "date-time": date + "T" + time,
      "duration": "P([0-9]{1,4}D(T[0-9]{1,4}H)?|T[0-9]{1,4}[HMS]|[0-9]{1,4}[WMY])",
      "uuid": "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
      "ipv4": "(\(byte)\\.){3}\(byte)", "ipv6": "([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}",
      "hostname": "\(label)(\\.\(label)){0,3}",
      "email": "[A-Za-z0-9_+-]{1,24}(\\.[A-Za-z0-9_+-]{1,24}){0,2}@\(label)(\\.\(label)){1,3}",
      "uri": "https?://\(label)(\\.\(label)){1,3}(/[A-Za-z0-9._~-]{0,24}){0,4}",
    ]
  }()
}
