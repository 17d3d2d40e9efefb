// The routes: what each takes and gives.

extension OpenAPIDocument {
  var paths: String {
    #"""
    "/v1/chat/completions": {"post": {
      "operationId": "createChatCompletion", "tags": ["generation"], "summary": "Answers a conversation",
      "description": "One document, or with `stream` an event stream of chunks that ends with `data: [DONE]`.",
      "requestBody": \#(Self.body("ChatCompletionRequest", ["Chat", "ChatImage", "ChatStream", "ChatChoices", "ChatTools", "ChatJSON"])),
      "responses": {"200": \#(Self.reply("The reply.", "ChatCompletion", events: "ChatCompletionEvent")),
        \#(Self.errors(hasBody: true))}
    }},
    "/v1/completions": {"post": {
      "operationId": "createCompletion", "tags": ["generation"], "summary": "Continues texts, without template and thought",
      "requestBody": \#(Self.body("CompletionRequest", ["Completion", "CompletionTokens"])),
      "responses": {"200": \#(Self.reply("The texts.", "Completion", events: "CompletionEvent")),
        \#(Self.errors(hasBody: true))}
    }},
    "/v1/responses": {"post": {
      "operationId": "createResponse", "tags": ["generation"], "summary": "Answers a conversation in items",
      "description": "OpenAI's Responses without a memory: nothing is stored. With `stream`, an event stream of typed events.",
      "requestBody": \#(Self.body("ResponseRequest", ["Response", "ResponseItems"])),
      "responses": {"200": \#(Self.reply("The response.", "Response", events: "ResponseEvent", isEndedByDone: false)),
        \#(Self.errors(hasBody: true))}
    }},
    "/v1/rollouts": {"post": {
      "operationId": "createRollouts", "tags": ["generation"], "summary": "Answers a prompt several times with and without a thought",
      "description": "One vision pass and one prefill for all replies, which are decoded together while no other request runs.",
      "requestBody": \#(Self.body("RolloutRequest", ["Rollouts"])),
      "responses": {"200": \#(Self.reply("The replies.", "Rollouts")), \#(Self.errors(hasBody: true))}
    }},
    "/v1/usage": {"get": {
      "operationId": "getUsage", "tags": ["operation"], "summary": "Tells what requests took over time, and what auto-thinking saved",
      "description": "From the ledger; 404 with code `ledger_off` where the operator keeps none. Percentiles are true to 0.8 %.",
      "parameters": [
      \#(usageParameters)],
      "responses": {
        "200": {"description": "The usage.", "headers": \#(Self.headers("x-ignored-parameters")), "content": {
          "application/json": {"schema": \#(Self.schema("UsageReport"))}, "text/csv": {"schema": {"type": "string"}}}},
        \#(Self.errors(hasBody: false))}
    }},
    "/v1/chat/completions/input_tokens": {"post": {
      "operationId": "countInputTokens", "tags": ["text"], "summary": "Counts the tokens of a chat's prompt",
      "requestBody": \#(Self.body("ChatCompletionRequest", ["Chat", "ChatImage"])),
      "responses": {"200": \#(Self.reply("The counts.", "InputTokens")), \#(Self.errors(hasBody: true))}
    }},
    "/apply-template": {"post": {
      "operationId": "applyTemplate", "tags": ["text"], "summary": "Renders a chat's prompt",
      "requestBody": \#(Self.body("ChatCompletionRequest", ["Chat", "ChatImage"])),
      "responses": {"200": \#(Self.reply("The prompt.", "RenderedPrompt")), \#(Self.errors(hasBody: true))}
    }},
    "/tokenize": {"post": {
      "operationId": "tokenize", "tags": ["text"], "summary": "Turns a text into token ids",
      "requestBody": \#(Self.body("TokenizeRequest", ["Tokenize"])),
      "responses": {"200": \#(Self.reply("The tokens.", "Tokens")), \#(Self.errors(hasBody: true))}
    }},
    "/detokenize": {"post": {
      "operationId": "detokenize", "tags": ["text"], "summary": "Turns token ids into a text",
      "requestBody": \#(Self.body("DetokenizeRequest", ["Detokenize"])),
      "responses": {"200": \#(Self.reply("The text.", "Text")), \#(Self.errors(hasBody: true))}
    }},
    "/v1/models": {"get": {
      "operationId": "listModels", "tags": ["models"], "summary": "Lists the loaded model",
      "responses": {"200": \#(Self.document("The list.", "ModelList")), \#(Self.errors(hasBody: false))}
    }},
    "/v1/models/{id}": {"get": {
      "operationId": "getModel", "tags": ["models"], "summary": "Describes the loaded model",
      "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string", "minLength": 1},
        "description": "The model's name or an alias; slashes need not be escaped.",
        "example": \#(Self.quoted(configuration.model.id))}],
      "responses": {"200": \#(Self.document("The model.", "Model")), \#(Self.errors(hasBody: false))}
    }},
    "/health": {"get": {
      "operationId": "getHealth", "tags": ["operation"], "summary": "Says that the process is alive", "security": [],
      "responses": {"200": \#(Self.document("It is.", "Health")), \#(Self.errors(hasBody: false))}
    }},
    "/ready": {"get": {
      "operationId": "getReadiness", "tags": ["operation"], "summary": "Says whether a chat would be taken now", "security": [],
      "description": "503 with code `queue_full` or `shutting_down` when it would not.",
      "responses": {"200": \#(Self.document("It would.", "Readiness")), \#(Self.errors(hasBody: false))}
    }},
    "/metrics": {"get": {
      "operationId": "getMetrics", "tags": ["operation"], "summary": "Tells counters and histograms to Prometheus",
      "parameters": [{"name": "accept", "in": "header", "schema": {"type": "string"},
        "description": "`application/openmetrics-text` asks for OpenMetrics, by weights as RFC 9110 says."}],
      "responses": {
        "200": {"description": "The metrics.", "headers": \#(Self.headers()), "content": {
          "text/plain": {"schema": {"type": "string"}}, "application/openmetrics-text": {"schema": {"type": "string"}}}},
        \#(Self.errors(hasBody: false))}
    }},
    "/openapi.json": {"get": {
      "operationId": "getOpenAPI", "tags": ["operation"], "summary": "Gives this document", "security": [],
      "responses": {"200": \#(Self.document("The document.", "OpenAPI")), \#(Self.errors(hasBody: false))}
    }}
    """#
  }

  private static func body(_ schema: String, _ examples: [String]) -> String {
    let entries = examples.map { ##""\##($0)": {"$ref": "#/components/examples/\##($0)"}"## }
    return #"""
      {"required": true, "content": {"application/json": {
          "schema": \#(Self.schema(schema)),
          "examples": {\#(entries.joined(separator: ", "))}}}}
      """#
  }

  /// A document that answers no body.
  private static func document(_ description: String, _ schema: String) -> String {
    #"""
    {"description": \#(quoted(description)), "headers": \#(headers()),
          "content": {"application/json": {"schema": \#(Self.schema(schema))}}}
    """#
  }

  /// What answers a body; `events` is the schema of one event's data where there can be a stream. OpenAPI 3.1 has no word for the
  /// items of a stream, so its schema is that of one event, as 3.2 writes it under `itemSchema`.
  private static func reply(
    _ description: String, _ schema: String, events: String? = nil, isEndedByDone: Bool = true
  ) -> String {
    let stream = events.map { events in
      let document = #""contentMediaType": "application/json", "contentSchema": \#(Self.schema(events))"#
      let data = isEndedByDone ? #""anyOf": [{"const": "[DONE]"}, {\#(document)}]"# : document
      return #"""
        ,
              "text/event-stream": {"schema": {
                "type": "object", "required": ["data"], "properties": {
                  "event": {"type": "string"},
                  "data": {"type": "string", \#(data)}}}}
        """#
    }
    return #"""
      {"description": \#(quoted(description)), "headers": \#(headers("x-ignored-parameters")), "content": {
            "application/json": {"schema": \#(Self.schema(schema))}\#(stream ?? "")}}
      """#
  }

  var examples: String {
    #"""
    "Chat": {"summary": "A question", "value": {
      "messages": [{"role": "system", "content": "Be exact."}, {"role": "user", "content": "Add 2 and 3."}],
      "temperature": 0, "max_completion_tokens": 64, "reasoning_effort": "low"}},
    "ChatImage": {"summary": "An image, without thought", "value": {
      "messages": [{"role": "user", "content": [
        {"type": "text", "text": "What color is the shape?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,\#(Self.image)", "detail": "low"}}]}],
      "thinking_mode": "short", "max_tokens": 16}},
    "ChatStream": {"summary": "A stream with usage and a capped thought", "value": {
      "messages": [{"role": "user", "content": "Lily has 8 books, buys 20 more and gives away 5. How many books are left?"}],
      "stream": true, "stream_options": {"include_usage": true, "include_progress": true},
      "thinking": {"type": "enabled", "budget_tokens": 16}, "max_completion_tokens": 64}},
    "ChatChoices": {"summary": "Two choices with log-probabilities, after a turn with a thought", "value": {
      "messages": [
        {"role": "user", "content": "Add 2 and 3."},
        {"role": "assistant", "reasoning_content": "2 + 3 = 5.", "content": "5"},
        {"role": "user", "content": "Add 4 and 3."}],
      "n": 2, "temperature": 1, "seed": 7, "logprobs": true, "top_logprobs": 2, "stop": ["\n\n"], "max_tokens": 8}},
    "ChatTools": {"summary": "A tool and its result", "value": {
      "messages": [
        {"role": "user", "content": "How warm is it in Graz?"},
        {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function",
          "function": {"name": "temperature", "arguments": "{\"city\": \"Graz\"}"}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "21"}],
      "tools": [{"type": "function", "function": {"name": "temperature", "description": "Degrees Celsius in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}],
      "tool_choice": "auto", "thinking_mode": "short", "max_tokens": 32}},
    "ChatJSON": {"summary": "An answer that fits a schema", "value": {
      "messages": [{"role": "user", "content": "Add 2 and 3."}],
      "response_format": {"type": "json_schema", "json_schema": {"name": "sum", "strict": true,
        "schema": {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"], "additionalProperties": false}}},
      "thinking_mode": "short", "max_tokens": 32}},
    "Completion": {"summary": "Two texts", "value": {"prompt": ["Tell me", "Add 2"], "max_tokens": 4, "logprobs": 1}},
    "CompletionTokens": {"summary": "Token ids", "value": {"prompt": [1, 2, 3], "max_tokens": 4, "echo": true}},
    "Response": {"summary": "A question", "value": {
      "instructions": "Be exact.", "input": "Add 2 and 3.", "reasoning": {"effort": "none"}, "max_output_tokens": 16}},
    "ResponseItems": {"summary": "A stream about a conversation", "value": {
      "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "Add 2 and 3."}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "5"}]},
        {"role": "user", "content": "Add 4 and 3."}],
      "stream": true, "top_logprobs": 1, "max_output_tokens": 32}},
    "Rollouts": {"summary": "Two replies in each mode", "value": {
      "messages": [{"role": "user", "content": "Add 2 and 3."}], "g": 2, "temperature": 1, "seed": 7,
      "max_completion_tokens": 64, "logprobs": true}},
    "Tokenize": {"summary": "With pieces", "value": {"content": "Hello there", "with_pieces": true}},
    "Detokenize": {"summary": "Two tokens", "value": {"tokens": [1, 2]}}
    """#
  }

  /// Eight red pixels in a square.
  private static let image =
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEUlEQVR42mM4wcWFFTEMLQkArYM3Act+mDsAAAAASUVORK5CYII="
}
