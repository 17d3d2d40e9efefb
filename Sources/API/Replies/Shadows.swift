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
    let prepared: any PreparedConversation
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

  /// Takes note of a request that was answered at `time` and might have been drawn, and answers it again where it was.
  func note(_ reply: Reply, _ candidate: ShadowCandidate?, _ record: RequestRecord, at time: Double) {
    metrics.add(thought: reply.outcome == .thinking, tokens: reply.counts.total, seconds: reply.decode.seconds)
    guard let candidate else { return }
    let outcome: ThinkingOutcome = reply.outcome == .thinking ? .nonThinking : .thinking
    let (id, key) = (record.id, record.keyName)
    let isTaken = running.withLock { running in
      guard let count = running.tasks?.count, count < Self.mostAtOnce else { return false }
      let name = running.next
      running.next += 1
      running.tasks?[name] = Task {
        await answer(reply, outcome, candidate, id: id, key: key, time: time)
        self.running.withLock { $0.tasks?[name] = nil }
      }
      return true
    }
    if !isTaken { metrics.count(outcome.rawValue, .passedOver) }
  }

  /// Drops what runs and waits: nobody waits for it.
  func stop() {
    let dropped = running.withLock { running in
      defer { running.tasks = nil }
      return running.tasks
    }
    for task in (dropped ?? [:]).values { task.cancel() }
  }

  private func answer(
    _ reply: Reply, _ outcome: ThinkingOutcome, _ candidate: ShadowCandidate, id: String, key: String?, time: Double
  ) async {
    do {
      let variant = outcome == .thinking ? candidate.long : candidate.short
      let shadow = try await answer(variant, candidate.stop)
      settle(
        reply, shadow, outcome, promptTokens: variant.request.prompt.tokens.count,
        decisionTokens: candidate.decisionTokens, id: id, key: key, time: time)
    } catch {
      metrics.count(outcome.rawValue, .failed)
    }
  }

  private func answer(_ variant: ShadowCandidate.Variant, _ stop: [String]) async throws -> Reply {
    var reply = Reply(reader: variant.prepared.makeReader(stopStrings: stop), arrival: .now)
    for try await event in try engine.submit(variant.request) {
      _ = reply.receive(event, at: .now)
      if reply.finish != nil { return reply }
    }
    throw GenerationError.inference("the event stream ended before its reply")
  }

  private func settle(
    _ reply: Reply, _ shadow: Reply, _ outcome: ThinkingOutcome, promptTokens: Int, decisionTokens: Int, id: String,
    key: String?, time: Double
  ) {
    metrics.add(shadow: outcome.rawValue, tokens: shadow.counts.total, decisionTokens: decisionTokens)
    // A shadow runs while nothing else does; what it would have taken is told at the pace at which the client was served.
    let spent = reply.decode.seconds
    let pace = spent / Double(max(reply.counts.total - 1, 1))
    let seconds = pace * Double(max(shadow.counts.total - 1, 0))
    if outcome == .thinking {
      metrics.add(
        savedTokens: Double(shadow.counts.total - reply.counts.total), savedSeconds: seconds - spent)
    }
    ledger?.record(
      ShadowRow(
        time: time, requestID: id, key: key, mode: reply.outcome.rawValue, tokens: reply.counts.total,
        seconds: spent, shadowTokens: shadow.counts.total, shadowSeconds: seconds,
        shadowPromptTokens: max(0, promptTokens - shadow.cachedTokens)))
    metrics.count(outcome.rawValue, .answered)
  }
}
