import Chat
import Dispatch
import Synchronization
import Testing

@Suite struct `Work off the cooperative pool` {
  @Test func `what is cancelled while it waits never begins, and what comes after it does`() async throws {
    let queue = WorkQueue(label: "test")
    let gate = DispatchSemaphore(value: 0)
    let begun = Atomic(0)
    let first = Task { try await queue.run { gate.wait() } }
    let second = Task { try await queue.run { begun.add(1, ordering: .relaxed) } }
    second.cancel()
    let third = Task { try await queue.run { 7 } }
    gate.signal()
    try await first.value
    await #expect(throws: CancellationError.self) { try await second.value }
    #expect(try await third.value == 7)
    #expect(begun.load(ordering: .relaxed) == 0)
  }

  @Test func `an error of the work is the caller's`() async {
    struct Fault: Error {}
    await #expect(throws: Fault.self) { try await WorkQueue(label: "test").run { throw Fault() } }
  }
}
