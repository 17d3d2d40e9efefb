import Evaluation
import JSON
import Synchronization

/// Answers from a script and records the requests.
final class ScriptedClient: ModelClient {
  private let answer: @Sendable (JSONValue, Int) async throws -> JSONValue
  private let asked = Mutex<[JSONValue]>([])

  /// Creates a client. `answer` gets the body and the number of earlier requests.
  init(_ answer: @escaping @Sendable (JSONValue, Int) async throws -> JSONValue) { self.answer = answer }

  var bodies: [JSONValue] { asked.withLock { $0 } }

  func complete(_ body: JSONValue) async throws -> JSONValue {
    let count = asked.withLock { bodies in
      bodies.append(body)
      return bodies.count - 1
    }
    return try await answer(body, count)
  }
}

/// Returns a reply in the format of this project's server.
func reply(_ text: String, thinking: Int = 0, control: Int = 2, answer: Int = 1, probability: Double? = nil)
  -> JSONValue
{
  [
    "choices": [["message": ["role": "assistant", "content": .string(text)], "finish_reason": "stop"]],
    "usage": [
      "prompt_tokens": 9, "completion_tokens": .integer(Int64(thinking + control + answer)),
      "completion_tokens_details": ["reasoning_tokens": .integer(Int64(thinking))],
    ],
    "thinking": [
      "requested_mode": "auto", "mode": .string(thinking > 0 ? "thinking" : "non_thinking"),
      "p_think": probability.map(JSONValue.number) ?? .null, "thinking_tokens": .integer(Int64(thinking)),
      "control_tokens": .integer(Int64(control)), "answer_tokens": .integer(Int64(answer)), "stop": "natural",
    ],
  ]
}
