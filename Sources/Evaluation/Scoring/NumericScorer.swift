// Compares the last number of an answer with the known one. Numbers are parsed independently of a locale: 1,234.5 ·
// −3 · 2.5e−3 · 1/2 · 12 %.

/// The scorer of questions whose answer is a number.
package struct NumericScorer: Sendable {
  private let accepted: [Number]
  private let tolerance: Double
  private let relativeTolerance: Double

  /// Creates a scorer. A number is correct within `tolerance`, or within `relativeTolerance` times the known one;
  /// without either, within a millionth.
  package init(accepted: [Number], tolerance: Double? = nil, relativeTolerance: Double? = nil) {
    self.accepted = accepted
    self.tolerance = tolerance ?? 0
    self.relativeTolerance = relativeTolerance ?? (tolerance == nil ? 1e-6 : 0)
  }

  /// Whether the last number of the answer is correct. One per cent is 0.01, or 1 if the known answer has no per cent
  /// sign.
  package func accepts(_ answer: String) -> Bool {
    guard let last = Number.all(in: answer).last else { return false }
    return accepted.contains { known in
      if known.isPercent == last.isPercent { return isNear(last.value, known.value) }
      return isNear(last.value, known.value) || isNear(last.fraction, known.fraction)
    }
  }

  private func isNear(_ value: Double, _ known: Double) -> Bool {
    value == known || abs(value - known) <= max(tolerance, relativeTolerance * abs(known))
  }
}

/// A number as written.
package struct Number: Sendable, Equatable {
  /// The number before a per cent sign.
  package var value: Double
  package var isPercent = false

  /// The value, divided by 100 if it is a percentage.
  package var fraction: Double { isPercent ? value / 100 : value }

  package init(value: Double, isPercent: Bool = false) { (self.value, self.isPercent) = (value, isPercent) }

  /// Parses a text that is a single number, ignoring white space; nil for any other text.
  package init?(_ text: String) {
    let trimmed = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    var scanner = NumberScanner(trimmed)
    guard let number = scanner.next(), scanner.isAtEnd, scanner.skipped == 0 else { return nil }
    self = number
  }

  /// Returns all numbers in a text, in order.
  package static func all(in text: String) -> [Number] {
    var scanner = NumberScanner(text)
    var numbers: [Number] = []
    while let number = scanner.next() { numbers.append(number) }
    return numbers
  }
}

/// Finds numbers from left to right.
private struct NumberScanner {
  private let text: [Unicode.Scalar]
  private var at = 0
  /// The number of characters before the last number found.
  private(set) var skipped = 0

  init(_ string: String) { text = Array(string.unicodeScalars) }

  var isAtEnd: Bool { at == text.count }

  private func scalar(_ index: Int) -> Unicode.Scalar? { text.indices.contains(index) ? text[index] : nil }
  private func isDigit(_ index: Int) -> Bool { scalar(index).map { $0 >= "0" && $0 <= "9" } ?? false }
  private func isMinus(_ index: Int) -> Bool { scalar(index) == "-" || scalar(index) == "\u{2212}" }

  mutating func next() -> Number? {
    let from = at
    while at < text.count {
      if isStart(at) {
        var start = at
        // A sign belongs to the number unless it joins it to what precedes, as in 3-4 and page-2.
        if start > from, isMinus(start - 1) || scalar(start - 1) == "+", !joins(start - 1) { start -= 1 }
        skipped = start - from
        return read(negative: start < at && isMinus(start))
      }
      at += 1
    }
    return nil
  }

  /// Whether there is a letter that would form one word with a number, as in H2.
  private func isWord(_ index: Int) -> Bool {
    scalar(index).map { $0.properties.isAlphabetic && !$0.isUnspaced } ?? false
  }

  /// Whether there is a digit, or a point before one, that does not continue a word.
  private func isStart(_ index: Int) -> Bool {
    guard isDigit(index) || (scalar(index) == "." && isDigit(index + 1)) else { return false }
    return !isWord(index - 1) && scalar(index - 1) != "_" && !isDigit(index - 1)
  }

  private func joins(_ sign: Int) -> Bool {
    isWord(sign - 1) || isDigit(sign - 1) || scalar(sign - 1) == ")"
  }

  private mutating func read(negative: Bool) -> Number? {
    var value = decimal()
    // A fraction: two plain numbers around a slash, but not a date of three.
    let end = at
    if scalar(at) == "/", isDigit(at + 1) {
      at += 1
      let below = decimal()
      if below != 0, scalar(at) != "/" { value /= below } else { at = end }
    }
    let isPercent = takePercent()
    return Number(value: negative ? -value : value, isPercent: isPercent)
  }

  private mutating func takePercent() -> Bool {
    let sign = scalar(at).map { $0 == " " || $0 == "\u{A0}" || $0 == "\u{202F}" } == true ? at + 1 : at
    if scalar(sign) == "%" {
      at = sign + 1
      return true
    }
    return false
  }

  /// Parses digits with thousands separators, a point and an exponent. The standard library converts them, so that
  /// they round like literals.
  private mutating func decimal() -> Double {
    var digits = ""
    func take(_ scanner: inout NumberScanner) {
      while scanner.isDigit(scanner.at) {
        digits.unicodeScalars.append(scanner.text[scanner.at])
        scanner.at += 1
      }
    }
    take(&self)
    if (1...3).contains(digits.count) {
      while scalar(at) == "," || scalar(at) == "\u{202F}" || scalar(at) == "\u{A0}",
        (1...3).allSatisfy({ isDigit(at + $0) }), !isDigit(at + 4)
      {
        at += 1
        take(&self)
      }
    }
    if scalar(at) == ".", isDigit(at + 1) {
      digits += digits.isEmpty ? "0." : "."
      at += 1
      take(&self)
    }
    if scalar(at) == "e" || scalar(at) == "E" {
      let signed = isMinus(at + 1) || scalar(at + 1) == "+"
      if isDigit(at + (signed ? 2 : 1)) {
        digits += isMinus(at + 1) ? "e-" : "e"
        at += signed ? 2 : 1
        take(&self)
      }
    }
    return Double(digits) ?? .infinity
  }
}
