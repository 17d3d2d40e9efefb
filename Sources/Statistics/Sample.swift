// Basic statistics of a sample: mean, deviation and percentiles.

/// Statistics of a sample of numbers. Every function returns nil for an empty sample.
package enum Sample {
  /// Returns the arithmetic mean.
  package static func mean(_ values: [Double]) -> Double? {
    values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }

  /// Returns the standard deviation with the denominator n − 1; nil for fewer than two values.
  package static func deviation(_ values: [Double]) -> Double? {
    guard values.count > 1, let mean = mean(values) else { return nil }
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (squares / Double(values.count - 1)).squareRoot()
  }

  /// Returns the value below which the share `fraction` (0…1) of the sample lies, with linear interpolation (Hyndman
  /// and Fan's type 7, numpy's default).
  package static func percentile(_ values: [Double], _ fraction: Double) -> Double? {
    percentile(sorted: values.sorted(), fraction)
  }

  /// Returns the percentile of values that are already sorted.
  package static func percentile(sorted values: [Double], _ fraction: Double) -> Double? {
    guard let last = values.last, let first = values.first, !fraction.isNaN else { return nil }
    let position = fraction * Double(values.count - 1)
    if position <= 0 { return first }
    if position >= Double(values.count - 1) { return last }
    let below = Int(position)
    return values[below] + (values[below + 1] - values[below]) * (position - Double(below))
  }
}
