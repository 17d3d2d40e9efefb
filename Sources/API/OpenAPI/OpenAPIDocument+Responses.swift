// The response object of `/v1/responses`, its items and the events that tell of both.

extension OpenAPIDocument {
  var responses: String {
    #"""
    "Response": {
      "type": "object",
      "required": [
        "id", "object", "created_at", "status", "error", "incomplete_details", "model", "output", "instructions",
        "max_output_tokens", "metadata", "parallel_tool_calls", "previous_response_id", "reasoning", "store", "temperature",
        "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user", "background", "usage"],
      "properties": {
        "id": {"type": "string"}, "object": {"const": "response"}, "created_at": \#(Self.schema("Time")),
        "status": {"enum": ["in_progress", "completed", "incomplete", "failed"]},
        "error": {"anyOf": [{"type": "null"}, {"type": "object", "required": ["code", "message"], "properties": {
          "code": {"type": "string"}, "message": {"type": "string"}}}]},
        "incomplete_details": {"anyOf": [{"type": "null"}, {"type": "object", "required": ["reason"], "properties": {
          "reason": {"const": "max_output_tokens"}}}]},
        "model": {"type": "string"}, "output": {"type": "array", "items": \#(Self.schema("OutputItem"))},
        "instructions": {"type": ["string", "null"]}, "max_output_tokens": {"type": ["integer", "null"]},
        "metadata": {"type": "object", "additionalProperties": true}, "parallel_tool_calls": {"type": "boolean"},
        "previous_response_id": {"type": "null"},
        "reasoning": {"type": "object", "required": ["effort", "summary"], "properties": {
          "effort": \#(Self.schema("ReasoningEffort")), "summary": {"type": "null"}}},
        "store": {"const": false}, "temperature": {"type": "number"},
        "text": {"type": "object", "required": ["format"], "additionalProperties": true, "properties": {
          "format": \#(Self.schema("TextFormat"))}},
        "tool_choice": \#(Self.schema("ToolChoice")),
        "tools": {"type": "array", "items": {"type": "object", "additionalProperties": true}},
        "top_logprobs": \#(Self.schema("Count")), "top_p": {"type": "number"}, "truncation": {"const": "disabled"},
        "user": {"type": ["string", "null"]}, "background": {"const": false},
        "service_tier": \#(Self.schema("ServiceTier")),
        "usage": {"anyOf": [{"type": "null"}, \#(Self.schema("ResponseUsage"))]},
        "thinking": \#(Self.schema("Thinking")), "timings": \#(Self.schema("Timings"))
      }
    },
    "ResponseUsage": {
      "type": "object",
      "required": ["input_tokens", "input_tokens_details", "output_tokens", "output_tokens_details", "total_tokens"],
      "properties": {
        "input_tokens": \#(Self.schema("Count")), "output_tokens": \#(Self.schema("Count")),
        "total_tokens": \#(Self.schema("Count")),
        "input_tokens_details": {
          "type": "object", "required": ["cached_tokens", "cache_write_tokens", "text_tokens", "image_tokens"],
          "properties": {
            "cached_tokens": \#(Self.schema("Count")), "cache_write_tokens": \#(Self.schema("Count")),
            "text_tokens": \#(Self.schema("Count")), "image_tokens": \#(Self.schema("Count"))}},
        "output_tokens_details": {"type": "object", "required": ["reasoning_tokens"], "properties": {
          "reasoning_tokens": \#(Self.schema("Count"))}}}
    },
    "OutputItem": {"anyOf": [
      \#(Self.schema("ReasoningItem")), \#(Self.schema("MessageItem")), \#(Self.schema("FunctionCallItem"))]},
    "ReasoningItem": {
      "type": "object", "required": ["id", "type", "summary", "content", "status"],
      "properties": {
        "id": {"type": "string"}, "type": {"const": "reasoning"}, "summary": {"type": "array", "maxItems": 0},
        "content": {"type": "array", "items": \#(Self.schema("ReasoningPart"))}, "status": \#(Self.schema("ItemStatus"))}
    },
    "MessageItem": {
      "type": "object", "required": ["id", "type", "status", "role", "content"],
      "properties": {
        "id": {"type": "string"}, "type": {"const": "message"}, "status": \#(Self.schema("ItemStatus")),
        "role": {"const": "assistant"}, "content": {"type": "array", "items": \#(Self.schema("OutputTextPart"))}}
    },
    "FunctionCallItem": {
      "type": "object", "required": ["id", "type", "status", "call_id", "name", "arguments"],
      "properties": {
        "id": {"type": "string"}, "type": {"const": "function_call"}, "status": \#(Self.schema("ItemStatus")),
        "call_id": {"type": "string"}, "name": {"type": "string"}, "arguments": {"type": "string"}}
    },
    "ItemStatus": {"enum": ["in_progress", "completed", "incomplete"]},
    "ReasoningPart": {"type": "object", "required": ["type", "text"], "properties": {
      "type": {"const": "reasoning_text"}, "text": {"type": "string"}}},
    "OutputTextPart": {
      "type": "object", "required": ["type", "text", "annotations", "logprobs"],
      "properties": {
        "type": {"const": "output_text"}, "text": {"type": "string"}, "annotations": {"type": "array", "maxItems": 0},
        "logprobs": {"type": "array", "items": \#(Self.schema("TokenLogprob"))}}
    }
    """#
  }

  /// One event: its type and the members beside `type` and `sequence_number`.
  private static func event(_ type: String, _ members: [(name: String, schema: String)]) -> String {
    let names = (["type", "sequence_number"] + members.map(\.name)).map { #""\#($0)""# }.joined(separator: ", ")
    let properties = members.map { #""\#($0.name)": \#($0.schema)"# }.joined(separator: ", ")
    return #"""
      {"type": "object", "required": [\#(names)],
            "properties": {"type": {"const": "response.\#(type)"}, "sequence_number": \#(schema("Count")),
            \#(properties)}}
      """#
  }

  var events: String {
    let text = #"{"type": "string"}"#
    let whole = [(name: "response", schema: Self.schema("Response"))]
    let item = [("output_index", Self.schema("Count")), ("item", Self.schema("OutputItem"))]
    let place = [("item_id", text), ("output_index", Self.schema("Count"))]
    let inPart = place + [("content_index", Self.schema("Count"))]
    let part = (
      "part", #"{"anyOf": [\#(Self.schema("ReasoningPart")), \#(Self.schema("OutputTextPart"))]}"#
    )
    let logprobs = ("logprobs", #"{"type": "array", "items": \#(Self.schema("TokenLogprob"))}"#)
    let all =
      ["created", "in_progress", "completed", "incomplete", "failed"].map { Self.event($0, whole) }
      + ["output_item.added", "output_item.done"].map { Self.event($0, item) }
      + ["content_part.added", "content_part.done"].map { Self.event($0, inPart + [part]) }
      + [
        Self.event("reasoning_text.delta", inPart + [("delta", text)]),
        Self.event("reasoning_text.done", inPart + [("text", text)]),
        Self.event("output_text.delta", inPart + [("delta", text), logprobs]),
        Self.event("output_text.done", inPart + [("text", text), logprobs]),
        Self.event("function_call_arguments.delta", place + [("delta", text)]),
        Self.event("function_call_arguments.done", place + [("name", text), ("arguments", text)]),
      ]
    return #"""
      "ResponseEvent": {
        "description": "The data of an event, whose name is its type. The last is completed, incomplete or failed.",
        "anyOf": [
          \#(all.joined(separator: ",\n    "))]
      }
      """#
  }
}
