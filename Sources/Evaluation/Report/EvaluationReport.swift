// What results say about the modes, per set and over all. Only computed here; how it is told is in the files beside this one.
import Statistics

/// The tables and figures of an evaluation.
package struct EvaluationReport: Sendable {
  /// Mean and percentiles of a count or a time.
  package struct Spread: Sendable, Equatable {
    package var mean: Double
    package var median: Double
    package var p95: Double

    /// nil for no values.
    init?(_ values: [Double]) {
      let sorted = values.sorted()
      guard let mean = Sample.mean(values), let median = Sample.percentile(sorted: sorted, 0.5),
        let p95 = Sample.percentile(sorted: sorted, 0.95)
      else { return nil }
      (self.mean, self.median, self.p95) = (mean, median, p95)
    }
  }

  /// One way of asking over the questions of a section.
  package struct Summary: Sendable {
    package var arm: Arm
    /// Questions that were answered.
    package var count: Int
    /// Questions that were asked in vain.
    package var failures: Int
    /// With Wilson's interval; nil when nothing was answered.
    package var accuracy: Interval?
    /// Tokens of a reply by kind. nil where a server did not tell them for every reply.
    package var thinking: Spread?
    package var control: Spread?
    package var answer: Spread?
    package var output: Spread?
    /// The part of the replies with a thought, with Wilson's interval; nil where nothing tells.
    package var thinkRate: Interval?
    /// Seconds to the whole reply.
    package var seconds: Spread?
    /// Replies that the limit of tokens ended.
    package var cutOff: Int
  }

  /// `auto` held against another mode over the questions that both answered.
  package struct Comparison: Sendable {
    package var baseline: Arm.Mode
    package var count: Int
    /// Output tokens a question that `auto` saves, with a paired bootstrap interval; nil where tokens are not known.
    package var tokensSaved: Interval?
    /// The same as a part of the baseline's tokens.
    package var shareSaved: Interval?
    /// Accuracy of `auto` less that of the baseline, with a paired bootstrap interval.
    package var accuracyDifference: Interval
    /// Questions that only one of the two has right: `auto` first.
    package var discordant: McNemar
  }

  /// The best that a choice of mode for each question could have done: the cheapest mode that is right, else the cheapest.
  package struct Oracle: Sendable {
    /// What a mode has less and spends more than the oracle.
    package struct Regret: Sendable {
      package var mode: Arm.Mode
      /// The oracle's accuracy less the mode's, at least 0.
      package var accuracy: Double
      /// Output tokens a question beyond the oracle's; negative where the oracle pays to be right.
      package var tokens: Double
    }

    package var count: Int
    package var accuracy: Double
    /// Output tokens a question.
    package var tokens: Double
    /// How often each mode is the oracle's choice.
    package var choices: [(mode: Arm.Mode, count: Int)]
    package var regrets: [Regret]
  }

  /// How often `auto` thinks among questions of a kind.
  package struct ThinkRate: Sendable {
    package var among: String
    package var rate: Interval
    package var count: Int
  }

  /// A set, or all of them.
  package struct Section: Sendable {
    package var name: String
    package var questions: Int
    /// By mode: short, auto, long.
    package var modes: [Summary]
    package var comparisons: [Comparison] = []
    /// nil unless all three modes with their tokens are there.
    package var oracle: Oracle?
    package var thinkRates: [ThinkRate] = []
    /// The part of the labelled questions where `auto` thinks exactly when the label says reasoning.
    package var agreement: Interval?
    /// By bias, the plain `auto` as 0, over the questions that were asked with every bias.
    package var sweep: [Summary] = []
    /// The modes over the questions of the sweep.
    package var sweepModes: [Summary] = []
  }

  /// What was asked, for the head of the page.
  package var title: String
  /// The first is all sets together; the sets follow by name, unless there is only one.
  package var sections: [Section]
  /// Facts that a reader should know, such as counts that a server does not tell.
  package var notes: [String] = []

  /// Reports on results, each question and way of asking once. `seed` determines the bootstrap.
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
    if failures > 0 { notes.append("\(failures) of \(results.count) requests got no answer and count nowhere else.") }
    let answered = results.filter { $0.failure == nil }
    for (name, unknown) in [
      ("output tokens", answered.count { $0.outputTokens == nil }),
      ("thinking tokens", answered.count { $0.thinkingTokens == nil }),
      ("control tokens", answered.count { $0.controlTokens == nil }),
      ("whether the model thought", answered.count { $0.isThinking == nil }),
    ] where unknown > 0 {
      notes.append("Unknown for \(unknown) of \(answered.count) replies, because the server does not tell: \(name).")
    }
    let cut = answered.count { $0.finish == "length" }
    if cut > 0 { notes.append("\(cut) of \(answered.count) replies were ended by the limit of tokens.") }
    return notes
  }
}
