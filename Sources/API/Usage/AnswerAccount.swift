// The books of one answered request: counts and times, from which the reply, the last chunk, the metrics and the log line
// are all written. For every request prompt = text + image and completion = thinking + control + answer.
import Basics
import Chat
import GenerationTypes
import JSON
import Ledger
import Telemetry

/// Counts and times of one answered request.
struct AnswerAccount: Sendable {
  let requestedMode: ThinkingMode
  let textTokens, imageTokens: Int
  /// In order of their index; at least one.
  let replies: [Reply]
  /// Reading images and rendering the prompt, before the engine knew of the request.
  let preparation: Duration
  /// As in `LedgerRow`.
  var isDecided = false, isSampled = false
  /// When the replies had ended, Unix seconds.
  let time = RequestID.now()

  private func sum(_ count: (Reply) -> Int) -> Int64 { Int64(replies.reduce(0) { $0 + count($1) }) }

  private var cachedTokens: Int { replies.first?.cachedTokens ?? 0 }
  private var firstToken: Duration? { replies.compactMap(\.firstToken).min() }
  private var firstAnswerToken: Duration? { replies.compactMap(\.firstAnswerToken).min() }
  private var engine: GenerationTimings? { replies.lazy.compactMap(\.engine).first }
  /// Time spent on images here and in the engine; nil when the engine did not report.
  private var image: Duration? { imageTokens == 0 ? .zero : engine.map { $0.image + preparation } }
  private var thinkProbability: Float? { replies.lazy.compactMap(\.thinkProbability).first }

  /// The prompt counts once, however many replies were asked for.
  var usage: JSONValue {
    let prompt = Int64(textTokens + imageTokens)
    let completion = sum { $0.counts.total }
    return [
      "prompt_tokens": .integer(prompt), "completion_tokens": .integer(completion),
      "total_tokens": .integer(prompt + completion),
      "prompt_tokens_details": [
        "text_tokens": .integer(Int64(textTokens)), "image_tokens": .integer(Int64(imageTokens)),
        "cached_tokens": .integer(Int64(cachedTokens)),
      ],
      "completion_tokens_details": [
        "reasoning_tokens": .integer(sum { $0.counts.thinking }), "text_tokens": .integer(sum { $0.counts.answer }),
      ],
    ]
  }

  /// The same in the words of a response.
  var responseUsage: JSONValue {
    let input = Int64(textTokens + imageTokens)
    let output = sum { $0.counts.total }
    return [
      "input_tokens": .integer(input),
      "input_tokens_details": [
        "cached_tokens": .integer(Int64(cachedTokens)), "cache_write_tokens": 0,
        "text_tokens": .integer(Int64(textTokens)), "image_tokens": .integer(Int64(imageTokens)),
      ],
      "output_tokens": .integer(output),
      "output_tokens_details": ["reasoning_tokens": .integer(sum { $0.counts.thinking })],
      "total_tokens": .integer(input + output),
    ]
  }

  /// Mode and counts of all replies together; with several, the request counts as thinking when one reply thought.
  var thinking: JSONValue {
    let thought = replies.first { $0.outcome == .thinking } ?? replies.first
    return [
      "requested_mode": .string(requestedMode.rawValue), "mode": .string((thought?.outcome ?? .nonThinking).rawValue),
      "p_think": Self.probability(thinkProbability), "thinking_tokens": .integer(sum { $0.counts.thinking }),
      "control_tokens": .integer(sum { $0.counts.control }), "answer_tokens": .integer(sum { $0.counts.answer }),
      "stop": Self.word(thought?.thoughtEnd),
    ]
  }

  /// The same of one reply among several.
  static func thinking(of reply: Reply) -> JSONValue {
    [
      "mode": .string(reply.outcome.rawValue), "p_think": probability(reply.thinkProbability),
      "thinking_tokens": .integer(Int64(reply.counts.thinking)),
      "control_tokens": .integer(Int64(reply.counts.control)),
      "answer_tokens": .integer(Int64(reply.counts.answer)), "stop": word(reply.thoughtEnd),
    ]
  }

  /// Milliseconds; null where there is nothing to tell.
  var timings: JSONValue {
    [
      "queue_ms": Self.milliseconds(engine?.queue), "image_ms": Self.milliseconds(image),
      "prefill_ms": Self.milliseconds(engine?.prefill), "first_token_ms": Self.milliseconds(firstToken),
      "first_answer_token_ms": Self.milliseconds(firstAnswerToken),
      "decode_ms": Self.milliseconds(replies.map(\.decode).max()),
    ]
  }

  /// What the metrics take over.
  func record(of requestID: String, total: Duration) -> AnswerRecord {
    var record = AnswerRecord(requestedMode: requestedMode.rawValue)
    record.requestID = requestID
    (record.promptText, record.promptImage, record.promptCached) = (textTokens, imageTokens, cachedTokens)
    record.thinkProbability = thinkProbability.map(Double.init)
    record.replies = replies.map { reply in
      AnswerRecord.Reply(
        mode: reply.outcome.rawValue, finish: reply.finishWord,
        thinking: reply.counts.thinking, control: reply.counts.control, answer: reply.counts.answer,
        thinkingStop: reply.thoughtEnd?.rawValue)
    }
    (record.queue, record.prefill) = (engine?.queue, engine?.prefill)
    record.image = imageTokens == 0 ? nil : image
    (record.firstToken, record.firstAnswerToken, record.total) = (firstToken, firstAnswerToken, total)
    return record
  }

  /// What the ledger keeps.
  func row(of requestID: String, key: String?, total: Duration) -> LedgerRow {
    let thought = replies.first { $0.outcome == .thinking } ?? replies.first
    var row = LedgerRow(
      time: time, requestID: requestID, key: key, requestedMode: requestedMode.rawValue,
      mode: (thought?.outcome ?? .nonThinking).rawValue, replies: replies.count,
      finish: replies.first?.finishWord ?? FinishReason.stop.rawValue, thoughtEnd: thought?.thoughtEnd?.rawValue,
      total: total.seconds)
    row.thinkProbability = thinkProbability.map(Double.init)
    (row.isDecided, row.isSampled) = (isDecided, isSampled)
    (row.promptText, row.promptImage, row.promptCached) = (textTokens, imageTokens, cachedTokens)
    row.thinking = Int(sum { $0.counts.thinking })
    row.control = Int(sum { $0.counts.control })
    row.answer = Int(sum { $0.counts.answer })
    (row.queue, row.prefill) = (engine?.queue.seconds, engine?.prefill.seconds)
    row.image = imageTokens == 0 ? nil : image?.seconds
    (row.firstToken, row.firstAnswerToken) = (firstToken?.seconds, firstAnswerToken?.seconds)
    row.decode = replies.map(\.decode).max()?.seconds
    return row
  }

  /// What the log line says: numbers and words of ours only.
  var logFields: JSONObject {
    var fields: JSONObject = [
      "finish": .string(replies.first?.finishWord ?? "stop"), "replies": .integer(Int64(replies.count)),
    ]
    for object in [thinking.object, timings.object] {
      for (name, value) in object?.members.map({ $0 }) ?? [] { fields[name] = value }
    }
    fields["prompt_text_tokens"] = .integer(Int64(textTokens))
    fields["prompt_image_tokens"] = .integer(Int64(imageTokens))
    fields["prompt_cached_tokens"] = .integer(Int64(cachedTokens))
    return fields
  }

  /// To a tenth of a millisecond.
  static func milliseconds(_ duration: Duration?) -> JSONValue {
    duration.map { .number(($0.seconds * 10_000).rounded() / 10) } ?? .null
  }

  private static func word(_ end: ThoughtEnd?) -> JSONValue { end.map { .string($0.rawValue) } ?? .null }

  private static func probability(_ value: Float?) -> JSONValue {
    value.map { .number((Double($0) * 1_000_000).rounded() / 1_000_000) } ?? .null
  }
}
