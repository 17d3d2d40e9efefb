// The automaton of all JSON strings: well-formed UTF-8 (Unicode 16, table 3-7) without raw control characters, the
// escapes of RFC 8259, and \u surrogates only in pairs, so that every parser accepts the output. The length is the
// number of times that `content` is left by any transition but the closing quote.

import Text

/// The automaton of unconstrained strings, shared by all grammars.
enum StringAutomaton {
  /// The state at a character boundary within the string.
  static let content: Int32 = 1

  /// Any string, including quotes.
  static let free: ByteAutomaton = {
    var builder = ByteAutomatonBuilder()
    let start = builder.state(), content = builder.state(), end = builder.state(accepting: true)
    builder.connect(start, "\"", content)
    builder.connect(content, "\"", end)
    builder.connect(content, 0x20...0x21, content)
    builder.connect(content, 0x23...0x5B, content)
    builder.connect(content, 0x5D...0x7F, content)
    connectUTF8(&builder, from: content, to: content)
    connectEscapes(&builder, from: content, to: content)
    guard case .automaton(let automaton) = builder.build(entries: .max) else { preconditionFailure("no dead states") }
    return automaton
  }()

  /// Connects the characters beyond ASCII.
  private static func connectUTF8(_ builder: inout ByteAutomatonBuilder, from source: Int32, to target: Int32) {
    let one = builder.state(), two = builder.state(), three = builder.state()
    builder.connect(one, 0x80...0xBF, target)
    builder.connect(two, 0x80...0xBF, one)
    builder.connect(three, 0x80...0xBF, two)
    builder.connect(source, 0xC2...0xDF, one)
    builder.connect(source, 0xE1...0xEC, two)
    builder.connect(source, 0xEE...0xEF, two)
    builder.connect(source, 0xF1...0xF3, three)
    for (lead, second, rest) in [
      (0xE0, 0xA0...0xBF, one), (0xED, 0x80...0x9F, one), (0xF0, 0x90...0xBF, two), (0xF4, 0x80...0x8F, two),
    ] as [(UInt8, ClosedRange<UInt8>, Int32)] {
      let state = builder.state()
      builder.connect(source, lead...lead, state)
      builder.connect(state, second, rest)
    }
  }

  private static func connectEscapes(_ builder: inout ByteAutomatonBuilder, from source: Int32, to target: Int32) {
    let escape = builder.state()
    builder.connect(source, "\\", escape)
    for letter in ["\"", "\\", "/", "b", "f", "n", "r", "t"] as [Unicode.Scalar] {
      builder.connect(escape, letter, target)
    }
    func hexadecimal(_ source: Int32, _ target: Int32) {
      for digits in ["0"..."9", "A"..."F", "a"..."f"] as [ClosedRange<Unicode.Scalar>] { join(source, digits, target) }
    }
    func join(_ source: Int32, _ digits: ClosedRange<Unicode.Scalar>, _ target: Int32) {
      builder.connect(source, UInt8(ascii: digits.lowerBound)...UInt8(ascii: digits.upperBound), target)
    }
    let first = builder.state(), three = builder.state(), two = builder.state(), one = builder.state()
    builder.connect(escape, "u", first)
    hexadecimal(three, two)
    hexadecimal(two, one)
    hexadecimal(one, target)
    for digits in ["0"..."9", "A"..."C", "E"..."F", "a"..."c", "e"..."f"] as [ClosedRange<Unicode.Scalar>] {
      join(first, digits, three)
    }
    // D000…D7FF are characters. D800…DBFF begin a surrogate pair, DC00…DFFF end it.
    let surrogate = builder.state(), highTwo = builder.state(), highOne = builder.state()
    builder.connect(first, "D", surrogate)
    builder.connect(first, "d", surrogate)
    join(surrogate, "0"..."7", two)
    for digits in ["8"..."9", "A"..."B", "a"..."b"] as [ClosedRange<Unicode.Scalar>] {
      join(surrogate, digits, highTwo)
    }
    hexadecimal(highTwo, highOne)
    let backslash = builder.state(), letter = builder.state(), lowFirst = builder.state(), lowSecond = builder.state()
    hexadecimal(highOne, backslash)
    builder.connect(backslash, "\\", letter)
    builder.connect(letter, "u", lowFirst)
    builder.connect(lowFirst, "D", lowSecond)
    builder.connect(lowFirst, "d", lowSecond)
    for digits in ["C"..."F", "c"..."f"] as [ClosedRange<Unicode.Scalar>] { join(lowSecond, digits, two) }
  }
}
