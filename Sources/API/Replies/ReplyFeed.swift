// Brings the event streams of a request's replies together for one consumer, which is the only writer of the response. One
// child task reads each stream and owns its reply; a further one ticks. When the consumer ends or throws, all are cancelled.
import GenerationTypes
import Scheduling

/// What the consumer of a feed sees.
enum ReplySignal: Sendable {
  case output(reply: Int, ReplyOutput)
  case ended(reply: Int, Reply)
  /// Nothing has been heard for a while, perhaps.
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

  /// Hands every signal to `handle` until all replies have ended; gives the replies in order. Throws what a stream or
  /// `handle` throws, and `CancellationError` when the task is cancelled.
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
    // A stop string ended the reply before the engine did. The stream tells the engine only of a cancelled reader (or of
    // losing its last holder, and the feed still holds it), so this task cancels itself and asks once more.
    withUnsafeCurrentTask { $0?.cancel() }
    _ = try? await iterator.next()
  }
}
