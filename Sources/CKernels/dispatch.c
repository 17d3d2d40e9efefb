// Chooses a table of kernels by what the processor can do and the operating system saves: every feature that the table's file
// names as its target. A test compares the two.
#include "kernel_table.h"
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

#define HAS(feature) __builtin_cpu_supports(feature)

const ck_kernel_table *ck_table(ck_isa isa) {
  switch (isa) {
  case CK_BASELINE: return &ck_table_baseline;
#if defined(__x86_64__)
  case CK_AVX2: return HAS("avx2") && HAS("fma") && HAS("f16c") ? &ck_table_avx2 : NULL;
  case CK_AVX_VNNI: return HAS("avxvnni") && HAS("avx2") && HAS("fma") && HAS("f16c") ? &ck_table_avx_vnni : NULL;
  case CK_AVX512:
    return HAS("avx512f") && HAS("avx512bw") && HAS("avx512dq") && HAS("avx512vl") && HAS("avx2") && HAS("fma") && HAS("f16c")
               ? &ck_table_avx512
               : NULL;
  case CK_AVX512_VNNI:
    return HAS("avx512f") && HAS("avx512bw") && HAS("avx512dq") && HAS("avx512vl") && HAS("avx512vnni") && HAS("avx2") &&
                   HAS("fma") && HAS("f16c")
               ? &ck_table_avx512_vnni
               : NULL;
#elif defined(__aarch64__)
  case CK_NEON: return &ck_table_neon;
  case CK_NEON_DOT: return getauxval(AT_HWCAP) & 1 << 20 ? &ck_table_neon_dot : NULL;  // HWCAP_ASIMDDP
#endif
  default: return NULL;
  }
}

bool ck_isa_available(ck_isa isa) { return ck_table(isa) != NULL; }

ck_isa ck_isa_best(void) {
  static const ck_isa order[] = {CK_AVX512_VNNI, CK_AVX512, CK_AVX_VNNI, CK_AVX2, CK_NEON_DOT, CK_NEON};
  for (size_t i = 0; i < sizeof order / sizeof *order; i++)
    if (ck_isa_available(order[i])) return order[i];
  return CK_BASELINE;
}
