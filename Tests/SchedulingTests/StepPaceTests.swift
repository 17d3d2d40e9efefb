// How much of prompts and images is computed beside replies, on a machine with invented costs.
import Scheduling
import Testing

@Suite struct `Step pace` {
  /// A machine that reads its weights in `replies` seconds and takes `row` seconds for each further prompt position.
  private struct Machine {
    var replies: Double
    var row: Double
    var pace = StepPace()

    mutating func step(stall: Double, most: Int = 256) -> Double {
      let rows = pace.rows(within: stall, most: most, besideReplies: true)
      let seconds = replies + row * Double(rows)
      pace.learn(decodeRows: 1, prefillRows: rows, seconds: seconds)
      return seconds
    }
  }

  @Test(arguments: [(0.11, 0.018), (0.05, 0.007), (0.0005, 0.00003)])
  func `steps come close to the bound and stay below it`(replies: Double, row: Double) {
    var machine = Machine(replies: replies, row: row)
    for _ in 0..<5 { machine.pace.learn(decodeRows: 1, prefillRows: 0, seconds: replies) }
    let stall = replies * 3
    let steps = (0..<40).map { _ in machine.step(stall: stall) }
    // The bound may leave no more than a step of the fewest rows.
    let bound = max(stall, replies + 8 * row) * 1.001
    #expect(steps.allSatisfy { $0 <= bound }, "\(steps)")
    #expect(steps.suffix(10).allSatisfy { $0 >= 0.7 * stall })
  }

  @Test func `the pace follows a machine that slows down within a few steps`() {
    var machine = Machine(replies: 0.1, row: 0.01)
    for _ in 0..<5 { machine.pace.learn(decodeRows: 1, prefillRows: 0, seconds: 0.1) }
    for _ in 0..<20 { _ = machine.step(stall: 0.5) }
    machine.row = 0.02
    let steps = (0..<12).map { _ in machine.step(stall: 0.5) }
    #expect(steps[0] > 0.8 && steps.suffix(4).allSatisfy { $0 <= 0.52 }, "\(steps)")
  }

  @Test func `pieces are small before anything was measured, unless no reply waits`() {
    var pace = StepPace()
    #expect(pace.blocks(within: 1, besideReplies: true) == 1)
    #expect(pace.rows(within: 1, most: 256, besideReplies: false) == 256)
    for expected in [8, 16, 32, 64, 100, 100] {
      let rows = pace.rows(within: 1, most: 100, besideReplies: true)
      #expect(rows == expected)
      pace.learn(decodeRows: 1, prefillRows: rows, seconds: 1e-9)
    }
    pace.learn(blocks: 2, seconds: 0.2)
    #expect(pace.blocks(within: 1, besideReplies: false) == 10)
    pace.learn(decodeRows: 1, prefillRows: 0, seconds: 0.5)
    #expect(pace.blocks(within: 1, besideReplies: true) == 5 && pace.blocks(within: 0, besideReplies: true) == 1)
  }

  @Test func `meaningless times do no harm`() {
    var pace = StepPace()
    for seconds in [0, -1, 1e-300, 1e300] {
      pace.learn(decodeRows: 3, prefillRows: 0, seconds: seconds)
      pace.learn(decodeRows: 3, prefillRows: 20, seconds: seconds)
      pace.learn(blocks: 1, seconds: seconds)
      for beside in [true, false] {
        #expect((1...64).contains(pace.rows(within: 0.3, most: 64, besideReplies: beside)))
        #expect(pace.blocks(within: 0.3, besideReplies: beside) >= 1)
      }
    }
  }
}
