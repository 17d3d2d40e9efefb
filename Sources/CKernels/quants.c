// GGUF's blocks of numbers that share scales: sizes, and widening to f32. Products and sums are computed in the order
// of the `gguf` package, so every bit agrees: a part's scale is the product of the block's and its own, rounded before
// it is multiplied by a code.
#include "quants.h"

static const struct {
  uint16_t values, bytes;
} blocks[] = {
    [CK_F32] = {1, 4},      [CK_F16] = {1, 2},      [CK_BF16] = {1, 2},     [CK_Q8_0] = {32, 34},
    [CK_Q4_0] = {32, 18},   [CK_Q4_1] = {32, 20},   [CK_Q5_0] = {32, 22},   [CK_Q5_1] = {32, 24},
    [CK_Q4_K] = {256, 144}, [CK_Q5_K] = {256, 176}, [CK_Q6_K] = {256, 210},
};

uint32_t ck_block_values(ck_type type) { return blocks[type].values; }
uint32_t ck_block_bytes(ck_type type) { return blocks[type].bytes; }

bool ck_quantize(void *out, const float *in, ck_type type, size_t count) {
#if defined(__x86_64__)
  if (ck_isa_available(CK_AVX2)) return ck_quantize_avx2(out, in, type, count);
#endif
  return ck_quantize_baseline(out, in, type, count);
}

static void widen_f16(float *out, const uint8_t *in, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = ck_half_to_float(ck_load_half(in + 2 * i));
}

static void widen_bf16(float *out, const uint8_t *in, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint32_t bits = (uint32_t)ck_load_half(in + 2 * i) << 16;
    memcpy(&out[i], &bits, sizeof bits);
  }
}

static void widen_q8_0(float *out, const uint8_t *in) {
  const float d = ck_half_to_float(ck_load_half(in));
  for (int i = 0; i < 32; i++) out[i] = (float)(int8_t)in[Q8_0_CODES + i] * d;
}

/// Unpacks codes of four bits: the first half of the block is in the low nibbles, the second in the high ones. `high`
/// holds a fifth bit of each.
static void nibbles(int8_t *codes, const uint8_t *in, uint32_t high, int offset) {
  for (int i = 0; i < 16; i++) {
    codes[i] = (int8_t)((in[i] & 15) + (int)(high >> i & 1) * 16 - offset);
    codes[i + 16] = (int8_t)((in[i] >> 4) + (int)(high >> (i + 16) & 1) * 16 - offset);
  }
}

static uint32_t load_word(const uint8_t *p) { return ck_load_half(p) | (uint32_t)ck_load_half(p + 2) << 16; }

static void widen_symmetric(float *out, const uint8_t *in, ck_type type) {
  const float d = ck_half_to_float(ck_load_half(in));
  int8_t codes[32];
  if (type == CK_Q4_0) nibbles(codes, in + Q4_0_CODES, 0, 8);
  else nibbles(codes, in + Q5_0_CODES, load_word(in + Q5_0_HIGH), 16);
  for (int i = 0; i < 32; i++) out[i] = d * (float)codes[i];
}

static void widen_with_minimum(float *out, const uint8_t *in, ck_type type) {
  const float d = ck_half_to_float(ck_load_half(in)), minimum = ck_half_to_float(ck_load_half(in + Q4_1_MINIMUM));
  int8_t codes[32];
  if (type == CK_Q4_1) nibbles(codes, in + Q4_1_CODES, 0, 0);
  else nibbles(codes, in + Q5_1_CODES, load_word(in + Q5_1_HIGH), 0);
  for (int i = 0; i < 32; i++) out[i] = d * (float)codes[i] + minimum;
}

/// Parts 2n and 2n + 1 lie in the low and high nibbles of 32 bytes; bit j of `high[i]` is the fifth bit of value i of
/// part j.
static void widen_k(float *out, const uint8_t *in, const uint8_t *codes, const uint8_t *high) {
  const float d = ck_half_to_float(ck_load_half(in)), least = ck_half_to_float(ck_load_half(in + QK_MINIMUM));
  for (uint32_t j = 0; j < 8; j++) {
    const float scale = d * (float)ck_part_scale(in + QK_PARTS, j),
                minimum = least * (float)ck_part_minimum(in + QK_PARTS, j);
    const uint8_t *bytes = codes + j / 2 * 32;
    for (uint32_t i = 0; i < 32; i++) {
      const int code = (bytes[i] >> j % 2 * 4 & 15) + (high ? (high[i] >> j & 1) * 16 : 0);
      out[32 * j + i] = scale * (float)code - minimum;
    }
  }
}

/// Each half of the block: value i of parts 2n and 2n + 1 (together 32) has its low nibble in byte `32 * (n % 2) + i`,
/// low for n < 2 and high for the others, and its two high bits at `2n` of `high[i]`.
static void widen_q6_k(float *out, const uint8_t *in) {
  const float d = ck_half_to_float(ck_load_half(in + Q6_K_SCALE));
  for (int half = 0; half < 2; half++)
    for (int n = 0; n < 4; n++) {
      const uint8_t *low = in + 64 * half + 32 * (n % 2), *high = in + Q6_K_HIGH + 32 * half;
      const uint8_t *parts = in + Q6_K_PARTS + 8 * half + 2 * n;
      for (int i = 0; i < 32; i++) {
        const int code = (low[i] >> n / 2 * 4 & 15) + (high[i] >> 2 * n & 3) * 16 - 32;
        out[128 * half + 32 * n + i] = d * (float)(int8_t)parts[i / 16] * (float)code;
      }
    }
}

void ck_widen(float *out, const void *in, ck_type type, size_t count) {
  const uint8_t *block = in;
  if (type == CK_F32) memcpy(out, in, count * sizeof(float));
  else if (type == CK_F16) widen_f16(out, block, count);
  else if (type == CK_BF16) widen_bf16(out, block, count);
  else
    for (size_t i = 0; i < count; i += blocks[type].values, out += blocks[type].values, block += blocks[type].bytes) {
      if (type == CK_Q8_0) widen_q8_0(out, block);
      else if (type == CK_Q4_0 || type == CK_Q5_0) widen_symmetric(out, block, type);
      else if (type == CK_Q4_1 || type == CK_Q5_1) widen_with_minimum(out, block, type);
      else if (type == CK_Q4_K) widen_k(out, block, block + Q4_K_CODES, NULL);
      else if (type == CK_Q5_K) widen_k(out, block, block + Q5_K_CODES, block + Q5_K_HIGH);
      else widen_q6_k(out, block);
    }
}
