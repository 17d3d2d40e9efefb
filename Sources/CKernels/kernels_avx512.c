// Kernels for x86-64 with AVX-512 (F, BW, DQ, VL): sixteen lanes, thirty-two registers (24 sums, 4 weights, 1 input).
#if defined(__x86_64__)
#include "kernel_table.h"
#include <immintrin.h>
#define CK_TABLE ck_table_avx512
#define CK_WIDTH 16
#define CK_FUSED 1
#define CK_HARDWARE_F16 1
#define CK_TILE_ROWS 6
#define CK_TILE_COLUMNS 4
#define CK_STREAM_COLUMNS 8
#define CK_TILE_QUERIES 12
#define CK_TILE_SUMS 24
#define CK_INPUTS 8
#define CK_TILE_PARTS 1
#define CK_REGISTER "v"
#define CK_STEPS "steps_bytes.inc"
#define CK_PANEL_STEPS "panel_single.inc"
#define CK_UNSIGNED_CODES 0
#define CK_PAIR_PRODUCTS(a, b) _mm512_madd_epi16((__m512i)(a), (__m512i)(b))
#define CK_BYTE_PRODUCTS(w, x) _mm512_maddubs_epi16((__m512i)(w), (__m512i)(x))
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))), \
                             apply_to = function)
#include "kernels.inc"
#pragma clang attribute pop
#endif
