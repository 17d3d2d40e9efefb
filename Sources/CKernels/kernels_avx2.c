// Kernels for x86-64 with AVX2, FMA and F16C: eight lanes, sixteen registers (12 sums, 3 weights, 1 input).
#if defined(__x86_64__)
#include "kernel_table.h"
#include <immintrin.h>
#define CK_TABLE ck_table_avx2
#define CK_WIDTH 8
#define CK_FUSED 1
#define CK_HARDWARE_F16 1
#define CK_TILE_ROWS 4
#define CK_TILE_COLUMNS 3
#define CK_STREAM_COLUMNS 6
#define CK_TILE_QUERIES 6
#define CK_TILE_SUMS 12
#define CK_INPUTS 3
#define CK_TILE_PARTS 2
#define CK_REGISTER "v"
#define CK_STEPS "steps_bytes.inc"
#define CK_PANEL_STEPS "panel_single.inc"
#define CK_UNSIGNED_CODES 0
#define CK_PAIR_PRODUCTS(a, b) _mm256_madd_epi16((__m256i)(a), (__m256i)(b))
#define CK_BYTE_PRODUCTS(w, x) _mm256_maddubs_epi16((__m256i)(w), (__m256i)(x))
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "kernels.inc"
#pragma clang attribute pop
#endif
