// Rounding to GGUF's blocks for any processor of the architecture: eight lanes in two vectors of four.
#define CK_QUANTIZE ck_quantize_baseline
// Every function that takes vectors is inlined, so how they would be passed does not matter.
#pragma clang diagnostic ignored "-Wpsabi"
#include "quantize.inc"
