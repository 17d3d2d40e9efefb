// Work on all cores while a model is loaded, before there is a pool of workers.
import CKernels
import Dispatch

enum Lanes {
  /// The number of cores that this process may use.
  static var count: Int { Int(ck_usable_cores()) }

  /// Calls `body` with each number below `count`, on several cores at once, and returns after the last call. The calls
  /// must not write to the same memory. Nothing they capture outlives this call.
  static func run(_ count: Int, _ body: (Int) -> Void) {
    withoutActuallyEscaping(body) { body in
      nonisolated(unsafe) let body = body
      DispatchQueue.concurrentPerform(iterations: count) { body($0) }
    }
  }
}
