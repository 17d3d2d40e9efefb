// The memory that this process may still allocate: the kernel's estimate, or less if a control group limits it. A
// group's usage includes the page cache of the files it has read, above all the checkpoint's. The part that the kernel
// reclaims first (`inactive_file`) is subtracted, as the kubelet does.
import Foundation

package enum AvailableMemory {
  /// Returns the bytes, or nil if the system does not report them. `root` is the file system to read.
  package static func bytes(root: String = "/") -> Int? {
    let files = Files(root: root)
    let system = files.field("MemAvailable:", in: "proc/meminfo").map { $0 * 1024 }
    return ([system] + files.groups()).compactMap { $0 }.min()
  }
}

/// The pseudo-files below one root.
private struct Files {
  let root: String

  /// The bytes left in this process's group and in each group around it, in versions 2 and 1.
  func groups() -> [Int?] {
    let lines = (text("proc/self/cgroup") ?? "0::/").split(separator: "\n")
    return lines.flatMap { line -> [Int?] in
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { return [] }
      let second = fields[0] == "0" && fields[1].isEmpty
      guard second || fields[1].split(separator: ",").contains("memory") else { return [] }
      // In a container, the path may be the host's and not exist here. Its own group is then the root.
      let names = fields[2].split(separator: "/")
      return (0...names.count).map { depth in
        let top = second ? "sys/fs/cgroup/" : "sys/fs/cgroup/memory/"
        let folder = top + names.prefix(depth).map { $0 + "/" }.joined()
        return second
          ? remaining(in: folder, "memory.max", "memory.current", "inactive_file")
          : remaining(in: folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
      }
    }
  }

  private func remaining(in folder: String, _ limit: String, _ used: String, _ cache: String) -> Int? {
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
