// Ten thousand connections need as many descriptors; the usual soft limit is 1024. Sockets never take the last ones: files, the ledger
// and images by URL need some too.

import Foundation
import Glibc
import Synchronization

/// The process's limit of open descriptors.
package enum DescriptorLimit {
  /// Raises the soft limit to the hard one and returns it.
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

  /// Descriptors that are open now.
  package static var openCount: Int {
    (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 64
  }

  /// How many connections may be open where `limit` descriptors may, of which `used` are open without any: a reserve stays for files,
  /// refusals and slow readers, which take a second descriptor while they are waited for. At least 4.
  package static func connections(limit: Int, used: Int) -> Int { max(4, limit - used - reserve(of: limit)) }

  /// Descriptors that connections leave to everything else.
  static func reserve(of limit: Int) -> Int { min(128, max(24, limit / 8)) }

  /// Whether a new descriptor's number shows that few are left: the system gives the lowest that is free.
  static func isScarce(_ number: Int32) -> Bool { Int(number) >= limitAtFirstUse - reserve(of: limitAtFirstUse) / 2 }

  private static let limitAtFirstUse = current
}
