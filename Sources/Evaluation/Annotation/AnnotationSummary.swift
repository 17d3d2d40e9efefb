// What labels amount to: the shape of the paper's Table 1, the evidence, and how they agree with labels that were known.
import Statistics

/// The totals of an annotation. Every count is of items, and the parts add up to `items`.
package struct AnnotationSummary: Sendable {
  /// A set, or all of them: Table 1's non-reasoning, reasoning, total.
  package struct Row: Sendable, Equatable {
    package var name: String
    package var direct = 0
    package var reasoning = 0
    /// Items without a label.
    package var failures = 0
    /// Labelled items.
    package var total: Int { direct + reasoning }
  }

  /// Labels against the items' own `reasoning`, for the items that have it.
  package struct Agreement: Sendable, Equatable {
    package var name: String
    /// Items by known label, then by ours.
    package var easyDirect = 0
    package var easyReasoning = 0
    package var hardDirect = 0
    package var hardReasoning = 0

    package var count: Int { easyDirect + easyReasoning + hardDirect + hardReasoning }
    /// The part on which both agree, with Wilson's interval; nil without items.
    package var part: Interval? { Interval.wilson(successes: easyDirect + hardReasoning, trials: count) }
    /// Cohen's kappa: agreement beyond what the same margins give by chance; nil where one label is all there is on both sides.
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

  /// What was labelled, for the head of the file.
  package var title: String
  /// By set, in order of name.
  package var sets: [Row]
  package var all: Row
  /// By rule; rules that decided about nothing are left out.
  package var rules: [Row]
  /// How many items have 0, 1, … samples right; empty without the performance rule.
  package var rightSamples: [Int]
  /// By rule, then over all; only those with known labels.
  package var agreements: [Agreement]
  /// Over all items, those without a label included, of the last try of each.
  package var requests: Int
  /// As `requests`; nil where a server did not tell for some item.
  package var promptTokens: Int?
  package var outputTokens: Int?

  /// Sums up annotations, each item once.
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

  /// Items of the set, labelled or not.
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
