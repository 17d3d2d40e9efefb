// Decides which job runs next. Start-time fair queueing (Goyal, Vin, Cheng 1996) over clients: a client's time
// advances by the processor time of its jobs, and the client with the least time is served first. A client that was
// idle starts at the current time, without credit or debt. A plain value without threads and clocks.

import GenerationTypes

/// The waiting and running jobs by client.
package struct WorkSchedule: Sendable {
  package typealias JobID = UInt64

  /// A job of a client.
  package struct Job: Sendable, Equatable {
    /// The unique id, increasing in the order of arrival.
    package let id: JobID
    package let client: ClientID
    package let size: WorkSize

    package init(id: JobID, client: ClientID, size: WorkSize) {
      self.id = id
      self.client = client
      self.size = size
    }
  }

  /// The numbers of running jobs.
  private struct Running {
    var short = 0, long = 0, image = 0
    /// The number of jobs that are not short.
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
    /// The processor time of the client's jobs in seconds: expected for started ones, measured for finished ones.
    var time: Double
    var waiting: [Job] = []
    var running = Running()
    var isIdle: Bool { waiting.isEmpty && running.all == 0 }
  }

  private let limits: WorkLimits
  private var accounts: [ClientID: Account] = [:]
  private var running = Running()
  /// The current time: that of the client whose job started last.
  private var time = 0.0
  /// The number of waiting jobs.
  package private(set) var waiting = 0
  /// The limit on idle clients that are remembered until the current time has reached theirs.
  private static let rememberedLimit = 4096

  package init(limits: WorkLimits) { self.limits = limits }

  /// The number of running jobs.
  package var runningCount: Int { running.all }

  /// Adds a job, or throws the exceeded limit.
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

  /// Returns the job that starts now; nil if none may. Must be called only while a thread is free.
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

  /// Removes a waiting job. Returns false if it is not waiting any more.
  package mutating func remove(_ id: JobID, of client: ClientID) -> Bool {
    guard let index = accounts[client]?.waiting.firstIndex(where: { $0.id == id }) else { return false }
    accounts[client]?.waiting.remove(at: index)
    waiting -= 1
    forgetIdle(client)
    return true
  }

  /// Finishes a job that took so many seconds of processor time.
  package mutating func finish(_ job: Job, seconds: Double) {
    running.count(job.size.kind, -1)
    accounts[job.client]?.running.count(job.size.kind, -1)
    accounts[job.client]?.time += seconds - job.size.seconds
    forgetIdle(job.client)
  }

  /// The order in which clients are served: a client's second heavy job comes last; then by least time, then by
  /// arrival.
  private struct Rank: Comparable {
    let isSecondHeavy: Bool
    let time: Double
    let id: JobID

    static func < (a: Rank, b: Rank) -> Bool {
      if a.isSecondHeavy != b.isSecondHeavy { return !a.isSecondHeavy }
      return a.time != b.time ? a.time < b.time : a.id < b.id
    }
  }

  /// Whether a job may start beside the running ones: one thread is reserved for short jobs, and every client leaves
  /// one to others.
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

  /// Forgets an idle client whose time has been reached, or all of them if there is no work left.
  private mutating func forgetIdle(_ client: ClientID) {
    if let account = accounts[client], account.isIdle, account.time <= time { accounts[client] = nil }
    if waiting == 0, running.all == 0 {
      accounts = [:]
      time = 0
    } else if accounts.count > Self.rememberedLimit {
      accounts = accounts.filter { !$0.value.isIdle }
    }
  }
}
