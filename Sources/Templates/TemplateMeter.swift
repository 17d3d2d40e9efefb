// Accounts for what a rendering costs. Work is charged before it is done, by the bytes that it reads or writes, so that no single
// operation of a hostile template can be long; the processor time of the thread is looked at every so often and before large work.
import Glibc
import Text

/// Steps, memory and processor time of one rendering. Used by one thread.
struct TemplateMeter {
  /// Nanoseconds that a byte takes, rounded up from a release build on a slow machine.
  enum Work: Int {
    /// Bytes are copied.
    case copy = 1
    /// Bytes are compared or searched.
    case scan = 4
    /// Code points are classified or mapped one by one.
    case scalars = 24
  }

  private let limits: TemplateLimits
  private let start = TemplateMeter.processorNanoseconds()
  private var steps = 0
  private var memory = 0
  /// The number of steps at which the clock is read again.
  private var nextReading = 0
  /// Steps between two readings of the clock; a step takes about a microsecond.
  private static let interval = 1024

  init(_ limits: TemplateLimits) { self.limits = limits }

  /// Accounts for one step and for `bytes` of work to come. Returns the limit that would be passed, or nil.
  mutating func charge(_ bytes: Int, _ work: Work) -> String? {
    let (nanoseconds, overflow) = bytes.multipliedReportingOverflow(by: work.rawValue)
    let added = 1 + (overflow ? .max >> 1 : nanoseconds) >> 10
    let (sum, isTooLarge) = steps.addingReportingOverflow(added)
    if isTooLarge || sum > limits.steps { return "more than \(limits.steps) steps" }
    steps = sum
    if steps < nextReading { return nil }
    nextReading = steps + Self.interval
    let expected = Double(Self.processorNanoseconds() &- start) + Double(nanoseconds)
    return expected > limits.seconds * 1e9 ? "more than \(limits.seconds) seconds of processor time" : nil
  }

  /// Accounts for a string or list of `bytes` about to be built. Returns the limit that would be passed, or nil.
  mutating func allocate(_ bytes: Int, _ work: Work) -> String? {
    let (sum, overflow) = memory.addingReportingOverflow(bytes)
    if overflow || sum > limits.memory { return "more than \(limits.memory) bytes of intermediate values" }
    memory = sum
    return charge(bytes, work)
  }

  /// The processor time of this thread. Other work on the machine does not count.
  private static func processorNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }
}
