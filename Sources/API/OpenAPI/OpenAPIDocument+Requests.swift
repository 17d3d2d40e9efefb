// The bodies of requests: each a sum of groups of fields, as the decoders read them.

import Text

extension OpenAPIDocument {
  var requests: String {
    #"""
    "ChatCompletionRequest": {
      "allOf": [
        \#(Self.schema("GenerationFields")), \#(Self.schema("ReplyFields")), \#(Self.schema("ThinkingFields")),
        \#(Self.schema("ToolFields")), \#(Self.schema("ConstraintFields"))],
      "type": "object", "required": ["messages"], "additionalProperties": true,
      "properties": {
        "messages": {"type": "array", "minItems": 1, "maxItems": \#(limits.messages), "items": \#(Self.schema("Message")),
          "description": "At most \#(limits.images) images in all."},
        "response_format": \#(Self.schema("ResponseFormat")),
        "logprobs": {"type": ["boolean", "null"], "default": false,
          "description": "Log-probabilities of every generated token, thoughts included."},
        "top_logprobs": \#(Self.schema("TopLogprobs"))
      }
    },
    "CompletionRequest": {
      "allOf": [\#(Self.schema("GenerationFields")), \#(Self.schema("ReplyFields")), \#(Self.schema("ConstraintFields"))],
      "type": "object", "required": ["prompt"], "additionalProperties": true,
      "properties": {
        "prompt": {
          "description": "A text, token ids, or several of both; at most \#(limits.completions) completions, prompts times n.",
          "anyOf": [
            {"type": "string"},
            {"type": "array", "minItems": 1, "items": \#(Self.schema("TokenID"))},
            {"type": "array", "minItems": 1, "maxItems": \#(limits.completions), "items": {"anyOf": [
              {"type": "string"}, {"type": "array", "items": \#(Self.schema("TokenID"))}]}}]
        },
        "echo": {"type": ["boolean", "null"], "default": false,
          "description": "Begins each text with its prompt; not together with logprobs."},
        "suffix": {"type": ["string", "null"], "maxLength": 0, "description": "Not offered."},
        "best_of": {"type": ["integer", "null"], "minimum": 1, "maximum": 20, "description": "Only offered equal to n."},
        "logprobs": {"type": ["integer", "null"], "minimum": 0, "maximum": 20,
          "description": "Log-probabilities, with as many alternatives per token."},
        "response_format": \#(Self.schema("ResponseFormat"))
      }
    },
    "ResponseRequest": {
      "allOf": [
        \#(Self.schema("GenerationFields")), \#(Self.schema("ThinkingFields")), \#(Self.schema("ToolFields")),
        \#(Self.schema("ConstraintFields"))],
      "type": "object", "required": ["input"], "additionalProperties": true,
      "properties": {
        "input": {"anyOf": [
          {"type": "string"},
          {"type": "array", "minItems": 1, "maxItems": \#(limits.messages), "items": \#(Self.schema("InputItem"))}]},
        "instructions": {"type": ["string", "null"], "description": "A system message before the input."},
        "max_output_tokens": \#(Self.schema("TokenLimit")),
        "reasoning": {"type": ["object", "null"], "additionalProperties": true, "properties": {
          "effort": \#(Self.schema("ReasoningEffort")),
          "summary": {"description": "Ignored: thoughts are shown whole."},
          "generate_summary": {"description": "Ignored, as summary."}}},
        "text": {"type": ["object", "null"], "additionalProperties": true, "properties": {
          "format": \#(Self.schema("TextFormat")), "verbosity": {"description": "Ignored."}}},
        "top_logprobs": \#(Self.schema("TopLogprobs")),
        "include": {"type": ["array", "null"], "maxItems": 64, "description": "Ignored."},
        "store": {"type": ["boolean", "null"], "description": "Nothing is stored; true is ignored."},
        "truncation": {"enum": ["auto", "disabled", null], "description": "Nothing is truncated; auto is ignored."},
        "background": {"enum": [false, null], "description": "Not offered."},
        "previous_response_id": {"type": "null", "description": "Not offered: nothing is stored."},
        "conversation": {"type": "null", "description": "Not offered: nothing is stored."},
        "prompt": {"type": "null", "description": "Not offered: nothing is stored."}
      }
    },
    "InputItem": {
      "anyOf": [
        {"type": "object", "required": ["role", "content"], "additionalProperties": true, "properties": {
          "type": {"enum": ["message", null]}, "role": {"enum": ["system", "developer"]},
          "content": \#(Self.schema("TextContent"))}},
        {"type": "object", "required": ["role", "content"], "additionalProperties": true, "properties": {
          "type": {"enum": ["message", null]}, "role": {"const": "user"}, "content": \#(Self.schema("UserContent"))}},
        {"type": "object", "required": ["role"], "additionalProperties": true, "properties": {
          "type": {"enum": ["message", null]}, "role": {"const": "assistant"},
          "content": {"anyOf": [{"type": "null"}, \#(Self.schema("AssistantContent"))]}}},
        {"type": "object", "required": ["type", "call_id", "name", "arguments"], "additionalProperties": true,
          "properties": {
            "type": {"const": "function_call"}, "call_id": {"type": "string"}, "name": {"type": "string"},
            "arguments": {"type": "string"}}},
        {"type": "object", "required": ["type", "call_id", "output"], "additionalProperties": true, "properties": {
          "type": {"const": "function_call_output"}, "call_id": {"type": "string"},
          "output": \#(Self.schema("UserContent"))}},
        {"type": "object", "required": ["type"], "additionalProperties": true, "properties": {
          "type": {"const": "reasoning"},
          "content": {"type": ["array", "null"], "maxItems": \#(limits.messages),
            "description": "Objects whose text is the thought; others are skipped."}}}]
    },
    "TokenizeRequest": {
      "type": "object", "additionalProperties": true,
      "description": "The text is the first of content, text and prompt that is there.",
      "properties": {
        "content": {"type": ["string", "null"]}, "text": {"type": ["string", "null"]},
        "prompt": {"type": ["string", "null"]},
        "model": \#(Self.schema("ModelName")),
        "add_special": {"type": ["boolean", "null"], "description": "No effect: the model has no token that begins a text."},
        "parse_special": {"type": ["boolean", "null"], "default": true,
          "description": "Whether spellings of special tokens are those tokens."},
        "with_pieces": {"type": ["boolean", "null"], "default": false, "description": "Tokens with their texts."}
      },
      "anyOf": [
        {"required": ["content"], "properties": {"content": {"type": "string"}}},
        {"required": ["text"], "properties": {"text": {"type": "string"}}},
        {"required": ["prompt"], "properties": {"prompt": {"type": "string"}}}]
    },
    "DetokenizeRequest": {
      "type": "object", "required": ["tokens"], "additionalProperties": true,
      "properties": {
        "tokens": {"type": "array", "maxItems": \#(limits.values), "items": \#(Self.schema("TokenID"))},
        "model": \#(Self.schema("ModelName"))
      }
    }
    """#
  }

  var generation: String {
    let digits = String(max(1, configuration.model.vocabularySize - 1)).count - 1
    return #"""
      "GenerationFields": {
        "description": "How tokens are drawn and replies are told.",
        "allOf": [\#(Self.schema("SamplingFields"))],
        "type": "object", "additionalProperties": true,
        "properties": {
          "stream": {"type": ["boolean", "null"], "default": false},
          "stream_options": {
            "description": "Only with stream.",
            "type": ["object", "null"], "additionalProperties": true,
            "properties": {
              "include_usage": {"type": ["boolean", "null"], "description": "Ends the stream with a chunk of usage."},
              "include_progress": {"type": ["boolean", "null"],
                "description": "Tells in chunks how far the prompt is; ignored but in chats."}}
          }
        }
      },
      "SamplingFields": {
        "description": "How tokens are drawn. Defaults are the model's own, then the operator's.",
        "type": "object", "additionalProperties": true,
        "properties": {
          "model": \#(Self.schema("ModelName")),
          "temperature": {"type": ["number", "null"], "minimum": 0, "maximum": 2, "description": "0 takes the likeliest token."},
          "top_p": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
          "top_k": {"type": ["integer", "null"], "minimum": -1, "maximum": 1000000, "description": "0 and -1: all tokens."},
          "min_p": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
          "presence_penalty": {"type": ["number", "null"], "minimum": -2, "maximum": 2},
          "frequency_penalty": {"type": ["number", "null"], "minimum": -2, "maximum": 2},
          "repetition_penalty": {"type": ["number", "null"], "minimum": 0.01, "maximum": 10},
          "seed": {"type": ["integer", "null"], "format": "int64", "minimum": \#(Int64.min), "maximum": \#(Int64.max)},
          "logit_bias": {
            "description": "Logits added by token id.",
            "type": ["object", "null"], "maxProperties": \#(limits.logitBiases),
            "propertyNames": {"pattern": "^(0|[1-9][0-9]{0,\#(digits)})$"},
            "additionalProperties": {"type": "number", "minimum": -100, "maximum": 100}
          },
          "service_tier": {"enum": ["auto", "default", "flex", "scale", "priority", "fast", "ultrafast", null],
            "description": "flex gives way to all others; all other tiers are served as default."},
          "user": {"type": ["string", "null"], "description": "No effect."},
          "metadata": {"type": ["object", "null"], "additionalProperties": true, "description": "No effect."}
        }
      },
      "ReplyFields": {
        "description": "How many replies there are and where they end.",
        "type": "object", "additionalProperties": true,
        "properties": {
          "max_completion_tokens": \#(Self.schema("TokenLimit")),
          "max_tokens": \#(Self.schema("TokenLimit")),
          "n": {"type": ["integer", "null"], "minimum": 1, "maximum": \#(limits.choices), "default": 1},
          "stop": \#(Self.schema("StopStrings"))
        }
      },
      "StopStrings": {
        "description": "Ends a reply where its answer says this; at most \#(limits.stopBytes) bytes of UTF-8 each.",
        "anyOf": [
          {"type": "null"}, \#(Self.schema("StopString")),
          {"type": "array", "maxItems": \#(limits.stopStrings), "items": \#(Self.schema("StopString"))}]
      },
      "StopString": {"type": "string", "minLength": 1, "maxLength": \#(limits.stopBytes)},
      "TokenLimit": {
        "description": "Generated tokens at most, thoughts included; -1: all that the context has left. Its names must agree.",
        "anyOf": [{"enum": [-1, null]}, {"type": "integer", "minimum": 1, "maximum": 1000000000}]},
      "TopLogprobs": {"type": ["integer", "null"], "minimum": 0, "maximum": 20,
        "description": "Alternatives told per token. In a chat only with logprobs."},
      "ModelName": {"type": ["string", "null"], "examples": [\#(Self.quoted(configuration.model.id))],
        "description": "The loaded model's name or an alias, also where it is absent; another is 404."},
      "TokenID": {"type": "integer", "minimum": 0, "maximum": \#(configuration.model.vocabularySize - 1)}
      """#
  }

  var thinking: String {
    #"""
    "ThinkingFields": {
      "description": "Whether and how long the model thinks. Fields that name the mode must agree, and so must budgets.",
      "allOf": [\#(Self.schema("ThoughtBounds"))],
      "type": "object", "additionalProperties": true,
      "properties": {
        "thinking_mode": \#(Self.schema("ThinkingModeName")),
        "chat_template_kwargs": {
          "type": ["object", "null"], "additionalProperties": false,
          "properties": {
            "thinking_mode": \#(Self.schema("ThinkingModeName")), "enable_thinking": \#(Self.schema("EnableThinking"))}
        },
        "enable_thinking": \#(Self.schema("EnableThinking")),
        "thinking": {
          "description": "enabled is long, disabled short, adaptive auto; a disabled thought has no budget.",
          "type": ["object", "null"], "required": ["type"], "additionalProperties": true,
          "properties": {
            "type": {"enum": ["enabled", "disabled", "adaptive"]}, "budget_tokens": \#(Self.schema("ThinkingBudget"))}
        },
        "reasoning_effort": \#(Self.schema("ReasoningEffort")),
        "think_bias": {"type": ["number", "null"], "minimum": -100, "maximum": 100,
          "description": "Logits against thinking where the model decides; in mode auto."},
        "think_threshold": {"type": ["number", "null"], "minimum": 0, "maximum": 1,
          "description": "Thinks exactly when P(think) is at least this; in mode auto, instead of think_bias."}
      }
    },
    "ThoughtBounds": {
      "description": "How long a thought may be. Names of the budget must agree.",
      "type": "object", "additionalProperties": true,
      "properties": {
        "thinking_budget": \#(Self.schema("ThinkingBudget")),
        "thinking_budget_tokens": \#(Self.schema("ThinkingBudget")),
        "thinking_token_budget": \#(Self.schema("ThinkingBudget")),
        "answer_reserve": {"type": ["integer", "null"], "minimum": 0, "maximum": 1000000000,
          "description": "Tokens of the limit that are kept for the answer."}
      }
    },
    "ThinkingModeName": {"enum": ["auto", "long", "short", "thinking", "non-thinking", "on", "off", null],
      "description": "auto lets the model decide; long, thinking and on think; short, non-thinking and off do not."},
    "EnableThinking": {"type": ["boolean", "null"], "description": "true is mode long, false short."},
    "ReasoningEffort": {"enum": ["none", "minimal", "low", "medium", "high", "xhigh", "max", null],
      "description": "none is mode short, medium auto, high, xhigh and max long; minimal and low are auto with a bias against thinking."},
    "ThinkingBudget": {"type": ["integer", "null"], "minimum": -1, "maximum": 1000000000,
      "description": "Thinking tokens at most; -1 is no limit. Ignored in mode short."}
    """#
  }
}
