// The totals of an annotation: the paper's Table 1, the evidence, and the agreement with known labels.
import Statistics

/// The totals of an annotation. Every count is a number of items, and the parts add up to `items`.
package struct AnnotationSummary: Sendable {
  /// The counts of a set or of all sets, as in Table 1: non-reasoning, reasoning and total.
  package struct Row: Sendable, Equatable {
    package var name: String
    package var direct = 0
    package var reasoning = 0
    /// The number of items without a label.
    package var failures = 0
    /// The number of labelled items.
    package var total: Int { direct + reasoning }
  }

  /// The agreement of labels with the items' own `reasoning`, for the items that have it.
  package struct Agreement: Sendable, Equatable {
    package var name: String
    /// The number of items by known label (easy, hard) and assigned label.
    package var easyDirect = 0
    package var easyReasoning = 0
    package var hardDirect = 0
    package var hardReasoning = 0

    package var count: Int { easyDirect + easyReasoning + hardDirect + hardReasoning }
    /// The share of items whose labels agree, with Wilson's interval; nil without items.
    package var part: Interval? { Interval.wilson(successes: easyDirect + hardReasoning, trials: count) }
    /// Cohen's kappa: agreement beyond that expected by chance for the same margins; nil if both sides have only one
    /// label.
    package var kappa: Double? {
      guard count > 0 else { return nil }
      let n = Double(count)
      let observed = Double(easyDirect + hardReasoning) / n
      let direct = Double(easyDirect + easyReasoning) / n * Double(easyDirect + hardDirect) / n
      let reasoning = Double(hardDirect + hardReasoning) / n * Double(easyReasoning + hardReasoning) / n
      let chance = direct + reasoning
      return chance < 1 ? (observed - chance) / (1 - chance) : nil
    }

    mutating func add(isHard: Bool, _ label: Annotation.Label) {
      switch (isHard, label) {
      case (false, .direct): easyDirect += 1
      case (false, .reasoning): easyReasoning += 1
      case (true, .direct): hardDirect += 1
      case (true, .reasoning): hardReasoning += 1
      }
    }
  }

  /// The title of the file.
  package var title: String
  /// The rows by set, in order of name.
  package var sets: [Row]
  package var all: Row
  /// The rows by rule, without rules that decided nothing.
  package var rules: [Row]
  /// The number of items with 0, 1, … correct samples; empty without the performance rule.
  package var rightSamples: [Int]
  /// The agreement by rule, then over all, for items with known labels.
  package var agreements: [Agreement]
  /// The number of requests of the last attempt for each item, including items without a label.
  package var requests: Int
  /// The number of tokens, counted like `requests`; nil if a server did not report it for some item.
  package var promptTokens: Int?
  package var outputTokens: Int?

  /// Summarises annotations, each item once.
  package init(_ annotations: [Annotation], title: String) {
    self.title = title
    var sets: [String: Row] = [:]
    var rules: [Annotation.Rule: Row] = [:]
    var agreements: [Annotation.Rule: Agreement] = [:]
    var agreement = Agreement(name: "all")
    all = Row(name: "Total")
    rightSamples = []
    for annotation in annotations {
      sets[annotation.key.set, default: Row(name: annotation.key.set)].add(annotation)
      rules[annotation.rule, default: Row(name: annotation.rule.rawValue)].add(annotation)
      all.add(annotation)
      if let label = annotation.label, let isHard = annotation.needsReasoning {
        agreements[annotation.rule, default: Agreement(name: annotation.rule.rawValue)].add(isHard: isHard, label)
        agreement.add(isHard: isHard, label)
      }
      if case .samples(let right, let samples, _) = annotation.evidence {
        if rightSamples.count <= samples {
          rightSamples += Array(repeating: 0, count: samples + 1 - rightSamples.count)
        }
        rightSamples[right] += 1
      }
    }
    self.sets = sets.values.sorted { $0.name < $1.name }
    self.rules = Annotation.Rule.allCases.compactMap { rules[$0] }
    self.agreements = Annotation.Rule.allCases.compactMap { agreements[$0] }
    if agreement.count > 0 { self.agreements.append(agreement) }
    requests = annotations.reduce(0) { $0 + $1.requests }
    promptTokens = Self.sum(annotations.map(\.promptTokens))
    outputTokens = Self.sum(annotations.map(\.outputTokens))
  }

  /// The number of items, labelled or not.
  package var items: Int { all.total + all.failures }

  private static func sum(_ counts: [Int?]) -> Int? {
    counts.reduce(0 as Int?) { total, count in total.flatMap { total in count.map { total + $0 } } }
  }
}

extension AnnotationSummary.Row {
  mutating func add(_ annotation: Annotation) {
    switch annotation.label {
    case .direct: direct += 1
    case .reasoning: reasoning += 1
    case nil: failures += 1
    }
  }
}
