// What a process inherits and must not depend on: standard streams that are closed, stack sizes, and what a broken pipe does.
import CKernels
import Glibc

/// Sets up the process before it does anything else.
enum ProcessPreparation {
  /// Bytes of stack for every thread. The deepest recursion of a release build (JSON, templates and schemas nested to
  /// their limits) needs between 384 and 512 KiB; pages are taken only when they are used.
  static let stackBytes = 8 << 20

  /// Sets the default stack of threads, which would otherwise be `ulimit -s`: those of Dispatch, Foundation and the kernels
  /// name no size. The main thread gets as much as the hard limit allows. Call it before the first thread exists.
  static func setThreadStacks() {
    _ = ck_set_thread_stack(stackBytes)
    let resource = __rlimit_resource_t(RLIMIT_STACK.rawValue)
    var limit = rlimit()
    guard getrlimit(resource, &limit) == 0, limit.rlim_cur < UInt(stackBytes) else { return }
    limit.rlim_cur = min(UInt(stackBytes), limit.rlim_max)
    setrlimit(resource, &limit)
  }

  /// Takes the numbers of closed standard streams, so that no socket or database gets one of them and then the log's lines.
  /// The streams stay unusable: they are opened in the wrong direction.
  static func openStandardStreams() {
    for (descriptor, mode) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDONLY)]
    where fcntl(descriptor, F_GETFD) == -1 && errno == EBADF {
      // The lowest free number is this one, as the ones below it are taken by now.
      _ = open("/dev/null", mode)
    }
  }

  /// Makes a write to a pipe without a reader, or beyond `ulimit -f`, fail instead of ending the process. For servers, and for
  /// commands whose product is a file. Other commands keep the default: the signal ends them quietly, as it ends `cat`.
  static func survivesFailedWrites() {
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
  }
}
