// Admission: which waiting request is started next, where its sequence begins, and whether its KV fits.
//
// The client with the fewest running requests comes first, then the one that was given a slot longest ago, then the
// order of arrival. Some slots are reserved for short requests, so that these do not wait for long thoughts. A request
// whose KV does not fit is passed by others; they give their KV back as soon as it suffices
// (`Schedule+Fairness.swift`), so it does not starve. Batch requests have slots of their own and are admitted while no
// interactive request waits; shadow requests while no other does.
//
// A request reserves the KV of its prompt and of the beginning of its reply, and more as the reply grows.
import GenerationTypes

extension Schedule {
  /// The smallest number of positions that a prompt must share with a sequence to fork it.
  package static var minPrefix: Int { 16 }
  /// The smallest number of further positions for which a request waits until another has computed them.
  private static var minAwaitedPrefix: Int { 16 }

  /// Free slots of one class.
  struct FreeSlots {
    /// For all requests, and of these for long ones.
    var all, long: Int

    func has(isShort: Bool) -> Bool { all > 0 && (isShort || long > 0) }

    mutating func take(isShort: Bool) -> Bool {
      guard has(isShort: isShort) else { return false }
      (all, long) = (all - 1, isShort ? long : long - 1)
      return true
    }
  }

  func freeSlots(of serviceClass: ServiceClass) -> FreeSlots {
    var all = 0, long = 0
    for request in running where request.serviceClass == serviceClass {
      all += 1
      if !request.isShort { long += 1 }
    }
    if serviceClass != .interactive {
      return FreeSlots(all: limits.maxRunningBatch - all, long: limits.maxRunningBatch - long)
    }
    return FreeSlots(all: limits.maxRunning - all, long: limits.maxRunning - limits.shortSlots - long)
  }

  /// Starts the next waiting request, if necessary after others gave up their slots or KV; false when none can be
  /// started.
  mutating func startNext(at now: Instant) -> Bool {
    if waiting.isEmpty { return false }
    releaseFollowers()
    if isAdmissionSettled { return false }
    while let id = nextCandidate() {
      if start(id, at: now, mayPreempt: true) { return true }
    }
    isAdmissionSettled = true
    return false
  }

  /// The waiting request that is started next if its KV fits, after a running request gave up its slot where none is
  /// free.
  private mutating func nextCandidate() -> RequestID? {
    guard !waitsForMemory, let serviceClass = admissibleClass else { return nil }
    while true {
      let slots = freeSlots(of: serviceClass)
      if slots.all > 0, let index = firstInOrder(of: serviceClass, where: { slots.has(isShort: $0.isShort) }) {
        return waiting[index].id
      }
      guard let id = slotDonor(for: serviceClass) else { return nil }
      preempt(id, waitsForKV: false)
    }
  }

  /// The class whose waiting requests may be given slots: no less urgent one is served while one of it waits.
  private var admissibleClass: ServiceClass? { waiting.lazy.map(\.serviceClass).max() }

  /// Whether a waiting request can be started now, slots apart.
  func isReady(_ request: Request) -> Bool {
    request.follows == nil && !(request.isBlocked && !running.isEmpty)
  }

  /// Releases requests that waited for a prefix that is computed now, or will not be.
  private mutating func releaseFollowers() {
    for index in waiting.indices {
      guard let (leader, end) = waiting[index].follows else { continue }
      let isComputing = running.contains { $0.id == leader && $0.computed < end }
      if isComputing { continue }
      waiting[index].follows = nil
      isAdmissionSettled = false
    }
  }
}

// MARK: - Starting a request

extension Schedule {
  /// Starts a request if its KV fits, or fits after others were preempted. Otherwise it waits: for the request that
  /// computes its prefix, or for KV.
  private mutating func start(_ id: RequestID, at now: Instant, mayPreempt: Bool) -> Bool {
    guard let index = waiting.firstIndex(where: { $0.id == id }) else { return false }
    var prefix = longestPrefix(for: waiting[index])
    if let leader = leader(for: waiting[index], beyond: prefix?.count ?? 0) {
      waiting[index].follows = leader
      return false
    }
    let serviceClass = waiting[index].serviceClass, count = waiting[index].tokens.count
    let reserved = count + min(waiting[index].ceiling - count, limits.replyReservation)
    var need = reserved - (prefix.map { kv.sharedWithRunning($0.sequence, count: $0.count) } ?? 0)
    var fits = kv.fits(need, serviceClass)
    // The part of the prefix that is not shared is copied. Where even that does not fit beside the source, the prompt
    // is computed, and the source makes way.
    if fits, let source = prefix, !makeRoom(for: source.count % kv.segmentSize, sparing: source.sequence) {
      (prefix, need) = (nil, reserved)
      fits = kv.fits(need, serviceClass)
    }
    guard fits else {
      if mayPreempt, preempt(for: need, of: waiting[index]) { return start(id, at: now, mayPreempt: false) }
      waiting[index].isBlocked = true
      return false
    }
    admit(at: index, prefix, reserved: reserved, at: now)
    return true
  }

  private mutating func admit(at index: Int, _ prefix: Start.Prefix?, reserved: Int, at now: Instant) {
    var request = waiting.remove(at: index)
    let sequence = nextSequence
    nextSequence += 1
    if let prefix {
      kv.fork(prefix.sequence, at: prefix.count, as: sequence, reserved: reserved)
    } else {
      kv.open(sequence, reserved: reserved)
    }
    request.computed = prefix?.count ?? 0
    request.prefillEnd = request.tokens.count
    request.ready = request.tokens.inputsReady(after: request.computed)
    (request.sequence, request.startedAt, request.isKnown) = (sequence, now, true)
    (request.decoded, request.draft) = (0, [])
    outbox.append(.start(.init(request: request.id, sequence: sequence, prefix: prefix, capacity: request.ceiling)))
    running.append(request)
    takeTurn(request.client, in: \.slotTurns)
  }

  /// Counts a start that succeeded.
  mutating func started(_ id: RequestID, inputsReady: Int) {
    guard let index = running.firstIndex(where: { $0.id == id }) else { return }
    if !running[index].hasStarted, running[index].serviceClass != .shadow {
      tally.prefixHits += running[index].computed
      tally.prefixMisses += running[index].prefillEnd - running[index].computed
    }
    running[index].hasStarted = true
    setReady(id, upTo: inputsReady)
  }

  mutating func setReady(_ id: RequestID, upTo end: Int) {
    guard let index = running.firstIndex(where: { $0.id == id }) else { return }
    running[index].ready = min(max(end, running[index].computed), running[index].prefillEnd)
  }

  /// Takes back a start for which there was no memory. The request waits first in the queue until another one ends; it
  /// fails when no other runs.
  mutating func notStarted(_ id: RequestID, _ reason: String) {
    guard let index = running.firstIndex(where: { $0.id == id }), let sequence = running[index].sequence else { return }
    kv.release(sequence)
    guard !isDraining, running.count > 1, !running[index].isCancelled else {
      _ = removeRunning(at: index)
      outbox.append(.fail(id, .inference("no sequence: \(reason)")))
      return
    }
    var request = running.remove(at: index)
    request.sequence = nil
    waiting.insert(request, at: 0)
    waitsForMemory = true
  }

  /// The sequence, running or cached, with the longest common beginning. A prompt's last position is always computed,
  /// as its logits are needed.
  private mutating func longestPrefix(for request: Request) -> Start.Prefix? {
    let limit = request.tokens.count - 1
    var best: Start.Prefix?
    for other in running where other.salt == request.salt {
      guard let sequence = other.sequence else { continue }
      let count = min(request.tokens.commonPrefix(with: other.tokens, limit: limit), other.computed)
      if count > best?.count ?? 0 { best = .init(sequence: sequence, count: count) }
    }
    if let cached = prefixes.longestPrefix(of: request.tokens, salt: request.salt, limit: limit),
      cached.count > best?.count ?? 0
    {
      best = cached
    }
    return best.flatMap { $0.count >= Self.minPrefix ? $0 : nil }
  }

  /// The running request that is about to compute more of the prompt's beginning than the `count` positions that exist.
  /// A less urgent request is none: waiting for it would take as long as it does.
  private func leader(for request: Request, beyond count: Int) -> (leader: RequestID, upTo: Int)? {
    var best: (leader: RequestID, upTo: Int)?
    for other in running
    where other.salt == request.salt && !other.isDecoding && other.serviceClass >= request.serviceClass {
      let common = min(
        request.tokens.commonPrefix(with: other.tokens, limit: request.tokens.count - 1), other.prefillEnd)
      if common >= count + Self.minAwaitedPrefix, common > best?.upTo ?? 0 { best = (other.id, common) }
    }
    return best
  }
}

extension KVBudget {
  /// Whether `need` further positions can be reserved. Requests that are not interactive leave half of the KV to others
  /// when they start, where they can.
  func fits(_ need: Int, _ serviceClass: ServiceClass) -> Bool {
    available - need >= (serviceClass == .interactive ? 0 : min(capacity / 2, capacity - need))
  }
}
