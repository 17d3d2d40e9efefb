// Chooses a table of kernels by what the processor can do and the operating system saves: every feature that the table's file
// names as its target. A test compares the two.
#include "kernel_table.h"

const ck_kernel_table *ck_table(ck_isa isa) {
  switch (isa) {
  case CK_BASELINE: return &ck_table_baseline;
#if defined(__x86_64__)
  case CK_AVX2:
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c") ? &ck_table_avx2 : NULL;
  case CK_AVX512:
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                   __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                   __builtin_cpu_supports("f16c")
               ? &ck_table_avx512
               : NULL;
  case CK_NEON: return NULL;
#elif defined(__aarch64__)
  case CK_NEON: return &ck_table_neon;
  case CK_AVX2:
  case CK_AVX512: return NULL;
#else
  default: return NULL;
#endif
  }
}

bool ck_isa_available(ck_isa isa) { return ck_table(isa) != NULL; }

ck_isa ck_isa_best(void) {
  static const ck_isa order[] = {CK_AVX512, CK_AVX2, CK_NEON};
  for (size_t i = 0; i < sizeof order / sizeof *order; i++)
    if (ck_isa_available(order[i])) return order[i];
  return CK_BASELINE;
}
