// Messages, their parts and tools, as requests bring them.

extension OpenAPIDocument {
  var messages: String {
    #"""
    "Message": {"anyOf": [
      \#(Self.schema("SystemMessage")), \#(Self.schema("UserMessage")), \#(Self.schema("AssistantMessage")),
      \#(Self.schema("ToolMessage")), \#(Self.schema("FunctionMessage"))]},
    "SystemMessage": {
      "allOf": [\#(Self.schema("OthersMessageFields"))],
      "type": "object", "required": ["role", "content"], "additionalProperties": true,
      "properties": {
        "role": {"enum": ["system", "developer"]}, "content": \#(Self.schema("TextContent")),
        "tool_call_id": {"type": ["string", "null"]}}
    },
    "UserMessage": {
      "allOf": [\#(Self.schema("OthersMessageFields"))],
      "type": "object", "required": ["role", "content"], "additionalProperties": true,
      "properties": {
        "role": {"const": "user"}, "content": \#(Self.schema("UserContent")), "tool_call_id": {"type": ["string", "null"]}}
    },
    "AssistantMessage": {
      "allOf": [\#(Self.schema("MessageFields"))],
      "type": "object", "required": ["role"], "additionalProperties": true,
      "description": "What the model said; all of it may be missing.",
      "properties": {
        "role": {"const": "assistant"},
        "content": {"anyOf": [{"type": "null"}, \#(Self.schema("AssistantContent"))]},
        "reasoning_content": {"type": ["string", "null"], "description": "The thought; templates may drop it."},
        "reasoning": {"type": ["string", "null"], "description": "Read where reasoning_content is absent."},
        "tool_calls": {"type": ["array", "null"], "maxItems": \#(limits.toolCalls), "items": \#(Self.schema("EarlierToolCall"))},
        "function_call": {"anyOf": [{"type": "null"}, \#(Self.schema("EarlierFunction"))],
          "description": "The one call of older clients."},
        "tool_call_id": {"type": ["string", "null"]}
      }
    },
    "ToolMessage": {
      "allOf": [\#(Self.schema("OthersMessageFields"))],
      "type": "object", "required": ["role", "content", "tool_call_id"], "additionalProperties": true,
      "properties": {
        "role": {"const": "tool"}, "content": \#(Self.schema("UserContent")), "tool_call_id": {"type": "string"}}
    },
    "FunctionMessage": {
      "allOf": [\#(Self.schema("OthersMessageFields"))],
      "description": "What answers the function_call of older clients.",
      "type": "object", "required": ["role"], "additionalProperties": true,
      "properties": {
        "role": {"const": "function"}, "content": {"anyOf": [{"type": "null"}, \#(Self.schema("UserContent"))]},
        "tool_call_id": {"type": ["string", "null"]}}
    },
    "MessageFields": {
      "type": "object", "additionalProperties": true,
      "properties": {
        "name": {"type": ["string", "null"]},
        "refusal": {"type": ["string", "null"], "description": "Of an assistant's message without content, what it said."},
        "audio": {"description": "Not read."}, "annotations": {"description": "Not read."}
      }
    },
    "OthersMessageFields": {
      "allOf": [\#(Self.schema("MessageFields"))],
      "type": "object", "additionalProperties": true,
      "description": "Thoughts and calls belong to assistants.",
      "properties": {
        "reasoning_content": {"type": "null"}, "reasoning": {"type": "null"}, "function_call": {"type": "null"},
        "tool_calls": {"type": ["array", "null"], "maxItems": 0}}
    },
    "TextContent": {"anyOf": [
      {"type": "string"}, {"type": "array", "minItems": 1, "items": \#(Self.schema("TextPart"))}]},
    "UserContent": {"anyOf": [
      {"type": "string"}, {"type": "array", "minItems": 1, "items": {"anyOf": [
        \#(Self.schema("TextPart")), \#(Self.schema("ImagePart")), \#(Self.schema("PlainImagePart"))]}}]},
    "AssistantContent": {"anyOf": [
      {"type": "string"}, {"type": "array", "items": {"anyOf": [
        \#(Self.schema("TextPart")), \#(Self.schema("RefusalPart"))]}}]},
    "TextPart": {
      "type": "object", "required": ["type", "text"], "additionalProperties": true,
      "properties": {"type": {"enum": ["text", "input_text", "output_text"]}, "text": {"type": "string"}}
    },
    "RefusalPart": {
      "type": "object", "required": ["type", "refusal"], "additionalProperties": true,
      "properties": {"type": {"const": "refusal"}, "refusal": {"type": "string"}}
    },
    "ImagePart": {
      "description": "An image as chats name it.",
      "type": "object", "required": ["type", "image_url"], "additionalProperties": true,
      "properties": {
        "type": {"enum": ["image_url", "input_image"]},
        "image_url": {"type": "object", "required": ["url"], "additionalProperties": true, "properties": {
          "url": \#(Self.schema("ImageURL")), "detail": \#(Self.schema("ImageDetail"))}}}
    },
    "PlainImagePart": {
      "description": "An image as responses name it.",
      "type": "object", "required": ["type", "image_url"], "additionalProperties": true,
      "properties": {
        "type": {"enum": ["image_url", "input_image"]}, "image_url": \#(Self.schema("ImageURL")),
        "detail": \#(Self.schema("ImageDetail"))}
    },
    "ImageURL": {
      "type": "string", "pattern": "^(data:[^,]*,.|https?://.|file:.)",
      "description": "A data: URI of PNG, JPEG, WebP or GIF (the first frame), at most \#(limits.imageBytes) bytes decoded. Its media \#
    type is not read: the bytes tell the format. Base64 may be that for URLs, without padding and with line breaks. Other schemes \#
    are 400 unless the operator admits them."
    },
    "ImageDetail": {"enum": ["auto", "low", "high", "original", null],
      "description": "low takes one view, all others the model's full path."}
    """#
  }

  var tools: String {
    #"""
    "ToolFields": {
      "type": "object", "additionalProperties": true,
      "properties": {
        "tools": {"type": ["array", "null"], "maxItems": \#(limits.tools), "description": "Names are unique.",
          "items": {"anyOf": [\#(Self.schema("FunctionTool")), \#(Self.schema("PlainFunctionTool"))]}},
        "tool_choice": \#(Self.schema("ToolChoice")),
        "parallel_tool_calls": {"type": ["boolean", "null"], "default": true,
          "description": "Whether one answer may hold several calls."}
      }
    },
    "FunctionTool": {
      "description": "A tool as chats name it.",
      "type": "object", "required": ["type", "function"], "additionalProperties": true,
      "properties": {"type": {"const": "function"}, "function": \#(Self.schema("Function"))}
    },
    "PlainFunctionTool": {
      "description": "A tool as responses name it.",
      "allOf": [\#(Self.schema("Function"))],
      "type": "object", "required": ["type"], "additionalProperties": true,
      "properties": {"type": {"const": "function"}, "function": {"type": "null"}}
    },
    "Function": {
      "type": "object", "required": ["name"], "additionalProperties": true,
      "properties": {
        "name": \#(Self.schema("Name")), "description": {"type": ["string", "null"]},
        "parameters": {"type": ["object", "null"], "additionalProperties": true,
          "description": "JSON Schema of the arguments; absent: any object."},
        "strict": {"type": ["boolean", "null"], "default": false}
      }
    },
    "Name": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
    "ToolChoice": {
      "description": "auto, but none without tools; required and a name need tools.",
      "anyOf": [
        {"enum": ["none", "auto", "required", null]},
        {"type": "object", "required": ["type", "function"], "additionalProperties": true, "properties": {
          "type": {"const": "function"},
          "function": {"type": "object", "required": ["name"], "additionalProperties": true,
            "properties": {"name": {"type": "string"}}}}},
        {"type": "object", "required": ["type", "allowed_tools"], "additionalProperties": true, "properties": {
          "type": {"const": "allowed_tools"}, "allowed_tools": \#(Self.schema("AllowedTools"))}},
        {"allOf": [\#(Self.schema("AllowedTools"))], "type": "object", "required": ["type"], "additionalProperties": true,
          "properties": {"type": {"const": "allowed_tools"}, "allowed_tools": {"type": "null"}}},
        {"type": "object", "required": ["type", "name"], "additionalProperties": true, "properties": {
          "type": {"const": "function"}, "function": {"type": "null"}, "name": {"type": "string"}}}]
    },
    "AllowedTools": {
      "description": "Which of the tools may be called, or must be (required). All of them stay in the prompt.",
      "type": "object", "required": ["mode", "tools"], "additionalProperties": true,
      "properties": {
        "mode": {"enum": ["auto", "required"]},
        "tools": {"type": "array", "minItems": 1, "maxItems": \#(limits.tools), "items": {"anyOf": [
          {"type": "object", "required": ["type", "function"], "additionalProperties": true, "properties": {
            "type": {"const": "function"},
            "function": {"type": "object", "required": ["name"], "additionalProperties": true,
              "properties": {"name": {"type": "string"}}}}},
          {"type": "object", "required": ["type", "name"], "additionalProperties": true, "properties": {
            "type": {"const": "function"}, "function": {"type": "null"}, "name": {"type": "string"}}}]}}
      }
    },
    "EarlierToolCall": {
      "type": "object", "required": ["function"], "additionalProperties": true,
      "properties": {
        "id": {"type": ["string", "null"]}, "type": {"enum": ["function", null]},
        "function": \#(Self.schema("EarlierFunction"))}
    },
    "EarlierFunction": {
      "type": "object", "required": ["name", "arguments"], "additionalProperties": true, "properties": {
        "name": {"type": "string"},
        "arguments": {"type": ["string", "object"], "description": "JSON, as the model wrote it, or the object."}}
    },
    "ResponseFormat": {"anyOf": [
      {"type": "null"}, \#(Self.schema("PlainFormat")),
      {"type": "object", "required": ["type", "schema"], "additionalProperties": true, "properties": {
        "type": {"const": "json_schema"}, "json_schema": {"type": "null"}, "schema": \#(Self.schema("AnswerSchema"))}},
      {"type": "object", "required": ["type", "json_schema"], "additionalProperties": true, "properties": {
        "type": {"const": "json_schema"}, "json_schema": \#(Self.schema("NamedSchema"))}}]},
    "TextFormat": {"anyOf": [
      {"type": "null"}, \#(Self.schema("PlainFormat")),
      {"allOf": [\#(Self.schema("NamedSchema"))], "type": "object", "required": ["type"], "additionalProperties": true,
        "properties": {"type": {"const": "json_schema"}}}]},
    "PlainFormat": {"anyOf": [
      {"type": "object", "required": ["type"], "additionalProperties": true, "properties": {"type": {"const": "text"}}},
      {"type": "object", "required": ["type"], "additionalProperties": true, "properties": {
        "type": {"const": "json_object"},
        "schema": {"type": ["object", "null"], "additionalProperties": true, "description": "JSON Schema of the answer."}}}]
    },
    "NamedSchema": {
      "type": "object", "required": ["name", "schema"], "additionalProperties": true,
      "properties": {
        "name": \#(Self.schema("Name")), "description": {"type": ["string", "null"]},
        "strict": {"type": ["boolean", "null"]},
        "schema": \#(Self.schema("AnswerSchema"))
      }
    },
    "AnswerSchema": {"type": "object", "additionalProperties": true,
      "description": "JSON Schema of the answer; one with keywords that are not supported is 400."}
    """#
  }
}
