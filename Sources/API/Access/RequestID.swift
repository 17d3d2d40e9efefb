// Ids of requests and completions.
import Basics
import Glibc
import Synchronization

enum RequestID {
  /// Returns the client's id if it is valid in a header and a log line, otherwise a new one.
  static func adopt(_ incoming: String?) -> String {
    if let incoming, (1...128).contains(incoming.utf8.count), incoming.utf8.allSatisfy(isPlain) { return incoming }
    return "req_" + random()
  }

  /// Starts at a random number, so that servers and restarts have different ids.
  private static let state = Atomic(UInt64.random(in: 0 ... .max))

  /// The next number of SplitMix64: a bijection of a counter, so none comes twice. Names need not be
  /// hard to guess, and the system's generator costs a system call each.
  private static func next() -> UInt64 {
    SplitMix64.mixed(state.wrappingAdd(SplitMix64.increment, ordering: .relaxed).newValue)
  }

  /// 24 letters and digits of five bits each. The first 13 are a number that no other id of this process has.
  static func random() -> String {
    var bits = next()
    return String(unsafeUninitializedCapacity: 24) { text in
      for index in 0..<24 {
        if index == 13 { bits = next() }
        let digit = UInt8(truncatingIfNeeded: bits & 31)
        text[index] = digit < 10 ? 0x30 + digit : 0x61 + digit - 10
        bits >>= 5
      }
      return 24
    }
  }

  static func secondsSinceEpoch() -> Int { time(nil) }

  /// Seconds since the epoch, with fraction.
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
