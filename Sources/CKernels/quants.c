// GGUF's blocks of numbers that share scales: sizes, widening, rounding.
#include "CKernels.h"

static const struct { uint16_t values, bytes; } blocks[] = {
    [CK_F32] = {1, 4},    [CK_F16] = {1, 2},    [CK_BF16] = {1, 2},     [CK_Q8_0] = {32, 34},   [CK_Q4_0] = {32, 18},  [CK_Q4_1] = {32, 20},
    [CK_Q5_0] = {32, 22}, [CK_Q5_1] = {32, 24}, [CK_Q4_K] = {256, 144}, [CK_Q5_K] = {256, 176}, [CK_Q6_K] = {256, 210},
};

uint32_t ck_block_values(ck_type type) { return blocks[type].values; }
uint32_t ck_block_bytes(ck_type type) { return blocks[type].bytes; }
