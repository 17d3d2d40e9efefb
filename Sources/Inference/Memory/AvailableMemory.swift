// How much memory this process may still take: what the kernel calls available, or less where a control group says so.
import Foundation

enum AvailableMemory {
  /// Bytes; nil where the system does not tell.
  static var bytes: Int? {
    let system = kilobytes(of: "MemAvailable:", in: "/proc/meminfo").map { $0 * 1024 }
    return [system, group(limit: "/sys/fs/cgroup/memory.max", used: "/sys/fs/cgroup/memory.current"),
      group(limit: "/sys/fs/cgroup/memory/memory.limit_in_bytes", used: "/sys/fs/cgroup/memory/memory.usage_in_bytes")]
      .compactMap { $0 }.min()
  }

  private static func group(limit: String, used: String) -> Int? {
    guard let limit = number(in: limit), let used = number(in: used) else { return nil }
    return max(0, limit - used)
  }

  private static func number(in path: String) -> Int? {
    (try? String(contentsOfFile: path, encoding: .utf8)).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
  }

  private static func kilobytes(of name: String, in path: String) -> Int? {
    let line = (try? String(contentsOfFile: path, encoding: .utf8))?.split(separator: "\n").first { $0.hasPrefix(name) }
    return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
  }
}
