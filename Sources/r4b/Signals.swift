// The signals a server listens to. They are ignored by the process and read by Dispatch, so that no code runs in a handler.
import Dispatch
import Glibc
import Synchronization

/// SIGTERM and SIGINT: the first is waited for, the second ends the process at once.
struct Signals {
  private let stream: AsyncStream<Void>
  private let sources: [any DispatchSourceSignal]

  /// Both are caught once this returns; until then one that is ignored would be lost.
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

  /// Returns when the first has come.
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

/// SIGHUP: what the files hold has changed.
struct HangUps {
  private let source: any DispatchSourceSignal

  /// Calls `action` for each from now on, one after the other.
  init(_ action: @escaping @Sendable () -> Void) async { source = await SignalSource.open(SIGHUP, action) }

  /// Whether standard input is a terminal, whose end is what the signal says then.
  static var comeFromTerminal: Bool { isatty(STDIN_FILENO) == 1 }
}

private enum SignalSource {
  /// Catches a signal from when this returns for as long as the source lives.
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
