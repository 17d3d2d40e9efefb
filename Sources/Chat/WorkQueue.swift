// Work that takes long enough to stall other requests if it ran on the cooperative pool, which has one thread a core.
import Dispatch
import Synchronization

/// Runs work one at a time on a thread of its own: that bounds memory, and leaves the other cores to the engine.
package final class WorkQueue: Sendable {
  private let queue: DispatchQueue

  package init(label: String) { queue = DispatchQueue(label: label) }

  /// Waits for its turn, then returns what `work` returns. Work whose task is cancelled by then is not begun, and
  /// `CancellationError` is thrown.
  package func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    let turn = Turn()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        queue.async {
          continuation.resume(
            with: Result {
              if turn.isCancelled.load(ordering: .relaxed) { throw CancellationError() }
              return try work()
            })
        }
      }
    } onCancel: {
      turn.isCancelled.store(true, ordering: .relaxed)
    }
  }

  private final class Turn: Sendable {
    let isCancelled = Atomic(false)
  }
}
