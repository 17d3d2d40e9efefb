// The standard `process_*` metrics of Prometheus client libraries, read from /proc at each scrape.
import Glibc

/// Metrics of this process from the kernel.
package enum ProcessMetrics {
  /// Registers the metrics in `registry`. A scrape omits them if /proc cannot be read.
  package static func register(in registry: MetricsRegistry) {
    registry.register(
      Sampled(.counter, "process_cpu_seconds_total", "User and system CPU time spent in seconds.") { cpuSeconds() })
    registry.register(
      Sampled(.gauge, "process_resident_memory_bytes", "Resident memory size in bytes.") { pages(1) })
    registry.register(Sampled(.gauge, "process_virtual_memory_bytes", "Virtual memory size in bytes.") { pages(0) })
    registry.register(Sampled(.gauge, "process_open_fds", "Number of open file descriptors.") { openDescriptors() })
    registry.register(
      Sampled(.gauge, "process_max_fds", "Maximum number of open file descriptors.") { descriptorLimit() })
    let start = startTime()
    registry.register(
      Sampled(.gauge, "process_start_time_seconds", "Start time of the process since the Unix epoch in seconds.") {
        start
      })
    registry.register(Sampled(.gauge, "process_threads", "Number of operating-system threads.") { threads() })
  }

  private static func cpuSeconds() -> Double? {
    var usage = rusage()
    guard getrusage(RUSAGE_SELF.rawValue, &usage) == 0 else { return nil }
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) * 1e-6 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }

  /// Field `index` of /proc/self/statm, converted from pages to bytes.
  private static func pages(_ index: Int) -> Double? {
    guard let text = contents(of: "/proc/self/statm") else { return nil }
    let fields = text.split(separator: " ")
    guard index < fields.count, let count = Double(fields[index]) else { return nil }
    return count * Double(sysconf(Int32(_SC_PAGESIZE)))
  }

  private static func openDescriptors() -> Double? {
    guard let directory = opendir("/proc/self/fd") else { return nil }
    defer { closedir(directory) }
    var count = 0
    while readdir(directory) != nil { count += 1 }
    // `.`, `..` and the descriptor that reads the directory itself.
    return Double(max(0, count - 3))
  }

  private static func descriptorLimit() -> Double? {
    var limit = rlimit()
    return getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 ? Double(limit.rlim_cur) : nil
  }

  /// The fields of /proc/self/stat after the command name, which may contain spaces; the first is the state, field 3.
  private static func statFields() -> [Substring]? {
    guard let text = contents(of: "/proc/self/stat"), let end = text.lastIndex(of: ")") else { return nil }
    return text[text.index(after: end)...].split(separator: " ")
  }

  private static func threads() -> Double? {
    guard let fields = statFields(), fields.count > 17 else { return nil }
    return Double(fields[17])
  }

  /// The start time: boot time plus field 22 in clock ticks (proc(5)).
  private static func startTime() -> Double? {
    guard let fields = statFields(), fields.count > 19, let ticks = Double(fields[19]),
      let line = contents(of: "/proc/stat")?.split(separator: "\n").first(where: { $0.hasPrefix("btime ") }),
      let boot = Double(line.dropFirst(6))
    else { return nil }
    return boot + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// Returns a small file of /proc as text.
  private static func contents(of path: String) -> String? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while bytes.count < 1 << 20 {
      let count = fread(&buffer, 1, buffer.count, file)
      if count == 0 { break }
      bytes += buffer[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
