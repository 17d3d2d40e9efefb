// Shadow sampling: a share of the auto requests is answered again in the mode that they did not choose, while nothing else runs, from
// the prompt that is still cached. Nobody sees these replies: their lengths go into ledger and metrics, and tell what auto-thinking
// saved against always thinking. A request is drawn before it is answered, so that the draw cannot depend on the answer.
import Basics
import Chat
import GenerationTypes
import Ledger
import Scheduling
import Synchronization
import Telemetry

/// A request that was drawn: what the engine would be asked in either mode.
struct ShadowCandidate: Sendable {
  struct Variant: Sendable {
    let chat: PreparedChat
    let request: GenerationRequest
  }
  /// With a thought and without one.
  let long, short: Variant
  let stop: [String]
  /// Tokens by which a reply in mode auto says that it thinks, which the prompt of mode long has already.
  let decisionTokens: Int
}

/// Draws requests and answers them again.
final class Shadows: Sendable {
  /// Requests whose shadow is waited for; further ones are passed over.
  static let mostAtOnce = 64

  private let fraction: Double
  private let engine: any GenerationService
  private let metrics: SavingsMetrics
  private let ledger: Ledger?
  private struct Running {
    /// What runs or waits; nil once the server goes down.
    var tasks: [Int: Task<Void, Never>]? = [:]
    /// Names tasks: ids of requests may be the clients' own and come twice.
    var next = 0
  }
  private let running = Mutex(Running())

  /// - Parameter fraction: of auto requests, above 0 and at most 1.
  init(fraction: Double, engine: any GenerationService, metrics: SavingsMetrics, ledger: Ledger?) {
    (self.fraction, self.engine, self.metrics, self.ledger) = (fraction, engine, metrics, ledger)
  }

  /// Whether a request that wants these replies is to be answered again.
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
      guard let count = running.tasks?.count, count < Self.mostAtOnce else { return false }
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

  /// Drops what runs and waits: nobody waits for it.
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
      // A shadow runs alone. Its time is counted at the pace at which the client was served.
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
