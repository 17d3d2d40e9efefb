// Who is given a seat next.
//
// Interactive requests are served in order of arrival. Some seats are for brief requests alone: they do not wait for long thoughts. Who wants more KV than
// there is waits for it at the head of the line; a few brief requests may pass, then nobody does, so it cannot starve. Idle
// requests have seats of their own and are given one while no interactive request waits; spare ones likewise, after both.
import GenerationTypes

extension SchedulerState {
  /// Brief requests that may pass one that waits for KV.
  static var mostOvertaken: Int { 8 }

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

  /// The refusal that a request would meet now; nil while the line has room. Who will be given a free seat before the next step
  /// takes no place in line. Each class has a line.
  package func refusal(of demand: Demand = Demand(promptTokens: 1, maxTokens: 0)) -> AdmissionError? {
    let line = waiting.filter { $0.demand.serviceClass == demand.serviceClass }
    var seats = seats(of: demand.serviceClass), room = limits.kvTokens - reserved
    var seated = 0
    for (next, need) in line.map({ ($0.demand, $0.reservation) }) + [(demand, demand.promptTokens + demand.maxTokens)] {
      if waitsForMemory || need > room { break }
      guard seats.take(isBrief: next.isBrief) else { continue }
      (seated, room) = (seated + 1, room - need)
    }
    return line.count + 1 - seated <= limits.maxQueued
      ? nil : .queueFull(limit: limits.maxQueued, retryAfter: retryAfter(demand.serviceClass))
  }

  /// Free seats of one class.
  private struct Seats {
    /// For all, and of these for those that are not brief.
    var all, long: Int

    mutating func take(isBrief: Bool) -> Bool {
      guard all > 0, isBrief || long > 0 else { return false }
      (all, long) = (all - 1, isBrief ? long : long - 1)
      return true
    }
  }

  private func seats(of serviceClass: ServiceClass) -> Seats {
    let same = running.filter { $0.demand.serviceClass == serviceClass }
    let long = same.count { !$0.demand.isBrief }
    if serviceClass != .interactive { return Seats(all: limits.maxIdle - same.count, long: limits.maxIdle - long) }
    return Seats(all: limits.maxRunning - same.count, long: limits.maxRunning - limits.briefSeats - long)
  }

  /// The next in line who may have a seat, if the KV suffices: then `admit` follows, else `block`.
  package func candidate() -> (id: JobID, demand: Demand)? {
    if waitsForMemory { return nil }
    var seats = seats(of: .interactive), waitsForKV = false
    for job in waiting where job.demand.serviceClass == .interactive && !job.isHeld {
      if waitsForAnother(job) {
        if job.overtaken >= Self.mostOvertaken { return nil }
        waitsForKV = true
      } else if !waitsForKV || job.demand.isBrief, seats.take(isBrief: job.demand.isBrief) {
        return (job.id, job.demand)
      }
    }
    guard let next = waiting.map(\.demand.serviceClass).max(), next != .interactive else { return nil }
    guard self.seats(of: next).all > 0,
      let first = waiting.first(where: { $0.demand.serviceClass == next && !$0.isHeld }), !waitsForAnother(first)
    else { return nil }
    return (first.id, first.demand)
  }

  /// Whether KV was wanting and may come when another ends.
  private func waitsForAnother(_ job: Job) -> Bool { job.isBlocked && !running.isEmpty }

  /// Gives the request a seat and `reservation` positions of KV.
  package mutating func admit(_ id: JobID, reservation: Int) {
    guard let index = waiting.firstIndex(where: { $0.id == id }) else { return }
    for earlier in 0..<index where waiting[earlier].isBlocked { waiting[earlier].overtaken += 1 }
    var job = waiting.remove(at: index)
    job.reservation = reservation
    running.append(job)
    reserved += reservation
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

  /// Who loses its sequence first when KV runs out: of the least urgent requests the one that came last.
  package var youngest: JobID? { youngest(below: nil) }

  /// The same among requests that are less urgent than a class.
  package func youngest(below serviceClass: ServiceClass?) -> JobID? {
    let least = running.map(\.demand.serviceClass).min()
    guard let least, serviceClass.map({ least < $0 }) ?? true else { return nil }
    return running.last { $0.demand.serviceClass == least }?.id
  }

  /// Puts a running request at the head of the line until another ends; it has `promptTokens` to compute by now. False when it was
  /// cancelled.
  package mutating func suspend(_ id: JobID, promptTokens: Int) -> Bool {
    guard let index = running.firstIndex(where: { $0.id == id }), !running[index].isCancelled else { return false }
    var job = running.remove(at: index)
    reserved -= job.reservation
    job.demand.maxTokens -= promptTokens - job.demand.promptTokens
    job.demand.promptTokens = promptTokens
    (job.done, job.ready, job.reservation) = (0, promptTokens, promptTokens + job.demand.maxTokens)
    (job.isBlocked, job.overtaken) = (true, 0)
    waiting.insert(job, at: 0)
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
