// How much memory this process may still take: what the kernel calls available, or less where a control group says so.
// A group's use counts the page cache of the files it has read, a checkpoint's above all; what the kernel would drop first
// (`inactive_file`) is taken off it, as the kubelet does.
import Foundation

package enum AvailableMemory {
  /// Bytes; nil where the system does not tell. `root` is the file system to ask.
  package static func bytes(root: String = "/") -> Int? {
    let files = Files(root: root)
    let system = files.field("MemAvailable:", in: "proc/meminfo").map { $0 * 1024 }
    return ([system] + files.groups()).compactMap { $0 }.min()
  }
}

/// The pseudo-files below one root.
private struct Files {
  let root: String

  /// What is left in this process's group and in each group around it, version 2 and version 1.
  func groups() -> [Int?] {
    let lines = (text("proc/self/cgroup") ?? "0::/").split(separator: "\n")
    return lines.flatMap { line -> [Int?] in
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { return [] }
      let second = fields[0] == "0" && fields[1].isEmpty
      guard second || fields[1].split(separator: ",").contains("memory") else { return [] }
      // In a container the path may be the host's and not exist here; its own group is then the top.
      let names = fields[2].split(separator: "/")
      return (0...names.count).map { depth in
        let top = second ? "sys/fs/cgroup/" : "sys/fs/cgroup/memory/"
        let folder = top + names.prefix(depth).map { $0 + "/" }.joined()
        return second
          ? left(in: folder, "memory.max", "memory.current", "inactive_file")
          : left(in: folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
      }
    }
  }

  private func left(in folder: String, _ limit: String, _ used: String, _ cache: String) -> Int? {
    guard let limit = number(folder + limit), let used = number(folder + used) else { return nil }
    let inactive = field(cache, in: folder + "memory.stat") ?? 0
    return max(0, limit - max(0, used - inactive))
  }

  /// The number that follows `name` at the start of a line.
  func field(_ name: String, in path: String) -> Int? {
    for line in (text(path) ?? "").split(separator: "\n") {
      let words = line.split(separator: " ", omittingEmptySubsequences: true)
      if words.count > 1, words[0] == name { return Int(words[1]) }
    }
    return nil
  }

  private func number(_ path: String) -> Int? {
    text(path).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
  }

  private func text(_ path: String) -> String? {
    try? String(contentsOfFile: root + (root.hasSuffix("/") ? "" : "/") + path, encoding: .utf8)
  }
}
