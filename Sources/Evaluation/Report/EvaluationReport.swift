// Computes the statistics of the modes, per set and over all sets. The files beside this one format them.
import Statistics

/// The tables and figures of an evaluation.
package struct EvaluationReport: Sendable {
  /// The mean and percentiles of a count or a time.
  package struct Spread: Sendable, Equatable {
    package var mean: Double
    package var median: Double
    package var p95: Double

    /// Returns nil for no values.
    init?(_ values: [Double]) {
      let sorted = values.sorted()
      guard let mean = Sample.mean(values), let median = Sample.percentile(sorted: sorted, 0.5),
        let p95 = Sample.percentile(sorted: sorted, 0.95)
      else { return nil }
      self.mean = mean
      self.median = median
      self.p95 = p95
    }
  }

  /// The results of one arm over the questions of a section.
  package struct Summary: Sendable {
    package var arm: Arm
    /// The number of answered questions.
    package var count: Int
    /// The number of questions without an answer.
    package var failures: Int
    /// The accuracy with Wilson's interval; nil if nothing was answered.
    package var accuracy: Interval?
    /// The number of tokens per reply by kind; nil unless the server reports it for every reply.
    package var thinking: Spread?
    package var control: Spread?
    package var answer: Spread?
    package var output: Spread?
    /// The share of replies with a thought, with Wilson's interval; nil if unknown.
    package var thinkRate: Interval?
    /// The seconds to the complete reply.
    package var seconds: Spread?
    /// The number of replies that ended at the token limit.
    package var cutOff: Int
  }

  /// A comparison of `auto` with another mode over the questions that both answered.
  package struct Comparison: Sendable {
    package var baseline: Arm.Mode
    package var count: Int
    /// The output tokens per question that `auto` saves, with a paired bootstrap interval; nil if tokens are unknown.
    package var tokensSaved: Interval?
    /// The saved share of the baseline's tokens.
    package var shareSaved: Interval?
    /// The accuracy of `auto` minus that of the baseline, with a paired bootstrap interval.
    package var accuracyDifference: Interval
    /// The number of questions that only one of the two answers correctly, `auto` first.
    package var discordant: McNemar
  }

  /// The best possible choice of mode per question: the cheapest correct mode, else the cheapest.
  package struct Oracle: Sendable {
    /// The differences between a mode and the oracle.
    package struct Regret: Sendable {
      package var mode: Arm.Mode
      /// The oracle's accuracy minus the mode's; not negative.
      package var accuracy: Double
      /// The output tokens per question in excess of the oracle's; negative if the oracle pays for accuracy.
      package var tokens: Double
    }

    package var count: Int
    package var accuracy: Double
    /// The output tokens per question.
    package var tokens: Double
    /// How often the oracle chooses each mode.
    package var choices: [(mode: Arm.Mode, count: Int)]
    package var regrets: [Regret]
  }

  /// The rate at which `auto` thinks for a group of questions.
  package struct ThinkRate: Sendable {
    package var among: String
    package var rate: Interval
    package var count: Int
  }

  /// The statistics of a set or of all sets.
  package struct Section: Sendable {
    package var name: String
    package var questions: Int
    /// The statistics by mode: short, auto, long.
    package var modes: [Summary]
    package var comparisons: [Comparison] = []
    /// The oracle; nil unless all three modes and their tokens are available.
    package var oracle: Oracle?
    package var thinkRates: [ThinkRate] = []
    /// The share of labelled questions for which `auto` thinks exactly if the label is reasoning.
    package var agreement: Interval?
    /// The statistics by bias, with plain `auto` as 0, over the questions that were asked with every bias.
    package var sweep: [Summary] = []
    /// The statistics by mode over the questions of the sweep.
    package var sweepModes: [Summary] = []
  }

  /// The title of the page.
  package var title: String
  /// All sets together, followed by the sets in order of name unless there is only one.
  package var sections: [Section]
  /// Remarks for the reader, for instance about counts that a server does not report.
  package var notes: [String] = []

  /// Creates the report of results, with each question and arm once. `seed` determines the bootstrap.
  package init(_ results: [EvaluationResult], title: String, seed: UInt64 = 0) {
    self.title = title
    let sorted = results.sorted { $0.key < $1.key }
    let builder = SectionBuilder(bootstrap: Bootstrap(seed: seed))
    let names = Set(sorted.map(\.key.set)).sorted()
    sections = [builder.section(names.count == 1 ? names[0] : "All sets", sorted)]
    if names.count > 1 {
      sections += names.map { name in builder.section(name, sorted.filter { $0.key.set == name }) }
    }
    notes = Self.notes(sorted)
  }

  private static func notes(_ results: [EvaluationResult]) -> [String] {
    var notes: [String] = []
    let failures = results.count { $0.failure != nil }
    if failures > 0 {
      notes.append(
        "\(failures) of \(results.count) requests were not answered and are excluded from all other numbers.")
    }
    let answered = results.filter { $0.failure == nil }
    for (name, unknown) in [
      ("output tokens", answered.count { $0.outputTokens == nil }),
      ("thinking tokens", answered.count { $0.thinkingTokens == nil }),
      ("control tokens", answered.count { $0.controlTokens == nil }),
      ("whether the model thought", answered.count { $0.isThinking == nil }),
    ] where unknown > 0 {
      notes.append(
        "Unknown for \(unknown) of \(answered.count) replies, because the server does not report it: \(name).")
    }
    let cut = answered.count { $0.finish == "length" }
    if cut > 0 { notes.append("\(cut) of \(answered.count) replies ended at the token limit.") }
    return notes
  }
}
