// Anonymous memory from the kernel: zero-filled, page-aligned, committed when first touched, freed at once.
import Glibc

/// Owns one anonymous mapping. The mapping itself never changes; the owner of its contents guards their use.
final class Mapping {
  let base: UnsafeMutableRawPointer
  let byteCount: Int

  /// Maps `byteCount` bytes. `hugePages` requests 2 MiB pages: fewer TLB misses, but one write commits a whole page.
  init(byteCount: Int, hugePages: Bool, purpose: String) throws(InferenceError) {
    let size = max(byteCount, 1)
    guard let base = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
      base != MAP_FAILED
    else { throw .outOfMemory(bytes: byteCount, purpose: purpose) }
    self.base = base
    self.byteCount = byteCount
    if hugePages { madvise(base, size, MADV_HUGEPAGE) }
  }

  deinit { munmap(base, max(byteCount, 1)) }
}
