// The engine's thread: executes the schedule's decisions and reports what came of them. It decides nothing.
//
// A step that throws fails the requests that were in it, and the engine continues.
import Basics
import GenerationTypes
import Inference

/// Returns tokens that probably follow those that were just sampled for a request, for the next step to verify. Called
/// on the engine's thread.
package typealias DraftSource = (RequestID, [TokenID]) -> [TokenID]

/// What the engine's thread counts about images.
struct ImageTally: Sendable {
  var hits = 0, misses = 0, cachedBytes = 0
}

/// The runner, its sequences and the requests that were started; belongs to one thread.
package final class EngineLoop<Runner: ModelRunner> {
  typealias Events = [Schedule.Event]

  let runner: Runner
  let core: EngineCore
  let observer: EngineObserver?
  /// Started requests that have not ended, preempted ones included.
  var requests: [RequestID: ActiveRequest<Runner>] = [:]
  /// Running sequences and cached prefixes.
  var sequences: [SequenceID: Runner.Sequence] = [:]
  private let drafts: DraftSource?
  var features: FeatureCache
  var images = ImageTally()

  package init(
    runner: Runner, core: EngineCore, imageCacheBytes: Int, observer: EngineObserver? = nil, drafts: DraftSource? = nil
  ) {
    (self.runner, self.core, self.observer, self.drafts) = (runner, core, observer, drafts)
    features = FeatureCache(capacity: imageCacheBytes)
  }

  /// Serves until the core is drained.
  package func run() {
    while let isBusy = round() {
      if !isBusy { core.sleep() }
    }
  }

  /// Executes one round of decisions and returns whether there was anything to do; nil when the loop is to end.
  package func round() -> Bool? {
    var events: Events = []
    var isBusy = false
    while true {
      switch core.exchange(events, images) {
      case .leave: return nil
      case .idle: return isBusy
      case .work(let decisions, let submissions):
        if decisions.isEmpty { return true }
        isBusy = true
        events.removeAll(keepingCapacity: true)
        for decision in decisions { execute(decision, submissions, &events) }
      }
    }
  }

  private func execute(_ decision: Schedule.Decision, _ submissions: [RequestID: Submission], _ events: inout Events) {
    switch decision {
    case .start(let start):
      if let submission = submissions[start.request] { requests[start.request] = ActiveRequest(submission) }
      self.start(start, &events)
    case .preempt(let id): requests[id]?.preempt()
    case .encode(let id, let blocks): encode(id, blocks, &events)
    case .step(let entries): step(entries, &events)
    case .truncate(let id, let count):
      if let sequence = sequences[id] { runner.truncate(sequence, to: count) }
    case .cachePrefix(let id):
      if let sequence = sequences[id] { runner.trim(sequence) }
    case .release(let id): sequences[id] = nil
    case .finish(let id, let reason): requests.removeValue(forKey: id)?.finish(reason)
    case .fail(let id, let error):
      requests.removeValue(forKey: id)?.fail(error)
      submissions[id]?.continuation.finish(throwing: error)
    case .cancelled(let id): requests[id] = nil
    }
  }

  private func start(_ start: Schedule.Start, _ events: inout Events) {
    guard let request = requests[start.request] else {
      preconditionFailure("request \(start.request) was not submitted")
    }
    do {
      let sequence: Runner.Sequence
      if let prefix = start.prefix {
        guard let source = sequences[prefix.sequence] else {
          preconditionFailure("sequence \(prefix.sequence) of a prefix does not exist")
        }
        sequence = try runner.fork(source, at: prefix.count, capacity: start.capacity)
      } else {
        sequence = try runner.makeSequence(capacity: start.capacity)
      }
      sequences[start.sequence] = sequence
      let isFirst = request.start(cached: start.prefix?.count ?? 0, at: .now)
      if isFirst, !request.isShadow { images.hits += request.coveredImages }
      supply(request)
      events.append(.started(start.request, inputsReady: request.inputsReady))
    } catch {
      events.append(.notStarted(start.request, reason: "\(error)"))
    }
  }
}

// MARK: - Images

extension EngineLoop {
  /// Gives a request the cached features of its next images.
  private func supply(_ request: ActiveRequest<Runner>) {
    while let key = request.nextImageKey, let known = features.features(of: key) {
      guard known.rows == request.nextImage?.image.layout.tokenCount else { break }
      request.add(known)
      images.hits += 1
    }
  }

  /// Encodes a piece of the request's next image.
  private func encode(_ id: RequestID, _ blocks: Int, _ events: inout Events) {
    guard let request = requests[id], let image = request.nextImage else { return }
    let key = request.nextImageKey
    do {
      let start = ContinuousClock.now
      let (encoded, done) = try request.encodeImage(blocks: blocks, with: runner)
      events.append(.encoded(blocks: done, seconds: (.now - start).seconds))
      guard let encoded else { return }
      let expected = image.image.layout.tokenCount
      guard encoded.rows == expected else {
        let reason = "an image must have \(expected) rows of features, got \(encoded.rows)"
        return events.append(.failed(id, .inference(reason)))
      }
      images.misses += 1
      request.add(encoded)
      if let key { share(encoded, key, &events) }
      supply(request)
      events.append(.inputsReady(id, upTo: request.inputsReady))
    } catch {
      events.append(.failed(id, .inference("image: \(error)")))
    }
  }

  /// Caches features and gives them to all running requests whose next image is the same.
  private func share(_ encoded: ImageFeatures, _ key: FeatureCache.Key, _ events: inout Events) {
    features.insert(encoded, for: key)
    images.cachedBytes = features.bytes
    for (id, request) in requests
    where request.nextImageKey == key && request.nextImage?.image.layout.tokenCount == encoded.rows {
      request.add(encoded)
      images.hits += 1
      supply(request)
      events.append(.inputsReady(id, upTo: request.inputsReady))
    }
  }
}

// MARK: - A step

extension EngineLoop {
  /// Computes one step, samples and feeds the streams.
  private func step(_ entries: [Schedule.StepEntry], _ events: inout Events) {
    var batch = Batch<Runner.Sequence>()
    batch.entries.reserveCapacity(entries.count)
    var rows: [StepRows<Runner>] = []
    rows.reserveCapacity(entries.count)
    for entry in entries {
      guard let sequence = sequences[entry.sequence], let request = requests[entry.request] else {
        preconditionFailure("request \(entry.request) or sequence \(entry.sequence) in a step was not started")
      }
      batch.entries.append(.init(sequence: sequence, inputs: request.inputs(for: entry), logitRows: entry.logitRows))
      rows.append(StepRows(entry: entry, request: request))
    }
    let start = ContinuousClock.now
    do {
      try runner.step(batch) { index, logits in
        if rows.indices.contains(index) { rows[index].sample(logits) }
      }
    } catch {
      return events.append(.stepFailed(reason: "\(error)"))
    }
    let now = ContinuousClock.now
    events.append(.stepped(rows.map { $0.report(at: now) }, seconds: (now - start).seconds))
    if let drafts {
      for row in rows where !row.ids.isEmpty {
        events.append(.drafted(row.entry.request, drafts(row.entry.request, row.ids)))
      }
    }
    guard let observer else { return }
    let decodeRows = entries.count { $0.kind == .decode }
    let prefillRows = entries.reduce(0) { $0 + ($1.kind == .prefill ? $1.rows.count : 0) }
    observer(StepReport(decodeRows: decodeRows, prefillRows: prefillRows, duration: now - start))
  }
}

/// One entry of a step while it is computed: the tokens sampled from its rows.
struct StepRows<Runner: ModelRunner> {
  let entry: Schedule.StepEntry
  let request: ActiveRequest<Runner>
  private var tokens: [GeneratedToken] = []
  private var error: SamplingError?
  /// Whether the last token ends the reply, or differs from the draft: the remaining rows are rejected.
  private var ends = false, differs = false

  init(entry: Schedule.StepEntry, request: ActiveRequest<Runner>) { (self.entry, self.request) = (entry, request) }

  /// Samples the next token, unless the rows from here on are rejected.
  mutating func sample(_ logits: UnsafeMutableBufferPointer<Float>) {
    if ends || differs || error != nil { return }
    do throws(SamplingError) {
      let token = try request.sample(logits)
      tokens.append(token)
      ends = request.isStop(token.id)
      // A row that samples is followed by the draft's next token, if there is one.
      let next = entry.tokens.count - entry.logitRows + tokens.count
      differs = next < entry.tokens.count && entry.tokens[next] != token.id
    } catch {
      self.error = error
    }
  }

  var ids: [TokenID] { tokens.map(\.id) }

  /// Feeds the request's stream.
  func report(at now: ContinuousClock.Instant) -> Schedule.StepResult {
    request.reportPrefill(upTo: entry.rows.upperBound)
    for token in tokens { request.report(token, at: now) }
    if let error { return .failed(.inference("sampling: \(error)")) }
    if entry.logitRows > 0, tokens.isEmpty { return .failed(.inference("step: no logits")) }
    return .sampled(ids, ends: ends)
  }
}
