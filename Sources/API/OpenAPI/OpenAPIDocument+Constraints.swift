// The fields of other servers that say what an answer's text must be.

extension OpenAPIDocument {
  var constraints: String {
    #"""
    "ConstraintFields": {
      "description": "What the answer's text must be, in the words of other servers; all that are given must agree.",
      "type": "object", "additionalProperties": true,
      "properties": {
        "structured_outputs": {
          "description": "vLLM's.", "type": ["object", "null"], "additionalProperties": true,
          "properties": {
            "json": \#(Self.schema("SchemaOrText")), "choice": \#(Self.schema("AnswerChoice")),
            "regex": \#(Self.schema("AnswerPattern")), "json_object": {"type": ["boolean", "null"]},
            "grammar": \#(Self.schema("Grammar")), "structural_tag": \#(Self.schema("Grammar"))}
        },
        "guided_json": \#(Self.schema("SchemaOrText")), "guided_choice": \#(Self.schema("AnswerChoice")),
        "guided_regex": \#(Self.schema("AnswerPattern")), "json_schema": \#(Self.schema("SchemaOrText")),
        "regex": \#(Self.schema("AnswerPattern")), "grammar": \#(Self.schema("Grammar")),
        "ebnf": \#(Self.schema("Grammar")), "guided_grammar": \#(Self.schema("Grammar")),
        "structural_tag": \#(Self.schema("Grammar"))
      }
    },
    "SchemaOrText": {
      "anyOf": [
        {"type": "null"}, {"type": "string", "contentMediaType": "application/json"}, \#(Self.schema("AnswerSchema"))],
      "description": "The JSON Schema of the answer, or its text."},
    "AnswerChoice": {"type": ["array", "null"], "maxItems": 10000, "items": {"type": "string"},
      "description": "The answer is one of these texts, as it is."},
    "AnswerPattern": {"type": ["string", "null"], "description": "A regular expression that the whole answer matches."},
    "Grammar": {"enum": [null, ""], "description": "Not offered."}
    """#
  }
}
