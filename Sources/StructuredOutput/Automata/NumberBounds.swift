// Automata for numbers within bounds. A number is a plain decimal without exponent and at most 15 digits, so that
// different texts are different doubles in the same order. Digits are compared with those of the bounds one by one:
// the state is the comparison so far (less, equal or greater) and the number of digits, which decide the result.

import Text

/// A decimal number: the digits before and after the decimal point.
struct Decimal: Sendable, Equatable {
  var isNegative: Bool
  /// The digits, values 0…9, without leading zeros before the point (0.5 has an empty `whole`) and trailing zeros
  /// after it.
  var whole: [UInt8]
  var fraction: [UInt8]
  var isZero: Bool { whole.isEmpty && fraction.isEmpty }

  /// Creates the shortest decimal representation of a finite double.
  init(_ value: Double) {
    var text = value.magnitude.description
    var exponent = 0
    if let mark = text.utf8.firstIndex(of: UInt8(ascii: "e")) {
      exponent = Int(text[text.utf8.index(after: mark)...]) ?? 0
      text = String(text[..<mark])
    }
    let parts = text.split(at: ".", omittingEmpty: false)
    var digits = parts.joined().utf8.map { $0 - 0x30 }
    var point = (parts.first?.utf8.count ?? 0) + exponent
    while point > digits.count { digits.append(0) }
    while point < 0 {
      digits.insert(0, at: 0)
      point += 1
    }
    whole = Array(digits[..<point].drop { $0 == 0 })
    fraction = Array(digits[point...])
    while fraction.last == 0 { fraction.removeLast() }
    isNegative = value < 0
  }
}

/// The constraints on a number.
struct NumberBounds: Sendable {
  var minimum, maximum: (value: Double, isExclusive: Bool)?
  var isInteger: Bool
  /// The divisor without its decimal point; 0 allows any number.
  var multipleOf = 0
  /// The number of decimal places of the divisor: 0.25 is 25 with scale 2.
  var scale = 0
  /// Whether every number must have only one representation.
  var isUnique = false

  /// The maximum number of digits of a number.
  static let digits = 15
  /// The maximum number of digits after the point.
  static let fractionDigits = 6
  /// The maximum of `multipleOf`.
  static let greatestFactor = 3600

  /// The maximum number of digits before the point. Large divisors get fewer, because their remainders need many
  /// states.
  var wholeDigits: Int { min(Self.digits, 28_000 / max(multipleOf, 1)) }

  /// A key that identifies these bounds.
  var description: String {
    "\(String(describing: minimum)) \(String(describing: maximum)) \(isInteger) \(multipleOf) \(scale) \(isUnique)"
  }

  /// Returns the automaton of all numbers within the bounds; nil if there are none.
  func automaton(_ budget: CompilationBudget) throws(PatternError) -> ByteAutomaton? {
    let low = minimum.map { (Decimal($0.value), $0.isExclusive) },
      high = maximum.map { (Decimal($0.value), $0.isExclusive) }
    var builder = ByteAutomatonBuilder()
    func isAccepting(_ state: State) -> Bool { state.isWithin(low, high, self) }
    var numbers = [State(): builder.state(accepting: isAccepting(State()))]
    var waiting = [State()]
    while let state = waiting.popLast() {
      guard let number = numbers[state] else { continue }
      try budget.spend(400)
      for byte in "-.0123456789".utf8 {
        guard let next = state.next(byte, self, low?.0, high?.0) else { continue }
        if numbers[next] == nil {
          if builder.count >= SchemaLimits.numberStates {
            throw PatternError(reason: "needs more than \(SchemaLimits.numberStates) states with these bounds")
          }
          numbers[next] = builder.state(accepting: isAccepting(next))
          waiting.append(next)
        }
        if let target = numbers[next] { builder.connect(number, byte...byte, target) }
      }
    }
    switch builder.build(entries: SchemaLimits.tableEntries) {
    case .automaton(let automaton): return automaton
    case .empty: return nil
    case .tooLarge: throw PatternError(reason: "is too complex to compile")
    }
  }

  private struct State: Hashable {
    var isNegative = false
    /// The number of digits before and after the point.
    var whole = 0, fraction = 0
    var hasPoint = false, isZero = true
    /// Whether the part before the point is 0.
    var isWholeZero = false
    /// The digits so far compared with as many digits of each bound: −1, 0 or 1.
    var low = 0, high = 0
    /// The digits so far modulo the divisor.
    var remainder = 0
    /// Whether the last digit after the point is a zero, if that matters.
    var endsInZero = false

    func next(_ byte: UInt8, _ bounds: NumberBounds, _ lowest: Decimal?, _ highest: Decimal?) -> State? {
      var next = self
      switch byte {
      case UInt8(ascii: "-"):
        if isNegative || whole > 0 { return nil }
        next.isNegative = true
      case UInt8(ascii: "."):
        if bounds.isInteger || hasPoint || whole == 0 { return nil }
        next.hasPoint = true
      default:
        let digit = byte - 0x30
        if hasPoint {
          if fraction >= NumberBounds.fractionDigits || whole + fraction >= NumberBounds.digits { return nil }
          next.low = Self.compare(low, digit, lowest?.fraction, fraction)
          next.high = Self.compare(high, digit, highest?.fraction, fraction)
          next.fraction += 1
          next.endsInZero = bounds.isUnique && digit == 0
          if bounds.multipleOf > 0 {
            // No more decimal places than the divisor has.
            if fraction >= bounds.scale { return nil }
            next.remainder = (remainder * 10 + Int(digit)) % bounds.multipleOf
          }
        } else {
          // No leading zeros.
          if isWholeZero { return nil }
          if whole >= bounds.wholeDigits { return nil }
          next.low = Self.compare(low, digit, lowest?.whole, whole)
          next.high = Self.compare(high, digit, highest?.whole, whole)
          next.whole += 1
          if whole == 0, digit == 0 { next.isWholeZero = true }
          if bounds.multipleOf > 0 { next.remainder = (remainder * 10 + Int(digit)) % bounds.multipleOf }
        }
        if digit != 0 { next.isZero = false }
      }
      return next
    }

    private static func compare(_ result: Int, _ digit: UInt8, _ bound: [UInt8]?, _ index: Int) -> Int {
      guard result == 0, let bound else { return result }
      let other = index < bound.count ? bound[index] : 0
      return digit < other ? -1 : digit > other ? 1 : 0
    }

    /// Returns the magnitude compared with that of the bound: −1, 0 or 1.
    private func magnitude(against bound: Decimal, _ result: Int) -> Int {
      // A single zero before the point does not count as a digit.
      let length = isWholeZero ? 0 : whole
      if length != bound.whole.count { return length < bound.whole.count ? -1 : 1 }
      if result != 0 { return result }
      // The bound's further digits exceed the implied zeros.
      return bound.fraction.count > fraction ? -1 : 0
    }

    private func order(against bound: Decimal, _ result: Int) -> Int {
      if isZero { return bound.isZero ? 0 : bound.isNegative ? 1 : -1 }
      if bound.isZero { return isNegative ? -1 : 1 }
      if isNegative != bound.isNegative { return isNegative ? -1 : 1 }
      let magnitude = magnitude(against: bound, result)
      return isNegative ? -magnitude : magnitude
    }

    func isWithin(_ low: (Decimal, Bool)?, _ high: (Decimal, Bool)?, _ bounds: NumberBounds) -> Bool {
      if whole == 0 || (hasPoint && fraction == 0) || (isZero && isNegative) { return false }
      if endsInZero { return false }
      if bounds.multipleOf > 0 {
        // Appends the implied zeros.
        var rest = remainder
        for _ in 0..<max(bounds.scale - fraction, 0) { rest = rest * 10 % bounds.multipleOf }
        if rest != 0 { return false }
      }
      if let (bound, isExclusive) = low {
        let order = order(against: bound, self.low)
        if order < 0 || (order == 0 && isExclusive) { return false }
      }
      if let (bound, isExclusive) = high {
        let order = order(against: bound, self.high)
        if order > 0 || (order == 0 && isExclusive) { return false }
      }
      return true
    }
  }
}
