// The tables of a section in reading order.
import Statistics

extension EvaluationReport {
  /// Returns all tables of a section, without empty ones.
  static func tables(of section: Section) -> [ReportTable] {
    [
      accuracy(section), tokens(section), comparisons(section), oracle(section), decisions(section),
      sweep(section),
    ].filter { !$0.rows.isEmpty }
  }

  private static func accuracy(_ section: Section) -> ReportTable {
    ReportTable(
      caption: "Accuracy by mode, with 95 % intervals (Wilson); seconds to the complete reply",
      head: ["mode", "n", "accuracy", "thinks", "mean output tokens", "seconds mean / p50 / p95", "cut off", "failed"],
      rows: section.modes.map { summary in
        [
          summary.arm.description, "\(summary.count)", ReportNumber.percent(summary.accuracy),
          ReportNumber.percent(summary.thinkRate), summary.output.map { ReportNumber.text($0.mean) } ?? "–",
          ReportNumber.text(summary.seconds, 2), "\(summary.cutOff)", "\(summary.failures)",
        ]
      })
  }

  private static func tokens(_ section: Section) -> ReportTable {
    ReportTable(
      caption: "Tokens per reply by kind: mean / p50 / p95",
      head: ["mode", "thinking", "control", "answer", "output"],
      rows: section.modes.map { summary in
        [summary.arm.description]
          + [summary.thinking, summary.control, summary.answer, summary.output].map { ReportNumber.text($0) }
      })
  }

  private static func comparisons(_ section: Section) -> ReportTable {
    ReportTable(
      caption: "auto compared with the other modes, with 95 % intervals (paired bootstrap)",
      head: [
        "against", "n", "tokens saved per question", "share saved", "accuracy difference", "only auto right",
        "only other right",
        "McNemar p",
      ],
      rows: section.comparisons.map { comparison in
        [
          comparison.baseline.rawValue, "\(comparison.count)", ReportNumber.text(comparison.tokensSaved),
          ReportNumber.percent(comparison.shareSaved), ReportNumber.percent(comparison.accuracyDifference),
          "\(comparison.discordant.onlyFirst)", "\(comparison.discordant.onlySecond)",
          ReportNumber.probability(comparison.discordant.exactP),
        ]
      })
  }

  private static func oracle(_ section: Section) -> ReportTable {
    var table = ReportTable(
      caption: "Regret: each mode compared with the cheapest correct mode of each question",
      head: ["mode", "accuracy", "accuracy regret", "mean output tokens", "token regret", "chosen by the oracle"],
      rows: [])
    guard let oracle = section.oracle else { return table }
    table.rows = oracle.regrets.map { regret in
      [
        regret.mode.rawValue, ReportNumber.percent(oracle.accuracy - regret.accuracy),
        ReportNumber.percent(regret.accuracy),
        ReportNumber.text(oracle.tokens + regret.tokens), ReportNumber.text(regret.tokens),
        "\(oracle.choices.first { $0.mode == regret.mode }?.count ?? 0)",
      ]
    }
    table.rows.append([
      "oracle", ReportNumber.percent(oracle.accuracy), ReportNumber.percent(0), ReportNumber.text(oracle.tokens),
      ReportNumber.text(0), "\(oracle.count)",
    ])
    return table
  }

  private static func decisions(_ section: Section) -> ReportTable {
    var rows = section.thinkRates.map { [$0.among, "\($0.count)", ReportNumber.percent($0.rate)] }
    if let agreement = section.agreement {
      rows.append(["decision agrees with label", "", ReportNumber.percent(agreement)])
    }
    return ReportTable(
      caption: "When auto thinks, with 95 % intervals (Wilson)", head: ["among", "n", "auto thinks"], rows: rows)
  }

  private static func sweep(_ section: Section) -> ReportTable {
    ReportTable(
      caption: "Think bias sweep over the questions that were asked with every bias",
      head: ["think bias", "n", "accuracy", "thinks", "mean output tokens"],
      rows: section.sweep.map { summary in
        [
          summary.arm.bias.map { ReportNumber.text($0, $0 == $0.rounded() ? 0 : 2) } ?? "0 (auto)", "\(summary.count)",
          ReportNumber.percent(summary.accuracy), ReportNumber.percent(summary.thinkRate),
          summary.output.map { ReportNumber.text($0.mean) } ?? "–",
        ]
      })
  }
}
