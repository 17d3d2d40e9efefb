// Executes a schedule's decisions without a runner, on a clock of the test's own.
import GenerationTypes
import Inference
import Scheduling
import Testing

/// What happened in a round.
struct Round {
  var started: [RequestID] = []
  var prefixes: [RequestID: Int] = [:]
  var preempted: [RequestID] = []
  var ended: [RequestID] = []
  var failed: [RequestID: GenerationError] = [:]
  var finished: [RequestID: FinishReason] = [:]
  var encoded: RequestID?
  var step: [Schedule.StepEntry] = []
  var decisions: [Schedule.Decision] = []
}

struct Driver {
  var schedule: Schedule
  var now = ContinuousClock.now
  /// The position up to which inputs are at hand, for requests with images.
  var ready: [RequestID: Int] = [:]
  /// Requests for which there is no memory.
  var withoutMemory: Set<RequestID> = []
  private var nextPrompt = 0

  init(
    running: Int = 4, batch: Int? = nil, short: Int = 0, waiting: Int = 64, kv: Int = 100_000, reservation: Int = 512,
    chunk: Int = 64, prefixes: Int = 0, context: Int = 5000, maxBatch: Int = 100
  ) {
    let configuration = EngineConfiguration(
      maxRunning: running, maxRunningBatch: batch, shortSlots: short, maxWaiting: waiting, kvTokens: kv,
      replyReservation: reservation, prefillChunk: chunk, prefixTokens: prefixes)
    schedule = Schedule(configuration, contextLength: context, maxBatch: maxBatch, sharedPositions: 8)
    // Steps that take no time: the chunk alone limits prompts.
    schedule.pace.learn(decodeRows: 1, prefillRows: 1000, seconds: 1e-9)
  }

  /// A request whose prompt differs from all others in its first position.
  mutating func arrival(prompt: Int = 10, reply: Int = 10, client: String = "") -> Schedule.Arrival {
    nextPrompt += 1
    var arrival = Schedule.Arrival(
      tokens: SequenceTokens(ids: (0..<prompt).map { $0 == 0 ? TokenID(1_000_000 + nextPrompt) : TokenID($0) }),
      maxTokens: reply)
    arrival.client = ClientID(key: client)
    return arrival
  }

  mutating func arrive(
    _ client: String = "", prompt: Int = 10, reply: Int = 10, short: Bool = false,
    as serviceClass: ServiceClass = .interactive
  ) throws -> RequestID {
    var arrival = arrival(prompt: prompt, reply: reply, client: client)
    (arrival.isShort, arrival.serviceClass) = (short, serviceClass)
    return try schedule.arrive(arrival)
  }

  /// One round. The replies of `ending` end with this round's token, those of `failing` with an error; every other
  /// reply gets a token for each row.
  @discardableResult
  mutating func round(ending: Set<RequestID> = [], failing: Set<RequestID> = []) -> Round {
    var round = Round()
    while true {
      let decisions = schedule.decide(at: now)
      if decisions.isEmpty { return round }
      round.decisions += decisions
      for decision in decisions {
        for event in execute(decision, &round, ending, failing) { schedule.handle(event, at: now) }
      }
    }
  }

  private func execute(
    _ decision: Schedule.Decision, _ round: inout Round, _ ending: Set<RequestID>, _ failing: Set<RequestID>
  ) -> [Schedule.Event] {
    switch decision {
    case .start(let start):
      if withoutMemory.contains(start.request) { return [.notStarted(start.request, reason: "out of memory")] }
      round.started.append(start.request)
      round.prefixes[start.request] = start.prefix?.count
      return [.started(start.request, inputsReady: ready[start.request] ?? .max)]
    case .preempt(let id): round.preempted.append(id)
    case .encode(let id, let blocks):
      round.encoded = id
      return [.encoded(blocks: blocks, seconds: 1e-9)]
    case .step(let entries):
      round.step = entries
      return [
        .stepped(
          entries.map { entry in
            if failing.contains(entry.request) { return .failed(.inference("failed")) }
            return .sampled(Array(repeating: 1, count: entry.logitRows), ends: ending.contains(entry.request))
          }, seconds: 1e-9)
      ]
    case .truncate, .cachePrefix, .release: break
    case .finish(let id, let reason):
      round.finished[id] = reason
      round.ended.append(id)
    case .fail(let id, let error):
      round.failed[id] = error
      round.ended.append(id)
    case .cancelled(let id): round.ended.append(id)
    }
    return []
  }
}

extension Schedule {
  var runningIDs: [RequestID] { running.map(\.id) }
}
