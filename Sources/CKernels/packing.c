// From GGUF's blocks to groups of sixteen rows and back: the words of the blocks are only moved. The exception are the high bits of Q5_0
// and Q5_1, of which a byte holds those of eight consecutive words of numbers, as the other types have them already.
#include "packed.h"
#include <string.h>

/// Consecutive words of a block that become consecutive lines of a body.
typedef struct run {
  uint8_t line, from, words;
} run;

typedef struct plan {
  run runs[3];
  /// Where the f16 scales begin in the block, and the transposed high bits, or 0.
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

/// A 4 × 8 transposition of bits: bit `4q + j` becomes bit `8j + q`, or back.
static uint32_t turn(uint32_t bits, bool back) {
  uint32_t out = 0;
  for (uint32_t q = 0; q < 8; q++)
    for (uint32_t j = 0; j < 4; j++) out |= back ? (bits >> (8 * j + q) & 1) << (4 * q + j) : (bits >> (4 * q + j) & 1) << (8 * j + q);
  return out;
}

size_t ck_packed_bytes(ck_type type, uint32_t rows, uint32_t columns) {
  return ((size_t)rows + CK_PACK_ROWS - 1) / CK_PACK_ROWS * ck_group_bytes(type, columns);
}

void ck_pack(void *packed, const void *in, ck_type type, uint32_t rows, uint32_t columns) {
  const ck_layout layout = ck_layout_of(type);
  const plan plan = plan_of(type);
  const uint32_t blocks = ck_blocks(type, columns), bytes = ck_block_bytes(type);
  const size_t group_bytes = ck_group_bytes(type, columns);
  char *group = packed;
  for (uint32_t first = 0; first < rows; first += CK_PACK_ROWS, group += group_bytes) {
    const uint32_t height = rows - first < CK_PACK_ROWS ? rows - first : CK_PACK_ROWS;
    if (height < CK_PACK_ROWS || blocks % 2) memset(group, 0, group_bytes);
    char *body = group, *scales = group + (size_t)blocks * layout.lines * CK_LINE;
    for (uint32_t b = 0; b < blocks; b++, body += layout.lines * CK_LINE, scales += layout.scales * 32)
      for (uint32_t r = 0; r < height; r++) {
        const char *block = (const char *)in + ((size_t)(first + r) * blocks + b) * bytes;
        for (const run *run = plan.runs; run < plan.runs + 3; run++)
          for (uint32_t i = 0; i < run->words; i++) memcpy(body + (run->line + i) * CK_LINE + r * 4, block + run->from + i * 4, 4);
        if (plan.bits) {
          uint32_t word;
          memcpy(&word, block + plan.bits, 4);
          word = turn(word, false);
          memcpy(body + layout.high * CK_LINE + r * 4, &word, 4);
        }
        for (uint32_t i = 0; i < layout.scales; i++) memcpy(scales + i * 32 + r * 2, block + plan.scales + i * 2, 2);
      }
  }
}

/// Puts block `b` of a row back together.
static void unpack(char *block, const char *group, ck_type type, uint32_t blocks, uint32_t b, uint32_t r) {
  const ck_layout layout = ck_layout_of(type);
  const plan plan = plan_of(type);
  const char *body = group + (size_t)b * layout.lines * CK_LINE;
  const char *scales = group + (size_t)blocks * layout.lines * CK_LINE + (size_t)b * layout.scales * 32;
  for (const run *run = plan.runs; run < plan.runs + 3; run++)
    for (uint32_t i = 0; i < run->words; i++) memcpy(block + run->from + i * 4, body + (run->line + i) * CK_LINE + r * 4, 4);
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
