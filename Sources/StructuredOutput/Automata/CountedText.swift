// Strings of a pattern with a limited length, without a state for every length. Characters are counted while parsing,
// and each state knows how many characters can still follow.

import Text

/// The JSON strings of an automaton that have `least` to `most` code points.
final class CountedText: Sendable {
  let automaton: ByteAutomaton
  let least, most: Int32
  /// Whether a character begins after a state.
  private let isBoundary: [Bool]
  /// The smallest number of characters that can follow each state.
  private let shortest: [Int32]
  /// `[states, least + 1]`: the smallest number of following characters that is not less than the column; `never` if
  /// there is none.
  private let reachable: [Int32]
  private static let never = Int32.max
  /// The greatest entry of `shortest`. If more characters than this remain, the maximum has no effect.
  let reach: Int32

  init(
    _ automaton: ByteAutomaton, isBoundary: [Bool], least: Int32, most: Int32, budget: CompilationBudget
  ) throws(PatternError) {
    self.automaton = automaton
    self.isBoundary = isBoundary
    self.least = least
    self.most = most
    let count = automaton.count
    // The predecessors of each state, and whether a character begins on the way.
    var sources = [[(state: Int32, isCharacter: Bool)]](repeating: [], count: count)
    for state in 0..<Int32(count) {
      try budget.spend(256)
      var known: Set<Int64> = []
      for byte in UInt8.min...UInt8.max {
        let target = automaton.next(state, byte)
        if target < 0 { continue }
        let isCharacter = isBoundary[Int(state)] && byte != 0x22
        if known.insert(Int64(target) << 1 | (isCharacter ? 1 : 0)).inserted {
          sources[Int(target)].append((state, isCharacter))
        }
      }
    }
    let edges = sources.reduce(0) { $0 + $1.count }
    // The smallest number that is at least `least` is found within as many characters as there are states.
    let columns = Int(least) + 1
    if columns > SchemaLimits.tableEntries / max(count, 1) {
      throw PatternError(reason: "needs too many states with minLength \(least)")
    }
    let last = min(Int(most), Int(least) + count)
    // The states from which exactly that many characters can follow, starting with none.
    var shortest = [Int32](repeating: Self.never, count: count)
    var reachable = [Int32](repeating: Self.never, count: count * columns)
    var level = [Bool](repeating: false, count: count)
    var waiting = (0..<Int32(count)).filter { automaton.isAccepting($0) }
    for state in waiting { level[Int(state)] = true }
    for length in 0...last {
      // Adds the predecessors that are reached without starting a character.
      var index = 0
      while index < waiting.count {
        for source in sources[Int(waiting[index])] where !source.isCharacter && !level[Int(source.state)] {
          level[Int(source.state)] = true
          waiting.append(source.state)
        }
        index += 1
      }
      var next: [Int32] = []
      var isNext = [Bool](repeating: false, count: count)
      for state in waiting {
        shortest[Int(state)] = min(shortest[Int(state)], Int32(length))
        // The last columns, up to this length, that have no entry yet.
        var column = min(length, columns - 1)
        while column >= 0, reachable[Int(state) * columns + column] == Self.never {
          reachable[Int(state) * columns + column] = Int32(length)
          column -= 1
        }
        for source in sources[Int(state)] where source.isCharacter && !isNext[Int(source.state)] {
          isNext[Int(source.state)] = true
          next.append(source.state)
        }
      }
      try budget.spend(count + edges)
      if next.isEmpty { break }
      (waiting, level) = (next, isNext)
    }
    (self.shortest, self.reachable) = (shortest, reachable)
    reach = shortest.reduce(0) { $1 == Self.never ? $0 : max($0, $1) }
  }

  /// Whether any text is accepted.
  var canBegin: Bool { isOpen(ByteAutomaton.start, 0) }

  /// Whether the text can end within its length limits from `state` after `count` characters.
  @inline(__always) private func isOpen(_ state: Int32, _ count: Int32) -> Bool {
    let rest = count >= least ? shortest[Int(state)] : reachable[Int(state) * (Int(least) + 1) + Int(least - count)]
    return rest != Self.never && (most == .max || rest <= most - count)
  }

  /// Consumes `byte`. Returns false if it cannot follow. Without a maximum, counting stops at the minimum.
  @inline(__always) func step(_ state: inout Int32, _ count: inout Int32, _ byte: UInt8) -> Bool {
    let from = state
    state = automaton.next(from, byte)
    if state < 0 { return false }
    if isBoundary[Int(from)], byte != 0x22, most < .max || count < least { count += 1 }
    return isOpen(state, count)
  }

  /// Returns `count` reduced to what texts of `longest` bytes can distinguish.
  func key(_ count: Int32, longest: Int) -> Int32 {
    if count < least || most == .max { return min(count, least) }
    let remaining = min(most - count, Int32(clamping: longest) + reach + 1)
    return least + 1 + (Int32(clamping: longest) + reach + 1 - remaining)
  }
}
