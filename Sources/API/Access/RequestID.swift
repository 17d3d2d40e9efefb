// Names for requests and completions.
import Basics
import Glibc
import Synchronization

enum RequestID {
  /// The client's own id if it is short and plain enough for a header and a log line, else a new one.
  static func adopt(_ incoming: String?) -> String {
    if let incoming, (1...128).contains(incoming.utf8.count), incoming.utf8.allSatisfy(isPlain) { return incoming }
    return "req_" + random()
  }

  /// Begins anywhere, so that servers and restarts do not share names.
  private static let state = Atomic(UInt64.random(in: 0 ... .max))

  /// The next number of SplitMix64: a bijection of a counter, so none comes twice. Names need not be
  /// hard to guess, and the system's generator costs a system call each.
  private static func next() -> UInt64 {
    SplitMix64.mixed(state.wrappingAdd(SplitMix64.increment, ordering: .relaxed).newValue)
  }

  /// 24 letters and digits, five bits each; the first 13 hold a whole number that no other name of this process has.
  static func random() -> String {
    var bits = next()
    return String(unsafeUninitializedCapacity: 24) { text in
      for place in 0..<24 {
        if place == 13 { bits = next() }
        let digit = UInt8(truncatingIfNeeded: bits & 31)
        text[place] = digit < 10 ? 0x30 + digit : 0x61 + digit - 10
        bits >>= 5
      }
      return 24
    }
  }

  static func secondsSinceEpoch() -> Int { time(nil) }

  /// Seconds since the epoch, with their fraction.
  static func now() -> Double {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) * 1e-9
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"):
      true
    default: "-_.".utf8.contains(byte)
    }
  }
}
