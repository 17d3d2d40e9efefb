// How slots, KV, prompts and the queue are shared between clients.
//
// A client alone may use everything. When another waits, running replies give way to it: they lose their sequences and go on
// later, with the same tokens. A transfer never makes the giver poorer than the taker, so no two clients take from each other in
// turn; and the first reply of each client keeps its slot for `turn` tokens at least, so that all end.
import GenerationTypes

extension SchedulerState {
  /// Tokens that a client's only reply decodes before it gives its slot to a client without any; longer after a long prompt, whose
  /// computation may be lost.
  static var turn: Int { 256 }
  /// One in so many places of the queue are for clients with few requests in it.
  static var reservedShare: Int { 8 }

  /// Running requests of each client in a class.
  private func counts(_ serviceClass: ServiceClass) -> [ClientID: Int] {
    var counts: [ClientID: Int] = [:]
    for job in running where job.demand.serviceClass == serviceClass { counts[job.demand.client, default: 0] += 1 }
    return counts
  }

  /// Requests of one class: those of the client with the fewest running ones first, then of the client that was given a slot longest
  /// ago, then as they came.
  func inOrder(_ jobs: [Job]) -> [Job] {
    guard let first = jobs.first, jobs.contains(where: { $0.demand.client != first.demand.client }) else { return jobs }
    let counts = counts(first.demand.serviceClass)
    return jobs.enumerated().map { index, job in
      (key: (counts[job.demand.client] ?? 0, slotTurns[job.demand.client] ?? 0, index), job: job)
    }.sorted { $0.key < $1.key }.map(\.job)
  }

  /// Notes that a client had its turn, and forgets clients that have no request.
  mutating func takeTurn(_ client: ClientID, in turns: WritableKeyPath<SchedulerState, [ClientID: Int]>) {
    if self[keyPath: turns].count > running.count + waiting.count {
      let clients = Set((running + waiting).map(\.demand.client))
      self[keyPath: turns] = self[keyPath: turns].filter { clients.contains($0.key) }
    }
    self[keyPath: turns][client] = (self[keyPath: turns].values.max() ?? 0) + 1
  }

  /// Running requests that give way to a waiting one, the first to do so first:
  ///
  /// 1. For KV: those of less urgent classes, the last admitted first.
  /// 2. Those of a client that runs at least two more than the waiting request's, the last admitted first. For KV also those that
  ///    came after it: of its own client, or of one that runs more.
  /// 3. Where its client runs none: those that had their turn, the first admitted first. A client that just gave its slot asks for
  ///    two turns of those who were given theirs before, so that one claim moves one slot.
  func givingWay(to job: Job, forSlot: Bool) -> [JobID] {
    let (serviceClass, client) = (job.demand.serviceClass, job.demand.client)
    let going = running.filter { !$0.isCancelled }
    var giving: [JobID] = []
    if !forSlot {
      let less = going.reversed().filter { $0.demand.serviceClass < serviceClass }
      for level in Set(less.map(\.demand.serviceClass)).sorted() {
        giving += less.filter { $0.demand.serviceClass == level }.map(\.id)
      }
    }
    // A slot that a short reply leaves is no slot for a long one where those are all taken.
    let needsLong = forSlot && !job.demand.isShort && seats(of: serviceClass).long <= 0
    var same = going.filter { $0.demand.serviceClass == serviceClass && !(needsLong && $0.demand.isShort) }
    var counts = counts(serviceClass)
    let own = counts[client] ?? 0
    func count(_ other: Job) -> Int { counts[other.demand.client] ?? 0 }
    func gives(_ other: Job) -> Bool {
      if other.demand.client == client { return !forSlot && other.id > job.id }
      return count(other) >= own + 2 || !forSlot && other.id > job.id && count(other) > own
    }
    while let index = same.indices.filter({ gives(same[$0]) }).max(by: { (count(same[$0]), $0) < (count(same[$1]), $1) }
    ) {
      counts[same[index].demand.client, default: 1] -= 1
      giving.append(same.remove(at: index).id)
    }
    guard own == 0 else { return giving }
    let last = slotTurns[client] ?? 0
    return giving
      + same.filter { other in
        other.demand.client != client
          && other.hadTurns(slotTurns[other.demand.client] ?? 0 > last ? 1 : 2)
      }.map(\.id)
  }

  /// The same for a request that waits for KV.
  package func givingKV(to id: JobID) -> [JobID] {
    waiting.first { $0.id == id }.map { givingWay(to: $0, forSlot: false) } ?? []
  }

  /// Who loses its sequence first when running replies want more KV than there is: of the least urgent class the last admitted, of
  /// the client that runs most if one runs several. The first admitted never does, so all end.
  package var youngest: JobID? {
    guard let least = running.map(\.demand.serviceClass).min() else { return nil }
    let same = running.filter { $0.demand.serviceClass == least }
    let counts = counts(least)
    let most = counts.values.max() ?? 0
    return same.last { most < 2 || counts[$0.demand.client] == most }?.id
  }

  /// Splits `total` evenly between clients, and the share of each evenly between its needs.
  static func shares(of total: Int, among needs: [(client: ClientID, need: Int)]) -> [Int] {
    var clients: [ClientID] = []
    var indices: [ClientID: [Int]] = [:]
    for (index, need) in needs.enumerated() {
      if indices[need.client] == nil { clients.append(need.client) }
      indices[need.client, default: []].append(index)
    }
    var shares = needs.map { _ in 0 }
    let totals = Self.shares(
      of: total, among: clients.map { client in indices[client, default: []].reduce(0) { $0 + needs[$1].need } })
    for (client, total) in zip(clients, totals) {
      let own = indices[client, default: []]
      for (index, share) in zip(own, Self.shares(of: total, among: own.map { needs[$0].need })) {
        shares[index] = share
      }
    }
    return shares
  }
}

extension SchedulerState.Job {
  /// Whether it has decoded enough since it was given its slot to lose it.
  fileprivate func hadTurns(_ count: Int) -> Bool { decoded >= count * turn }

  /// Whether it just has.
  var isAtTurn: Bool { decoded == turn || decoded == 2 * turn }

  private var turn: Int { max(SchedulerState.turn, demand.promptTokens / 8) }
}
