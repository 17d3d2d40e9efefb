// Kernels for aarch64 with byte products of matrices: as `kernels_neon_dot.c`, and half a line of two words of packed weights meets six
// inputs in twelve instructions (12 sums, 12 totals, 3 pairs of inputs, 1 of rows).
#if defined(__aarch64__)
#include "kernel_table.h"
#include <arm_neon.h>
#define CK_TABLE ck_table_neon_i8mm
#define CK_WIDTH 4
#define CK_FUSED 1
#define CK_HARDWARE_F16 1
#define CK_TILE_ROWS 6
#define CK_TILE_COLUMNS 4
#define CK_STREAM_COLUMNS 8
#define CK_TILE_QUERIES 6
#define CK_TILE_SUMS 24
#define CK_NEON_DOT 1
#define CK_NEON_I8MM 1
#define CK_INPUTS 6
#pragma clang attribute push(__attribute__((target("dotprod,i8mm"))), apply_to = function)
#include "kernels.inc"
#pragma clang attribute pop
#endif
