// Conversions between numbers and text like Python's int(), float() and round().
import Foundation
import Text

extension String {
  /// Returns the result of `int(text, base)`; nil where it raises an error or the value exceeds 64 bits.
  func pythonInteger(base: Int) -> Int? {
    var digits = stripped(of: nil).lowercased()
    let isNegative = digits.hasExact(prefix: "-")
    if isNegative || digits.hasExact(prefix: "+") { digits.removeFirst() }
    var base = base
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)]
    where digits.hasExact(prefix: prefix) && (base == radix || base == 0) {
      digits.removeFirst(2)
      base = radix
    }
    if base == 0 { base = 10 }
    guard (2...36).contains(base), digits.utf8.first != UInt8(ascii: "_"), digits.utf8.last != UInt8(ascii: "_"),
      digits.offsets(of: "__", limit: 1).isEmpty
    else {
      return nil
    }
    digits.unicodeScalars.removeAll { $0 == "_" }
    guard let first = digits.utf8.first, first != UInt8(ascii: "+"), first != UInt8(ascii: "-") else { return nil }
    return Int((isNegative ? "-" : "") + digits, radix: base)
  }

  /// The result of `float(text)`; nil where it raises an error.
  var pythonFloat: Double? {
    let text = stripped(of: nil).lowercased()
    guard !text.isEmpty, text.utf8.count <= 512, !text.utf8.contains(UInt8(ascii: "x")),
      !text.utf8.contains(UInt8(ascii: "(")), text.offsets(of: "__", limit: 1).isEmpty
    else { return nil }
    return Double(String(scalars: text.unicodeScalars.filter { $0 != "_" }))
  }
}

extension Double {
  /// `round(value, decimals)`: to the nearest decimal. Ties are decided by the exact binary value, like printf.
  func rounded(toDecimals decimals: Int) -> Double {
    if !isFinite { return self }
    if decimals >= 0 { return Double(String(format: "%.\(decimals)f", self)) ?? self }
    let scale = pow(10, Double(-decimals))
    return (self / scale).rounded(.toNearestOrEven) * scale
  }
}

extension TemplateValue {
  /// Zero without a sign.
  var magnitudeOfZero: TemplateValue { if case .float = self { .float(0) } else { self } }
}
