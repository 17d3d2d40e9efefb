// Shadow requests: a fraction of the auto requests is answered again in the mode that the model did not choose, while
// nothing else runs. No client sees these replies; ledger and metrics record their lengths, from which the savings of
// auto-thinking are estimated. The draw precedes the answer, so that it cannot depend on it.
import Basics
import Chat
import GenerationTypes
import Ledger
import Scheduling
import Synchronization
import Telemetry

/// The engine's requests in both modes, for a request that was drawn.
struct ShadowCandidate: Sendable {
  struct Variant: Sendable {
    let chat: PreparedChat
    let request: GenerationRequest
  }
  /// With thinking and without.
  let long, short: Variant
  let stop: [String]
  /// The tokens with which a reply in mode auto starts its thought; in mode long they belong to the prompt.
  let decisionTokens: Int
}

/// Draws requests and answers them again.
final class Shadows: Sendable {
  /// The maximum number of waiting and running shadows; further ones are skipped.
  static let maxConcurrent = 64

  private let fraction: Double
  private let engine: any GenerationService
  private let metrics: SavingsMetrics
  private let ledger: Ledger?
  private struct Running {
    /// Running and waiting shadows; nil when the server shuts down.
    var tasks: [Int: Task<Void, Never>]? = [:]
    /// The next key of `tasks`. Request ids may repeat because clients choose them.
    var next = 0
  }
  private let running = Mutex(Running())

  /// - Parameter fraction: The fraction of auto requests, above 0 and at most 1.
  init(fraction: Double, engine: any GenerationService, metrics: SavingsMetrics, ledger: Ledger?) {
    (self.fraction, self.engine, self.metrics, self.ledger) = (fraction, engine, metrics, ledger)
  }

  /// Draws whether a request is answered again.
  func draws(_ plan: ThinkingPlan, _ options: GenerationOptions) -> Bool {
    plan.isDecided && options.choices == 1 && Double.random(in: 0..<1) < fraction
  }

  /// Counts an answered request that might have been drawn, and answers it again if it was.
  func note(_ figures: AnswerFigures, _ candidate: ShadowCandidate?) {
    if !figures.isSampled { return }
    metrics.add(figures)
    guard let candidate else { return }
    let outcome: ThinkingOutcome = figures.outcome == .thinking ? .nonThinking : .thinking
    let isTaken = running.withLock { running in
      guard let count = running.tasks?.count, count < Self.maxConcurrent else { return false }
      let name = running.next
      running.next += 1
      running.tasks?[name] = Task {
        await answer(figures, in: outcome, candidate)
        self.running.withLock { $0.tasks?[name] = nil }
      }
      return true
    }
    if !isTaken { metrics.count(outcome, .passedOver) }
  }

  /// Cancels all shadows.
  func stop() {
    let dropped = running.withLock { running in
      defer { running.tasks = nil }
      return running.tasks
    }
    for task in (dropped ?? [:]).values { task.cancel() }
  }

  private func answer(_ figures: AnswerFigures, in outcome: ThinkingOutcome, _ candidate: ShadowCandidate) async {
    do {
      let variant = outcome == .thinking ? candidate.long : candidate.short
      let shadow = try await answer(variant, candidate.stop)
      let tokens = shadow.counts.total
      // A shadow runs alone, so its time is computed from the pace of the client's reply.
      let pace = (figures.times.decode ?? .zero) / max(figures.counts.total - 1, 1)
      let shadowFigures = ShadowFigures(
        original: figures, tokens: tokens, decode: pace * max(tokens - 1, 0),
        promptTokens: max(0, variant.request.prompt.tokens.count - shadow.cachedTokens))
      metrics.add(shadowFigures, decisionTokens: candidate.decisionTokens)
      ledger?.record(shadowFigures)
      metrics.count(outcome, .answered)
    } catch {
      metrics.count(outcome, .failed)
    }
  }

  private func answer(_ variant: ShadowCandidate.Variant, _ stop: [String]) async throws -> ReplyFigures {
    var reply = Reply(parser: variant.chat.makeParser(stopStrings: stop), arrival: .now)
    for try await event in try engine.submit(variant.request) {
      _ = reply.receive(event, at: .now)
      if reply.finish != nil { return reply.figures }
    }
    throw GenerationError.inference("the event stream ended before its reply")
  }
}
