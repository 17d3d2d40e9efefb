// Kernels for aarch64 with byte dot products: as `kernels_neon.c`, and a line of packed weights meets three inputs in four instructions
// each (12 sums, 12 totals, 4 parts of a line, 1 input).
#if defined(__aarch64__)
#include "kernel_table.h"
#include <arm_neon.h>
#define CK_TABLE ck_table_neon_dot
#define CK_WIDTH 4
#define CK_FUSED 1
#define CK_HARDWARE_F16 1
#define CK_TILE_ROWS 6
#define CK_TILE_COLUMNS 4
#define CK_STREAM_COLUMNS 8
#define CK_TILE_QUERIES 6
#define CK_TILE_SUMS 24
#define CK_NEON_DOT 1
#define CK_INPUTS 3
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#include "kernels.inc"
#pragma clang attribute pop
#endif
