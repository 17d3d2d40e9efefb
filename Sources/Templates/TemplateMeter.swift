// Measures the cost of a rendering. Work is charged before it is done, by the bytes it reads or writes, so that no
// single operation of a hostile template can take long. The thread's processor time is checked regularly and before
// large work.
import Glibc
import Text

/// The steps, memory and processor time of one rendering. Used by one thread.
struct TemplateMeter {
  /// Nanoseconds per byte, rounded up from a release build on a slow machine.
  enum Work: Int {
    /// Copying bytes.
    case copy = 1
    /// Comparing or searching bytes.
    case scan = 4
    /// Classifying or mapping code points one by one.
    case scalars = 24
  }

  private let limits: TemplateLimits
  private let start = TemplateMeter.processorNanoseconds()
  private var steps = 0
  private var memory = 0
  /// The number of steps at which the clock is next read.
  private var nextReading = 0
  /// The number of steps between two readings of the clock; a step takes about a microsecond.
  private static let interval = 1024

  init(_ limits: TemplateLimits) { self.limits = limits }

  /// Charges one step and `bytes` of work to be done. Returns the exceeded limit, or nil.
  mutating func charge(_ bytes: Int, _ work: Work) -> String? {
    let (nanoseconds, overflow) = bytes.multipliedReportingOverflow(by: work.rawValue)
    let added = 1 + (overflow ? .max >> 1 : nanoseconds) >> 10
    let (sum, isTooLarge) = steps.addingReportingOverflow(added)
    if isTooLarge || sum > limits.steps { return "rendering exceeded the limit of \(limits.steps) steps" }
    steps = sum
    if steps < nextReading { return nil }
    nextReading = steps + Self.interval
    let expected = Double(Self.processorNanoseconds() &- start) + Double(nanoseconds)
    return expected > limits.seconds * 1e9
      ? "rendering exceeded the limit of \(limits.seconds) seconds of processor time" : nil
  }

  /// Charges a string or list of `bytes` to be created. Returns the exceeded limit, or nil.
  mutating func allocate(_ bytes: Int, _ work: Work) -> String? {
    let (sum, overflow) = memory.addingReportingOverflow(bytes)
    if overflow || sum > limits.memory {
      return "rendering exceeded the limit of \(limits.memory) bytes of intermediate values"
    }
    memory = sum
    return charge(bytes, work)
  }

  /// Returns the processor time of this thread, which does not include other work on the machine.
  private static func processorNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }
}
