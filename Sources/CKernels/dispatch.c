// Chooses a table of kernels by the features of the processor that the operating system supports. A table needs every
// feature that its file names as its target; a test compares the two lists.
#include "kernel_table.h"
#if defined(__aarch64__)
#include <string.h>
#include <sys/auxv.h>

/// Reads the bits of Linux's ABI, because old headers do not name them.
static bool HAS(const char *feature) {
  if (!strcmp(feature, "dotprod")) return getauxval(AT_HWCAP) >> 20 & 1;
  if (!strcmp(feature, "i8mm")) return getauxval(AT_HWCAP2) >> 13 & 1;
  return false;
}
#else
#define HAS(feature) __builtin_cpu_supports(feature)
#endif

const ck_kernel_table *ck_table(ck_isa isa) {
  switch (isa) {
  case CK_BASELINE: return &ck_table_baseline;
#if defined(__x86_64__)
  case CK_AVX2: return HAS("avx2") && HAS("fma") && HAS("f16c") ? &ck_table_avx2 : NULL;
  case CK_AVX_VNNI: return HAS("avxvnni") && HAS("avx2") && HAS("fma") && HAS("f16c") ? &ck_table_avx_vnni : NULL;
  case CK_AVX512:
    return HAS("avx512f") && HAS("avx512bw") && HAS("avx512dq") && HAS("avx512vl") && HAS("avx2") && HAS("fma") &&
                   HAS("f16c")
               ? &ck_table_avx512
               : NULL;
  case CK_AVX512_VNNI:
    return HAS("avx512f") && HAS("avx512bw") && HAS("avx512dq") && HAS("avx512vl") && HAS("avx512vnni") &&
                   HAS("avx2") && HAS("fma") && HAS("f16c")
               ? &ck_table_avx512_vnni
               : NULL;
#elif defined(__aarch64__)
  case CK_NEON: return &ck_table_neon;
  case CK_NEON_DOT: return HAS("dotprod") ? &ck_table_neon_dot : NULL;
  case CK_NEON_I8MM: return HAS("dotprod") && HAS("i8mm") ? &ck_table_neon_i8mm : NULL;
#endif
  default: return NULL;
  }
}

bool ck_isa_available(ck_isa isa) { return ck_table(isa) != NULL; }

ck_isa ck_isa_best(void) {
  static const ck_isa order[] = {CK_AVX512_VNNI, CK_AVX512, CK_AVX_VNNI, CK_AVX2, CK_NEON_I8MM, CK_NEON_DOT, CK_NEON};
  for (size_t i = 0; i < sizeof order / sizeof *order; i++)
    if (ck_isa_available(order[i])) return order[i];
  return CK_BASELINE;
}
