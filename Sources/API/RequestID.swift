// Names for requests and completions.
import Glibc

enum RequestID {
  /// The client's own id if it is short and plain enough for a header and a log line, else a new one.
  static func adopt(_ incoming: String?) -> String {
    if let incoming, (1...128).contains(incoming.utf8.count), incoming.utf8.allSatisfy(isPlain) { return incoming }
    return "req_" + random()
  }

  /// 24 letters and digits, 120 bits of two numbers from the system's generator (each is a system call).
  static func random() -> String {
    let letters = Array("0123456789abcdefghijklmnopqrstuv".utf8)
    var bits = (UInt64.random(in: 0 ... .max), UInt64.random(in: 0 ... .max))
    let name = (0..<24).map { place in
      if place == 12 { bits.0 = bits.1 }
      defer { bits.0 >>= 5 }
      return letters[Int(bits.0 & 31)]
    }
    return String(decoding: name, as: UTF8.self)
  }

  static func secondsSinceEpoch() -> Int { time(nil) }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"):
      true
    default: "-_.".utf8.contains(byte)
    }
  }
}
