// Writes `report.json`: every number of the report, unrounded.
import JSON
import Statistics

extension EvaluationReport {
  /// The report as a JSON object; unknown values are null.
  package var json: JSONValue {
    [
      "title": .string(title), "notes": .array(notes.map(JSONValue.string)),
      "sections": .array(sections.map(Self.json)),
    ]
  }

  private static func json(_ section: Section) -> JSONValue {
    [
      "name": .string(section.name), "questions": integer(section.questions), "modes": .array(section.modes.map(json)),
      "comparisons": .array(section.comparisons.map(json)), "oracle": section.oracle.map(json) ?? .null,
      "think_rates": .array(
        section.thinkRates.map {
          ["among": .string($0.among), "n": integer($0.count), "rate": json($0.rate)]
        }),
      "label_agreement": json(section.agreement), "sweep": .array(section.sweep.map(json)),
      "sweep_modes": .array(section.sweepModes.map(json)),
    ]
  }

  private static func json(_ summary: Summary) -> JSONValue {
    [
      "mode": .string(summary.arm.mode.rawValue), "bias": summary.arm.bias.map(JSONValue.number) ?? .null,
      "n": integer(summary.count), "failures": integer(summary.failures), "accuracy": json(summary.accuracy),
      "thinking_tokens": json(summary.thinking), "control_tokens": json(summary.control),
      "answer_tokens": json(summary.answer), "output_tokens": json(summary.output),
      "think_rate": json(summary.thinkRate),
      "seconds": json(summary.seconds), "cut_off": integer(summary.cutOff),
    ]
  }

  private static func json(_ comparison: Comparison) -> JSONValue {
    [
      "baseline": .string(comparison.baseline.rawValue), "n": integer(comparison.count),
      "tokens_saved": json(comparison.tokensSaved), "share_saved": json(comparison.shareSaved),
      "accuracy_difference": json(comparison.accuracyDifference),
      "only_auto_right": integer(comparison.discordant.onlyFirst),
      "only_baseline_right": integer(comparison.discordant.onlySecond),
      "mcnemar_p": .number(comparison.discordant.exactP),
    ]
  }

  private static func json(_ oracle: Oracle) -> JSONValue {
    var choices = JSONObject()
    for choice in oracle.choices { choices[choice.mode.rawValue] = integer(choice.count) }
    return [
      "n": integer(oracle.count), "accuracy": .number(oracle.accuracy), "output_tokens": .number(oracle.tokens),
      "choices": .object(choices),
      "regret": .array(
        oracle.regrets.map {
          ["mode": .string($0.mode.rawValue), "accuracy": .number($0.accuracy), "output_tokens": .number($0.tokens)]
        }),
    ]
  }

  private static func integer(_ value: Int) -> JSONValue { .integer(Int64(value)) }

  static func json(_ interval: Interval?) -> JSONValue {
    guard let interval else { return .null }
    return ["estimate": .number(interval.estimate), "low": .number(interval.low), "high": .number(interval.high)]
  }

  private static func json(_ spread: Spread?) -> JSONValue {
    guard let spread else { return .null }
    return ["mean": .number(spread.mean), "p50": .number(spread.median), "p95": .number(spread.p95)]
  }
}
