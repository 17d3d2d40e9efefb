// Rounding to GGUF's blocks for x86-64 with AVX2. Products and sums are not fused: the bytes are those of every other machine.
#if defined(__x86_64__)
#define CK_QUANTIZE ck_quantize_avx2
#include "quants.h"
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "quantize.inc"
#pragma clang attribute pop
#endif
