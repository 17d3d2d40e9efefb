// Computes the numbers of a section. Comparisons are paired: they use only the questions that all compared arms
// answered, to separate the effect of the mode from that of the question.
import Statistics

struct SectionBuilder {
  private typealias Section = EvaluationReport.Section
  private typealias Answers = [Arm: EvaluationResult]

  let bootstrap: Bootstrap

  /// Returns the section of results, which must be sorted by question.
  func section(_ name: String, _ results: [EvaluationResult]) -> EvaluationReport.Section {
    var questions: [(key: Question.Key, answers: Answers)] = []
    for result in results {
      if questions.last?.key != result.key { questions.append((result.key, [:])) }
      if result.failure == nil { questions[questions.count - 1].answers[result.arm] = result }
    }
    let answers = questions.map(\.answers)
    let asked = Set(results.map(\.arm))
    let modes = Arm.Mode.allCases.filter { asked.contains(Arm($0)) }
    var section = EvaluationReport.Section(
      name: name, questions: questions.count,
      modes: modes.map { mode in
        summary(Arm(mode), answers, failures: results.count { $0.arm == Arm(mode) && $0.failure != nil })
      })
    section.comparisons = [Arm.Mode.long, .short].compactMap { comparison(with: $0, answers) }
    section.oracle = oracle(answers)
    section.thinkRates = thinkRates(answers)
    section.agreement = agreement(answers)
    sweep(asked, answers, modes, into: &section)
    return section
  }

  private func summary(_ arm: Arm, _ answers: [Answers], failures: Int = 0) -> EvaluationReport.Summary {
    let replies = answers.compactMap { $0[arm] }
    /// Returns nil unless every reply has the count.
    func spread(_ count: (EvaluationResult) -> Int?) -> EvaluationReport.Spread? {
      let counts = replies.compactMap(count)
      return counts.count == replies.count ? EvaluationReport.Spread(counts.map(Double.init)) : nil
    }
    let thinks = replies.compactMap(\.isThinking)
    return EvaluationReport.Summary(
      arm: arm, count: replies.count, failures: failures,
      accuracy: .wilson(successes: replies.count(where: \.isCorrect), trials: replies.count),
      thinking: spread(\.thinkingTokens), control: spread(\.controlTokens), answer: spread(\.answerTokens),
      output: spread(\.outputTokens),
      thinkRate: thinks.count == replies.count ? .wilson(successes: thinks.count { $0 }, trials: thinks.count) : nil,
      seconds: EvaluationReport.Spread(replies.map(\.seconds)), cutOff: replies.count { $0.finish == "length" })
  }

  private func comparison(with baseline: Arm.Mode, _ answers: [Answers]) -> EvaluationReport.Comparison? {
    let pairs = answers.compactMap { answers -> (auto: EvaluationResult, other: EvaluationResult)? in
      guard let auto = answers[Arm(.auto)], let other = answers[Arm(baseline)] else { return nil }
      return (auto, other)
    }
    let right = pairs.map(\.auto.isCorrect), otherRight = pairs.map(\.other.isCorrect)
    guard let difference = bootstrap.difference(right.map { $0 ? 1 : 0 }, otherRight.map { $0 ? 1 : 0 }) else {
      return nil
    }
    var comparison = EvaluationReport.Comparison(
      baseline: baseline, count: pairs.count, accuracyDifference: difference, discordant: McNemar(right, otherRight))
    let tokens = pairs.compactMap { pair -> (auto: Double, other: Double)? in
      guard let auto = pair.auto.outputTokens, let other = pair.other.outputTokens else { return nil }
      return (Double(auto), Double(other))
    }
    if tokens.count == pairs.count {
      comparison.tokensSaved = bootstrap.difference(tokens.map(\.other), tokens.map(\.auto))
      comparison.shareSaved = bootstrap.ratio(tokens.map { $0.other - $0.auto }, tokens.map(\.other))
    }
    return comparison
  }

  private func oracle(_ answers: [Answers]) -> EvaluationReport.Oracle? {
    /// For each question the modes in order: whether the mode is correct, and its output tokens.
    let questions = answers.compactMap { answers -> [(isRight: Bool, tokens: Int)]? in
      let row = Arm.Mode.allCases.compactMap { mode in
        answers[Arm(mode)].flatMap { result in result.outputTokens.map { (result.isCorrect, $0) } }
      }
      return row.count == Arm.Mode.allCases.count ? row : nil
    }
    guard !questions.isEmpty else { return nil }
    let n = Double(questions.count)
    // Among equally cheap modes the first one: short, auto, long.
    let chosen = questions.map { row in
      let candidates = row.indices.filter { row[$0].isRight }
      return (candidates.isEmpty ? Array(row.indices) : candidates).min { row[$0].tokens < row[$1].tokens } ?? 0
    }
    func mean(_ value: (Int, Int) -> Double) -> Double {
      questions.indices.reduce(0) { $0 + value($1, chosen[$1]) } / n
    }
    let accuracy = mean { questions[$0][$1].isRight ? 1 : 0 }
    let tokens = mean { Double(questions[$0][$1].tokens) }
    return EvaluationReport.Oracle(
      count: questions.count, accuracy: accuracy, tokens: tokens,
      choices: Arm.Mode.allCases.enumerated().map { index, mode in (mode, chosen.count { $0 == index }) },
      regrets: Arm.Mode.allCases.enumerated().map { index, mode in
        .init(
          mode: mode, accuracy: accuracy - mean { question, _ in questions[question][index].isRight ? 1 : 0 },
          tokens: mean { question, _ in Double(questions[question][index].tokens) } - tokens)
      })
  }

  private func thinkRates(_ answers: [Answers]) -> [EvaluationReport.ThinkRate] {
    let kinds: [(String, (Answers) -> Bool)] = [
      ("questions that short answers correctly", { $0[Arm(.short)]?.isCorrect == true }),
      ("questions that short answers incorrectly", { $0[Arm(.short)]?.isCorrect == false }),
      ("questions labelled as needing reasoning", { $0[Arm(.auto)]?.needsReasoning == true }),
      ("questions labelled as not needing reasoning", { $0[Arm(.auto)]?.needsReasoning == false }),
    ]
    return kinds.compactMap { name, belongs in
      let thinks = answers.filter(belongs).compactMap { $0[Arm(.auto)]?.isThinking }
      guard let rate = Interval.wilson(successes: thinks.count { $0 }, trials: thinks.count) else { return nil }
      return EvaluationReport.ThinkRate(among: name, rate: rate, count: thinks.count)
    }
  }

  private func agreement(_ answers: [Answers]) -> Interval? {
    let agrees = answers.compactMap { answers -> Bool? in
      guard let auto = answers[Arm(.auto)], let thinks = auto.isThinking, let label = auto.needsReasoning else {
        return nil
      }
      return thinks == label
    }
    return .wilson(successes: agrees.count { $0 }, trials: agrees.count)
  }

  private func sweep(
    _ asked: Set<Arm>, _ answers: [Answers], _ modes: [Arm.Mode], into section: inout EvaluationReport.Section
  ) {
    let biased = asked.filter { $0.bias != nil }
    guard !biased.isEmpty else { return }
    let arms = (biased + (asked.contains(Arm(.auto)) ? [Arm(.auto)] : []))
      .sorted { ($0.bias ?? 0) < ($1.bias ?? 0) }
    let common = answers.filter { answers in arms.allSatisfy { answers[$0] != nil } }
    guard !common.isEmpty else { return }
    section.sweep = arms.map { summary($0, common) }
    section.sweepModes = modes.map { summary(Arm($0), common) }
  }
}
