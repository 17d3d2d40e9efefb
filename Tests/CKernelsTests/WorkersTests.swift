// The worker pool: runs every task once, loses no work between sleeping and waking, and ends cleanly.
import CKernels
import Foundation
import Testing

extension Kernels {
  @Suite struct WorkersTests {
    @Test func `pools start, sleep, wake and end without losing work`() throws {
      let count = 70_000
      for round in 0..<20 {
        try withWorkers(Int32(round % 4 + 1), .baseline) { workers in
          let x = Padded(1, count)
          for turn in 0..<6 {
            ck_exp(workers, x.base, count)
            #expect(x.values.allSatisfy { $0 == 1 }, "round \(round), turn \(turn)")
            for i in 0..<count { x.base[i] = 0 }
            if turn == 3 { usleep(3000) }
          }
        }
      }
    }

    @Test func `an idle pool uses no processor time`() throws {
      try withWorkers(4, .baseline) { workers in
        var x = [Float](repeating: 0, count: 100_000)
        ck_exp(workers, &x, x.count)
        usleep(20_000)
        let before = threadTimes()
        usleep(100_000)
        #expect(threadTimes() - before <= 0.03)
      }
    }

    /// The processor time, in seconds, of every thread with the name of the pool's threads, from /proc.
    private func threadTimes() -> Double {
      let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
      return tasks.reduce(0) { sum, task in
        guard let line = try? String(contentsOfFile: "/proc/self/task/\(task)/stat", encoding: .utf8),
          line.contains("(kernel-worker)")
        else { return sum }
        let fields = line.components(separatedBy: ") ").last?.split(separator: " ") ?? []
        return sum + (Double(fields[11]) ?? 0) / 100 + (Double(fields[12]) ?? 0) / 100
      }
    }

    @Test func `pools without threads, with too many or for other machines are not created`() {
      #expect(ck_workers_create(0, .baseline) == nil)
      #expect(ck_workers_create(5000, .baseline) == nil)
      let sets = [ck_isa.avx2, .avxVNNI, .avx512, .avx512VNNI, .neon, .neonDot, .neonI8MM]
      for isa in sets where !ck_isa_available(isa) {
        #expect(ck_workers_create(1, isa) == nil)
      }
      #expect(ck_isa_available(ck_isa_best()))
      #expect((1...ProcessInfo.processInfo.processorCount).contains(Int(ck_usable_cores())))
    }
  }
}
