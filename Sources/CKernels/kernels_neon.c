// Kernels for aarch64: four lanes with fused multiply-add, thirty-two registers.
#if defined(__aarch64__)
#define CK_TABLE ck_table_neon
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
#include "kernels.inc"
#endif
