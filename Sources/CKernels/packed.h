// The layout of quantised weights in memory, and of the 8-bit inputs that they are multiplied with.
//
// Sixteen rows form a group. A line of 64 bytes holds one 4-byte word of the GGUF block of each of the sixteen rows,
// row after row. One broadcast word of four inputs therefore meets the weights of every row, and 4, 8 or 16 rows fill a
// vector. A group is
//   bodies[blocks][lines of the type][64]   integer scales, high bits, numbers: see `packing.c`
//   scales[blocks][1 or 2][16]              f16: what GGUF calls d, then dmin or m
// rounded up to whole lines: the bytes of the GGUF blocks plus less than one line.
#ifndef PACKED_H
#define PACKED_H

#include "CKernels.h"

/// Columns that are multiplied at once: a block of the K types, eight blocks of the others.
enum { CK_CHUNK = 256, CK_LINE = 64 };

/// The lines of a type's body: their number, and where the high bits and the codes begin.
typedef struct ck_layout {
  uint8_t lines, high, numbers;
  /// f16 scales per row: d alone, or d and the scale of the minima.
  uint8_t scales;
} ck_layout;

static inline ck_layout ck_layout_of(ck_type type) {
  switch (type) {
  case CK_Q8_0: return (ck_layout){8, 0, 0, 1};
  case CK_Q4_0: return (ck_layout){4, 0, 0, 1};
  case CK_Q4_1: return (ck_layout){4, 0, 0, 2};
  case CK_Q5_0: return (ck_layout){5, 4, 0, 1};
  case CK_Q5_1: return (ck_layout){5, 4, 0, 2};
  case CK_Q4_K: return (ck_layout){35, 0, 3, 2};
  case CK_Q5_K: return (ck_layout){43, 3, 11, 2};
  case CK_Q6_K: return (ck_layout){52, 36, 4, 1};
  default: return (ck_layout){0};
  }
}

static inline uint32_t ck_blocks(ck_type type, uint32_t columns) {
  return (uint32_t)(((uint64_t)columns + ck_block_values(type) - 1) / ck_block_values(type));
}

static inline size_t ck_group_bytes(ck_type type, uint32_t columns) {
  ck_layout layout = ck_layout_of(type);
  size_t bytes = (size_t)ck_blocks(type, columns) * (layout.lines * (size_t)CK_LINE + layout.scales * (size_t)32);
  return (bytes + CK_LINE - 1) / CK_LINE * CK_LINE;
}

/// The rounding of the inputs for a type.
typedef enum ck_input {
  /// One scale per 32 numbers: `ck_input_32`.
  CK_INPUT_32,
  /// One scale per 256 numbers: `ck_input_256`.
  CK_INPUT_256,
  /// One scale per 32 numbers, which are widened to 16 bits: `ck_input_wide`.
  CK_INPUT_WIDE,
} ck_input;

// One row's inputs of one chunk of 256 columns.

typedef struct ck_input_32 {
  _Alignas(CK_LINE) int8_t numbers[CK_CHUNK];
  float scales[8];
  int32_t sums[8];
} ck_input_32;

typedef struct ck_input_256 {
  _Alignas(CK_LINE) int8_t numbers[CK_CHUNK];
  /// Sums of sixteen and of thirty-two numbers.
  int16_t sixteens[16], sums[8];
  float scale;
} ck_input_256;

typedef struct ck_input_wide {
  /// Of every four numbers, those at even indices come before those at odd indices.
  _Alignas(CK_LINE) int16_t numbers[CK_CHUNK];
  float scales[8];
} ck_input_wide;

static inline size_t ck_input_bytes(ck_input input) {
  return input == CK_INPUT_32    ? sizeof(ck_input_32)
         : input == CK_INPUT_256 ? sizeof(ck_input_256)
                                 : sizeof(ck_input_wide);
}

static inline uint32_t ck_chunks(uint32_t columns) { return (uint32_t)(((uint64_t)columns + CK_CHUNK - 1) / CK_CHUNK); }

/// The largest number of rows that `ck_input_rows` returns.
enum { CK_MAX_INPUT_ROWS = 120 };
/// Rows of inputs that one group after another is multiplied with. Inputs are stored and read as `[blocks of
/// rows][chunks][rows of the block]`, so a block may come from the last-level cache. What matters is that a chunk of
/// weights is unpacked for many rows.
static inline uint32_t ck_input_rows(ck_input input, uint32_t columns) {
  size_t row = ck_chunks(columns) * ck_input_bytes(input), rows = (size_t)1536 * 1024 / (row ? row : 1) / 12 * 12;
  return rows < 24 ? 24 : rows > CK_MAX_INPUT_ROWS ? CK_MAX_INPUT_ROWS : (uint32_t)rows;
}

/// The byte offset of chunk `chunk` of row `row` of `rows`.
static inline size_t ck_input_offset(ck_input input, uint32_t columns, uint32_t rows, uint32_t row, uint32_t chunk) {
  uint32_t block = ck_input_rows(input, columns), first = row / block * block,
           height = rows - first < block ? rows - first : block;
  return ((size_t)first * ck_chunks(columns) + (size_t)chunk * height + (row - first)) * ck_input_bytes(input);
}

/// A product of rounded inputs with one packed matrix.
typedef struct ck_packed_product {
  float *out;
  size_t out_stride;
  const void *inputs;
  uint32_t rows;
  ck_matrix w;
  const float *bias;
  bool accumulate;
} ck_packed_product;

#endif
