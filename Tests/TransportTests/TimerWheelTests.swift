import Testing
import Transport

@Suite struct `Timer wheel` {
  typealias Deadline = TimerWheel.Deadline

  @Test func `a deadline passes once, not before its time and at most a tick later`() {
    var wheel = TimerWheel(tick: 10, slots: 8, now: 0)
    let deadline = Deadline()
    wheel.set(deadline, to: 35, now: 0)
    #expect(wheel.nextLook == 40)
    #expect(wheel.advance(to: 34).isEmpty)
    #expect(wheel.advance(to: 39).isEmpty)
    #expect(wheel.advance(to: 45).map { $0 === deadline } == [true])
    #expect(wheel.advance(to: 500).isEmpty)
    #expect(wheel.nextLook == nil)
  }

  @Test func `a deadline can be moved later, earlier or cleared, whatever slot holds it`() {
    var wheel = TimerWheel(tick: 10, slots: 8, now: 0)
    let (late, early, away) = (Deadline(), Deadline(), Deadline())
    for deadline in [late, early, away] { wheel.set(deadline, to: 30, now: 0) }
    wheel.set(late, to: 55, now: 0)
    wheel.set(early, to: 15, now: 0)
    wheel.set(away, to: nil, now: 0)
    #expect(wheel.advance(to: 25).map { $0 === early } == [true])
    #expect(wheel.advance(to: 50).isEmpty)
    #expect(wheel.advance(to: 60).map { $0 === late } == [true])
    #expect(wheel.count == 0)
  }

  @Test func `a deadline beyond the horizon does not pass early`() {
    var wheel = TimerWheel(tick: 10, slots: 8, now: 0)
    let deadline = Deadline()
    wheel.set(deadline, to: 1000, now: 0)
    var now: UInt64 = 0
    while now < 1000 {
      #expect(wheel.advance(to: now).isEmpty, "at \(now)")
      now += 7
    }
    #expect(wheel.advance(to: 1010).count == 1)
  }

  @Test func `any sequence of moves agrees with a plain list`() {
    var seed: UInt64 = 7
    func random(_ bound: UInt64) -> UInt64 {
      seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (seed >> 33) % bound
    }
    let tick: UInt64 = 10
    var wheel = TimerWheel(tick: tick, slots: 8, now: 0)
    let deadlines = (0..<20).map { _ in Deadline() }
    var due: [Int: UInt64] = [:]
    var now: UInt64 = 0
    for _ in 0..<5000 {
      let index = Int(random(20))
      let time: UInt64? = random(4) == 0 ? nil : now + random(200)
      wheel.set(deadlines[index], to: time, now: now)
      due[index] = time
      now += random(30)
      for passed in wheel.advance(to: now) {
        guard let index = deadlines.firstIndex(where: { $0 === passed }), let time = due[index] else {
          Issue.record("a deadline passed although it was not set")
          continue
        }
        #expect(time <= now)
        due[index] = nil
      }
      #expect(due.values.allSatisfy { $0 + tick > now }, "a deadline is more than a tick late at \(now)")
    }
  }
}
