// The signals of a server. The process ignores them and Dispatch reports them, so that no code runs in a signal
// handler.
import Dispatch
import Glibc
import Synchronization

/// SIGTERM and SIGINT: the first ends the wait, the second ends the process at once.
struct Signals {
  private let stream: AsyncStream<Void>
  private let sources: [any DispatchSourceSignal]

  /// Returns when both signals are caught.
  init() async {
    let (stream, continuation) = AsyncStream<Void>.makeStream()
    let received = Count()
    self.stream = stream
    var sources: [any DispatchSourceSignal] = []
    for number in [SIGTERM, SIGINT] {
      let source = await SignalSource.open(number) {
        if received.increment() > 1 { _exit(130) }
        continuation.yield()
      }
      sources.append(source)
    }
    self.sources = sources
  }

  /// Waits for the first signal.
  func first() async { await wait() }

  /// Waits as `first` does, in any task.
  var wait: @Sendable () async -> Void {
    let stream = stream
    return { for await _ in stream { return } }
  }

  private final class Count: Sendable {
    private let value = Atomic(0)
    func increment() -> Int { value.add(1, ordering: .relaxed).newValue }
  }
}

/// SIGHUP: files have changed.
struct HangUps {
  private let source: any DispatchSourceSignal

  /// Calls `action` for each signal from now on, one at a time.
  init(_ action: @escaping @Sendable () -> Void) async { source = await SignalSource.open(SIGHUP, action) }

  /// Whether standard input is a terminal: the signal then means that the terminal was closed.
  static var comeFromTerminal: Bool { isatty(STDIN_FILENO) == 1 }
}

private enum SignalSource {
  /// Catches a signal while the source lives; returns when it is caught.
  static func open(_ number: Int32, _ action: @escaping @Sendable () -> Void) async -> any DispatchSourceSignal {
    signal(number, SIG_IGN)
    let source = DispatchSource.makeSignalSource(signal: number)
    source.setEventHandler(handler: action)
    await withCheckedContinuation { registered in
      source.setRegistrationHandler { registered.resume() }
      source.resume()
    }
    return source
  }
}
