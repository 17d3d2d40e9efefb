// Preemption, growth of reservations and eviction of cached prefixes: who gives KV back, and in which order.
import GenerationTypes

extension Schedule {
  /// Takes a request's sequence and puts the request back in the queue, before those that arrived later. One that waits
  /// for KV is not tried again before another ends. One that gave up its slot moves its client behind others that run
  /// as few.
  mutating func preempt(_ id: RequestID, waitsForKV: Bool) {
    guard let index = running.firstIndex(where: { $0.id == id }) else { return }
    tally.preemptions += 1
    isAdmissionSettled = false
    if running[index].isCancelled { return endCancelled(at: index) }
    var request = running.remove(at: index)
    outbox.append(.preempt(id))
    cacheOrRelease(request)
    (request.sequence, request.computed, request.ready, request.draft) = (nil, 0, 0, [])
    request.isBlocked = waitsForKV
    waiting.insert(request, at: waiting.firstIndex { $0.id > id } ?? waiting.endIndex)
    if !waitsForKV { takeTurn(request.client, in: \.slotTurns) }
  }

  /// Preempts as many requests as `need` positions for a waiting one take; false, and preempts none, where all of them
  /// would not suffice.
  mutating func preempt(for need: Int, of request: Request) -> Bool {
    var remaining = kv
    var preempted: [RequestID] = []
    for id in donors(to: request, of: .kv) {
      guard let sequence = running.first(where: { $0.id == id })?.sequence else { continue }
      preempted.append(id)
      remaining.release(sequence)
      guard remaining.fits(need, request.serviceClass) else { continue }
      for id in preempted { preempt(id, waitsForKV: true) }
      return true
    }
    return false
  }

  /// Ensures that every reply can grow by at least one position in the next step. Where no KV is left, `nextToPreempt`
  /// is preempted.
  mutating func reserveGrowth() {
    guard let serviceClass = steppedClass else { return }
    var index = 0
    while index < running.count {
      let request = running[index]
      index += 1
      guard request.serviceClass == serviceClass, !request.isCancelled, request.isDecoding,
        let sequence = request.sequence, kv.growth(of: sequence) < 1
      else { continue }
      let more = min(limits.replyReservation, request.ceiling - request.computed)
      while !kv.fits(more, .interactive), running.contains(where: { $0.id == request.id }) {
        preempt(nextToPreempt ?? request.id, waitsForKV: true)
      }
      guard let current = running.firstIndex(where: { $0.id == request.id }) else {
        index = 0
        continue
      }
      index = current + 1
      kv.reserve(more, for: sequence)
    }
  }

  /// Makes the sequence of a request that lost its slot a cached prefix, if it is worth it. Shadow requests, which no
  /// client asked for, never fill the cache.
  mutating func cacheOrRelease(_ request: Request) {
    guard let sequence = request.sequence else { return }
    guard prefixes.capacity > 0, request.computed >= Self.minPrefix, request.serviceClass != .shadow else {
      return release(sequence)
    }
    var tokens = request.tokens
    tokens.removeSuffix(from: request.computed)
    kv.cache(sequence)
    outbox.append(.cachePrefix(sequence))
    for dropped in prefixes.insert(sequence, tokens, salt: request.salt) { release(dropped) }
    while kv.cachedHeld > prefixes.capacity, let oldest = prefixes.removeOldest() { release(oldest) }
  }

  /// Drops cached prefixes, the least recently used first, until `count` more positions are within the budget; false
  /// when that does not suffice.
  mutating func makeRoom(for count: Int, sparing spared: SequenceID? = nil) -> Bool {
    while kv.held + count > kv.capacity {
      guard let oldest = prefixes.removeOldest(sparing: spared) else { return false }
      release(oldest)
    }
    return true
  }

  mutating func release(_ sequence: SequenceID) {
    kv.release(sequence)
    outbox.append(.release(sequence))
  }
}
