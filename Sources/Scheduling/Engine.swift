// The engine as the rest of the house holds it: a handle. The thread behind it owns the runner.
import Foundation
import GenerationTypes
import Inference
import Synchronization

/// Serves requests with one runner on a thread of its own until it is shut down or dropped.
package final class Engine: GenerationService {
  private let core: EngineCore
  package let contextLength: Int

  /// Starts the thread, which takes the runner over.
  package init<Runner: ModelRunner & SendableMetatype>(
    runner: sending Runner, configuration: EngineConfiguration, observer: EngineObserver? = nil
  ) {
    let limits = SchedulerState.Limits(
      configuration, contextLength: runner.contextLength, maxBatch: runner.maxBatch)
    contextLength = limits.requestTokens
    let core = EngineCore(limits: limits)
    self.core = core
    let handover = Handover(runner)
    let thread = Thread {
      if let runner = handover.take() {
        EngineLoop(runner: runner, core: core, configuration: configuration, observer: observer).run()
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

  /// Refuses new requests, fails those in line, lets running ones end within `grace`, fails the rest and returns when the
  /// thread has let go of the runner: at the latest one step or one image after the grace.
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
