import GenerationTypes
import Inference
import Scheduling
import Testing

private func state(
  running: Int = 4, queued: Int = 8, kv: Int = 1000, chunk: Int = 64, context: Int = 500, batch: Int = 100
) -> SchedulerState {
  SchedulerState(
    limits: .init(
      .init(maxRunning: running, maxQueued: queued, kvTokens: kv, prefillChunk: chunk), contextLength: context,
      maxBatch: batch))
}

extension SchedulerState {
  /// Gives the next in line a seat when its KV is left, as the engine does that keeps nothing.
  fileprivate mutating func seat() -> JobID? {
    while let (id, demand) = candidate() {
      let need = demand.promptTokens + demand.maxTokens
      if need <= limits.kvTokens - load.kvTokens {
        admit(id, reservation: need)
        return id
      }
      block(id)
    }
    return nil
  }
}

/// `#expect` cannot call what mutates; this compares its result.
private func check<Value: Equatable>(
  _ value: Value, _ expected: Value, at location: SourceLocation = #_sourceLocation
) {
  #expect(value == expected, sourceLocation: location)
}

@Suite struct `Scheduler state` {
  @Test func `requests are admitted in order while seats and KV last`() throws {
    var state = state(running: 3, kv: 300)
    let ids = try [(100, 50), (100, 51), (5, 5)].map { try state.enqueue(.init(promptTokens: $0.0, maxTokens: $0.1)) }
    check(state.seat(), ids[0])
    // 150 + 151 > 300; the small one passes.
    check(state.seat(), ids[2])
    check(state.seat(), nil)
    #expect(state.load.waiting == 1 && state.load.kvTokens == 160)
    state.finish(ids[0])
    check(state.seat(), ids[1])
    #expect(state.load.kvTokens == 161)
  }

  @Test func `what can never fit is refused with the bound`() throws {
    var state = state(kv: 1000, context: 500)
    _ = try state.enqueue(.init(promptTokens: 400, maxTokens: 100))
    #expect(throws: AdmissionError.tooLong(promptTokens: 400, maxTokens: 101, limit: 500)) {
      try state.enqueue(.init(promptTokens: 400, maxTokens: 101))
    }
    #expect(throws: AdmissionError.tooLong(promptTokens: 501, maxTokens: .max, limit: 500)) {
      try state.enqueue(.init(promptTokens: 501, maxTokens: .max))
    }
    #expect(throws: AdmissionError.self) { try state.enqueue(.init(promptTokens: 1, maxTokens: .max)) }
    var small = SchedulerState(limits: .init(.init(kvTokens: 90), contextLength: 500, maxBatch: 8))
    #expect(throws: AdmissionError.tooLong(promptTokens: 90, maxTokens: 1, limit: 90)) {
      try small.enqueue(.init(promptTokens: 90, maxTokens: 1))
    }
  }

  @Test func `a full line says when it will have been served`() throws {
    var state = state(running: 2, queued: 4)
    for _ in 0..<4 { _ = try state.enqueue(.init(promptTokens: 1, maxTokens: 1)) }
    let first = state.seat()
    _ = state.seat()
    for _ in 0..<2 { _ = try state.enqueue(.init(promptTokens: 1, maxTokens: 1)) }
    // Unmeasured: 5 s a request, four in line, two at a time.
    #expect(throws: AdmissionError.queueFull(limit: 4, retryAfter: .seconds(10))) {
      try state.enqueue(.init(promptTokens: 1, maxTokens: 1))
    }
    state.finish(try #require(first), service: .seconds(30))
    _ = state.seat()
    _ = try state.enqueue(.init(promptTokens: 1, maxTokens: 1))
    #expect(throws: AdmissionError.queueFull(limit: 4, retryAfter: .seconds(60))) {
      try state.enqueue(.init(promptTokens: 1, maxTokens: 1))
    }
  }

  @Test func `a free seat is no place in line, and a line of none still fills the seats`() throws {
    var state = state(running: 2, queued: 0)
    let first = try state.enqueue(.init(promptTokens: 1, maxTokens: 1))
    _ = try state.enqueue(.init(promptTokens: 1, maxTokens: 1))
    for isAdmitted in [false, true] {
      if isAdmitted { _ = (state.seat(), state.seat()) }
      #expect(state.refusal() == .queueFull(limit: 0, retryAfter: .seconds(isAdmitted ? 1 : 10)))
      #expect(throws: AdmissionError.self) { try state.enqueue(.init(promptTokens: 1, maxTokens: 1)) }
    }
    state.finish(first)
    #expect(
      state.refusal() == nil && state.refusal(of: .init(promptTokens: 998, maxTokens: 1)) != nil, "no room for that one"
    )
    _ = try state.enqueue(.init(promptTokens: 1, maxTokens: 1))
  }

  @Test func `a step holds every reply's next place and then prompts, shared evenly`() throws {
    var state = state(running: 4, chunk: 64, batch: 66)
    func complete() { for slice in state.plan() { state.complete(slice) } }
    let reply = try state.enqueue(.init(promptTokens: 3, maxTokens: 9))
    _ = state.seat()
    #expect(state.plan() == [.init(job: reply, work: .prefill(0..<3), samples: true)])
    complete()
    let long = try state.enqueue(.init(promptTokens: 300, maxTokens: 9))
    let short = try state.enqueue(.init(promptTokens: 10, maxTokens: 9))
    let other = try state.enqueue(.init(promptTokens: 200, maxTokens: 9))
    for _ in 0..<3 { _ = state.seat() }
    #expect(
      state.plan() == [
        .init(job: reply, work: .decode, samples: true),
        .init(job: long, work: .prefill(0..<27), samples: false),
        .init(job: short, work: .prefill(0..<10), samples: true),
        .init(job: other, work: .prefill(0..<27), samples: false),
      ])
    complete()
    #expect(state.plan().map(\.count) == [1, 1, 32, 32])
    #expect(state.plan().reduce(0) { $0 + $1.count } == 66)
    _ = state.cancel(other)
    #expect(state.plan().map(\.count) == [1, 1, 64], "a cancelled request is in no step")
  }

  @Test func `a prompt waits at an image and only its request does`() throws {
    var state = state()
    let seeing = try state.enqueue(.init(promptTokens: 50, maxTokens: 1))
    let blind = try state.enqueue(.init(promptTokens: 20, maxTokens: 1))
    _ = (state.seat(), state.seat())
    state.setReady(seeing, places: 5)
    #expect(state.awaitingInputs == nil)
    for slice in state.plan() { state.complete(slice) }
    #expect(state.awaitingInputs == seeing)
    #expect(state.plan() == [.init(job: blind, work: .decode, samples: true)])
    state.setReady(seeing, places: 5000)
    #expect(state.awaitingInputs == nil)
    #expect(state.plan().last == .init(job: seeing, work: .prefill(5..<50), samples: true))
  }

  @Test func `cancelling in line frees the seat in line, cancelling a running one frees its KV`() throws {
    var state = state(running: 1, queued: 1)
    let running = try state.enqueue(.init(promptTokens: 10, maxTokens: 10))
    _ = state.seat()
    let waiting = try state.enqueue(.init(promptTokens: 10, maxTokens: 10))
    check(state.cancel(waiting), true)
    #expect(state.load.waiting == 0)
    check(state.cancel(running), false)
    check(state.takeCancelled(), [running])
    check(state.takeCancelled(), [])
    check(state.cancel(running), false)
    #expect(state.isIdle && state.load.kvTokens == 0)
  }

  @Test func `who finds no memory goes back to the head of the line until another ends`() throws {
    var state = state()
    let ids = try (0..<3).map { _ in try state.enqueue(.init(promptTokens: 1, maxTokens: 1)) }
    _ = (state.seat(), state.seat())
    check(state.putBack(ids[1]), true)
    check(state.seat(), nil)
    #expect(state.load.kvTokens == 2)
    state.finish(ids[0])
    check(state.seat(), ids[1])
    check(state.putBack(ids[1]), false)  // alone, waiting would not help
    check(state.seat(), ids[2])
  }

  @Test func `bounds without sense are taken as the least that works`() throws {
    var state = SchedulerState(
      limits: .init(.init(maxRunning: 0, maxQueued: -1, kvTokens: 50, prefillChunk: 0), contextLength: 9, maxBatch: 0))
    let id = try state.enqueue(.init(promptTokens: 2, maxTokens: 3))
    check(state.seat(), id)
    #expect(state.plan() == [.init(job: id, work: .prefill(0..<1), samples: false)])
  }
}
