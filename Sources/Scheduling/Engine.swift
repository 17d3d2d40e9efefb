// The engine as the rest of the program holds it: a handle. The thread behind it owns the runner.
import Foundation
import GenerationTypes
import Inference
import Synchronization

/// Serves requests with one runner on its own thread until it is shut down or dropped.
package final class Engine: GenerationService {
  private let core: EngineCore
  package let contextLength: Int

  /// Starts the thread, which takes over the runner.
  package init<Runner: ModelRunner & SendableMetatype>(
    runner: sending Runner, configuration: EngineConfiguration, observer: EngineObserver? = nil
  ) {
    let schedule = Schedule(
      configuration, contextLength: runner.contextLength, maxBatch: runner.maxBatch,
      sharedPositions: runner.sharedPositions)
    contextLength = schedule.limits.requestTokens
    let core = EngineCore(schedule: schedule)
    self.core = core
    let handover = Handover(runner)
    let thread = Thread {
      if let runner = handover.take() {
        EngineLoop(runner: runner, core: core, imageCacheBytes: configuration.imageCacheBytes, observer: observer).run()
      }
      core.markStopped()
    }
    thread.name = "engine"
    thread.stackSize = 8 << 20
    thread.start()
  }

  deinit { core.drain(grace: .zero) }

  package var load: EngineLoad { core.load }

  package var refusal: AdmissionError? { core.refusal }

  package func submit(
    _ request: GenerationRequest
  ) throws(AdmissionError) -> AsyncThrowingStream<GenerationEvent, any Error> {
    try core.submit(request)
  }

  /// Refuses new requests, fails waiting ones, lets running ones end within `grace`, fails the rest, and returns when
  /// the thread has released the runner: at the latest one step or one piece of an image after the grace.
  package func shutdown(grace: Duration) async {
    core.drain(grace: grace)
    await core.stopped()
  }
}

/// Carries a runner to its thread. `@unchecked`: written before the thread starts and taken once, by that thread.
private final class Handover<Runner>: @unchecked Sendable {
  private var runner: Runner?

  init(_ runner: sending Runner) { self.runner = runner }

  func take() -> Runner? {
    defer { runner = nil }
    return runner
  }
}
