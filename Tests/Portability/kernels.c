// Compares every kernel table that can run on this machine with the references, for instruction sets and sanitizers
// that the Swift tests do not cover. `scripts/check-kernels` compiles and runs it. Each buffer ends at unreadable
// memory and has NaN between its rows, so that reads and writes beyond a row are detected.
#define _GNU_SOURCE
#include "CKernels.h"
#include "quants.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))

static int failures;
static const char *isa_name;
static ck_isa isa;
static ck_workers *pools[4];  // Pools of 1, 2 and 3 threads, at these indices.

static void expect(bool holds, const char *what, uint32_t a, uint32_t b, uint32_t c) {
  if (holds) return;
  if (failures++ < 20) printf("  FAILED on %s: %s (%u, %u, %u)\n", isa_name, what, a, b, c);
}

// Numbers and buffers -------------------------------------------------------------------------------------------------

static uint64_t state = 1;

/// Returns SplitMix64 numbers in [-1.7, 1.7).
static float number(void) {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return ((float)((z ^ z >> 31) >> 40) / (1 << 24) - 0.5f) * 3.4f;
}

/// Allocates `bytes` that end at an unreadable page.
typedef struct fenced {
  char *map, *data;
  size_t mapped, bytes;
} fenced;

static fenced fence(size_t bytes) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (bytes + page - 1) / page * page + page;
  fenced f = {mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), NULL, whole + page,
              bytes};
  if (f.map == MAP_FAILED || mprotect(f.map + whole, page, PROT_NONE)) abort();
  f.data = f.map + whole - bytes;
  return f;
}

static void drop(fenced f) { munmap(f.map, f.mapped); }

/// Allocates `[rows, columns]` with NaN in the `gap` after each row except the last, which ends at the unreadable
/// page.
typedef struct grid {
  fenced memory;
  float *at;
  uint32_t rows, columns;
  size_t stride;
} grid;

static grid make(uint32_t rows, uint32_t columns, uint32_t gap) {
  grid g = {fence((((size_t)rows - 1) * (columns + gap) + columns) * sizeof(float)), NULL, rows, columns,
            columns + gap};
  g.at = (float *)g.memory.data;
  for (float *p = (float *)g.memory.map; p < g.at; p++) *p = NAN;
  for (uint32_t r = 0; r < rows; r++)
    for (size_t c = 0; c < (r + 1 < rows ? g.stride : columns); c++)
      g.at[r * g.stride + c] = c < columns ? number() : NAN;
  return g;
}

static grid copy(grid from) {
  grid g = make(from.rows, from.columns, (uint32_t)from.stride - from.columns);
  memcpy(g.at, from.at, from.memory.bytes);
  return g;
}

/// Returns the norm of the difference divided by the norm of `b`; infinite if memory beside the rows of `a` was
/// written.
static double difference(grid a, grid b) {
  double apart = 0, scale = 1e-30;
  for (const float *p = (const float *)a.memory.map; p < a.at; p++)
    if (!isnan(*p)) return INFINITY;
  for (uint32_t r = 0; r < a.rows; r++)
    for (size_t c = 0; c < (r + 1 < a.rows ? a.stride : a.columns); c++) {
      double x = a.at[r * a.stride + c], y = c < a.columns ? b.at[r * b.stride + c] : 0;
      if (c >= a.columns && !isnan(x)) return INFINITY;
      if (c < a.columns) apart += (x - y) * (x - y), scale += y * y;
    }
  return sqrt(apart / scale);
}

static bool same_bits(grid a, grid b) {
  for (uint32_t r = 0; r < a.rows; r++)
    if (memcmp(a.at + r * a.stride, b.at + r * b.stride, a.columns * sizeof(float))) return false;
  return true;
}

/// Fills exactly the bytes of a matrix with random weights; halves are between 2⁻⁴ and 2.
static fenced weights(ck_type type, size_t count) {
  fenced f = fence(count * (type == CK_F32 ? 4 : 2));
  for (size_t i = 0; i < count; i++) {
    float value = number();
    uint32_t bits;
    memcpy(&bits, &value, 4);
    uint16_t half = (uint16_t)(type == CK_BF16 ? bits >> 16 : (bits >> 16 & 0x8000) | (0x2c00 + (bits >> 8) % 0x1400));
    if (type == CK_F32) memcpy(f.data + 4 * i, &value, 4);
    else memcpy(f.data + 2 * i, &half, 2);
  }
  return f;
}

// Kernels -------------------------------------------------------------------------------------------------------------

static void check_product(ck_type type, uint32_t rows, uint32_t columns, uint32_t k) {
  fenced memory = weights(type, (size_t)columns * k);
  ck_matrix w = {memory.data, type, columns, k};
  grid x = make(rows, k, 3), bias = make(1, columns, 0);
  for (int variant = 0; variant < 3; variant++) {
    const float *b = variant ? bias.at : NULL;
    grid out = make(rows, columns, 2), expected = copy(out), single = copy(out);
    ck_matmul_ref(expected.at, expected.stride, x.at, x.stride, rows, ck_single(w), b, variant == 2);
    for (uint32_t r = 0; r < rows; r++)
      ck_matmul(pools[1 + r % 3], single.at + r * single.stride, single.stride, x.at + r * x.stride, x.stride, 1,
                ck_single(w), b, variant == 2);
    ck_matmul(pools[2], out.at, out.stride, x.at, x.stride, rows, ck_single(w), b, variant == 2);
    expect(difference(out, expected) < 2e-6, "product", rows, columns, k);
    expect(same_bits(out, single), "a row alone has the bits it has in a batch", rows, columns, k);
    drop(out.memory), drop(expected.memory), drop(single.memory);
  }
  drop(memory), drop(x.memory), drop(bias.memory);
}

/// Fills `rows` rows of GGUF blocks with random bits and f16 scales between 2⁻⁷ and 2⁻³ of either sign; or, if
/// `extreme`, with one bits and scales of one.
static fenced blocks(ck_type type, uint32_t rows, uint32_t columns, bool extreme) {
  static const struct {
    uint8_t first, count;
  } scales[] = {[CK_Q8_0] = {0, 1}, [CK_Q4_0] = {0, 1}, [CK_Q4_1] = {0, 2}, [CK_Q5_0] = {0, 1},
                [CK_Q5_1] = {0, 2}, [CK_Q4_K] = {0, 2}, [CK_Q5_K] = {0, 2}, [CK_Q6_K] = {208, 1}};
  const size_t count = (size_t)rows * columns / ck_block_values(type), bytes = ck_block_bytes(type);
  fenced f = fence(count * bytes);
  for (size_t b = 0; b < count; b++) {
    uint8_t *block = (uint8_t *)f.data + b * bytes;
    for (size_t i = 0; i < bytes; i++) block[i] = extreme ? 255 : (uint8_t)(int)(number() * 1000);
    // The lowest 8-bit number is the worst value in a file, as a weight or as a scale.
    for (size_t i = type == CK_Q6_K ? 192 : 2; extreme && (type == CK_Q8_0 || type == CK_Q6_K) && i < bytes; i++)
      block[i] = 128;
    for (size_t i = 0; i < scales[type].count; i++) {
      uint16_t half = extreme ? 0x3c00 : (uint16_t)((block[0] & 1) << 15 | (0x2000 + (uint16_t)block[1] * 16));
      memcpy(block + scales[type].first + 2 * i, &half, 2);
    }
  }
  return f;
}

/// Allocates a packed matrix that begins on a cache line and ends at the unreadable page.
static fenced pack(const fenced *rows_of, ck_type type, uint32_t rows, uint32_t columns) {
  fenced f = fence(ck_packed_bytes(type, rows, columns));
  ck_pack(f.data, rows_of->data, type, rows, columns);
  return f;
}

/// Returns the largest difference of `[rows, columns]` relative to the sum of the magnitudes of the element's terms.
static double worst(grid a, grid b, grid terms) {
  double most = 0;
  for (uint32_t r = 0; r < a.rows; r++)
    for (uint32_t c = 0; c < a.columns; c++) {
      double apart =
          fabs((double)a.at[r * a.stride + c] - b.at[r * b.stride + c]) / (terms.at[r * terms.stride + c] + 1e-30);
      if (!(apart <= most)) most = apart;
    }
  return isinf(difference(a, b)) ? INFINITY : most;
}

/// Computes the sum of the magnitudes of every output's terms, counting the minima separately.
static grid magnitudes(ck_matrix w, grid x) {
  grid out = make(x.rows, w.rows, 0), row = make(1, w.columns, 0);
  for (uint32_t c = 0; c < w.rows; c++) {
    ck_matrix_row(row.at, w, c);
    float most = 0;
    for (uint32_t i = 0; i < w.columns; i++) most = fmaxf(most, fabsf(row.at[i]));
    for (uint32_t r = 0; r < x.rows; r++) {
      double sum = 0;
      for (uint32_t i = 0; i < w.columns; i++) sum += fabs((double)x.at[r * x.stride + i]) * most;
      out.at[r * out.stride + c] = (float)sum;
    }
  }
  drop(row.memory);
  return out;
}

static void check_packed(ck_type type, uint32_t rows, uint32_t columns, uint32_t k, uint32_t x_columns, bool extreme) {
  fenced source = blocks(type, columns, k, extreme), memory = pack(&source, type, columns, k);
  ck_matrix w = {memory.data, type, columns, x_columns};
  grid x = make(rows, x_columns, 3), bias = make(1, columns, 0), wide = make(1, k, 0), row = make(1, x_columns, 0);
  for (uint32_t c = 0; c < columns; c++) {
    ck_widen(wide.at, source.data + c * ck_row_bytes(type, k), type, k);
    ck_matrix_row(row.at, w, c);
    expect(!memcmp(wide.at, row.at, x_columns * sizeof(float)), "a row of packed weights", type, c, k);
  }
  if (extreme)
    for (uint32_t r = 0; r < rows; r++)
      for (uint32_t i = 0; i < x_columns; i++)
        x.at[r * x.stride + i] = r % 3 == 0 ? 1 : r % 3 == 1 ? -1 : i % 2 ? 1 : -1;
  grid terms = magnitudes(w, x);
  for (int variant = 0; variant < 3; variant++) {
    const float *b = variant ? bias.at : NULL;
    grid out = make(rows, columns, 2), expected = copy(out), single = copy(out);
    ck_matmul_ref(expected.at, expected.stride, x.at, x.stride, rows, ck_single(w), b, variant == 2);
    for (uint32_t r = 0; r < rows; r++)
      ck_matmul(pools[1 + r % 3], single.at + r * single.stride, single.stride, x.at + r * x.stride, x.stride, 1,
                ck_single(w), b, variant == 2);
    ck_matmul(pools[2], out.at, out.stride, x.at, x.stride, rows, ck_single(w), b, variant == 2);
    expect(worst(out, expected, terms) < 1e-6, "packed product", type * 100000 + rows, columns, k);
    expect(same_bits(out, single), "a row alone has the bits it has in a batch of packed products",
           type * 100000 + rows, columns, k);
    drop(out.memory), drop(expected.memory), drop(single.memory);
  }
  drop(source), drop(memory), drop(x.memory), drop(bias.memory), drop(wide.memory), drop(row.memory),
      drop(terms.memory);
}

/// Checks that parts of different types in one call equal separate calls.
static void check_parts(ck_type a, ck_type b, ck_type c, uint32_t rows) {
  enum { K = 512 };
  const ck_type types[3] = {a, b, c};
  const uint32_t columns[3] = {40, 3, 17};
  fenced source[3], memory[3];
  ck_linear linear = {.count = 3};
  for (int i = 0; i < 3; i++) {
    const bool plain = ck_block_values(types[i]) == 1;
    source[i] = plain ? weights(types[i], columns[i] * K) : blocks(types[i], columns[i], K, false);
    memory[i] = plain ? fence(0) : pack(&source[i], types[i], columns[i], K);
    linear.parts[i] = (ck_matrix){plain ? source[i].data : memory[i].data, types[i], columns[i], K};
  }
  grid x = make(rows, K, 1), bias = make(1, 60, 0), out = make(rows, 60, 2), apart = copy(out);
  ck_matmul(pools[3], out.at, out.stride, x.at, x.stride, rows, linear, bias.at, true);
  for (uint32_t i = 0, at = 0; i < 3; at += columns[i++])
    ck_matmul(pools[1], apart.at + at, apart.stride, x.at, x.stride, rows, ck_single(linear.parts[i]), bias.at + at,
              true);
  expect(same_bits(out, apart), "parts side by side", a, b, c);
  for (int i = 0; i < 3; i++) drop(source[i]), drop(memory[i]);
  drop(x.memory), drop(bias.memory), drop(out.memory), drop(apart.memory);
}

/// Checks that non-finite inputs turn only their own row into NaN.
static void check_not_finite(ck_type type) {
  fenced source = blocks(type, 20, 512, false), memory = pack(&source, type, 20, 512);
  grid x = make(5, 512, 0), out = make(5, 20, 0);
  x.at[3] = NAN, x.at[512 + 400] = INFINITY, x.at[2 * 512] = -INFINITY;
  for (int i = 0; i < 512; i++) x.at[4 * 512 + i] = 1e-38f;
  ck_matmul(pools[2], out.at, 20, x.at, 512, 5, ck_single((ck_matrix){memory.data, type, 20, 512}), NULL, false);
  for (uint32_t r = 0; r < 5; r++)
    for (uint32_t c = 0; c < 20; c++)
      expect(r < 3    ? isnan(out.at[r * 20 + c])
             : r == 3 ? isfinite(out.at[r * 20 + c])
                      : out.at[r * 20 + c] == 0,
             "products of what is not finite", type, r, c);
  drop(source), drop(memory), drop(x.memory), drop(out.memory);
}

static void check_packed_types(void) {
  static const uint32_t wide[] = {256, 512, 768, 1280}, narrow[] = {32, 64, 256, 288, 512, 1120};
  for (ck_type type = CK_Q8_0; type <= CK_Q6_K; type++) {
    const bool super = ck_block_values(type) == 256;
    for (uint32_t rows = 1; rows <= 14; rows++) {
      const uint32_t k = super ? wide[rows % COUNT(wide)] : narrow[rows % COUNT(narrow)];
      check_packed(type, rows, 1 + rows * 29 % 40, k, rows % 3 ? k : k - 1 - rows, false);
    }
    check_packed(type, 33, 40, 512, 512, false), check_packed(type, 75, 17, 256, 256, false),
        check_packed(type, 130, 16, 2560, 2560, false);
    check_packed(type, 4, 16, 512, 512, true);
    check_not_finite(type);
    check_parts(type, CK_Q4_K + type % 3, CK_Q6_K, 3), check_parts(CK_Q4_0, CK_F16, type, 5),
        check_parts(type, CK_Q8_0, CK_Q5_1, 1);
  }
}

static void check_norms(uint32_t rows, uint32_t columns) {
  grid x = make(rows, columns, 1), weight = make(1, columns, 0), bias = make(1, columns, 0),
       out = make(rows, columns, 5);
  grid expected = make(rows, columns, 0);
  ck_rms_norm(pools[2], out.at, out.stride, x.at, x.stride, rows, columns, weight.at, 1e-6f);
  ck_rms_norm_ref(expected.at, expected.stride, x.at, x.stride, rows, columns, weight.at, 1e-6f);
  expect(difference(out, expected) < 1e-6, "RMS norm", rows, columns, 0);
  ck_layer_norm(pools[3], out.at, out.stride, x.at, x.stride, rows, columns, weight.at, bias.at, 1e-6f);
  ck_layer_norm_ref(expected.at, expected.stride, x.at, x.stride, rows, columns, weight.at, bias.at, 1e-6f);
  expect(difference(out, expected) < 2e-6, "layer norm", rows, columns, 0);
  drop(x.memory), drop(weight.memory), drop(bias.memory), drop(out.memory), drop(expected.memory);
}

static void check_norm_rope(uint32_t rows, uint32_t heads, uint32_t dim) {
  grid weight = make(1, dim, 0);
  grid cosines = make(11, dim / 2, 0), sines = make(11, dim / 2, 0);
  int32_t positions[128];
  for (uint32_t r = 0; r < rows; r++) positions[r] = (int32_t)(r * 7 % 11);
  for (int variant = 0; variant < 4; variant++) {
    const float *w = variant & 1 ? NULL : weight.at;
    grid x = make(rows, heads * dim, 9), expected = copy(x);
    ck_norm_rope(pools[2], x.at, x.stride, rows, heads, dim, w, 1e-6f, positions, cosines.at, sines.at, variant & 2);
    ck_norm_rope_ref(expected.at, expected.stride, rows, heads, dim, w, 1e-6f, positions, cosines.at, sines.at,
                     variant & 2);
    expect(difference(x, expected) < 1e-6, "rotary heads", rows, heads, dim);
    drop(x.memory), drop(expected.memory);
  }
  drop(weight.memory), drop(cosines.memory), drop(sines.memory);
}

/// The rounding of a number halfway between two halves: to even, unless an emulator is known to differ.
#ifndef CK_NEAREST
#define CK_NEAREST rint
#endif

/// Returns the nearest half by its definition, clamped to ±65504.
static float nearest_half(float x) {
  const double a = fabs((double)x), step = ldexp(1, a < ldexp(1, -14) ? -24 : ilogb(a) - 10),
               rounded = CK_NEAREST(a / step) * step;
  return (float)copysign(rounded > 65504 ? 65504 : rounded, x);
}

/// Checks that every stored number is rounded as the header specifies.
static void check_stored(ck_kv kv, const float *keys, const float *values, size_t stride, uint32_t rows) {
  float key[CK_MAX_HEAD_DIM], value[CK_MAX_HEAD_DIM];
  for (uint32_t r = 0; r < rows; r++)
    for (uint32_t head = 0; head < kv.heads; head++) {
      ck_load_kv_ref(key, value, kv, head, r);
      for (int which = 0; which < 2; which++) {
        const float *source = (which ? values : keys) + r * stride + head * kv.head_dim, *got = which ? value : key;
        for (uint32_t d = 0; d < kv.head_dim; d++) {
          float expected = source[d];
          if (kv.type == CK_F16) expected = nearest_half(expected);
          if (kv.type == CK_Q8_0) {
            float top = 0;
            for (uint32_t i = d / 32 * 32; i < d / 32 * 32 + 32; i++) top = fmaxf(top, fabsf(source[i]));
            const float scale = nearest_half(top / 127), inverse = scale > 0 ? 1 / scale : 0;
            expected = fmaxf(-127, fminf(127, rintf(expected * inverse))) * scale;
          }
          expect(got[d] == expected, "a stored key or value", r, d, which);
        }
      }
    }
}

/// Allocates a cache of at most MOST_SEGMENTS segments that ends at the unreadable page, filled with NaN in f32 and
/// f16. Segments are in reverse order, because nothing may depend on their order in memory. `table` is its table.
#define MOST_SEGMENTS 8
static ck_kv cache(fenced *memory, void *table[MOST_SEGMENTS], ck_type type, uint32_t positions, uint32_t heads,
                   uint32_t dim) {
  const size_t keys = heads * ck_key_plane(type, dim), values = heads * ck_value_plane(type, dim);
  const uint32_t segments = (positions + CK_KV_SEGMENT - 1) / CK_KV_SEGMENT;
  *memory = fence(segments * (keys + values));
  memset(memory->data, 0xff, memory->bytes);
  for (uint32_t i = 0; i < segments; i++) table[segments - 1 - i] = memory->data + i * (keys + values);
  return (ck_kv){table, 0, keys, heads, dim, type};
}

/// Checks that copying the first `count` positions of a segment to another cache is exact and zeroes the rest of the
/// last block.
static void check_copy(ck_type type, uint32_t count, uint32_t heads, uint32_t dim) {
  fenced memory[2];
  void *table[2][MOST_SEGMENTS];
  const uint32_t positions = CK_KV_SEGMENT + 200, width = heads * dim;
  ck_kv from = cache(&memory[0], table[0], type, positions, heads, dim),
        to = cache(&memory[1], table[1], type, positions, heads, dim);
  grid source = make(positions, 2 * width, 1);
  ck_store_kv(pools[2], from, source.at, source.at + width, source.stride, positions, 0);
  ck_copy_kv(pools[3], to, from, 1, count);
  float key[2][CK_MAX_HEAD_DIM], value[2][CK_MAX_HEAD_DIM];
  for (uint32_t p = 0; p < (count + 15) / 16 * 16; p++)
    for (uint32_t head = 0; head < heads; head++) {
      ck_load_kv_ref(key[0], value[0], from, head, CK_KV_SEGMENT + p),
          ck_load_kv_ref(key[1], value[1], to, head, CK_KV_SEGMENT + p);
      for (uint32_t d = 0; d < dim; d++) {
        expect(key[1][d] == (p < count ? key[0][d] : 0), "a copied key", count, p, d);
        expect(value[1][d] == (p < count ? value[0][d] : 0), "a copied value", count, p, d);
      }
    }
  drop(memory[0]), drop(memory[1]), drop(source.memory);
}

/// Returns numbers of every magnitude, including beyond the range of the type.
static void check_store(ck_type type, uint32_t rows, uint32_t heads, uint32_t dim) {
  fenced memory;
  void *table[MOST_SEGMENTS];
  ck_kv kv = cache(&memory, table, type, rows, heads, dim);
  grid source = make(rows, 2 * heads * dim, 1);
  for (uint32_t r = 0; r < rows; r++)
    for (uint32_t c = 0; c < source.columns; c++)
      source.at[r * source.stride + c] *= ldexpf(1, (int)(r * 7 + c / 32) % 46 - 28);
  source.at[0] = 65519.9f, source.at[source.columns - 1] = 65520, source.at[source.columns / 2] = 0;
  ck_store_kv(pools[2], kv, source.at, source.at + heads * dim, source.stride, rows, 0);
  check_stored(kv, source.at, source.at + heads * dim, source.stride, rows);
  drop(memory), drop(source.memory);
}

static void check_attention(ck_type type, uint32_t rows, uint32_t position, uint32_t heads, uint32_t kv_heads,
                            uint32_t dim, bool causal) {
  const uint32_t filled = rows + position, width = kv_heads * dim;
  fenced memory;
  void *table[MOST_SEGMENTS];
  ck_kv kv = cache(&memory, table, type, filled, kv_heads, dim);
  grid source = make(filled, 2 * width, 1), queries = make(rows, heads * dim, 2), out = make(rows, heads * dim, 3);
  grid expected = copy(out), single = copy(out);
  ck_store_kv(pools[2], kv, source.at, source.at + width, source.stride, position, 0);
  const float *rest = source.at + position * source.stride;
  ck_store_kv(pools[2], kv, rest, rest + width, source.stride, rows, position);
  check_stored(kv, source.at, source.at + width, source.stride, filled);
  ck_attention_job job = {
      queries.at, queries.stride,       out.at, out.stride, kv, rows, heads, causal ? position + 1 : filled,
      causal,     2 / sqrtf((float)dim)};
  ck_attention(pools[3], &job, 1);
  job.out = expected.at;
  ck_attention_ref(&job);
  expect(difference(out, expected) < (dim > 256 ? 6e-6 : 3e-6), causal ? "causal attention" : "attention", rows,
         position, dim);
  for (uint32_t r = 0; r < rows; r++) {
    ck_attention_job one = job;
    one.queries = queries.at + r * queries.stride, one.out = single.at + r * single.stride, one.rows = 1;
    one.first_limit += causal ? r : 0;
    ck_attention(pools[1], &one, 1);
  }
  expect(same_bits(out, single), "attention of a row alone", rows, position, dim);
  drop(memory), drop(source.memory), drop(queries.memory), drop(out.memory), drop(expected.memory), drop(single.memory);
}

static void check_elements(uint32_t count) {
  grid x = make(1, count, 0);
  x.at[0] = 1;  // The lower tail has a larger relative error than the rest, so it must not be alone.
  grid tanh = copy(x), erf = copy(x), power = copy(x), tanh_ref, erf_ref;
  for (uint32_t i = 0; i < count; i++) tanh.at[i] = erf.at[i] = 7 * x.at[i], power.at[i] = x.at[i] = 50 * x.at[i];
  tanh_ref = copy(tanh), erf_ref = copy(erf);
  ck_gelu_tanh(pools[2], tanh.at, count), ck_gelu_tanh_ref(tanh_ref.at, count);
  ck_gelu_erf(pools[3], erf.at, count), ck_gelu_erf_ref(erf_ref.at, count);
  expect(difference(tanh, tanh_ref) < 3e-7, "GELU by tanh", count, 0, 0);
  expect(difference(erf, erf_ref) < 3e-7, "GELU by erf", count, 0, 0);
  ck_exp(pools[2], power.at, count);
  for (uint32_t i = 0; i < count; i++) {
    double exact = exp((double)x.at[i]);
    expect(fabs(power.at[i] - exact) <= 2 * ((double)nextafterf((float)exact, INFINITY) - (float)exact), "exp", i,
           count, 0);
  }
  drop(x.memory), drop(tanh.memory), drop(erf.memory), drop(power.memory), drop(tanh_ref.memory), drop(erf_ref.memory);
}

static void check_silu(uint32_t rows, uint32_t width) {
  grid x = make(rows, 2 * width, 1), out = make(rows, width, 1), expected = make(rows, width, 0);
  ck_silu_mul(pools[2], out.at, out.stride, x.at, x.stride, rows, width);
  ck_silu_mul_ref(expected.at, expected.stride, x.at, x.stride, rows, width);
  expect(difference(out, expected) < 3e-7, "SiLU", rows, width, 0);
  drop(x.memory), drop(out.memory), drop(expected.memory);
}

/// Checks all 63,488 finite halves, through a product with one and through `ck_widen`, and bfloat16 likewise.
static void check_widening(void) {
  enum { FINITE = 0x7c00 };
  for (uint32_t sign = 0; sign < 2; sign++) {
    fenced halves = fence(FINITE * 2);
    for (uint32_t i = 0; i < FINITE; i++) ((uint16_t *)halves.data)[i] = (uint16_t)(sign << 15 | i);
    grid one = make(1, 1, 0), out = make(1, FINITE, 0), wide = make(1, FINITE, 0);
    one.at[0] = 1;
    ck_matmul(pools[2], out.at, FINITE, one.at, 1, 1, ck_single((ck_matrix){halves.data, CK_F16, FINITE, 1}), NULL,
              false);
    ck_widen(wide.at, halves.data, CK_F16, FINITE);
    for (uint32_t i = 0; i < FINITE; i++) {
      double value = i < 1024 ? ldexp(i, -24) : ldexp(1024 + i % 1024, (int)(i / 1024) - 25);
      if (sign) value = -value;
      expect(out.at[i] == value && wide.at[i] == value, "widening of a half", i, sign, 0);
    }
    drop(halves), drop(one.memory), drop(out.memory), drop(wide.memory);
  }
}

/// Checks that rounding to blocks gives the same bytes with and without AVX2 for any numbers, stays within its bytes,
/// and that the result is finite and near the input.
static void check_rounding(ck_type type) {
  const uint32_t count = 512;
  const float odd[] = {NAN, INFINITY, -INFINITY, 0, -0.f, 1e-45f, -1e-38f, 3e38f, -3e38f, 65504, 1e-15f, -1e-20f};
  fenced out = fence(ck_row_bytes(type, count)), other = fence(out.bytes);
  grid in = make(1, count, 0), back = make(1, count, 0);
  for (uint32_t round = 0; round < 200; round++) {
    const uint32_t share = round % 5 * 25;  // Per cent of odd numbers.
    for (uint32_t i = 0; i < count; i++)
      in.at[i] = (number() + 1.7f) / 3.4f * 100 < (float)share ? odd[(uint32_t)((number() + 1.7f) * 1000) % COUNT(odd)]
                                                               : number();
    const bool fine = ck_quantize(out.data, in.at, type, count);
    expect(fine == ck_quantize_baseline(other.data, in.at, type, count) && !memcmp(out.data, other.data, out.bytes),
           "rounding on any machine", type, round, share);
    ck_widen(back.at, out.data, type, count);
    for (uint32_t i = 0; i < count; i++)
      expect(share ? isfinite(back.at[i]) || ck_block_values(type) == 1 : fine && fabsf(back.at[i] - in.at[i]) < 0.25f,
             "rounded numbers", type, round, i);
  }
  drop(out), drop(other), drop(in.memory), drop(back.memory);
}

static void check_table(void) {
  static const uint32_t ks[] = {1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 64, 131}, columns[] = {1, 2, 3, 5, 8, 17, 50};
  for (ck_type type = CK_F32; type <= CK_BF16; type++) {
    for (uint32_t rows = 1; rows <= 14; rows++)
      for (size_t i = 0; i < COUNT(ks); i++) check_product(type, rows, columns[(rows + i) % COUNT(columns)], ks[i]);
    check_product(type, 37, 41, 588);  // Larger than a block of rows and than one task.
    check_product(type, 1, 700, 129);
    check_product(type, 300, 30, 520);
  }
  static const uint32_t sizes[] = {1, 2, 5, 15, 16, 17, 31, 32, 33, 47, 130, 520};
  for (size_t i = 0; i < COUNT(sizes); i++)
    check_norms(1 + (uint32_t)i * 4, sizes[i] + 1), check_silu(1 + (uint32_t)i * 3, sizes[i]), check_elements(sizes[i]);
  check_elements(40001);
  for (uint32_t dim = 2; dim <= 128; dim += dim < 40 ? 2 : 44) check_norm_rope(1 + dim / 2, 1 + dim % 3, dim);
  static const ck_type caches[] = {CK_F32, CK_F16, CK_Q8_0};
  for (size_t i = 0; i < COUNT(caches); i++) {
    const ck_type type = caches[i];
    const uint32_t first = type == CK_Q8_0 ? 32 : 1, step = type == CK_Q8_0 ? 32 : 3;
    for (uint32_t rows = 1; rows <= 12; rows++)
      for (uint32_t dim = first; dim <= 70; dim += step + (step == 3 ? rows % 4 : 0))
        check_attention(type, rows, rows * 29 % 81, 6, 1 + rows % 3, dim, rows % 4 > 0);
    check_store(type, 97, 3, 64), check_store(type, 17, 1, first), check_store(type, 33, 2, type == CK_Q8_0 ? 96 : 85);
    check_copy(type, 1, 2, 32), check_copy(type, 16, 1, 96), check_copy(type, 197, 3, type == CK_Q8_0 ? 64 : 72);
    check_attention(type, 1, 1100, 8, 2, 128, true),
        check_attention(type, 81, 0, 2, 2, type == CK_Q8_0 ? 64 : 72, false);
    check_attention(type, 40, 59, 9, 1, type == CK_Q8_0 ? 32 : 34, true),
        check_attention(type, 70, 480, 4, 1, 160, true);
    check_attention(type, 5, 600, 5, 1, 1024, true);
    for (uint32_t group = 1; group <= 14; group++) check_attention(type, 1, 520 + group, group, 1, 32, true);
  }
  check_widening();
  check_packed_types();
}

/// Checks the named tables, or all that can run here and the parts common to all.
int main(int count, char **named) {
  static const char *const names[] = {"baseline",
                                      "AVX2",
                                      "AVX-VNNI",
                                      "AVX-512",
                                      "AVX-512 VNNI",
                                      "NEON",
                                      "NEON with dot products",
                                      "NEON with products of matrices"};
  printf("  The best table here: %s\n", names[ck_isa_best()]);
  for (isa = CK_BASELINE; isa <= CK_NEON_I8MM; isa++) {
    bool wanted = count == 1;
    for (int i = 1; i < count; i++) wanted |= !strcmp(named[i], names[isa]);
    isa_name = names[isa];
    if (count > 1 && wanted) expect(ck_isa_available(isa), "the table is there", 0, 0, 0);
    if (!wanted || !ck_isa_available(isa)) continue;
    for (int32_t threads = 1; threads < 4; threads++)
      if (!(pools[threads] = ck_workers_create(threads, isa)) || !ck_workers_reserve(pools[threads], 50, 1280))
        return 2;
    int before = failures;
    check_table();
    for (int32_t threads = 1; threads < 4; threads++) ck_workers_destroy(pools[threads]);
    printf("  %s: %s\n", isa_name, failures == before ? "as the reference" : "NOT as the reference");
  }
  isa_name = "every machine";
  for (ck_type type = CK_F32; count == 1 && type <= CK_Q6_K; type++) check_rounding(type);
  return failures != 0;
}
