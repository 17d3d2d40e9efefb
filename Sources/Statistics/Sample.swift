// The first numbers to ask of a sample: its mean, its spread, its percentiles.

/// What describes a sample of numbers by itself. An empty sample has none of it: every function returns nil then.
package enum Sample {
  /// The arithmetic mean.
  package static func mean(_ values: [Double]) -> Double? {
    values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }

  /// The standard deviation with n − 1 below the fraction; nil for fewer than two values.
  package static func deviation(_ values: [Double]) -> Double? {
    guard values.count > 1, let mean = mean(values) else { return nil }
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (squares / Double(values.count - 1)).squareRoot()
  }

  /// The value below which the part `fraction` (0…1) of the sample lies, linear between neighbours (Hyndman and Fan's type 7, numpy's default).
  package static func percentile(_ values: [Double], _ fraction: Double) -> Double? {
    percentile(sorted: values.sorted(), fraction)
  }

  /// As `percentile`, of values that are sorted already.
  package static func percentile(sorted values: [Double], _ fraction: Double) -> Double? {
    guard let last = values.last, let first = values.first, !fraction.isNaN else { return nil }
    let place = fraction * Double(values.count - 1)
    if place <= 0 { return first }
    if place >= Double(values.count - 1) { return last }
    let below = Int(place)
    return values[below] + (values[below + 1] - values[below]) * (place - Double(below))
  }
}
