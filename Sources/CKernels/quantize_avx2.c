// Rounds to GGUF's blocks on x86-64 with AVX2. Products and sums are not fused, so the bytes are the same as on other
// machines.
#if defined(__x86_64__)
#define CK_QUANTIZE ck_quantize_avx2
#include "quants.h"
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "quantize.inc"
#pragma clang attribute pop
#endif
