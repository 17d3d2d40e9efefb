// The savings of auto-thinking in the range of a report, from the ledger's sums over shadows.
import JSON
import Ledger
import Statistics

/// The savings of the `auto` requests of a report.
struct Savings {
  let summary: UsageSummary
  /// As in `SavingsEstimate`.
  let decisionTokens: Int

  init(_ summary: UsageSummary, decisionTokens: Int) { (self.summary, self.decisionTokens) = (summary, decisionTokens) }

  var json: JSONValue {
    let (thinking, nonThinking) = (summary.sampledThinking, summary.sampledNonThinking)
    let (pairs, others) = (summary.shadowsOfNonThinking, summary.shadowsOfThinking)
    var population = AutoPopulation(thinking: thinking.requests, nonThinking: nonThinking.requests)
    population.spent = Double(thinking.completionTokens + nonThinking.completionTokens)
    let tokens = estimate(
      PairSums(
        count: pairs.pairs, sum: pairs.tokenDifference, squares: pairs.tokenDifferenceSquared,
        cubes: pairs.tokenDifferenceCubed), population, decision: Double(decisionTokens))
    population.spent = thinking.decodeSeconds + nonThinking.decodeSeconds
    let seconds = estimate(
      PairSums(
        count: pairs.pairs, sum: pairs.secondsDifference, squares: pairs.secondsDifferenceSquared,
        cubes: pairs.secondsDifferenceCubed), population, decision: 0)
    return [
      "requests": .count(thinking.requests + nonThinking.requests), "shadowed": .count(pairs.pairs),
      "confidence": 0.95, "tokens": Self.json(tokens), "seconds": Self.json(seconds), "reason": Self.reason(tokens),
      "shadow": [
        "requests": .count(pairs.pairs + others.pairs),
        "tokens": .count(pairs.shadowTokens + others.shadowTokens),
        "seconds": .number(pairs.shadowSeconds + others.shadowSeconds),
      ],
    ]
  }

  private func estimate(
    _ pairs: PairSums, _ population: AutoPopulation, decision: Double
  ) -> Result<SavingsEstimate, SavingsEstimate.MissingData> {
    Result { () throws(SavingsEstimate.MissingData) in
      try SavingsEstimate(pairs, population, decision: decision)
    }
  }

  private static func json(_ estimate: Result<SavingsEstimate, SavingsEstimate.MissingData>) -> JSONValue {
    guard case .success(let estimate) = estimate else { return .null }
    return [
      "saved": .number(estimate.saved), "low": .number(estimate.low), "high": .number(estimate.high),
      "per_request": .number(estimate.perRequest), "share": .number(estimate.share),
      "share_low": .number(estimate.shareLow), "share_high": .number(estimate.shareHigh),
    ]
  }

  private static func reason(_ estimate: Result<SavingsEstimate, SavingsEstimate.MissingData>) -> JSONValue {
    switch estimate {
    case .success: return .null
    case .failure(.noRequests):
      return "There were no requests in mode auto with one reply while shadow.fraction was above 0."
    case .failure(.fewPairs(let count, let needed)):
      return .string(
        "\(count) requests that did not think have a shadow; an estimate needs \(needed). "
          + "The setting shadow.fraction determines how many get one.")
    }
  }
}
