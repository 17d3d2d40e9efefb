// Converts GGUF's blocks to groups of sixteen rows and back. It only moves the words of the blocks, except for the high
// bits of Q5_0 and Q5_1: they are transposed so that a byte holds the bits of eight consecutive words of codes, as in
// the other types.
#include "packed.h"
#include <string.h>

/// Consecutive words of a block that become consecutive lines of a body.
typedef struct run {
  uint8_t line, from, words;
} run;

typedef struct plan {
  run runs[3];
  /// Where the f16 scales begin in the block, and where the bits to transpose are, or 0.
  uint8_t scales, bits;
} plan;

static plan plan_of(ck_type type) {
  switch (type) {
  case CK_Q8_0: return (plan){{{0, 2, 8}}, 0, 0};
  case CK_Q4_0: return (plan){{{0, 2, 4}}, 0, 0};
  case CK_Q4_1: return (plan){{{0, 4, 4}}, 0, 0};
  case CK_Q5_0: return (plan){{{0, 6, 4}}, 0, 2};
  case CK_Q5_1: return (plan){{{0, 8, 4}}, 0, 4};
  case CK_Q4_K: return (plan){{{0, 4, 3}, {3, 16, 32}}, 0, 0};
  case CK_Q5_K: return (plan){{{0, 4, 3}, {3, 16, 8}, {11, 48, 32}}, 0, 0};
  case CK_Q6_K: return (plan){{{0, 192, 4}, {4, 0, 32}, {36, 128, 16}}, 208, 0};
  default: return (plan){0};
  }
}

/// Transposes 4 × 8 bits: bit `4q + j` becomes bit `8j + q`, or back.
static uint32_t turn(uint32_t bits, bool back) {
  uint32_t out = 0;
  for (uint32_t q = 0; q < 8; q++)
    for (uint32_t j = 0; j < 4; j++)
      out |= back ? (bits >> (8 * j + q) & 1) << (4 * q + j) : (bits >> (4 * q + j) & 1) << (8 * j + q);
  return out;
}

typedef uint32_t words __attribute__((vector_size(16)));

/// Moves four words of four rows, `stride` bytes apart, into four lines. Loading moves gigabytes through this function.
static void move_square(char *lines, const char *in, size_t stride) {
  words a, b, c, d;
  memcpy(&a, in, 16);
  memcpy(&b, in + stride, 16);
  memcpy(&c, in + 2 * stride, 16);
  memcpy(&d, in + 3 * stride, 16);
  words ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  words ef = __builtin_shufflevector(a, b, 2, 6, 3, 7), gh = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  const words out[] = {__builtin_shufflevector(ab, cd, 0, 1, 4, 5), __builtin_shufflevector(ab, cd, 2, 3, 6, 7),
                       __builtin_shufflevector(ef, gh, 0, 1, 4, 5), __builtin_shufflevector(ef, gh, 2, 3, 6, 7)};
  for (int i = 0; i < 4; i++) memcpy(lines + i * CK_LINE, &out[i], 16);
}

/// Moves the words of `height` rows into the lines of a run. `body` is the address of the first row.
static void move_run(char *body, const char *in, size_t stride, uint32_t height, run run) {
  char *lines = body + run.line * CK_LINE;
  in += run.from;
  uint32_t r = 0;
  for (; r + 4 <= height; r += 4) {
    uint32_t i = 0;
    for (; i + 4 <= run.words; i += 4) move_square(lines + i * CK_LINE + r * 4, in + r * stride + i * 4, stride);
    for (; i < run.words; i++)
      for (uint32_t j = r; j < r + 4; j++) memcpy(lines + i * CK_LINE + j * 4, in + j * stride + i * 4, 4);
  }
  for (; r < height; r++)
    for (uint32_t i = 0; i < run.words; i++) memcpy(lines + i * CK_LINE + r * 4, in + r * stride + i * 4, 4);
}

size_t ck_packed_bytes(ck_type type, uint32_t rows, uint32_t columns) {
  return ((size_t)rows + CK_PACK_ROWS - 1) / CK_PACK_ROWS * ck_group_bytes(type, columns);
}

void ck_pack(void *packed, const void *in, ck_type type, uint32_t rows, uint32_t columns) {
  const ck_layout layout = ck_layout_of(type);
  const plan plan = plan_of(type);
  const uint32_t blocks = ck_blocks(type, columns), bytes = ck_block_bytes(type);
  const size_t group_bytes = ck_group_bytes(type, columns), stride = (size_t)blocks * bytes;
  char *group = packed;
  for (uint32_t first = 0; first < rows; first += CK_PACK_ROWS, group += group_bytes) {
    const uint32_t height = rows - first < CK_PACK_ROWS ? rows - first : CK_PACK_ROWS;
    if (height < CK_PACK_ROWS || blocks % 2) memset(group, 0, group_bytes);
    char *body = group, *scales = group + (size_t)blocks * layout.lines * CK_LINE;
    for (uint32_t b = 0; b < blocks; b++, body += layout.lines * CK_LINE, scales += layout.scales * 32) {
      const char *block = (const char *)in + ((size_t)first * blocks + b) * bytes;
      for (int i = 0; i < 3 && plan.runs[i].words; i++) move_run(body, block, stride, height, plan.runs[i]);
      for (uint32_t i = 0; i < layout.scales; i++)
        for (uint32_t r = 0; r < height; r++)
          memcpy(scales + i * 32 + r * 2, block + r * stride + plan.scales + i * 2, 2);
      for (uint32_t r = 0; plan.bits && r < height; r++) {
        uint32_t word;
        memcpy(&word, block + r * stride + plan.bits, 4);
        word = turn(word, false);
        memcpy(body + layout.high * CK_LINE + r * 4, &word, 4);
      }
    }
  }
}

/// Restores block `b` of row `r` in GGUF's layout.
static void unpack(char *block, const char *group, ck_type type, uint32_t blocks, uint32_t b, uint32_t r) {
  const ck_layout layout = ck_layout_of(type);
  const plan plan = plan_of(type);
  const char *body = group + (size_t)b * layout.lines * CK_LINE;
  const char *scales = group + (size_t)blocks * layout.lines * CK_LINE + (size_t)b * layout.scales * 32;
  for (const run *run = plan.runs; run < plan.runs + 3; run++)
    for (uint32_t i = 0; i < run->words; i++)
      memcpy(block + run->from + i * 4, body + (run->line + i) * CK_LINE + r * 4, 4);
  if (plan.bits) {
    uint32_t word;
    memcpy(&word, body + layout.high * CK_LINE + r * 4, 4);
    word = turn(word, true);
    memcpy(block + plan.bits, &word, 4);
  }
  for (uint32_t i = 0; i < layout.scales; i++) memcpy(block + plan.scales + i * 2, scales + i * 32 + r * 2, 2);
}

void ck_matrix_row(float *out, ck_matrix w, uint32_t row) {
  const uint32_t values = ck_block_values(w.type);
  if (values == 1) {
    const size_t bytes = ck_row_bytes(w.type, w.columns);
    ck_widen(out, (const char *)w.data + row * bytes, w.type, w.columns);
    return;
  }
  const char *group = (const char *)w.data + row / CK_PACK_ROWS * ck_group_bytes(w.type, w.columns);
  const uint32_t blocks = ck_blocks(w.type, w.columns);
  char block[256];
  float wide[CK_CHUNK];
  for (uint32_t b = 0; b < blocks; b++, out += values) {
    const uint32_t left = w.columns - b * values;
    unpack(block, group, w.type, blocks, b, row % CK_PACK_ROWS);
    ck_widen(left < values ? wide : out, block, w.type, values);
    if (left < values) memcpy(out, wide, left * sizeof(float));
  }
}
