import GenerationTypes
import Testing
import Work

/// A schedule with its threads and a simulated clock.
private struct Simulation {
  var schedule: WorkSchedule
  let workers: Int
  private(set) var clock = 0.0
  private var running: [(job: WorkSchedule.Job, end: Double, seconds: Double)] = []
  private var seconds: [WorkSchedule.JobID: Double] = [:]
  private var lastID: WorkSchedule.JobID = 0
  /// The times at which each job was added and started.
  private(set) var added: [WorkSchedule.JobID: Double] = [:]
  private(set) var started: [WorkSchedule.JobID: Double] = [:]
  /// The processor time of each client in seconds.
  private(set) var used: [ClientID: Double] = [:]
  private(set) var maximumHeavy = 0

  init(_ limits: WorkLimits) {
    schedule = WorkSchedule(limits: limits)
    workers = limits.workers
  }

  mutating func add(_ client: ClientID, _ size: WorkSize, seconds: Double) throws -> WorkSchedule.JobID {
    lastID += 1
    try schedule.add(WorkSchedule.Job(id: lastID, client: client, size: size))
    self.seconds[lastID] = seconds
    added[lastID] = clock
    fill()
    return lastID
  }

  private mutating func fill() {
    while running.count < workers, let job = schedule.next() {
      let time = seconds[job.id] ?? 0
      running.append((job, clock + time, time))
      started[job.id] = clock
      maximumHeavy = max(maximumHeavy, running.count { $0.seconds > 0.5 })
    }
  }

  /// Finishes the next job; returns false if none is running.
  mutating func step() -> Bool {
    guard let index = running.indices.min(by: { running[$0].end < running[$1].end }) else { return false }
    let (job, end, seconds) = running.remove(at: index)
    clock = end
    used[job.client, default: 0] += seconds
    schedule.finish(job, seconds: seconds)
    fill()
    return true
  }

  func running(of client: ClientID) -> Int { running.count { $0.job.client == client } }
}

private func client(_ number: Int) -> ClientID { ClientID(key: "\(number)") }
private func limits(workers: Int = 4) -> WorkLimits { WorkLimits(workers: workers) }
private let heavy = WorkSize.text(bytes: 10 << 20)
private let light = WorkSize.text(bytes: 100)

@Suite struct `Work schedule` {
  @Test func `a short job starts at once beside a client with any number of long and short ones`() throws {
    var simulation = Simulation(limits())
    for _ in 0..<100 {
      _ = try simulation.add(client(0), heavy, seconds: 10)
      _ = try simulation.add(client(0), light, seconds: 10)
    }
    let job = try simulation.add(client(1), light, seconds: 0.001)
    #expect(simulation.started[job] == 0)
  }

  @Test func `a long job and an image start at once beside one client's`() throws {
    for size in [heavy, .image] {
      var simulation = Simulation(limits())
      for _ in 0..<100 { _ = try simulation.add(client(0), size, seconds: 10) }
      let job = try simulation.add(client(1), size, seconds: 1)
      #expect(simulation.started[job] == 0)
    }
  }

  @Test func `the client that has used least time is next, and a new client does not wait for the backlog of others`()
    throws
  {
    var simulation = Simulation(limits())
    for _ in 0..<50 { for number in 0..<4 { _ = try simulation.add(client(number), heavy, seconds: 1) } }
    for _ in 0..<20 { _ = simulation.step() }
    let job = try simulation.add(client(9), heavy, seconds: 1)
    while simulation.started[job] == nil, simulation.step() {}
    // Only jobs that were running on arrival finish before it starts.
    let wait = try #require(simulation.started[job]) - #require(simulation.added[job])
    #expect(wait <= 1)
  }

  @Test func `an idle client gains neither credit nor debt`() throws {
    var simulation = Simulation(limits(workers: 2))
    for _ in 0..<40 { _ = try simulation.add(client(0), heavy, seconds: 1) }
    for _ in 0..<20 { _ = simulation.step() }
    // Twenty idle seconds do not let it run alone for twenty seconds.
    for _ in 0..<20 { _ = try simulation.add(client(1), heavy, seconds: 1) }
    let before = simulation.used[client(0)] ?? 0
    for _ in 0..<20 { _ = simulation.step() }
    let more = (simulation.used[client(0)] ?? 0) - before
    #expect((9...11).contains(more))
  }

  @Test func `clients are charged the measured time, not the expected one`() throws {
    var simulation = Simulation(limits(workers: 2))
    // Equal sizes; the jobs of one client take ten times as long.
    for _ in 0..<200 {
      _ = try simulation.add(client(0), heavy, seconds: 10)
      _ = try simulation.add(client(1), heavy, seconds: 1)
    }
    for _ in 0..<110 { _ = simulation.step() }
    let (slow, quick) = (simulation.used[client(0)] ?? 0, simulation.used[client(1)] ?? 0)
    #expect(abs(slow - quick) <= 20)
  }

  @Test(arguments: 1...20)
  func `in any schedule every job runs, and busy clients get equal shares`(seed: Int) throws {
    var random = Steps(state: UInt64(seed))
    let workers = 2 + random.next(5)
    var simulation = Simulation(limits(workers: workers))
    // Greedy clients always have work; others come and go.
    let greedy = 2 + random.next(3)
    var waiting: [WorkSchedule.JobID] = []
    for _ in 0..<400 {
      for number in 0..<greedy {
        while simulation.schedule.waiting < 200, simulation.running(of: client(number)) < 2, random.next(2) == 0 {
          waiting.append(try simulation.add(client(number), heavy, seconds: 0.6 + Double(random.next(20)) / 10))
        }
        waiting.append(try simulation.add(client(number), heavy, seconds: 0.6 + Double(random.next(20)) / 10))
      }
      if random.next(3) == 0 {
        let size = [light, heavy, .image][random.next(3)]
        waiting.append(try simulation.add(client(100 + random.next(5)), size, seconds: Double(random.next(30)) / 10))
      }
      _ = simulation.step()
      if simulation.schedule.waiting > 400 { break }
    }
    let shares = (0..<greedy).map { simulation.used[client($0)] ?? 0 }
    let most = shares.max() ?? 0, least = shares.min() ?? 0
    // They may differ by one more job on each thread, and by the running jobs.
    #expect(most - least <= Double(2 * workers) * 2.6, "\(shares)")
    #expect(simulation.maximumHeavy <= workers)
    while simulation.step() {}
    #expect(waiting.allSatisfy { simulation.started[$0] != nil })
    #expect(simulation.schedule.waiting == 0 && simulation.schedule.runningCount == 0)
  }

  @Test func `jobs beyond the limits are rejected, per client first`() throws {
    var limits = limits()
    (limits.waiting, limits.waitingPerClient) = (10, 4)
    var schedule = WorkSchedule(limits: limits)
    var id: WorkSchedule.JobID = 0
    func add(_ number: Int) throws(WorkError) {
      id += 1
      try schedule.add(WorkSchedule.Job(id: id, client: client(number), size: light))
    }
    for _ in 0..<4 { try add(0) }
    #expect(throws: WorkError.clientFull(limit: 4)) { try add(0) }
    for number in 1...6 { try add(number) }
    #expect(throws: WorkError.full(limit: 10)) { try add(7) }
    #expect(schedule.waiting == 10)
    let first = schedule.next()
    #expect(first?.id == 1)
    try add(7)
  }

  @Test func `a waiting job can be removed once, a running one not at all`() throws {
    var schedule = WorkSchedule(limits: limits())
    try schedule.add(WorkSchedule.Job(id: 1, client: client(0), size: light))
    try schedule.add(WorkSchedule.Job(id: 2, client: client(0), size: light))
    let first = schedule.next()
    let removed = [1, 2, 2].map { schedule.remove($0, of: client(0)) }
    #expect(removed == [false, true, false])
    schedule.finish(try #require(first), seconds: 1)
    let rest = schedule.next()
    #expect(rest == nil && schedule.runningCount == 0)
  }

  @Test func `two images are decoded at the same time, one per client`() throws {
    var schedule = WorkSchedule(limits: limits(workers: 8))
    for id in 1...6 {
      try schedule.add(WorkSchedule.Job(id: WorkSchedule.JobID(id), client: client((id - 1) / 2), size: .image))
    }
    let started = (0..<3).map { _ in schedule.next()?.id }
    #expect(started == [1, 3, nil])
  }
}

/// A linear congruential generator.
private struct Steps {
  var state: UInt64

  mutating func next(_ bound: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int((state >> 33) % UInt64(bound))
  }
}

@Suite struct `Clients by address` {
  @Test func `an IPv6 /64 network is one client, and a mapped IPv4 address equals the IPv4 address`() {
    #expect(ClientID(address: "2001:db8::1") == ClientID(address: "2001:db8::ffff:2"))
    #expect(ClientID(address: "2001:db8::1") != ClientID(address: "2001:db8:0:1::1"))
    #expect(ClientID(address: "::ffff:1.2.3.4") == ClientID(address: "1.2.3.4"))
    #expect(ClientID(address: "1.2.3.4") != ClientID(address: "1.2.3.5"))
    #expect(ClientID(address: "") == .server)
  }
}
