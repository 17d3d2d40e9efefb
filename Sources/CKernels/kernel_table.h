// The kernels that are compiled once per instruction set. Each works on a range of rows or elements, on the calling
// thread.
#ifndef KERNEL_TABLE_H
#define KERNEL_TABLE_H

#include "packed.h"
#include "quants.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

typedef struct ck_product {
  float *out;
  const float *x;
  size_t out_stride, x_stride;
  uint32_t rows;
  ck_matrix w;
  const float *bias;
  bool accumulate;
} ck_product;

typedef struct ck_kernel_table {
  /// Output columns `[begin, end)` of all rows.
  void (*matmul)(const ck_product *product, uint32_t begin, uint32_t end);
  /// The rounding of the inputs of a product with packed weights of `type`.
  ck_input (*input_of)(ck_type type);
  /// Rounds `count` numbers, at most a chunk, into a record of `input`.
  void (*round_inputs)(ck_input input, void *record, const float *x, uint32_t count);
  /// Groups `[begin, end)` of sixteen outputs of all rows.
  void (*multiply_packed)(const ck_packed_product *product, uint32_t begin, uint32_t end);
  void (*rms_norm)(float *out, const float *x, uint32_t columns, const float *weight, float epsilon);
  void (*layer_norm)(float *out, const float *x, uint32_t columns, const float *weight, const float *bias,
                     float epsilon);
  /// Rotates pairs half a head apart.
  void (*rope)(float *x, uint32_t head_dim, const float *cosines, const float *sines);
  /// Rotates neighbouring values.
  void (*rope_pairs)(float *x, uint32_t head_dim, const float *cosines, const float *sines);
  /// Rounds and stores `rows` rows of one head from `position` on.
  void (*store_kv)(const ck_kv *kv, uint32_t head, const float *keys, const float *values, size_t stride, uint32_t rows,
                   uint32_t position);
  /// Attention for pairs `[begin, end)` of a query row and a head that shares `kv_head`, at most `ck_task_pairs` of
  /// them. Pair i is head `i % group` of row `i / group`.
  void (*attention)(const ck_attention_job *job, uint32_t kv_head, uint32_t begin, uint32_t end);
  void (*silu_mul)(float *out, const float *gate, const float *up, size_t count);
  void (*gelu_tanh)(float *x, size_t count);
  void (*gelu_erf)(float *x, size_t count);
  void (*exp)(float *x, size_t count);
} ck_kernel_table;

enum { CK_MAX_PAIRS = 96 };
/// Queries of one attention task, a multiple of every tile: enough that keys and values are widened seldom, few enough
/// that the state of all stays in the second-level cache.
static inline uint32_t ck_task_pairs(uint32_t head_dim) {
  uint32_t padded = ck_padded_head(head_dim);
  return padded <= 128 ? CK_MAX_PAIRS : CK_MAX_PAIRS * 128 / padded / 12 * 12;
}

extern const ck_kernel_table ck_table_baseline;
#if defined(__x86_64__)
extern const ck_kernel_table ck_table_avx2;
extern const ck_kernel_table ck_table_avx_vnni;
extern const ck_kernel_table ck_table_avx512;
extern const ck_kernel_table ck_table_avx512_vnni;
#elif defined(__aarch64__)
extern const ck_kernel_table ck_table_neon;
extern const ck_kernel_table ck_table_neon_dot;
extern const ck_kernel_table ck_table_neon_i8mm;
#endif

/// The table of an instruction set, or null if it was not compiled or cannot run here.
const ck_kernel_table *ck_table(ck_isa isa);

#endif
