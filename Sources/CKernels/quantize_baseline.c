// Rounds to GGUF's blocks on any processor of the architecture: eight lanes in two vectors of four.
#define CK_QUANTIZE ck_quantize_baseline
// Every function that takes vectors is inlined, so the calling convention does not matter.
#pragma clang diagnostic ignored "-Wpsabi"
#include "quantize.inc"
