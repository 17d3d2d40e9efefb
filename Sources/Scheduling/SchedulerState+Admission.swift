// Who is given a slot next.
//
// The client with the fewest running replies comes first, then the one that was given a slot longest ago, then the order of
// arrival. Some slots are for short requests alone: they
// do not wait for long thoughts. Others pass a request that wants more KV than there is; those that passed give their KV back as
// soon as it suffices (`SchedulerState+Fairness.swift`), so it cannot starve. Idle requests have slots of their own and are given
// one while no interactive request waits; spare ones likewise, after both.
import GenerationTypes

extension SchedulerState {
  /// Joins the end of the line. Both counts must be positive.
  package mutating func enqueue(_ demand: Demand) throws(AdmissionError) -> JobID {
    guard demand.promptTokens <= limits.requestTokens, demand.maxTokens <= limits.requestTokens - demand.promptTokens
    else {
      throw .tooLong(promptTokens: demand.promptTokens, maxTokens: demand.maxTokens, limit: limits.requestTokens)
    }
    if let refusal = refusal(of: demand) { throw refusal }
    defer { nextID += 1 }
    waiting.append(
      Job(
        id: nextID, demand: demand, reservation: demand.promptTokens + demand.maxTokens, ready: demand.promptTokens))
    return nextID
  }

  /// The refusal that a request would meet now; nil while the queue has room for it. Who will be given a free slot before the next
  /// step takes no place in the queue. Each class has a queue.
  package func refusal(of demand: Demand = Demand(promptTokens: 1, maxTokens: 0)) -> AdmissionError? {
    let queue = waiting.filter { $0.demand.serviceClass == demand.serviceClass }
    var seats = seats(of: demand.serviceClass), room = limits.kvTokens - reserved
    var seated = 0
    for (next, need) in queue.map({ ($0.demand, $0.reservation) }) + [(demand, demand.promptTokens + demand.maxTokens)]
    {
      if waitsForMemory || need > room { break }
      guard seats.take(isShort: next.isShort) else { continue }
      (seated, room) = (seated + 1, room - need)
    }
    let free = limits.maxQueued - max(queue.count - seated, 0)
    if queue.count + 1 - seated > limits.maxQueued {
      return .queueFull(limit: limits.maxQueued, retryAfter: retryAfter(demand.serviceClass))
    }
    let own = queue.count { $0.demand.client == demand.client }
    if free <= limits.maxQueued / Self.reservedShare, own - seated >= free {
      return .clientQueueFull(waiting: own, retryAfter: retryAfter(demand.serviceClass))
    }
    return nil
  }

  /// Free seats of one class.
  struct Seats {
    /// For all, and of these for those that are not brief.
    var all, long: Int

    mutating func take(isShort: Bool) -> Bool {
      guard all > 0, isShort || long > 0 else { return false }
      (all, long) = (all - 1, isShort ? long : long - 1)
      return true
    }
  }

  func seats(of serviceClass: ServiceClass) -> Seats {
    let same = running.filter { $0.demand.serviceClass == serviceClass }
    let long = same.count { !$0.demand.isShort }
    if serviceClass != .interactive { return Seats(all: limits.maxIdle - same.count, long: limits.maxIdle - long) }
    return Seats(all: limits.maxRunning - same.count, long: limits.maxRunning - limits.briefSeats - long)
  }

  /// The next who may have a slot, if the KV suffices: then `admit` follows, else `block`.
  package func candidate() -> (id: JobID, demand: Demand)? {
    for group in claimants {
      guard let first = group.first else { continue }
      let seats = seats(of: first.demand.serviceClass)
      for job in group {
        var seats = seats
        if seats.take(isShort: job.demand.isShort) { return (job.id, job.demand) }
      }
    }
    return nil
  }

  /// The running request that gives its slot to a waiting one: see `givingWay`.
  package var yieldingSlot: JobID? {
    struct Kind: Hashable {
      let client: ClientID, isShort: Bool
    }
    for group in claimants {
      // All requests of a kind get the same answer.
      var seen: Set<Kind> = []
      for job in group where seen.insert(Kind(client: job.demand.client, isShort: job.demand.isShort)).inserted {
        if let id = givingWay(to: job, forSlot: true).first { return id }
      }
    }
    return nil
  }

  /// The waiting requests that may be given a slot, by class. Interactive ones all are; of the others only the most urgent class is,
  /// while no interactive request could be served.
  private var claimants: [[Job]] {
    if waitsForMemory { return [] }
    let ready = waiting.filter { !$0.isHeld && !waitsForAnother($0) }
    let urgent = inOrder(ready.filter { $0.demand.serviceClass == .interactive })
    guard let next = waiting.map(\.demand.serviceClass).max(), next != .interactive else { return [urgent] }
    return [inOrder(ready.filter { $0.demand.serviceClass == next })]
  }

  /// Whether KV was wanting and may come when another ends.
  private func waitsForAnother(_ job: Job) -> Bool { job.isBlocked && !running.isEmpty }

  /// Gives the request a seat and `reservation` positions of KV.
  package mutating func admit(_ id: JobID, reservation: Int) {
    guard let index = waiting.firstIndex(where: { $0.id == id }) else { return }
    var job = waiting.remove(at: index)
    (job.reservation, job.decoded) = (reservation, 0)
    running.append(job)
    reserved += reservation
    takeTurn(job.demand.client, in: \.slotTurns)
  }

  /// Lets the request wait for KV until another ends.
  package mutating func block(_ id: JobID) {
    if let index = waiting.firstIndex(where: { $0.id == id }) { waiting[index].isBlocked = true }
  }

  /// Lets the request wait in line until it is released; others pass.
  package mutating func hold(_ id: JobID, _ isHeld: Bool = true) {
    if let index = waiting.firstIndex(where: { $0.id == id }) { waiting[index].isHeld = isHeld }
  }

  /// Takes back an admission for which there was no memory: true puts the request at the head of the line again, until another
  /// one ends; false says that none runs whose end would help, and ends it. Only the last admitted can be put back.
  package mutating func putBack(_ id: JobID) -> Bool {
    guard running.count > 1, var job = running.last, job.id == id, !job.isCancelled else {
      finish(id)
      return false
    }
    running.removeLast()
    reserved -= job.reservation
    job.reservation = job.demand.promptTokens + job.demand.maxTokens
    waiting.insert(job, at: 0)
    waitsForMemory = true
    return true
  }

  /// Promises a running request `count` more positions.
  package mutating func extend(_ id: JobID, by count: Int) {
    guard let index = running.firstIndex(where: { $0.id == id }) else { return }
    running[index].reservation += count
    reserved += count
  }

  /// Puts a running request back in the queue, before those that came later; it has `promptTokens` to compute by now. One that
  /// `waitsForKV` is not tried again before another ends; one that does not gave its slot, and its client comes after others that
  /// run as little. False when it was cancelled.
  package mutating func suspend(_ id: JobID, promptTokens: Int, waitsForKV: Bool = true) -> Bool {
    guard let index = running.firstIndex(where: { $0.id == id }), !running[index].isCancelled else { return false }
    var job = running.remove(at: index)
    reserved -= job.reservation
    job.demand.maxTokens -= promptTokens - job.demand.promptTokens
    job.demand.promptTokens = promptTokens
    (job.done, job.ready, job.reservation) = (0, promptTokens, promptTokens + job.demand.maxTokens)
    job.isBlocked = waitsForKV
    waiting.insert(job, at: waiting.firstIndex { $0.id > id } ?? waiting.endIndex)
    if !waitsForKV { takeTurn(job.demand.client, in: \.slotTurns) }
    return true
  }

  /// Gives up a request: true when it was still in line and is gone, false when it runs and ends before the next step.
  package mutating func cancel(_ id: JobID) -> Bool {
    if let index = waiting.firstIndex(where: { $0.id == id }) {
      waiting.remove(at: index)
      return true
    }
    if let index = running.firstIndex(where: { $0.id == id }) { running[index].isCancelled = true }
    return false
  }

  /// Empties the line.
  package mutating func takeWaiting() -> [JobID] {
    defer { waiting = [] }
    return waiting.map(\.id)
  }

  /// When the line of this moment will have been served, by the measured time of a request: 1 s to 10 min.
  private func retryAfter(_ serviceClass: ServiceClass) -> Duration {
    let service = meanService ?? 5
    let ahead = waiting.count { $0.demand.serviceClass >= serviceClass }
    let served = running.count { $0.demand.serviceClass >= serviceClass }
    return .seconds(min(max(service * Double(ahead) / Double(max(served, 1)), 1), 600))
  }
}
