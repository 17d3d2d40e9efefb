// The number of rows ever accepted, in a file of 40 bytes beside the database. It lives in the kernel's page cache,
// which outlives the process: after kill -9, accepted minus committed rows were lost. After a power loss, which the
// boot id reveals, that number is only a lower bound. An flock on the file keeps a second server away from the same
// ledger.
import Foundation
import Glibc

/// The file with the count, locked while it is open.
struct AcceptedCount: ~Copyable, Sendable {
  /// The content of the file when it was opened.
  struct Previous: Equatable {
    /// Rows that earlier processes accepted.
    var accepted: Int
    /// Whether the count is exact: written in the same boot, or at an orderly end.
    var isExact: Bool
  }

  /// Why the file cannot be opened.
  enum Failure: Error, Equatable {
    /// Another process, or another ledger of this process, has locked it.
    case inUse
    /// A system call failed with this `errno`.
    case system(Int32)
  }

  private static let magic: UInt64 = 0x3174_6E75_6F63_3472
  private let descriptor: Int32
  /// The id of this boot, and the id in the file, which is the previous one until the loss is known.
  private let boot: (UInt64, UInt64)
  private var named: (UInt64, UInt64)
  /// The content of the file when it was opened; nil if it was new or not written by r4b.
  let previous: Previous?

  /// Opens or creates `path` with mode 0600 and locks it.
  init(path: String) throws(Failure) {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .system(errno) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let reason = errno
      close(descriptor)
      throw reason == EWOULDBLOCK ? .inUse : .system(reason)
    }
    self.descriptor = descriptor
    boot = Self.bootIdentity()
    var words = [UInt64](repeating: 0, count: 5)
    let read = words.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
    named = boot
    if read == 40, words[0] == Self.magic, let accepted = Int(exactly: words[1]), accepted <= Bounded.most {
      let isSameBoot = words[3] == boot.0 && words[4] == boot.1 && boot != (0, 0)
      let isExact = words[2] == 1 || isSameBoot
      previous = Previous(accepted: accepted, isExact: isExact)
      if !isExact { named = (words[3], words[4]) }
    } else {
      previous = nil
    }
  }

  deinit { close(descriptor) }

  /// Uses the id of this boot from now on, because the loss of the previous process is known.
  mutating func settle() { named = boot }

  /// Writes the count. `isClean` says that every accepted row is committed and no more will follow. If the write fails,
  /// the count in the file stays too small.
  borrowing func write(_ accepted: Int, isClean: Bool = false) {
    let words = [Self.magic, UInt64(max(accepted, 0)), isClean ? 1 : 0, named.0, named.1]
    _ = words.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
  }

  /// The kernel's random id of this boot; zeros if there is none.
  private static func bootIdentity() -> (UInt64, UInt64) {
    guard let text = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8) else {
      return (0, 0)
    }
    let digits = text.filter(\.isHexDigit)
    return (UInt64(digits.prefix(16), radix: 16) ?? 0, UInt64(digits.dropFirst(16).prefix(16), radix: 16) ?? 0)
  }
}
