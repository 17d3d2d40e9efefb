import GenerationTypes
import Synchronization
import Testing
import Work

private func request(_ name: String, _ limit: Duration = .seconds(60)) -> WorkContext {
  WorkContext(client: ClientID(key: name), budget: WorkBudget(limit: limit))
}

/// Waits until `condition` holds; returns false after a minute.
private func eventually(_ condition: () -> Bool) async -> Bool {
  let end = ContinuousClock.now + .seconds(60)
  while !condition() {
    if ContinuousClock.now > end { return false }
    try? await Task.sleep(for: .milliseconds(2))
  }
  return true
}

/// Uses the processor until the budget requires a stop.
private func spin(_ budget: WorkBudget) throws {
  while !budget.shouldStop {}
  throw Stopped()
}

private struct Stopped: Error {}

/// Counts jobs from any thread.
private final class Tally: Sendable {
  private let number = Atomic(0)
  func add() { number.add(1, ordering: .relaxed) }
  var value: Int { number.load(ordering: .relaxed) }
}

@Suite struct `Work queue` {
  @Test func `work returns its value or its error on any thread`() async throws {
    let queue = WorkQueue(limits: WorkLimits(workers: 2))
    for bytes in [0, 1 << 10, 1 << 20] {
      #expect(try await queue.run(bytes: bytes) { _ in 42 } == 42)
      await #expect(throws: Stopped.self) { try await queue.run(bytes: bytes) { _ in throw Stopped() } }
    }
    #expect(await eventually { queue.status.finished == 2 && queue.status.running == 0 })
  }

  @Test func `the context of the request is available on the working thread`() async throws {
    let queue = WorkQueue(limits: WorkLimits(workers: 2))
    let mine = request("a")
    let isAvailable = try await WorkContext.$current.withValue(mine) {
      try await queue.run(.long) { budget in
        WorkContext.current?.client == ClientID(key: "a") && budget === WorkContext.current?.budget
      }
    }
    #expect(isAvailable)
  }

  @Test func `a request that exceeds its time over all of its jobs fails with the limit`() async throws {
    let queue = WorkQueue(limits: WorkLimits(workers: 2))
    let mine = request("a", .milliseconds(50))
    await WorkContext.$current.withValue(mine) {
      await #expect(throws: WorkError.overBudget(limit: .milliseconds(50))) {
        try await queue.run(.long) { try spin($0) }
      }
      // No time is left for the next job, short or long.
      await #expect(throws: WorkError.overBudget(limit: .milliseconds(50))) { try await queue.run(.long) { _ in } }
      await #expect(throws: WorkError.overBudget(limit: .milliseconds(50))) { try await queue.run(bytes: 1) { _ in } }
    }
    #expect(await eventually { queue.status.overBudget == 2 })
  }

  @Test func `when its client leaves, running work stops at its next check and waiting work is dropped at once`()
    async throws
  {
    let queue = WorkQueue(limits: WorkLimits(workers: 2))
    let started = Tally()
    let tasks = (0..<10).map { number in
      Task<Void, any Error> {
        try await WorkContext.$current.withValue(request("\(number)")) {
          try await queue.run(.long) { budget in
            started.add()
            try spin(budget)
          }
        }
      }
    }
    #expect(await eventually { queue.status.waiting == 9 && started.value == 1 })
    for task in tasks { task.cancel() }
    for task in tasks { await #expect(throws: CancellationError.self) { try await task.value } }
    #expect(await eventually { queue.status.running == 0 && queue.status.dropped == 10 })
    #expect(started.value == 1)
  }

  @Test func `short work runs while another client fills its queue`() async throws {
    let queue = WorkQueue(limits: WorkLimits(workers: 4))
    let tasks = (0..<50).map { number in
      Task<Void, any Error> {
        try await WorkContext.$current.withValue(request("greedy")) {
          try await queue.run(number % 2 == 0 ? .long : .text(bytes: 20_000)) { try spin($0) }
        }
      }
    }
    #expect(await eventually { queue.status.running == 3 })
    let value = try await WorkContext.$current.withValue(request("innocent")) {
      try await queue.run(.text(bytes: 20_000)) { _ in 1 }
    }
    #expect(value == 1)
    for task in tasks { task.cancel() }
    for task in tasks { await #expect(throws: CancellationError.self) { try await task.value } }
  }

  @Test func `work beyond the limits is rejected`() async throws {
    var limits = WorkLimits(workers: 2)
    limits.waitingPerClient = 3
    let queue = WorkQueue(limits: limits)
    func spinning() -> Task<Void, any Error> {
      Task { try await WorkContext.$current.withValue(request("a")) { try await queue.run(.long) { try spin($0) } } }
    }
    // Three jobs may wait while one runs. Until that one has started, a fourth would exceed the limit.
    var tasks = [spinning()]
    #expect(await eventually { queue.status.running == 1 })
    tasks += (0..<3).map { _ in spinning() }
    #expect(await eventually { queue.status.waiting == 3 && queue.status.running == 1 })
    await WorkContext.$current.withValue(request("a")) {
      await #expect(throws: WorkError.clientFull(limit: 3)) { try await queue.run(.long) { _ in } }
    }
    #expect(queue.status.rejected == 1)
    for task in tasks { task.cancel() }
    for task in tasks { await #expect(throws: CancellationError.self) { try await task.value } }
  }

  @Test func `every job of many clients runs once`() async throws {
    let queue = WorkQueue(limits: WorkLimits(workers: 4))
    let done = Tally()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<500 {
        group.addTask {
          try await WorkContext.$current.withValue(request("\(number % 7)")) {
            let size = [WorkSize.long, .text(bytes: 20_000), .image][number % 3]
            try await queue.run(size) { _ in done.add() }
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(done.value == 500)
  }
}
