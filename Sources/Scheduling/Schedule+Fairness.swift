// How slots, KV, prompts and images are shared between clients.
//
// A client alone may use everything. When another one waits, running requests give up their slot or KV: they lose their
// sequences and continue later, with the same tokens. A slot moves only to a client that runs at least two requests
// fewer, so no two clients take from each other in turn, or to one that runs none, after the giver's turn. KV also
// returns from requests that arrived later than the waiting one and were admitted because they needed less.
import GenerationTypes

extension Schedule {
  /// Tokens that a client's only running request decodes before it gives up its slot to a client without any. A longer
  /// prompt, whose computation may be lost, lengthens the turn.
  static var turn: Int { 256 }

  /// The number of running requests of each client in a class.
  private func counts(_ serviceClass: ServiceClass) -> [ClientID: Int] {
    var counts: [ClientID: Int] = [:]
    for request in running where request.serviceClass == serviceClass { counts[request.client, default: 0] += 1 }
    return counts
  }

  /// The index of the first waiting request of a class that is ready and that `isEligible` accepts: of the client with
  /// the fewest running requests, then of the one that was given a slot longest ago, then in order of arrival.
  func firstInOrder(of serviceClass: ServiceClass, where isEligible: (Request) -> Bool) -> Int? {
    var best: (key: (Int, Int), index: Int)?
    let counts = counts(serviceClass)
    for (index, request) in waiting.enumerated()
    where request.serviceClass == serviceClass && isReady(request) && isEligible(request) {
      let key = (counts[request.client] ?? 0, slotTurns[request.client] ?? 0)
      if best.map({ key < $0.key }) ?? true { best = (key, index) }
    }
    return best?.index
  }

  /// Notes that a client had its turn, and forgets clients that have no request.
  mutating func takeTurn(_ client: ClientID, in turns: WritableKeyPath<Schedule, [ClientID: Int]>) {
    if self[keyPath: turns].count > running.count + waiting.count {
      let clients = Set((running + waiting).map(\.client))
      self[keyPath: turns] = self[keyPath: turns].filter { clients.contains($0.key) }
    }
    self[keyPath: turns][client] = (self[keyPath: turns].values.max() ?? 0) + 1
  }

  /// The running request that gives its slot to a waiting one of a class; the waiting requests are asked in order.
  func slotDonor(for serviceClass: ServiceClass) -> RequestID? {
    struct Kind: Hashable {
      let client: ClientID, isShort: Bool
    }
    // All requests of a kind get the same answer.
    var rejected: Set<Kind> = []
    while let index = firstInOrder(
      of: serviceClass, where: { !rejected.contains(Kind(client: $0.client, isShort: $0.isShort)) })
    {
      if let id = donors(to: waiting[index], of: .slot).first { return id }
      rejected.insert(Kind(client: waiting[index].client, isShort: waiting[index].isShort))
    }
    return nil
  }

  package enum Resource: Sendable {
    case slot, kv
  }

  /// The running requests that give up a slot or their KV to a waiting one, in this order:
  ///
  /// 1. For KV: those of less urgent classes, the last admitted first.
  /// 2. Those of a client that runs at least two more than the waiting request's, the last admitted first. For KV also
  /// those
  ///    that arrived later: of its own client, or of one that runs more.
  /// 3. When its client runs none: those that had their turn, the first admitted first. A client that just gave up its
  /// slot
  ///    waits for two turns of requests that were started before, so that one claim moves one slot.
  package func donors(to request: Request, of resource: Resource) -> [RequestID] {
    let (serviceClass, client) = (request.serviceClass, request.client)
    let going = running.filter { !$0.isCancelled }
    var donors: [RequestID] = []
    if resource == .kv {
      let lessUrgent = going.reversed().filter { $0.serviceClass < serviceClass }
      for level in Set(lessUrgent.map(\.serviceClass)).sorted() {
        donors += lessUrgent.filter { $0.serviceClass == level }.map(\.id)
      }
    }
    // The slot of a short request is none for a long one where the slots for long ones are all taken.
    let needsLongSlot = resource == .slot && !request.isShort && freeSlots(of: serviceClass).long <= 0
    var same = going.filter { $0.serviceClass == serviceClass && !(needsLongSlot && $0.isShort) }
    var counts = counts(serviceClass)
    let own = counts[client] ?? 0
    func count(_ other: Request) -> Int { counts[other.client] ?? 0 }
    func gives(_ other: Request) -> Bool {
      let isLater = resource == .kv && other.id > request.id
      if other.client == client { return isLater }
      return count(other) >= own + 2 || isLater && count(other) > own
    }
    while let index = same.indices.filter({ gives(same[$0]) }).max(by: { (count(same[$0]), $0) < (count(same[$1]), $1) }
    ) {
      counts[same[index].client, default: 1] -= 1
      donors.append(same.remove(at: index).id)
    }
    guard own == 0 else { return donors }
    let last = slotTurns[client] ?? 0
    return donors
      + same.filter {
        $0.client != client && $0.hadTurns(slotTurns[$0.client] ?? 0 > last ? 1 : 2)
      }.map(\.id)
  }

  /// The request that is preempted when running replies need more KV than there is: of the least urgent class, of the
  /// client that runs most if one runs several, the last admitted. The first admitted one never is, so all end.
  package var nextToPreempt: RequestID? {
    guard let least = running.lazy.map(\.serviceClass).min() else { return nil }
    let counts = counts(least)
    let most = counts.values.max() ?? 0
    return running.last { $0.serviceClass == least && (most < 2 || counts[$0.client] == most) }?.id
  }
}

// MARK: - Shares of a step

extension Schedule {
  /// Splits `total` evenly; what one does not need goes to the others, the odd rest to the first.
  static func shares(of total: Int, among needs: [Int]) -> [Int] {
    var shares = needs.map { _ in 0 }
    var left = max(total, 0)
    // From the smallest need up, each takes at most an equal part of what is left.
    let order = needs.indices.sorted { (needs[$0], $0) < (needs[$1], $1) }
    for (served, index) in order.enumerated() {
      let unserved = needs.count - served
      shares[index] = min(needs[index], (left + unserved - 1) / unserved)
      left -= shares[index]
    }
    return shares
  }

  /// Splits `total` evenly between clients, and the share of each evenly between its needs.
  static func shares(of total: Int, among needs: [(client: ClientID, need: Int)]) -> [Int] {
    if needs.count == 1 { return [min(needs[0].need, max(total, 0))] }
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

extension Schedule.Request {
  /// Whether it decoded so many turns since it was given its slot.
  package func hadTurns(_ count: Int) -> Bool { decoded >= count * turn }

  var turn: Int { max(Schedule.turn, prefillEnd / 8) }
}
