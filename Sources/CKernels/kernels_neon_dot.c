// Kernels for aarch64 with byte dot products: like `kernels_neon.c`, but a line of packed weights is multiplied by
// three inputs with four instructions each (12 sums, 12 totals, 4 parts of a line, 1 input).
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
#define CK_INPUTS 3
#define CK_TILE_PARTS 4
#define CK_REGISTER "w"
#define CK_STEPS "steps_words.inc"
#define CK_PANEL_STEPS "panel_single.inc"
#define CK_UNSIGNED_CODES 0
#define CK_WORD_PRODUCT(sum, w, x) vdotq_s32((int32x4_t)(sum), (int8x16_t)(w), (int8x16_t)(x))
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#include "kernels.inc"
#pragma clang attribute pop
#endif
