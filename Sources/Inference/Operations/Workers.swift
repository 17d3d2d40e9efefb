// The pool of threads that run the kernels. One thread at a time may use a pool.
import CKernels

/// Owns a pool of threads. A forward pass takes its `operations`.
final class Workers {
  let operations: Operations
  private let handle: OpaquePointer

  /// Starts `threads` threads, by default as many as this process may use.
  init(threads: Int?, kernels: KernelTable?) throws(InferenceError) {
    let table = kernels ?? .best
    guard table.isAvailable else { throw .workers("this machine cannot run the kernels \(table)") }
    let count = threads ?? Int(ck_usable_cores())
    guard (1...1024).contains(count) else { throw .workers("threads must be between 1 and 1024, got \(count)") }
    guard let handle = ck_workers_create(Int32(count), table.isa) else {
      throw .workers("the system cannot start \(count) threads")
    }
    self.handle = handle
    operations = Operations(workers: handle)
  }

  deinit { ck_workers_destroy(handle) }

  /// Allocates the buffer for the rounded inputs of products with quantised weights, up to `[rows, columns]`.
  func reserve(rows: Int, columns: Int) throws(InferenceError) {
    guard ck_workers_reserve(handle, UInt32(rows), UInt32(columns)) else {
      throw .outOfMemory(bytes: rows * columns, purpose: "the inputs of quantised products")
    }
  }

  /// The number of threads, the caller's included.
  var count: Int { Int(ck_workers_count(handle)) }
}
