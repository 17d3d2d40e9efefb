// Kernels for every machine of the architecture: four lanes, no fused multiply-add.
#if defined(__SSE2__)
#include <immintrin.h>
#define CK_PAIR_PRODUCTS(a, b) _mm_madd_epi16((__m128i)(a), (__m128i)(b))
#endif
#define CK_TABLE ck_table_baseline
#define CK_WIDTH 4
#define CK_FUSED 0
#define CK_HARDWARE_F16 0
#define CK_TILE_ROWS 4
#define CK_TILE_COLUMNS 2
#define CK_STREAM_COLUMNS 4
#define CK_TILE_QUERIES 2
#define CK_TILE_SUMS 8
#define CK_INPUTS 2
#define CK_TILE_PARTS 4
#define CK_STEPS "steps_words.inc"
#define CK_PANEL_STEPS "panel_single.inc"
#define CK_UNSIGNED_CODES 0
#include "kernels.inc"
