// Rollouts: the request and what answers it.

extension OpenAPIDocument {
  var rollouts: String {
    #"""
    "RolloutRequest": {
      "description": "Chat fields that name a mode have no effect here: both are taken.",
      "allOf": [\#(Self.schema("SamplingFields")), \#(Self.schema("ThoughtBounds"))],
      "type": "object", "required": ["messages"], "additionalProperties": true,
      "properties": {
        "messages": {"type": "array", "minItems": 1, "maxItems": \#(limits.messages), "items": \#(Self.schema("Message")),
          "description": "At most \#(limits.images) images in all."},
        "g": {"type": ["integer", "null"], "minimum": 1, "maximum": \#(max(1, limits.rollouts)),
          "default": \#(min(RolloutsCodec.standardCount, max(1, limits.rollouts))), "description": "Replies in each mode."},
        "max_completion_tokens": \#(Self.schema("TokenLimit")),
        "max_tokens": \#(Self.schema("TokenLimit")),
        "stop": \#(Self.schema("StopStrings")),
        "logprobs": {"type": ["boolean", "null"], "default": false, "description": "Tells every token with its log-probability."},
        "top_logprobs": \#(Self.schema("TopLogprobs"))
      }
    },
    "Rollouts": {
      "type": "object",
      "required": ["id", "object", "created", "model", "g", "seed", "prompt_tokens", "groups", "usage", "timings"],
      "properties": {
        "id": {"type": "string"}, "object": {"const": "rollouts"}, "created": \#(Self.schema("Time")),
        "model": {"type": "string"}, "g": {"type": "integer", "minimum": 1},
        "seed": {"type": "integer",
          "description": "The request's, or one of the server's. A reply's is this plus its place, thinking ones first."},
        "prompt_tokens": {"type": "integer", "minimum": 1,
          "description": "Of the thinking group; that of the other differs in the tags at its end."},
        "groups": {"type": "object", "required": ["thinking", "non_thinking"], "properties": {
          "thinking": {"type": "array", "minItems": 1, "items": \#(Self.schema("Rollout"))},
          "non_thinking": {"type": "array", "minItems": 1, "items": \#(Self.schema("Rollout"))}}},
        "usage": {"type": "object", "required": ["thinking", "non_thinking"], "properties": {
          "thinking": \#(Self.schema("Usage")), "non_thinking": \#(Self.schema("Usage"))}},
        "timings": \#(Self.schema("Timings"))}
    },
    "Rollout": {
      "type": "object",
      "required": [
        "text", "content", "reasoning_content", "finish_reason", "thinking", "completion_tokens", "logprob_sum", "logprobs"],
      "properties": {
        "text": {"type": "string", "description": "All tokens as they were written, tags included."},
        "content": {"type": "string"}, "reasoning_content": {"type": ["string", "null"]},
        "finish_reason": \#(Self.schema("FinishReason")), "thinking": \#(Self.schema("ChoiceThinking")),
        "completion_tokens": \#(Self.schema("Count")),
        "logprob_sum": {"type": "number", "description": "Over all tokens, in the model's own distribution."},
        "logprobs": {"type": ["array", "null"], "items": {
          "type": "object", "required": ["id", "token", "logprob", "top_logprobs"], "properties": {
            "id": \#(Self.schema("TokenID")), "token": {"type": "string"}, "logprob": {"type": "number"},
            "top_logprobs": {"type": "array", "items": {
              "type": "object", "required": ["id", "token", "logprob"], "properties": {
                "id": \#(Self.schema("TokenID")), "token": {"type": "string"}, "logprob": {"type": "number"}}}}}}}}
    }
    """#
  }
}
