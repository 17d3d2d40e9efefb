// The account of the KV cache against the runner that it models.
import Basics
import GenerationTypes
import Inference
import ModelFiles
import Scheduling
import Testing

/// The operations that account and runner must agree about.
private protocol KVHolder: AnyObject {
  associatedtype Sequence: AnyObject
  var sharedPositions: Int { get }
  func makeSequence(capacity: Int) throws -> Sequence
  func fork(_ sequence: Sequence, at count: Int, capacity: Int) throws -> Sequence
  func append(_ count: Int, to sequence: Sequence) throws
  func truncate(_ sequence: Sequence, to count: Int)
  func trim(_ sequence: Sequence)
  func heldPositions(of sequences: [Sequence]) -> Int
}

extension FakeRunner: KVHolder {
  func append(_ count: Int, to sequence: FakeSequence) { for _ in 0..<count { sequence.read(1) } }
}

/// The real runner, behind a class of the test's own.
private final class RealHolder: KVHolder {
  let runner: RRunner
  init() throws {
    let path = #filePath.replacing("Tests/SchedulingTests/KVBudgetTests.swift", with: "Models/r-tiny")
    runner = try RRunner(model: try RModel(checkpoint: try Checkpoint(directory: path)), threads: 2)
  }
  var sharedPositions: Int { runner.sharedPositions }
  func makeSequence(capacity: Int) throws -> KVSequence { try runner.makeSequence(capacity: capacity) }
  func fork(_ sequence: KVSequence, at count: Int, capacity: Int) throws -> KVSequence {
    try runner.fork(sequence, at: count, capacity: capacity)
  }
  func append(_ count: Int, to sequence: KVSequence) throws {
    var rest = count
    while rest > 0 {
      let part = min(rest, runner.maxBatch)
      let tokens = (0..<part).map { TokenID($0 % 7 + 5) }
      try runner.step(Batch(entries: [.init(sequence: sequence, inputs: [.tokens(tokens[...])], logitRows: 0)])) {
        _, _ in
      }
      rest -= part
    }
  }
  func truncate(_ sequence: KVSequence, to count: Int) { runner.truncate(sequence, to: count) }
  func trim(_ sequence: KVSequence) { runner.trim(sequence) }
  func heldPositions(of sequences: [KVSequence]) -> Int { runner.heldPositions(of: sequences) }
}

private struct Held<Sequence> {
  var sequence: Sequence
  var reserved: Int
  /// Positions that a fork may share: they are not truncated.
  var shared = 0
}

@Suite struct `KV budget` {
  @Test(arguments: 0..<20 as Range<UInt64>)
  func `counts what the fake runner holds`(seed: UInt64) throws {
    try compare(FakeRunner(), length: 60, operations: 400, seed: seed)
  }

  @Test func `counts what the real runner holds`() throws {
    try compare(try RealHolder(), length: 1500, operations: 150, seed: 7)
  }

  /// Random makes, forks, appends, truncations, trims and releases of sequences of at most `length` positions; the
  /// account agrees after each.
  private func compare<Holder: KVHolder>(_ holder: Holder, length: Int, operations: Int, seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    var kv = KVBudget(capacity: 1 << 20, segmentSize: holder.sharedPositions)
    var running: [SequenceID: Held<Holder.Sequence>] = [:], cached = running
    var next: SequenceID = 0, truncations = 0, forks = 0
    for _ in 0..<operations {
      let some = running.keys.sorted().randomElement(using: &random)
      switch random.next() % 10 {
      case 0:
        next += 1
        let reserved = Int.random(in: 1...length, using: &random)
        running[next] = Held(sequence: try holder.makeSequence(capacity: length), reserved: reserved)
        kv.open(next, reserved: reserved)
      case 1:
        let source = (Array(running.keys) + cached.keys).sorted().randomElement(using: &random)
        guard let source, let other = running[source] ?? cached[source] else { continue }
        next += 1
        let count = Int.random(in: 0...kv.count(of: source), using: &random)
        let reserved = Int.random(in: max(count, 1)...length, using: &random)
        running[next] = Held(
          sequence: try holder.fork(other.sequence, at: count, capacity: length), reserved: reserved, shared: count)
        running[source]?.shared = max(other.shared, count)
        kv.fork(source, at: count, as: next, reserved: reserved)
        forks += 1
      case 2, 3, 4, 5:
        guard let some, let held = running[some] else { continue }
        let room = held.reserved - kv.count(of: some)
        let count = Int.random(in: 0...max(room, 0), using: &random)
        try holder.append(count, to: held.sequence)
        kv.append(count, to: some)
      case 6:
        guard let some, let held = running[some] else { continue }
        let count = Int.random(in: held.shared...max(kv.count(of: some), held.shared), using: &random)
        guard count < kv.count(of: some) else { continue }
        holder.truncate(held.sequence, to: count)
        kv.truncate(some, to: count)
        truncations += 1
      case 7:
        guard let some, let held = running.removeValue(forKey: some) else { continue }
        holder.trim(held.sequence)
        kv.cache(some)
        cached[some] = held
      case 8:
        guard let some, let held = running[some], held.reserved < length else { continue }
        let more = Int.random(in: 1...length - held.reserved, using: &random)
        running[some]?.reserved += more
        kv.reserve(more, for: some)
      default:
        let ids = (Array(running.keys) + cached.keys).sorted()
        guard let id = ids.randomElement(using: &random) else { continue }
        (running[id], cached[id]) = (nil, nil)
        kv.release(id)
      }
      let (own, kept) = (running.values.map(\.sequence), cached.values.map(\.sequence))
      #expect(kv.held == holder.heldPositions(of: own + kept))
      #expect(kv.runningHeld == holder.heldPositions(of: own))
      #expect(kv.cachedHeld == holder.heldPositions(of: kept))
      #expect(kv.growth == running.reduce(0) { $0 + $1.value.reserved - kv.count(of: $1.key) })
      #expect(kv.sequenceIDs == Set(running.keys).union(cached.keys))
    }
    #expect(truncations > 3 && forks > 3)
    for id in kv.sequenceIDs { kv.release(id) }
    #expect(kv.held == 0 && kv.runningHeld == 0 && kv.cachedHeld == 0 && kv.committed == 0)
  }

  @Test func `a fork shares full segments, and only what running sequences hold already costs nothing`() {
    var kv = KVBudget(capacity: 100, segmentSize: 8)
    kv.open(1, reserved: 30)
    kv.append(20, to: 1)
    #expect(kv.held == 20 && kv.committed == 30 && kv.available == 70)
    #expect(kv.sharedWithRunning(1, count: 19) == 16)
    kv.fork(1, at: 19, as: 2, reserved: 25)
    #expect(kv.held == 23 && kv.committed == 30 + 9 && kv.growth(of: 2) == 6)
    kv.cache(1)
    #expect(kv.cachedHeld == 20 && kv.runningHeld == 19 && kv.committed == 25)
    kv.release(2)
    #expect(kv.sharedWithRunning(1, count: 19) == 0 && kv.held == 20 && kv.committed == 0)
  }
}
