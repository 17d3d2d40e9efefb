// A linear axis with round ticks.

struct FigureAxis {
  /// The values at the ends.
  let low: Double
  let high: Double
  /// The distance between ticks: 1, 2 or 5 times a power of ten.
  let step: Double

  /// Creates an axis that covers `low`…`high` with about `ticks` steps and ends on ticks.
  init(_ low: Double, _ high: Double, ticks: Int = 5) {
    let span = max(high - low, 1e-9)
    var step = 1e-12
    // The first of 1, 2, 5, 10, … that is large enough.
    var factors = [2.0, 2.5, 2.0]
    while step * Double(ticks) < span * 0.999_999 {
      step *= factors[0]
      factors = [factors[1], factors[2], factors[0]]
    }
    self.step = step
    self.low = (low / step + 1e-9).rounded(.down) * step
    self.high = max((high / step - 1e-9).rounded(.up) * step, self.low + step)
  }

  var ticks: [Double] {
    let count = Int(((high - low) / step).rounded())
    return (0...count).map { low + Double($0) * step }
  }

  /// Returns the position of a value, from 0 (low) to 1 (high).
  func position(_ value: Double) -> Double { (value - low) / (high - low) }

  /// Formats a tick without unneeded decimals.
  func text(_ value: Double) -> String {
    ReportNumber.text(value, step >= 0.999 ? 0 : step >= 0.0999 ? 1 : 2)
  }
}
