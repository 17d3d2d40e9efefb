// The instruction sets that the kernels are compiled for.
import CKernels

/// A table of kernels for one instruction set.
package enum KernelTable: CaseIterable, Sendable {
  case baseline, avx2, avxVNNI, avx512, avx512VNNI, neon, neonDot, neonI8MM

  var isa: ck_isa {
    switch self {
    case .baseline: .baseline
    case .avx2: .avx2
    case .avxVNNI: .avxVNNI
    case .avx512: .avx512
    case .avx512VNNI: .avx512VNNI
    case .neon: .neon
    case .neonDot: .neonDot
    case .neonI8MM: .neonI8MM
    }
  }

  /// Whether this machine can run it.
  package var isAvailable: Bool { ck_isa_available(isa) }
  /// The fastest table that this machine can run.
  package static var best: KernelTable { allCases.first { $0.isa == ck_isa_best() } ?? .baseline }
}
