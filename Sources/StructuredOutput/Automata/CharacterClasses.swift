// The alphabet of the automata: all code points, partitioned into as few classes as a set of expressions
// distinguishes.

import Text

/// A partition of all code points into classes.
struct CharacterClasses: Sendable {
  /// Runs of code points of one class, in order.
  struct Run: Sendable {
    var low, high: UInt32
    var number: Int32
  }
  private(set) var runs: [Run]
  private(set) var count: Int
  /// The set numbers by their ranges.
  private var sets: [[ClosedRange<UInt32>]: Int32] = [:]
  /// The classes of each set.
  private(set) var members: [[Int32]] = []

  /// Creates the coarsest partition in which every set of `expressions` is a union of classes.
  init(of expressions: [PatternExpression], budget: CompilationBudget) throws(PatternError) {
    var ranges: [[ClosedRange<UInt32>]] = []
    // Any text may follow a lookahead.
    for expression in expressions + [.anything] { try Self.collect(expression, &sets, &ranges, budget) }
    var cuts: Set<UInt32> = []
    for part in CodePoints.all { cuts.formUnion([part.lowerBound, part.upperBound + 1]) }
    for range in ranges.joined() { cuts.formUnion([range.lowerBound, range.upperBound + 1]) }
    let sorted = cuts.sorted()
    try budget.spend(4 * sorted.count)
    runs = zip(sorted, sorted.dropFirst()).filter { $0.0 != 0xD800 }.map { Run(low: $0.0, high: $0.1 - 1, number: 0) }
    // Each set splits the classes that it partly contains.
    count = 1
    for set in ranges {
      var renamed: [Int32: Int32] = [:]
      for range in set {
        var index = first(from: range.lowerBound)
        while index < runs.count, runs[index].low <= range.upperBound {
          let old = runs[index].number
          if let new = renamed[old] {
            runs[index].number = new
          } else {
            renamed[old] = Int32(count)
            runs[index].number = Int32(count)
            count += 1
          }
          index += 1
          try budget.spend(4)
        }
      }
    }
    // Classes that were renamed completely leave unused numbers.
    var numbers: [Int32: Int32] = [:]
    for index in runs.indices {
      let number = numbers[runs[index].number] ?? Int32(numbers.count)
      numbers[runs[index].number] = number
      runs[index].number = number
    }
    count = numbers.count
    for set in ranges {
      var classes: Set<Int32> = []
      for range in set {
        var index = first(from: range.lowerBound)
        while index < runs.count, runs[index].low <= range.upperBound {
          classes.insert(runs[index].number)
          index += 1
          try budget.spend(4)
        }
      }
      members.append(classes.sorted())
    }
  }

  /// Returns the number of a set for which the partition was created.
  func number(of set: [ClosedRange<UInt32>]) -> Int32? { sets[set] }

  /// Returns the class of a code point; nil for surrogates.
  func number(of value: UInt32) -> Int? {
    let index = first(from: value)
    return index < runs.count && runs[index].low <= value ? Int(runs[index].number) : nil
  }

  /// Returns the first run that ends at or after `value`.
  private func first(from value: UInt32) -> Int {
    var low = 0, high = runs.count
    while low < high {
      let middle = (low + high) / 2
      if runs[middle].high < value { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private static func collect(
    _ expression: PatternExpression, _ sets: inout [[ClosedRange<UInt32>]: Int32],
    _ ranges: inout [[ClosedRange<UInt32>]], _ budget: CompilationBudget
  ) throws(PatternError) {
    try budget.spend(4)
    switch expression {
    case .empty, .start, .end: break
    case .set(let set):
      try budget.spend(set.count)
      if sets[set] == nil {
        sets[set] = Int32(ranges.count)
        ranges.append(set)
      }
    case .sequence(let parts), .alternatives(let parts):
      for part in parts { try collect(part, &sets, &ranges, budget) }
    case .repeated(let part, _, _), .lookahead(let part, _): try collect(part, &sets, &ranges, budget)
    }
  }
}
