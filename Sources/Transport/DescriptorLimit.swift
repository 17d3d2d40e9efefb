// The limit on open descriptors. Ten thousand connections need as many descriptors, but the usual soft limit is 1024.
// Connections leave a reserve for files, the ledger and images by URL.

import Foundation
import Glibc
import Synchronization

/// The limit on open descriptors of this process.
package enum DescriptorLimit {
  /// Raises the soft limit to the hard limit and returns it.
  @discardableResult
  package static func raise() -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
    if limit.rlim_cur < limit.rlim_max {
      limit.rlim_cur = limit.rlim_max
      _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
    return Int(clamping: limit.rlim_cur)
  }

  /// The soft limit.
  package static var current: Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
    return Int(clamping: limit.rlim_cur)
  }

  /// The number of open descriptors.
  package static var openCount: Int {
    (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 64
  }

  /// Returns how many connections may be open, given the limit and the descriptors used for other purposes. A reserve
  /// remains for files, rejections and slow readers, whose connections use a second descriptor. At least 4.
  package static func connections(limit: Int, used: Int) -> Int { max(4, limit - used - reserve(of: limit)) }

  /// Returns the number of descriptors that connections leave for other purposes.
  static func reserve(of limit: Int) -> Int { min(128, max(24, limit / 8)) }

  /// Whether a new descriptor's number shows that few are left. The system always assigns the lowest free number.
  static func isScarce(_ number: Int32) -> Bool { Int(number) >= limitAtFirstUse - reserve(of: limitAtFirstUse) / 2 }

  private static let limitAtFirstUse = current
}
