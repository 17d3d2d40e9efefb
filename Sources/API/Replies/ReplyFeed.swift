// Merges the event streams of a request's replies for one consumer, which alone writes the response. One child task
// reads each stream and owns its reply; another one sends ticks. When the consumer ends or throws, all are cancelled.
import GenerationTypes
import Scheduling

/// A message to the consumer of a feed.
enum ReplySignal: Sendable {
  case output(reply: Int, ReplyOutput)
  case ended(reply: Int, Reply)
  /// The time between two ticks has passed.
  case tick
}

/// The event streams of one request.
struct ReplyFeed: Sendable {
  typealias Events = AsyncThrowingStream<GenerationEvent, any Error>
  typealias Source = (reply: Reply, events: Events)

  private enum Message: Sendable {
    case signal(ReplySignal)
    case failed(any Error)
  }

  private let sources: [Source]
  /// Called with the time between any two tokens of a reply.
  private let gap: @Sendable (Duration) -> Void

  init(_ sources: [Source], gap: @escaping @Sendable (Duration) -> Void) {
    (self.sources, self.gap) = (sources, gap)
  }

  /// Passes every signal to `handle` until all replies have ended. Returns the replies in order. Throws what a stream
  /// or `handle` throws, and `CancellationError` when the task is cancelled.
  func read(tick: Duration? = nil, _ handle: (ReplySignal) async throws -> Void) async throws -> [Reply] {
    let (messages, sender) = AsyncStream.makeStream(of: Message.self)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      defer { group.cancelAll() }
      for (index, source) in sources.enumerated() {
        group.addTask { await read(source.events, into: source.reply, index, sender) }
      }
      if let tick {
        group.addTask {
          while (try? await Task.sleep(for: tick)) != nil { sender.yield(.signal(.tick)) }
        }
      }
      var ended: [Int: Reply] = [:]
      for await message in messages {
        switch message {
        case .failed(let error): throw error
        case .signal(let signal):
          if case .ended(let index, let reply) = signal { ended[index] = reply }
          try await handle(signal)
        }
        if ended.count == sources.count { return ended.sorted { $0.key < $1.key }.map(\.value) }
      }
      throw CancellationError()
    }
  }

  private func read(_ events: Events, into start: Reply, _ index: Int, _ sender: AsyncStream<Message>.Continuation)
    async
  {
    var reply = start
    var engineHasEnded = false
    var iterator = events.makeAsyncIterator()
    do {
      while reply.finish == nil, let event = try await iterator.next() {
        if case .finished = event { engineHasEnded = true }
        let outputs = reply.receive(event, at: .now)
        if case .token = event, let latest = reply.latestGap { gap(latest) }
        for output in outputs { sender.yield(.signal(.output(reply: index, output))) }
      }
      if Task.isCancelled { return }
      guard reply.finish != nil else { throw GenerationError.inference("the event stream ended before its reply") }
      sender.yield(.signal(.ended(reply: index, reply)))
    } catch {
      sender.yield(.failed(error))
      return
    }
    if engineHasEnded { return }
    // A stop string ended the reply before the engine did. The stream tells the engine only that its reader was
    // cancelled or that its last reference is gone. The feed still has a reference, so this task cancels itself and
    // reads once more.
    withUnsafeCurrentTask { $0?.cancel() }
    _ = try? await iterator.next()
  }
}
