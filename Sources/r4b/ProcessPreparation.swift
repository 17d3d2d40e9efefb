// Makes the process independent of what it inherits: closed standard streams, stack sizes, signals of broken pipes.
import CKernels
import Glibc

/// Sets up the process before it does anything else.
enum ProcessPreparation {
  /// Bytes of stack for every thread. The deepest recursion of a release build (JSON, templates and schemas nested to
  /// their limits) needs between 384 and 512 KiB; pages are taken only when they are used.
  static let stackBytes = 8 << 20

  /// Sets the default stack of threads, which would otherwise be `ulimit -s`: those of Dispatch, Foundation and the
  /// kernels name no size. The main thread gets as much as the hard limit allows. Call it before the first thread
  /// exists.
  static func setThreadStacks() {
    _ = ck_set_thread_stack(stackBytes)
    let resource = __rlimit_resource_t(RLIMIT_STACK.rawValue)
    var limit = rlimit()
    guard getrlimit(resource, &limit) == 0, limit.rlim_cur < UInt(stackBytes) else { return }
    limit.rlim_cur = min(UInt(stackBytes), limit.rlim_max)
    setrlimit(resource, &limit)
  }

  /// About the number of threads that every command needs besides the first.
  private static let threads: Int32 = 6
  /// About the bytes of address space that every command needs besides stacks and libraries.
  private static let addressBytes = 256 << 20

  /// Ends the process with an error where the system allows too few threads or too little address space. Otherwise
  /// Dispatch would wait for a thread for ever, and a failed allocation would crash.
  static func checkLimits() {
    let room = mmap(nil, addressBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    let started = room == MAP_FAILED ? 0 : ck_try_threads(threads)
    if room != MAP_FAILED { munmap(room, addressBytes) }
    if started == threads { return }
    let limit =
      room == MAP_FAILED
      ? "\(addressBytes >> 20) MiB more address space: raise ulimit -v"
      : "\(threads) threads with \(stackBytes >> 20) MiB of stack each, but the system allows \(started): raise ulimit -u (systemd: "
        + "TasksMax, containers: the pids limit) or ulimit -v"
    note("error: r4b needs \(limit)")
    exit(EXIT_FAILURE)
  }

  /// Occupies the descriptors of closed standard streams, so that no socket or database gets one of them and then
  /// receives log lines. The streams stay unusable, because they are opened in the wrong direction.
  static func openStandardStreams() {
    for (descriptor, mode) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDONLY)]
    where fcntl(descriptor, F_GETFD) == -1 && errno == EBADF {
      // The lowest free number is this one, as the ones below it are taken by now.
      _ = open("/dev/null", mode)
    }
  }

  /// Makes a write to a pipe without a reader, or beyond `ulimit -f`, fail instead of ending the process: for servers,
  /// and for commands that write files. Other commands keep the default and end quietly, like `cat`.
  static func survivesFailedWrites() {
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
  }
}
