// Anonymous memory straight from the kernel: zero-filled, page-aligned, committed when first touched, given back at once.
import Glibc

/// Owns one anonymous mapping. The owner of what lies in it guards its use; the mapping itself never changes.
final class Mapping {
  let base: UnsafeMutableRawPointer
  let byteCount: Int

  /// Maps `byteCount` bytes. `hugePages` asks for 2 MiB pages: fewer TLB misses, but a touch commits a whole one.
  init(byteCount: Int, hugePages: Bool, purpose: String) throws(InferenceError) {
    let size = max(byteCount, 1)
    guard let base = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
      base != MAP_FAILED
    else { throw .outOfMemory(bytes: byteCount, purpose: purpose) }
    (self.base, self.byteCount) = (base, byteCount)
    if hugePages { adviseHugePages(byteCount: size) }
  }

  /// Asks for huge pages in the first `byteCount` bytes alone.
  func adviseHugePages(byteCount: Int) { if byteCount > 0 { madvise(base, byteCount, MADV_HUGEPAGE) } }

  deinit { munmap(base, max(byteCount, 1)) }
}
