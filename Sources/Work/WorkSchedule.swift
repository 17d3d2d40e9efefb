// Which job runs next. Start-time fair queueing (Goyal, Vin, Cheng 1996) over clients: a client's time advances by the processor time
// of its jobs, the client with the least time goes first, and one that was idle begins at the present, neither with credit nor debt.
// A plain value: threads and clocks are around it.

import GenerationTypes

/// Jobs that wait and run, by client.
package struct WorkSchedule: Sendable {
  package typealias JobID = UInt64

  /// One job of a client.
  package struct Job: Sendable, Equatable {
    /// Unique, rising in the order of arrival.
    package let id: JobID
    package let client: ClientID
    package let size: WorkSize

    package init(id: JobID, client: ClientID, size: WorkSize) { (self.id, self.client, self.size) = (id, client, size) }
  }

  /// Jobs that run at present.
  private struct Running {
    var short = 0, long = 0, image = 0
    /// Jobs that are not short.
    var heavy: Int { long + image }
    var all: Int { short + heavy }

    mutating func count(_ kind: WorkSize.Kind, _ change: Int) {
      switch kind {
      case .short: short += change
      case .long: long += change
      case .image: image += change
      }
    }
  }

  private struct Account {
    /// Processor seconds of the client's jobs, started ones as expected, ended ones as they were.
    var time: Double
    var waiting: [Job] = []
    var running = Running()
    var isIdle: Bool { waiting.isEmpty && running.all == 0 }
  }

  private let limits: WorkLimits
  private var accounts: [ClientID: Account] = [:]
  private var running = Running()
  /// The present: the time of the client whose job started last.
  private var time = 0.0
  /// Jobs that wait.
  package private(set) var waiting = 0
  /// Idle clients that are remembered until the present has caught up with them.
  private static let mostRemembered = 4096

  package init(limits: WorkLimits) { self.limits = limits }

  /// Jobs that run.
  package var runningCount: Int { running.all }

  /// Takes a job in, or throws which bound refuses it.
  package mutating func add(_ job: Job) throws(WorkError) {
    guard waiting < limits.waiting || !job.size.isBounded else { throw .full(limit: limits.waiting) }
    var account = accounts.removeValue(forKey: job.client) ?? Account(time: time)
    defer { accounts[job.client] = account }
    guard account.waiting.count < limits.waitingPerClient || !job.size.isBounded else {
      throw .clientFull(limit: limits.waitingPerClient)
    }
    if account.isIdle { account.time = max(account.time, time) }
    account.waiting.append(job)
    waiting += 1
  }

  /// The job that starts now; nil when none may. Called only while fewer jobs run than there are threads.
  package mutating func next() -> Job? {
    var best: (client: ClientID, index: Int, rank: Rank)?
    for (client, account) in accounts where !account.waiting.isEmpty {
      guard let index = account.waiting.firstIndex(where: { isAllowed($0, account.running) }) else { continue }
      let job = account.waiting[index]
      let rank = Rank(
        isSecondHeavy: job.size.kind != .short && account.running.heavy > 0, time: account.time, id: job.id)
      if best.map({ rank < $0.rank }) ?? true { best = (client, index, rank) }
    }
    guard let best else { return nil }
    let job = accounts[best.client]?.waiting.remove(at: best.index)
    guard let job else { return nil }
    waiting -= 1
    time = max(time, best.rank.time)
    running.count(job.size.kind, 1)
    accounts[best.client]?.running.count(job.size.kind, 1)
    accounts[best.client]?.time += job.size.seconds
    return job
  }

  /// Drops a job that waits; false where it does not wait any more.
  package mutating func remove(_ id: JobID, of client: ClientID) -> Bool {
    guard let index = accounts[client]?.waiting.firstIndex(where: { $0.id == id }) else { return false }
    accounts[client]?.waiting.remove(at: index)
    waiting -= 1
    forgetIdle(client)
    return true
  }

  /// Ends a job that ran for so many seconds of processor time.
  package mutating func finish(_ job: Job, seconds: Double) {
    running.count(job.size.kind, -1)
    accounts[job.client]?.running.count(job.size.kind, -1)
    accounts[job.client]?.time += seconds - job.size.seconds
    forgetIdle(job.client)
  }

  /// The order in which clients are served: a second heavy job of a client after everything else, then the least time, then arrival.
  private struct Rank: Comparable {
    let isSecondHeavy: Bool
    let time: Double
    let id: JobID

    static func < (a: Rank, b: Rank) -> Bool {
      if a.isSecondHeavy != b.isSecondHeavy { return !a.isSecondHeavy }
      return a.time != b.time ? a.time < b.time : a.id < b.id
    }
  }

  /// Whether a job may start beside those that run: one thread is left to short jobs, and every client leaves one to the others.
  private func isAllowed(_ job: Job, _ own: Running) -> Bool {
    let workers = max(2, limits.workers), heavy = workers - 1
    guard own.all < heavy else { return false }
    switch job.size.kind {
    case .short: return true
    case .long: return running.heavy < heavy && own.heavy < max(1, heavy - 1)
    case .image:
      return running.heavy < heavy && own.heavy < max(1, heavy - 1) && running.image < max(1, limits.images)
        && own.image < max(1, limits.images - 1)
    }
  }

  /// Forgets an idle client that the present has caught up with, and all of them when nothing is left to do.
  private mutating func forgetIdle(_ client: ClientID) {
    if let account = accounts[client], account.isIdle, account.time <= time { accounts[client] = nil }
    if waiting == 0, running.all == 0 {
      accounts = [:]
      time = 0
    } else if accounts.count > Self.mostRemembered {
      accounts = accounts.filter { !$0.value.isIdle }
    }
  }
}
