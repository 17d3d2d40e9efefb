import Basics
import Testing

@Suite struct `The generator` {
  @Test func `its numbers are those of SplitMix64`() {
    // The first numbers of the reference implementation by Sebastiano Vigna for the seed 1234567.
    var generator = SplitMix64(seed: 1_234_567)
    let expected: [UInt64] = [
      6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423, 4_593_380_528_125_082_431,
      16_408_922_859_458_223_821,
    ]
    #expect((0..<5).map { _ in generator.next() } == expected)
  }

  @Test func `a counter and the mixing function give the same numbers`() {
    var generator = SplitMix64(seed: 5)
    for count in 1...100 as ClosedRange<UInt64> {
      #expect(generator.next() == SplitMix64.mixed(5 &+ count &* SplitMix64.increment))
    }
  }

  @Test func `units are in 0 to 1, and indices below their bound`() {
    var generator = SplitMix64(seed: 9)
    for _ in 0..<1000 {
      #expect((0..<1).contains(generator.unit()))
      #expect((0..<7).contains(generator.index(below: 7)))
      #expect(generator.index(below: 1) == 0)
    }
    var counts = [Int](repeating: 0, count: 4)
    for _ in 0..<4000 { counts[generator.index(below: 4)] += 1 }
    #expect(counts.allSatisfy { (900...1100).contains($0) })
  }
}

@Suite struct `A duration as a number` {
  @Test func `seconds keep their fraction`() {
    #expect(Duration.milliseconds(1500).seconds == 1.5)
    #expect(Duration.seconds(-2).seconds == -2)
    #expect(Duration.nanoseconds(1).seconds == 1e-9)
  }

  @Test func `nanoseconds are whole, not negative, and bounded`() {
    #expect(Duration.microseconds(3).nanoseconds == 3000)
    #expect(Duration(secondsComponent: 0, attosecondsComponent: 1_999_999_999).nanoseconds == 1)
    #expect(Duration.seconds(-1).nanoseconds == 0)
    #expect(Duration.seconds(Int64.max).nanoseconds == 9_000_000_000_000_000_000)
  }
}
