// The operations that run per element: products, norms, rotary positions, attention, activations, and the worker pool
// that shares their rows.
//
// Threads: a `ck_workers` is a fixed pool owned by one calling thread. Every operation forks over the pool and joins
// before it returns; the caller works too. A pool runs one operation at a time. Nothing allocates after
// `ck_workers_create`, except `ck_workers_reserve`.
//
// Sums: each output element is summed in one order, which depends only on the instruction set and on the element's own
// row and column. Batch size, tile shape, chunk size and thread count never change a bit of a result.
//
// Matrices are row-major and f32 unless stated otherwise. A stride counts elements from one row to the next. Buffers of
// one call must not overlap unless stated otherwise. The caller checks sizes and owns all memory.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

#define CK_CLOSED_ENUM __attribute__((enum_extensibility(closed)))
#define CK_SWIFT(name) __attribute__((swift_name(#name)))

/// The layout of stored numbers, little-endian: single numbers, or GGUF's blocks of 32 or 256 that share scales.
typedef enum CK_CLOSED_ENUM ck_type {
  CK_F32 CK_SWIFT(f32),
  CK_F16 CK_SWIFT(f16),
  CK_BF16 CK_SWIFT(bf16),
  CK_Q8_0 CK_SWIFT(q8_0),
  CK_Q4_0 CK_SWIFT(q4_0),
  CK_Q4_1 CK_SWIFT(q4_1),
  CK_Q5_0 CK_SWIFT(q5_0),
  CK_Q5_1 CK_SWIFT(q5_1),
  CK_Q4_K CK_SWIFT(q4_K),
  CK_Q5_K CK_SWIFT(q5_K),
  CK_Q6_K CK_SWIFT(q6_K),
} ck_type;

/// The numbers in one block: 1, 32 or 256.
uint32_t ck_block_values(ck_type type);
/// Bytes of one block.
uint32_t ck_block_bytes(ck_type type);
/// Bytes of `count` numbers, which must be whole blocks.
static inline size_t ck_row_bytes(ck_type type, size_t count) {
  return count / ck_block_values(type) * ck_block_bytes(type);
}

/// Instruction sets that a table of kernels is compiled for. `CK_BASELINE` runs on every machine of the architecture.
typedef enum CK_CLOSED_ENUM ck_isa {
  CK_BASELINE CK_SWIFT(baseline),
  CK_AVX2 CK_SWIFT(avx2),
  CK_AVX_VNNI CK_SWIFT(avxVNNI),
  CK_AVX512 CK_SWIFT(avx512),
  CK_AVX512_VNNI CK_SWIFT(avx512VNNI),
  CK_NEON CK_SWIFT(neon),
  CK_NEON_DOT CK_SWIFT(neonDot),
  CK_NEON_I8MM CK_SWIFT(neonI8MM),
} ck_isa;

/// Keys in one block of the KV cache, and the multiple that a value row is padded to.
enum { CK_KEY_BLOCK = 16 };
/// Positions in one segment of the KV cache. Softmax is summed segment by segment, so that sequences can share
/// segments.
enum { CK_KV_SEGMENT = 512 };
/// The largest head size that attention supports.
enum { CK_MAX_HEAD_DIM = 1024 };

// Workers -------------------------------------------------------------------------------------------------------------

typedef struct ck_workers ck_workers;

/// Whether this machine can run the table.
bool ck_isa_available(ck_isa isa);
/// The fastest table that this machine can run.
ck_isa ck_isa_best(void);
/// The number of cores that this process may use: affinity mask and cgroup CPU quota, at least 1.
int32_t ck_usable_cores(void);

/// Sets the stack size of every thread that is created later without its own; the default is `ulimit -s`. Returns false
/// if the system rejects the size. Glibc's module for Swift lacks the GNU function.
bool ck_set_thread_stack(size_t bytes);

/// Starts up to `wanted` threads (at most 64) at once and returns how many started, after they have ended.
int32_t ck_try_threads(int32_t wanted);

/// Starts `threads - 1` threads that sleep when idle. Returns null if the table cannot run here or a thread cannot be
/// started.
ck_workers *_Nullable ck_workers_create(int32_t threads, ck_isa isa);
/// Stops and joins the threads.
void ck_workers_destroy(ck_workers *workers);
/// The number of threads that share an operation, the caller included.
int32_t ck_workers_count(const ck_workers *workers);

// Products ------------------------------------------------------------------------------------------------------------

/// A weight: `rows` outputs by `columns` inputs. Plain numbers are row-major without gaps. Quantised types are packed
/// by `ck_pack`, with `data` aligned to 64 bytes. `columns` need not be whole blocks: the last block is padded with
/// zeros.
typedef struct ck_matrix {
  const void *data;
  ck_type type;
  uint32_t rows, columns;
} ck_matrix;

/// Rows of one group of a packed matrix, on every instruction set.
enum { CK_PACK_ROWS = 16 };
/// Bytes of a packed matrix; `rows` is rounded up to whole groups and `columns` to whole blocks.
size_t ck_packed_bytes(ck_type type, uint32_t rows, uint32_t columns);
/// Packs `rows` rows in GGUF's layout, each of `columns` (whole blocks) values, as consecutive groups of CK_PACK_ROWS.
/// Pads the last group with zero rows. Group g of a matrix begins at `g * ck_packed_bytes(type, CK_PACK_ROWS,
/// columns)`.
void ck_pack(void *packed, const void *in, ck_type type, uint32_t rows, uint32_t columns);
/// Writes one row of a matrix of any type as f32 `[columns]`, the same numbers as `ck_widen`.
void ck_matrix_row(float *out, ck_matrix w, uint32_t row);

/// Up to three weights with the same columns and their outputs side by side: queries, keys and values; gate and up.
typedef struct ck_linear {
  ck_matrix parts[3];
  uint32_t count;
} ck_linear;
static inline ck_linear ck_single(ck_matrix w) { return (ck_linear){{w}, 1}; }

/// Allocates the buffer for the rounded inputs of products up to `rows` by `columns`. Returns false if there is no
/// memory. Products with quantised weights must not exceed that size.
bool ck_workers_reserve(ck_workers *workers, uint32_t rows, uint32_t columns);

/// `out[rows, Σ part rows] = x[rows, columns] · wᵀ + bias`, or added to `out` if `accumulate`. For quantised weights
/// the inputs are first rounded to 8 bits in blocks of the type's size, 32 or 256.
void ck_matmul(ck_workers *workers, float *out, size_t out_stride, const float *x, size_t x_stride, uint32_t rows,
               ck_linear w, const float *_Nullable bias, bool accumulate);
/// The same with equally rounded inputs and sums in double precision.
void ck_matmul_ref(float *out, size_t out_stride, const float *x, size_t x_stride, uint32_t rows, ck_linear w,
                   const float *_Nullable bias, bool accumulate);

// Norms ---------------------------------------------------------------------------------------------------------------

/// `out[rows, columns]`: each row of `x` divided by its root mean square (`epsilon` under the root), times
/// `weight[columns]`.
void ck_rms_norm(ck_workers *workers, float *out, size_t out_stride, const float *x, size_t x_stride, uint32_t rows,
                 uint32_t columns, const float *weight, float epsilon);
void ck_rms_norm_ref(float *out, size_t out_stride, const float *x, size_t x_stride, uint32_t rows, uint32_t columns,
                     const float *weight, float epsilon);

/// `out[rows, columns]`: each row of `x` minus its mean, divided by its standard deviation, times `weight` plus `bias`
/// `[columns]`.
void ck_layer_norm(ck_workers *workers, float *out, size_t out_stride, const float *x, size_t x_stride, uint32_t rows,
                   uint32_t columns, const float *weight, const float *bias, float epsilon);
void ck_layer_norm_ref(float *out, size_t out_stride, const float *x, size_t x_stride, uint32_t rows, uint32_t columns,
                       const float *weight, const float *bias, float epsilon);

/// In place on `heads` heads of `x[rows, heads * head_dim]`: RMS norm of each head by `weight[head_dim]` (skipped
/// without a weight), then the rotation of pairs `(i, i + head_dim / 2)`, or `(2i, 2i + 1)` if `interleaved`, by row
/// `positions[row]` of the tables `[positions, head_dim / 2]`.
void ck_norm_rope(ck_workers *workers, float *x, size_t x_stride, uint32_t rows, uint32_t heads, uint32_t head_dim,
                  const float *_Nullable weight, float epsilon, const int32_t *positions, const float *cosines,
                  const float *sines, bool interleaved);
void ck_norm_rope_ref(float *x, size_t x_stride, uint32_t rows, uint32_t heads, uint32_t head_dim,
                      const float *_Nullable weight, float epsilon, const int32_t *positions, const float *cosines,
                      const float *sines, bool interleaved);

// Attention -----------------------------------------------------------------------------------------------------------

/// Keys and values of one layer in segments of CK_KV_SEGMENT positions. A segment has a plane for every head; a plane
/// consists of blocks of sixteen positions. `type` is f32, f16 or, for heads that are multiples of 32, q8_0.
///
/// A block of keys is `[head_dim, 16]`: sixteen positions side by side, so that scores are summed without horizontal
/// additions. A block of values is `[16, padded head_dim]`, zero beyond the head. In q8_0, 32 neighbours of a head
/// share a scale; the block's scales `[head_dim / 32, 16]` precede its bytes.
typedef struct ck_kv {
  /// The addresses of the segments. Sequences may share full segments, because appending writes only behind them.
  void *_Nonnull const *_Nonnull segments;
  /// Bytes from the beginning of a segment to this layer's keys and to its values.
  size_t keys, values;
  uint32_t heads, head_dim;
  ck_type type;
} ck_kv;

static inline uint32_t ck_padded_head(uint32_t head_dim) { return (head_dim + 15) / 16 * 16; }
/// Bytes of a block of keys and of a block of values.
static inline size_t ck_key_block(ck_type type, uint32_t head_dim) {
  return CK_KEY_BLOCK * ck_row_bytes(type, head_dim);
}
static inline size_t ck_value_block(ck_type type, uint32_t head_dim) {
  return CK_KEY_BLOCK * ck_row_bytes(type, ck_padded_head(head_dim));
}
/// Bytes of one head's keys and values in one segment.
static inline size_t ck_key_plane(ck_type type, uint32_t head_dim) {
  return CK_KV_SEGMENT / CK_KEY_BLOCK * ck_key_block(type, head_dim);
}
static inline size_t ck_value_plane(ck_type type, uint32_t head_dim) {
  return CK_KV_SEGMENT / CK_KEY_BLOCK * ck_value_block(type, head_dim);
}

/// The block of keys and the block of values that hold `position` of one head.
static inline char *ck_key_at(const ck_kv *kv, uint32_t head, uint32_t position) {
  return (char *)kv->segments[position / CK_KV_SEGMENT] + kv->keys + head * ck_key_plane(kv->type, kv->head_dim) +
         position % CK_KV_SEGMENT / CK_KEY_BLOCK * ck_key_block(kv->type, kv->head_dim);
}
static inline char *ck_value_at(const ck_kv *kv, uint32_t head, uint32_t position) {
  return (char *)kv->segments[position / CK_KV_SEGMENT] + kv->values + head * ck_value_plane(kv->type, kv->head_dim) +
         position % CK_KV_SEGMENT / CK_KEY_BLOCK * ck_value_block(kv->type, kv->head_dim);
}

/// Query rows against the keys and values of one sequence.
typedef struct ck_attention_job {
  /// `[rows, heads * head_dim]`; `heads` is a multiple of `kv.heads`, and consecutive heads share a KV head.
  const float *queries;
  size_t query_stride;
  float *out;
  size_t out_stride;
  ck_kv kv;
  uint32_t rows, heads;
  /// Row 0 sees positions `0 ..< first_limit`. If `causal`, row i sees i more, otherwise the same.
  uint32_t first_limit;
  bool causal;
  float scale;
} ck_attention_job;

/// Writes `keys[rows, kv.heads * head_dim]` and `values` of the same shape from `position` on, rounded to the cache's
/// type: f16 to the nearest, limited to ±65504; q8_0 to the nearest multiple of a scale, which is the largest magnitude
/// over 127 in f16.
void ck_store_kv(ck_workers *workers, ck_kv kv, const float *keys, const float *values, size_t stride, uint32_t rows,
                 uint32_t position);
/// Copies the first `count` positions of one segment of `from` into a segment of `to`, a layer of the same shape. The
/// rest of the last block of sixteen becomes zero, whatever `from` holds there.
void ck_copy_kv(ck_workers *workers, ck_kv to, ck_kv from, uint32_t segment, uint32_t count);
/// Reads the key and value of one head at `position` as f32 `[head_dim]` each.
void ck_load_kv_ref(float *key, float *value, ck_kv kv, uint32_t head, uint32_t position);

/// `out = softmax(scale · queries · keysᵀ) · values` for every job. Weights below e⁻⁸⁶ of a row's largest count as
/// zero.
void ck_attention(ck_workers *workers, const ck_attention_job *jobs, uint32_t count);
void ck_attention_ref(const ck_attention_job *job);

// Elementwise ---------------------------------------------------------------------------------------------------------

/// `out[rows, width] = silu(x[:, ..< width]) * x[:, width ..< 2 * width]`, `x` being `[rows, 2 * width]`.
void ck_silu_mul(ck_workers *workers, float *out, size_t out_stride, const float *x, size_t x_stride, uint32_t rows,
                 uint32_t width);
void ck_silu_mul_ref(float *out, size_t out_stride, const float *x, size_t x_stride, uint32_t rows, uint32_t width);

/// In place, the tanh form: `x / (1 + exp(-2u))`, `u = √(2/π)(x + 0.044715x³)`.
void ck_gelu_tanh(ck_workers *workers, float *x, size_t count);
void ck_gelu_tanh_ref(float *x, size_t count);

/// In place, the exact form: `x · Φ(x)`.
void ck_gelu_erf(ck_workers *workers, float *x, size_t count);
void ck_gelu_erf_ref(float *x, size_t count);

/// In place: `exp(x)`, at most 2 ulp off from e⁻⁸⁶ to e⁸⁸; zero below, e⁸⁸ above. Softmax and the activations use it.
void ck_exp(ck_workers *workers, float *x, size_t count);

/// Widens `count` numbers, whole blocks in GGUF's layout, to f32, with the same bits as the `gguf` package.
void ck_widen(float *out, const void *in, ck_type type, size_t count);

/// Rounds `count` numbers, whole blocks, to `type` in GGUF's layout, on the calling thread. Searches the scales of the
/// K types for the least squared error. On every machine the bytes equal those of llama.cpp's quantiser without an
/// importance matrix, except for the sign of a scale or minimum of zero.
/// Returns false if a number was not finite or exceeded the range of the type. Then f16 and bf16 hold an infinity or
/// NaN; blocks treat NaN as 0 and limit numbers to ±65504, so that no scale is infinite or NaN.
bool ck_quantize(void *out, const float *in, ck_type type, size_t count);

/// `out[patches², 3 * patch²]`: the non-overlapping patches of an 8-bit RGB view `[side, side, 3]`, row-major, channel
/// after channel, mapped through `levels[3, 256]`. Incomplete patches at the right and lower edge are skipped.
void ck_patches(ck_workers *workers, float *out, const uint8_t *view, uint32_t side, uint32_t patch,
                const float *levels);

#pragma clang assume_nonnull end
#endif
