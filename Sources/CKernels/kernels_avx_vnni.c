// Kernels for x86-64 with AVX2 and AVX-VNNI: as `kernels_avx2.c`, with byte dot products (6 sums, 6 totals, 2 lines, 1 input).
#if defined(__x86_64__)
#include "kernel_table.h"
#include <immintrin.h>
#include <math.h>
#include <string.h>
#define CK_TABLE ck_table_avx_vnni
#define CK_WIDTH 8
#define CK_FUSED 1
#define CK_HARDWARE_F16 1
#define CK_TILE_ROWS 4
#define CK_TILE_COLUMNS 3
#define CK_STREAM_COLUMNS 6
#define CK_TILE_QUERIES 6
#define CK_TILE_SUMS 12
#define CK_VNNI 1
#define CK_INPUTS 3
#pragma clang attribute push(__attribute__((target("avxvnni,avx2,fma,f16c"))), apply_to = function)
#include "kernels.inc"
#pragma clang attribute pop
#endif
