// Kernels for every machine of the architecture: four lanes, no fused multiply-add.
#if defined(__SSE2__)
#include <immintrin.h>
#endif
#define CK_TABLE ck_table_baseline
#define CK_WIDTH 4
#define CK_FUSED 0
#define CK_HARDWARE_F16 0
#define CK_TILE_ROWS 4
#define CK_TILE_COLUMNS 2
#define CK_STREAM_COLUMNS 4
#define CK_TILE_QUERIES 2
#define CK_INPUTS 2
#include "kernels.inc"
