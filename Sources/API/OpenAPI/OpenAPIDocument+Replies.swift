// What the server answers: documents, chunks, errors and the books that go with them.

extension OpenAPIDocument {
  var texts: String {
    #"""
    "Tokens": {"type": "object", "required": ["tokens", "count"], "properties": {
      "tokens": {"type": "array", "items": {"anyOf": [
        \#(Self.schema("TokenID")),
        {"type": "object", "required": ["id", "piece"], "properties": {
          "id": \#(Self.schema("TokenID")),
          "piece": {"description": "The text, or its bytes where they are no whole characters.", "anyOf": [
            {"type": "string"}, \#(Self.schema("Bytes"))]}}}]}},
      "count": \#(Self.schema("Count"))}},
    "Text": {"type": "object", "required": ["content"], "properties": {
      "content": {"type": "string", "description": "Bytes that are no characters are U+FFFD."}}},
    "RenderedPrompt": {"type": "object", "required": ["prompt"], "properties": {
      "prompt": {"type": "string", "description": "Images are their placeholder."}}},
    "InputTokens": {"type": "object", "required": ["object", "input_tokens", "input_tokens_details"], "properties": {
      "object": {"const": "response.input_tokens"}, "input_tokens": \#(Self.schema("Count")),
      "input_tokens_details": {"type": "object", "required": ["text_tokens", "image_tokens"], "properties": {
        "text_tokens": \#(Self.schema("Count")), "image_tokens": \#(Self.schema("Count"))}}}},
    "ModelList": {"type": "object", "required": ["object", "data"], "properties": {
      "object": {"const": "list"}, "data": {"type": "array", "items": \#(Self.schema("Model"))}}},
    "Model": {"type": "object", "required": ["id", "object", "created", "owned_by", "meta"], "properties": {
      "id": {"type": "string"}, "object": {"const": "model"}, "created": \#(Self.schema("Time")),
      "owned_by": {"type": "string"},
      "meta": {"type": "object", "properties": {
        "architecture": {"type": "string"}, "parameters": \#(Self.schema("Count")), "quantization": {"type": "string"},
        "weight_bytes": \#(Self.schema("Count")), "context_length": \#(Self.schema("Count")),
        "thinking_modes": {"type": "array", "items": \#(Self.schema("ThinkingMode"))},
        "image_tokens": {"type": "string", "description": "How many tokens an image takes, as a formula."}}}}},
    "Health": {"type": "object", "required": ["status"], "properties": {"status": {"const": "ok"}}},
    "Readiness": {"type": "object", "required": ["status", "model"], "properties": {
      "status": {"const": "ready"}, "model": {"type": "string"}}},
    "OpenAPI": {"type": "object", "required": ["openapi", "info", "paths"], "additionalProperties": true, "properties": {
      "openapi": {"const": "3.1.0"}, "info": {"type": "object", "additionalProperties": true},
      "paths": {"type": "object", "additionalProperties": true}}},
    "Error": {"type": "object", "required": ["error"], "properties": {
      "error": {"type": "object", "required": ["message", "type", "param", "code"], "properties": {
        "message": {"type": "string", "minLength": 1},
        "type": {"enum": ["invalid_request_error", "authentication_error", "permission_error", "rate_limit_error", "server_error"]},
        "param": {"type": ["string", "null"], "description": "The JSON path of the field at fault."},
        "code": {"type": ["string", "null"], "description": "What went wrong in one word, for programs."}}}}},
    "Count": {"type": "integer", "minimum": 0},
    "Time": {"type": "integer", "minimum": 0, "description": "Seconds since the epoch."},
    "Bytes": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}},
    "ThinkingMode": {"enum": ["auto", "long", "short"]}
    """#
  }

  var replies: String {
    let thoughts = #"""
      "reasoning_content": {"type": ["string", "null"], "description": "The thought; the operator chooses this name, reasoning or both."},
          "reasoning": {"type": ["string", "null"]}
      """#
    let head = #"""
      "id": {"type": "string"}, "created": \#(Self.schema("Time")), "model": {"type": "string"},
          "service_tier": \#(Self.schema("ServiceTier"))
      """#
    return #"""
      "ChatCompletion": {
        "type": "object", "required": ["id", "object", "created", "model", "choices", "usage", "thinking", "timings"],
        "properties": {
          \#(head),
          "object": {"const": "chat.completion"},
          "choices": {"type": "array", "minItems": 1, "items": \#(Self.schema("ChatChoice"))},
          "usage": \#(Self.schema("Usage")), "thinking": \#(Self.schema("Thinking")), "timings": \#(Self.schema("Timings"))}
      },
      "ChatChoice": {
        "type": "object", "required": ["index", "message", "logprobs", "finish_reason"],
        "properties": {
          "index": \#(Self.schema("Count")), "message": \#(Self.schema("Reply")),
          "logprobs": \#(Self.schema("ChatLogprobs")), "finish_reason": \#(Self.schema("FinishReason")),
          "thinking": \#(Self.schema("ChoiceThinking"))}
      },
      "Reply": {
        "type": "object", "required": ["role", "content", "refusal"],
        "properties": {
          "role": {"const": "assistant"}, "content": {"type": ["string", "null"], "description": "null where there are only calls."},
          "refusal": {"type": "null"},
          \#(thoughts),
          "tool_calls": {"type": "array", "minItems": 1, "items": \#(Self.schema("ToolCall"))}}
      },
      "ToolCall": {
        "type": "object", "required": ["id", "type", "function"],
        "properties": {
          "id": {"type": "string"}, "type": {"const": "function"},
          "function": {"type": "object", "required": ["name", "arguments"], "properties": {
            "name": {"type": "string"}, "arguments": {"type": "string"}}}}
      },
      "ChatCompletionEvent": {
        "description": "The data of an event, but for the last, which is [DONE]. An error ends the stream early.",
        "anyOf": [\#(Self.schema("ChatCompletionChunk")), \#(Self.schema("Error"))]
      },
      "ChatCompletionChunk": {
        "type": "object", "required": ["id", "object", "created", "model", "choices"],
        "properties": {
          \#(head),
          "object": {"const": "chat.completion.chunk"},
          "choices": {"type": "array", "maxItems": 1, "items": {
            "type": "object", "required": ["index", "delta", "logprobs", "finish_reason"],
            "properties": {
              "index": \#(Self.schema("Count")), "delta": \#(Self.schema("Delta")),
              "logprobs": \#(Self.schema("ChatLogprobs")),
              "finish_reason": {"anyOf": [{"type": "null"}, \#(Self.schema("FinishReason"))]}}}},
          "usage": {"anyOf": [{"type": "null"}, \#(Self.schema("Usage"))],
            "description": "There with include_usage, null but in the last chunk."},
          "thinking": \#(Self.schema("Thinking")), "timings": \#(Self.schema("Timings")),
          "progress": {
            "description": "With include_progress: how far a choice's prompt is, in tokens, or one of its images.",
            "type": "object", "required": ["choice", "stage", "done", "total"],
            "properties": {
              "choice": \#(Self.schema("Count")), "stage": {"enum": ["prefill", "image"]}, "image": \#(Self.schema("Count")),
              "done": \#(Self.schema("Count")), "total": \#(Self.schema("Count"))}}}
      },
      "Delta": {
        "type": "object",
        "properties": {
          "role": {"const": "assistant"}, "content": {"type": "string"},
          \#(thoughts),
          "tool_calls": {"type": "array", "minItems": 1, "items": {
            "type": "object", "required": ["index", "function"],
            "properties": {
              "index": \#(Self.schema("Count")), "id": {"type": "string"}, "type": {"const": "function"},
              "function": {"type": "object", "required": ["arguments"], "properties": {
                "name": {"type": "string"}, "arguments": {"type": "string"}}}}}}}
      },
      "Completion": {
        "description": "Also the chunk of usage that ends a stream, without choices.",
        "type": "object", "required": ["id", "object", "created", "model", "choices", "usage", "timings"],
        "properties": {
          \#(head),
          "object": {"const": "text_completion"},
          "choices": {"type": "array", "items": \#(Self.schema("CompletionChoice"))},
          "usage": \#(Self.schema("Usage")), "timings": \#(Self.schema("Timings"))}
      },
      "CompletionEvent": {
        "description": "The data of an event, but for the last, which is [DONE]. An error ends the stream early.",
        "anyOf": [\#(Self.schema("CompletionChunk")), \#(Self.schema("Completion")), \#(Self.schema("Error"))]
      },
      "CompletionChunk": {
        "type": "object", "required": ["id", "object", "created", "model", "choices"],
        "properties": {
          \#(head),
          "object": {"const": "text_completion"},
          "choices": {"type": "array", "minItems": 1, "maxItems": 1, "items": \#(Self.schema("CompletionChoice"))},
          "usage": {"type": "null", "description": "There with include_usage."}}
      },
      "CompletionChoice": {
        "type": "object", "required": ["text", "index", "logprobs", "finish_reason"],
        "properties": {
          "text": {"type": "string"}, "index": \#(Self.schema("Count")),
          "logprobs": {"anyOf": [{"type": "null"}, {
            "type": "object", "required": ["tokens", "token_logprobs", "top_logprobs", "text_offset"],
            "properties": {
              "tokens": {"type": "array", "items": {"type": "string"}},
              "token_logprobs": {"type": "array", "items": {"type": "number"}},
              "top_logprobs": {"type": "array", "items": {"type": "object", "additionalProperties": {"type": "number"}}},
              "text_offset": {"type": "array", "items": \#(Self.schema("Count"))}}}]},
          "finish_reason": {"enum": ["stop", "length", null]}}
      },
      "FinishReason": {"enum": ["stop", "length", "tool_calls"]},
      "ServiceTier": {"enum": ["default", "flex"], "description": "There where the request named one."},
      "ChatLogprobs": {"anyOf": [{"type": "null"}, {
        "type": "object", "required": ["content", "refusal"],
        "properties": {"content": {"type": "array", "items": \#(Self.schema("TokenLogprob"))}, "refusal": {"type": "null"}}}]},
      "TokenLogprob": {
        "type": "object", "required": ["token", "logprob", "bytes", "top_logprobs"],
        "properties": {
          "token": {"type": "string"}, "logprob": {"type": "number"}, "bytes": \#(Self.schema("Bytes")),
          "top_logprobs": {"type": "array", "items": {
            "type": "object", "required": ["token", "logprob", "bytes"],
            "properties": {"token": {"type": "string"}, "logprob": {"type": "number"}, "bytes": \#(Self.schema("Bytes"))}}}}
      },
      "Usage": {
        "description": "Prompt is text and image; completion is thinking, control and answer. With n replies the prompt counts once.",
        "type": "object",
        "required": ["prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "completion_tokens_details"],
        "properties": {
          "prompt_tokens": \#(Self.schema("Count")), "completion_tokens": \#(Self.schema("Count")),
          "total_tokens": \#(Self.schema("Count")),
          "prompt_tokens_details": {"type": "object", "required": ["text_tokens", "image_tokens", "cached_tokens"],
            "properties": {
              "text_tokens": \#(Self.schema("Count")), "image_tokens": \#(Self.schema("Count")),
              "cached_tokens": \#(Self.schema("Count"))}},
          "completion_tokens_details": {"type": "object", "required": ["reasoning_tokens", "text_tokens"], "properties": {
            "reasoning_tokens": \#(Self.schema("Count")), "text_tokens": \#(Self.schema("Count"))}}}
      },
      \#(Self.thinking("Thinking", "What was asked and what happened, over all replies.", requested: true)),
      \#(Self.thinking("ChoiceThinking", "What happened in one of several replies.", requested: false)),
      "Timings": {
        "description": "Milliseconds; null where there is nothing to tell.", "type": "object",
        "required": ["queue_ms", "image_ms", "prefill_ms", "first_token_ms", "first_answer_token_ms", "decode_ms"],
        "properties": {
          "queue_ms": \#(Self.schema("Milliseconds")), "image_ms": \#(Self.schema("Milliseconds")),
          "prefill_ms": \#(Self.schema("Milliseconds")), "first_token_ms": \#(Self.schema("Milliseconds")),
          "first_answer_token_ms": \#(Self.schema("Milliseconds")), "decode_ms": \#(Self.schema("Milliseconds"))}
      },
      "Milliseconds": {"type": ["number", "null"], "minimum": 0}
      """#
  }

  private static func thinking(_ name: String, _ description: String, requested: Bool) -> String {
    let (required, property) =
      requested ? (#""requested_mode", "#, #""requested_mode": \#(schema("ThinkingMode")), "#) : ("", "")
    return #"""
      "\#(name)": {
        "description": "\#(description)", "type": "object",
        "required": [\#(required)"mode", "p_think", "thinking_tokens", "control_tokens", "answer_tokens", "stop"],
        "properties": {
          \#(property)"mode": {"enum": ["thinking", "non_thinking"]},
          "p_think": {"type": ["number", "null"], "minimum": 0, "maximum": 1,
            "description": "The probability of thinking where the model decided."},
          "thinking_tokens": \#(schema("Count")), "control_tokens": \#(schema("Count")), "answer_tokens": \#(schema("Count")),
          "stop": {"enum": ["natural", "budget", "loop", "length", null], "description": "How the thought ended."}}
      }
      """#
  }
}
