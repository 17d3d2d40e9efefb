// Half-precision numbers and the blocks of GGUF, byte by byte: field offsets, and the functions that reading and
// writing share.
#ifndef QUANTS_H
#define QUANTS_H

#include "CKernels.h"
#include <string.h>

/// Offsets in bytes. A block of 256 has eight parts of 32 (Q6_K: sixteen of 16), each with a scale of its own.
enum {
  Q8_0_CODES = 2,
  Q4_0_CODES = 2,
  Q4_1_MINIMUM = 2,
  Q4_1_CODES = 4,
  Q5_0_HIGH = 2,
  Q5_0_CODES = 6,
  Q5_1_MINIMUM = 2,
  Q5_1_HIGH = 4,
  Q5_1_CODES = 8,
  QK_MINIMUM = 2,
  QK_PARTS = 4,  // scales and minima of the parts, six bits each, in twelve bytes
  Q4_K_CODES = 16,
  Q5_K_HIGH = 16,
  Q5_K_CODES = 48,
  Q6_K_HIGH = 128,
  Q6_K_PARTS = 192,
  Q6_K_SCALE = 208,
};

/// 1.5 · 2²³. Added to an f32 of magnitude up to 2²², it rounds to the nearest integer, ties to even, in the low bits.
#define CK_ROUNDER 0x1.8p23f
/// The largest finite half.
#define CK_LARGEST_HALF 65504.0f

/// A half as f32: shifts it, corrects the exponent's bias, also of subnormals, and restores infinities.
static inline float ck_half_to_float(uint16_t half) {
  uint32_t magnitude = (uint32_t)(half & 0x7fff) << 13, bits;
  float scaled;
  memcpy(&scaled, &magnitude, sizeof scaled);
  scaled *= 0x1p112f;
  memcpy(&bits, &scaled, sizeof bits);
  bits |= (magnitude >= 0x0f800000 ? 0x7f800000 : 0) | (uint32_t)(half & 0x8000) << 16;
  memcpy(&scaled, &bits, sizeof scaled);
  return scaled;
}

/// The nearest half, ties to even: infinite from 65520 on; a NaN keeps its leading bits and becomes quiet.
static inline uint16_t ck_float_to_half(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  // Subnormals of half: adding one half leaves the rounded fraction in the lowest bits.
  float shifted;
  memcpy(&shifted, &magnitude, sizeof shifted);
  shifted += 0.5f;
  uint32_t small;
  memcpy(&small, &shifted, sizeof small);
  small -= 0x3f000000;
  const uint32_t normal = (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13;
  const uint32_t finite = magnitude < 0x38800000 ? small : normal;
  const uint32_t special = magnitude > 0x7f800000 ? 0x7e00 | (magnitude >> 13 & 0x3ff) : 0x7c00;
  return (uint16_t)(sign | (magnitude >= 0x477ff000 ? special : finite));
}

/// The half at `p`, which need not be aligned.
static inline uint16_t ck_load_half(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline void ck_store_half(uint8_t *p, uint16_t half) { p[0] = (uint8_t)half, p[1] = (uint8_t)(half >> 8); }

/// The scale and minimum of part `j` of a block of Q4_K or Q5_K. The first four are the low six bits of bytes 0–3 and
/// 4–7. The others have four bits each in bytes 8–11, and their two highest bits above those of the first four.
static inline uint8_t ck_part_scale(const uint8_t *parts, uint32_t j) {
  return (uint8_t)(j < 4 ? parts[j] & 63 : (parts[j + 4] & 15) | parts[j - 4] >> 6 << 4);
}
static inline uint8_t ck_part_minimum(const uint8_t *parts, uint32_t j) {
  return (uint8_t)(j < 4 ? parts[j + 4] & 63 : parts[j + 4] >> 4 | parts[j] >> 6 << 4);
}

/// `ck_quantize` on this thread with the vectors of one instruction set; all give the same bytes.
bool ck_quantize_baseline(void *out, const float *in, ck_type type, size_t count);
#if defined(__x86_64__)
bool ck_quantize_avx2(void *out, const float *in, ck_type type, size_t count);
#endif

#endif
