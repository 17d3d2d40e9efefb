// The savings of auto-thinking since the start: sums over shadows, and the metrics that show them.
import Basics
import GenerationTypes
import Statistics
import Synchronization

/// Counts shadows and estimates what `auto` requests saved compared with always thinking.
package final class SavingsMetrics: Sendable {
  /// The result of a request that was drawn for a shadow.
  package enum Result: String, Sendable, CaseIterable {
    case answered, failed
    /// Too many shadows were waiting.
    case passedOver = "passed_over"
  }

  private struct Sums {
    var tokens = PairSums(), seconds = PairSums()
    var population = AutoPopulation(), secondsSpent = 0.0
    var decisionTokens = 1
  }

  /// Shadows by `mode` and `result`, and their generated tokens by `mode`.
  private let requests, tokens: Counter
  private let sums = Mutex(Sums())

  init(in registry: MetricsRegistry) {
    requests = registry.register(
      Counter(
        "r4b_shadow_requests_total", "Auto requests drawn for a shadow, by the mode of the shadow and its result.",
        labels: ["mode", "result"]))
    tokens = registry.register(
      Counter("r4b_shadow_tokens_total", "Generated tokens of shadows by mode.", labels: ["mode"]))
    register(
      in: registry, "r4b_saved_tokens",
      "Tokens that auto requests saved since the start, compared with always thinking."
    ) { ($0.tokens, $0.population, Double($0.decisionTokens)) }
    register(
      in: registry, "r4b_saved_seconds",
      "Seconds that auto requests saved since the start, compared with always thinking."
    ) { sums in
      var population = sums.population
      population.spent = sums.secondsSpent
      return (sums.seconds, population, 0)
    }
  }

  /// Registers an estimate with its 95 % interval. It has no series until there are enough shadows.
  private func register(
    in registry: MetricsRegistry, _ name: String, _ help: String,
    _ read: @escaping @Sendable (Sums) -> (PairSums, AutoPopulation, Double)
  ) {
    registry.register(
      Sampled(.gauge, name, help, labels: ["bound"]) { [weak self] in
        guard let (pairs, population, decision) = self.map({ read($0.sums.withLock { $0 }) }),
          let estimate = try? SavingsEstimate(pairs, population, decision: decision)
        else { return [] }
        return [(["estimate"], estimate.saved), (["low"], estimate.low), (["high"], estimate.high)]
      })
  }

  /// Adds an answered `auto` request that might have been drawn for a shadow.
  package func add(_ answer: AnswerFigures) {
    sums.withLock { sums in
      if answer.outcome == .thinking { sums.population.thinking += 1 } else { sums.population.nonThinking += 1 }
      sums.population.spent += Double(answer.counts.total)
      sums.secondsSpent += answer.times.decode?.seconds ?? 0
    }
  }

  /// Counts the result of a drawn request; `mode` is that of its shadow.
  package func count(_ mode: ThinkingOutcome, _ result: Result) { requests.add(1, mode.rawValue, result.rawValue) }

  /// Adds a shadow, and what it says about the cost of a thought if the client's answer did not think. `decisionTokens`
  /// as in `SavingsEstimate`.
  package func add(_ shadow: ShadowFigures, decisionTokens: Int) {
    tokens.add(shadow.tokens, shadow.outcome.rawValue)
    sums.withLock { sums in
      sums.decisionTokens = decisionTokens
      guard shadow.outcome == .thinking else { return }
      sums.tokens.add(Double(shadow.tokens - shadow.original.counts.total))
      sums.seconds.add(shadow.decode.seconds - (shadow.original.times.decode?.seconds ?? 0))
    }
  }
}
