// Kernels for aarch64 with byte products of matrices: like `kernels_neon_dot.c`, but half a line of two words of packed
// weights is multiplied by six inputs with twelve instructions (12 sums, 12 totals, 3 pairs of inputs, 1 of rows).
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
#define CK_INPUTS 6
#define CK_TILE_PARTS 2
#define CK_REGISTER "w"
#define CK_STEPS "steps_words.inc"
#define CK_PANEL_STEPS "panel_pairs.inc"
#define CK_UNSIGNED_CODES 0
#define CK_WORD_PRODUCT(sum, w, x) vdotq_s32((int32x4_t)(sum), (int8x16_t)(w), (int8x16_t)(x))
#define CK_PAIRS_PRODUCT(sum, x, w) vmmlaq_s32((int32x4_t)(sum), (int8x16_t)(x), (int8x16_t)(w))
#pragma clang attribute push(__attribute__((target("dotprod,i8mm"))), apply_to = function)
#include "kernels.inc"
#pragma clang attribute pop
#endif
