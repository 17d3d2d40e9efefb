import Foundation
import Inference
import Testing

@Suite struct `Available memory` {
  /// The bytes available with the files of an imaginary system.
  private func bytes(_ files: [String: String]) throws -> Int? {
    let root = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: root) }
    for (path, text) in files {
      let file = root.appendingPathComponent(path)
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
    return AvailableMemory.bytes(root: root.path)
  }

  private let meminfo = "MemTotal: 99 kB\nMemAvailable:    4000 kB\n"

  @Test func `without a group it is the system's figure, and unknown without that`() throws {
    #expect(try bytes([:]) == nil)
    #expect(try bytes(["proc/meminfo": meminfo]) == 4_096_000)
    #expect(
      try bytes(["proc/meminfo": meminfo, "sys/fs/cgroup/memory.max": "max\n", "sys/fs/cgroup/memory.current": "5\n"])
        == 4_096_000)
    #expect(try #require(AvailableMemory.bytes()) > 0)
  }

  @Test func `the page cache of the checkpoint does not count as used`() throws {
    let group = [
      "proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1000000\n",
      "sys/fs/cgroup/memory.current": "990000\n", "sys/fs/cgroup/memory.stat": "anon 400000\ninactive_file 580000\n",
    ]
    #expect(try bytes(group) == 590_000)
  }

  @Test func `the smallest remainder of all groups around the process applies`() throws {
    let groups = [
      "proc/meminfo": meminfo, "proc/self/cgroup": "0::/a.slice/b.scope\n",
      "sys/fs/cgroup/a.slice/memory.max": "3000\n", "sys/fs/cgroup/a.slice/memory.current": "1000\n",
      "sys/fs/cgroup/a.slice/b.scope/memory.max": "max\n", "sys/fs/cgroup/a.slice/b.scope/memory.current": "900\n",
    ]
    #expect(try bytes(groups) == 2000)
  }

  @Test func `version 1 is read, and a group beyond its limit leaves zero bytes`() throws {
    let old = [
      "proc/meminfo": meminfo, "proc/self/cgroup": "5:cpu:/x\n4:memory:/docker/abc\n",
      "sys/fs/cgroup/memory/memory.limit_in_bytes": "1000\n", "sys/fs/cgroup/memory/memory.usage_in_bytes": "1500\n",
    ]
    #expect(try bytes(old) == 0)
  }
}
