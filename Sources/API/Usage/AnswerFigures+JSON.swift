// The figures of an answered request as JSON: members of the response and of the log line.
import Basics
import GenerationTypes
import JSON
import Telemetry

extension AnswerFigures {
  /// `usage` of chats and completions.
  var usage: JSONValue {
    [
      "prompt_tokens": .count(prompt.total), "completion_tokens": .count(counts.total),
      "total_tokens": .count(prompt.total + counts.total),
      "prompt_tokens_details": [
        "text_tokens": .count(prompt.text), "image_tokens": .count(prompt.image),
        "cached_tokens": .count(prompt.cached),
      ],
      "completion_tokens_details": [
        "reasoning_tokens": .count(counts.thinking), "text_tokens": .count(counts.answer),
      ],
    ]
  }

  /// `usage` of responses.
  var responseUsage: JSONValue {
    [
      "input_tokens": .count(prompt.total),
      "input_tokens_details": [
        "cached_tokens": .count(prompt.cached), "cache_write_tokens": 0, "text_tokens": .count(prompt.text),
        "image_tokens": .count(prompt.image),
      ],
      "output_tokens": .count(counts.total),
      "output_tokens_details": ["reasoning_tokens": .count(counts.thinking)],
      "total_tokens": .count(prompt.total + counts.total),
    ]
  }

  /// `thinking`: mode and counts of all replies together.
  var thinking: JSONValue { .object(thinkingMembers) }

  private var thinkingMembers: JSONObject {
    ["requested_mode": .string(requestedMode.rawValue)] + members(outcome, thinkProbability, counts, thoughtEnd)
  }

  /// `timings` in milliseconds; null for a phase that the request did not have.
  var timings: JSONValue { .object(timingMembers) }

  private var timingMembers: JSONObject {
    [
      "queue_ms": .milliseconds(times.queue),
      "image_ms": prompt.image == 0 ? .milliseconds(.zero) : .milliseconds(times.image),
      "prefill_ms": .milliseconds(times.prefill), "first_token_ms": .milliseconds(times.firstToken),
      "first_answer_token_ms": .milliseconds(times.firstAnswerToken), "decode_ms": .milliseconds(times.decode),
    ]
  }

  /// The members of the log line: numbers and enumerated words only.
  var logMembers: JSONObject {
    ["finish": .string(finish.rawValue), "replies": .count(replies.count)] + thinkingMembers + timingMembers + [
      "prompt_text_tokens": .count(prompt.text), "prompt_image_tokens": .count(prompt.image),
      "prompt_cached_tokens": .count(prompt.cached),
    ]
  }
}

extension ReplyFigures {
  /// `thinking` of one reply among several.
  var thinking: JSONValue { .object(members(outcome, thinkProbability, counts, thoughtEnd)) }
}

/// What the `thinking` member says about a reply, or about all of them.
private func members(
  _ outcome: ThinkingOutcome, _ thinkProbability: Float?, _ counts: TokenCounts, _ end: ThoughtEnd?
) -> JSONObject {
  [
    "mode": .string(outcome.rawValue),
    "p_think": thinkProbability.map { .number((Double($0) * 1_000_000).rounded() / 1_000_000) } ?? .null,
    "thinking_tokens": .count(counts.thinking), "control_tokens": .count(counts.control),
    "answer_tokens": .count(counts.answer), "stop": end.map { .string($0.rawValue) } ?? .null,
  ]
}

extension JSONValue {
  static func count(_ value: Int) -> JSONValue { .integer(Int64(value)) }

  /// Milliseconds, rounded to a tenth; null for nil.
  static func milliseconds(_ duration: Duration?) -> JSONValue {
    duration.map { .number(($0.seconds * 10_000).rounded() / 10) } ?? .null
  }
}
