// How many rows were ever accepted, in 40 bytes beside the database. The count is rewritten in the kernel's page cache as rows
// come, which outlives the process: after kill -9, accepted minus committed is what was lost. The machine's boot id tells
// when the page cache itself went, by power loss, and the number is only a lower bound. An flock on the file keeps a
// second server from the same ledger.
import Foundation
import Glibc

/// The file of the count, locked while it is open.
struct AcceptedCount: ~Copyable, Sendable {
  /// What the file said when it was opened.
  struct Previous: Equatable {
    /// Rows accepted by the processes before this.
    var accepted: Int
    /// Whether the count survived as long as the rows: same boot, or closed in order.
    var isExact: Bool
  }

  /// Why the file cannot be used.
  enum Failure: Error, Equatable {
    /// Another process, or another ledger of this one, holds it.
    case inUse
    /// A system call failed with this number.
    case system(Int32)
  }

  private static let magic: UInt64 = 0x3174_6E75_6F63_3472
  private let descriptor: Int32
  /// This boot, and the one that the file names: until the previous loss is reckoned, that of the previous process.
  private let boot: (UInt64, UInt64)
  private var named: (UInt64, UInt64)
  /// What the file said when it was opened; nil when it was new or not ours.
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

  /// The previous loss is known: from now on the file speaks of this boot.
  mutating func settle() { named = boot }

  /// Writes the count; `isClean` says that every accepted row is committed and no more will come. A disk may refuse: what the file
  /// says is then too small.
  borrowing func write(_ accepted: Int, isClean: Bool = false) {
    let words = [Self.magic, UInt64(max(accepted, 0)), isClean ? 1 : 0, named.0, named.1]
    _ = words.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
  }

  /// The kernel's random id of this boot; zeros where there is none.
  private static func bootIdentity() -> (UInt64, UInt64) {
    guard let text = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8) else {
      return (0, 0)
    }
    let digits = text.filter(\.isHexDigit)
    return (UInt64(digits.prefix(16), radix: 16) ?? 0, UInt64(digits.dropFirst(16).prefix(16), radix: 16) ?? 0)
  }
}
