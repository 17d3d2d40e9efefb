// The operations of the header. Each splits its rows, columns or heads into tasks for the pool. The split never changes
// a sum, only who computes it.
#include "workers.h"
#include <string.h>

// Rows ----------------------------------------------------------------------------------------------------------------

typedef struct row_job {
  const ck_kernel_table *table;
  float *out;
  const float *x, *weight, *bias, *cosines, *sines;
  const int32_t *positions;
  size_t out_stride, x_stride;
  uint32_t rows, columns, heads, step;
  float epsilon;
  bool interleaved;
} row_job;

static void run_rms_norm(const void *context, uint32_t task) {
  const row_job *j = context;
  for (uint32_t r = task * j->step, n = ck_smaller(j->step, j->rows - r); n--; r++)
    j->table->rms_norm(j->out + r * j->out_stride, j->x + r * j->x_stride, j->columns, j->weight, j->epsilon);
}

void ck_rms_norm(ck_workers *workers, float *out, size_t out_stride, const float *x, size_t x_stride, uint32_t rows,
                 uint32_t columns, const float *weight, float epsilon) {
  row_job job = {.table = ck_workers_table(workers),
                 .out = out,
                 .x = x,
                 .weight = weight,
                 .out_stride = out_stride,
                 .x_stride = x_stride,
                 .rows = rows,
                 .columns = columns,
                 .epsilon = epsilon,
                 .step = ck_rows_per_task(columns)};
  ck_workers_run(workers, ck_divide_up(rows, job.step), run_rms_norm, &job);
}

static void run_layer_norm(const void *context, uint32_t task) {
  const row_job *j = context;
  for (uint32_t r = task * j->step, n = ck_smaller(j->step, j->rows - r); n--; r++)
    j->table->layer_norm(j->out + r * j->out_stride, j->x + r * j->x_stride, j->columns, j->weight, j->bias,
                         j->epsilon);
}

void ck_layer_norm(ck_workers *workers, float *out, size_t out_stride, const float *x, size_t x_stride, uint32_t rows,
                   uint32_t columns, const float *weight, const float *bias, float epsilon) {
  row_job job = {.table = ck_workers_table(workers),
                 .out = out,
                 .x = x,
                 .weight = weight,
                 .bias = bias,
                 .out_stride = out_stride,
                 .x_stride = x_stride,
                 .rows = rows,
                 .columns = columns,
                 .epsilon = epsilon,
                 .step = ck_rows_per_task(columns)};
  ck_workers_run(workers, ck_divide_up(rows, job.step), run_layer_norm, &job);
}

static void run_norm_rope(const void *context, uint32_t task) {
  const row_job *j = context;
  void (*rotate)(float *, uint32_t, const float *, const float *) =
      j->interleaved ? j->table->rope_pairs : j->table->rope;
  for (uint32_t r = task * j->step, n = ck_smaller(j->step, j->rows - r); n--; r++) {
    size_t at = (size_t)j->positions[r] * (j->columns / 2);
    for (uint32_t head = 0; head < j->heads; head++) {
      float *x = j->out + r * j->out_stride + (size_t)head * j->columns;
      if (j->weight) j->table->rms_norm(x, x, j->columns, j->weight, j->epsilon);
      rotate(x, j->columns, j->cosines + at, j->sines + at);
    }
  }
}

void ck_norm_rope(ck_workers *workers, float *x, size_t x_stride, uint32_t rows, uint32_t heads, uint32_t head_dim,
                  const float *weight, float epsilon, const int32_t *positions, const float *cosines,
                  const float *sines, bool interleaved) {
  row_job job = {.table = ck_workers_table(workers),
                 .out = x,
                 .weight = weight,
                 .out_stride = x_stride,
                 .rows = rows,
                 .columns = head_dim,
                 .heads = heads,
                 .epsilon = epsilon,
                 .positions = positions,
                 .cosines = cosines,
                 .sines = sines,
                 .interleaved = interleaved,
                 .step = ck_rows_per_task(heads * head_dim)};
  ck_workers_run(workers, ck_divide_up(rows, job.step), run_norm_rope, &job);
}

static void run_silu_mul(const void *context, uint32_t task) {
  const row_job *j = context;
  for (uint32_t r = task * j->step, n = ck_smaller(j->step, j->rows - r); n--; r++) {
    const float *x = j->x + r * j->x_stride;
    j->table->silu_mul(j->out + r * j->out_stride, x, x + j->columns, j->columns);
  }
}

void ck_silu_mul(ck_workers *workers, float *out, size_t out_stride, const float *x, size_t x_stride, uint32_t rows,
                 uint32_t width) {
  row_job job = {.table = ck_workers_table(workers),
                 .out = out,
                 .x = x,
                 .out_stride = out_stride,
                 .x_stride = x_stride,
                 .rows = rows,
                 .columns = width,
                 .step = ck_rows_per_task(width)};
  ck_workers_run(workers, ck_divide_up(rows, job.step), run_silu_mul, &job);
}

// Elements ------------------------------------------------------------------------------------------------------------

typedef struct map_job {
  void (*map)(float *x, size_t count);
  float *x;
  size_t count;
} map_job;

static void run_map(const void *context, uint32_t task) {
  const map_job *j = context;
  size_t begin = (size_t)task * CK_TASK_ELEMENTS, count = j->count - begin;
  j->map(j->x + begin, count < CK_TASK_ELEMENTS ? count : CK_TASK_ELEMENTS);
}

static void map(ck_workers *workers, void (*kernel)(float *, size_t), float *x, size_t count) {
  map_job job = {kernel, x, count};
  ck_workers_run(workers, ck_divide_up(count, CK_TASK_ELEMENTS), run_map, &job);
}

void ck_gelu_tanh(ck_workers *workers, float *x, size_t count) {
  map(workers, ck_workers_table(workers)->gelu_tanh, x, count);
}
void ck_gelu_erf(ck_workers *workers, float *x, size_t count) {
  map(workers, ck_workers_table(workers)->gelu_erf, x, count);
}
void ck_exp(ck_workers *workers, float *x, size_t count) { map(workers, ck_workers_table(workers)->exp, x, count); }

// Attention -----------------------------------------------------------------------------------------------------------

typedef struct store_job {
  const ck_kernel_table *table;
  ck_kv kv;
  const float *keys, *values;
  size_t stride;
  uint32_t rows, position;
} store_job;

static void run_store(const void *context, uint32_t head) {
  const store_job *j = context;
  const size_t column = (size_t)head * j->kv.head_dim;
  j->table->store_kv(&j->kv, head, j->keys + column, j->values + column, j->stride, j->rows, j->position);
}

void ck_store_kv(ck_workers *workers, ck_kv kv, const float *keys, const float *values, size_t stride, uint32_t rows,
                 uint32_t position) {
  store_job job = {ck_workers_table(workers), kv, keys, values, stride, rows, position};
  if ((size_t)rows * kv.heads * kv.head_dim >= CK_TASK_ELEMENTS) ck_workers_run(workers, kv.heads, run_store, &job);
  else
    for (uint32_t head = 0; head < kv.heads; head++) run_store(&job, head);
}

typedef struct copy_job {
  ck_kv to, from;
  uint32_t segment, count;
} copy_job;

/// Copies whole blocks of `bytes`, then the first `count % CK_KEY_BLOCK` positions of the next, followed by zeros. A
/// block has `scales` rows of scales, then `rows` rows of numbers. Positions are its columns if `across`, otherwise its
/// rows.
static void copy_plane(char *to, const char *from, size_t bytes, uint32_t count, uint32_t scales, uint32_t rows,
                       size_t size, bool across, size_t row) {
  const uint32_t whole = count / CK_KEY_BLOCK, lanes = count % CK_KEY_BLOCK;
  memcpy(to, from, whole * bytes);
  if (!lanes) return;
  to += whole * bytes, from += whole * bytes;
  memset(to, 0, bytes);
  for (uint32_t i = 0; i < scales; i++) memcpy(to + i * CK_KEY_BLOCK * 2, from + i * CK_KEY_BLOCK * 2, lanes * 2);
  to += scales * CK_KEY_BLOCK * 2, from += scales * CK_KEY_BLOCK * 2;
  if (!across) memcpy(to, from, lanes * row);
  else
    for (uint32_t i = 0; i < rows; i++)
      memcpy(to + i * CK_KEY_BLOCK * size, from + i * CK_KEY_BLOCK * size, lanes * size);
}

static void run_copy(const void *context, uint32_t head) {
  const copy_job *j = context;
  const ck_kv *kv = &j->to;
  const uint32_t dim = kv->head_dim, scales = kv->type == CK_Q8_0 ? dim / 32 : 0, at = j->segment * CK_KV_SEGMENT;
  const size_t size = kv->type == CK_Q8_0 ? 1 : ck_block_bytes(kv->type);
  copy_plane(ck_key_at(kv, head, at), ck_key_at(&j->from, head, at), ck_key_block(kv->type, dim), j->count, scales, dim,
             size, true, 0);
  copy_plane(ck_value_at(kv, head, at), ck_value_at(&j->from, head, at), ck_value_block(kv->type, dim), j->count,
             scales, 0, size, false, ck_padded_head(dim) * size);
}

void ck_copy_kv(ck_workers *workers, ck_kv to, ck_kv from, uint32_t segment, uint32_t count) {
  copy_job job = {to, from, segment, count};
  ck_workers_run(workers, to.heads, run_copy, &job);
}

typedef struct attention_batch {
  const ck_kernel_table *table;
  const ck_attention_job *jobs;
} attention_batch;

static uint32_t pair_count(const ck_attention_job *job) { return job->rows * (job->heads / job->kv.heads); }

/// The number of tasks of one KV head.
static uint32_t head_tasks(const ck_attention_job *job) {
  return ck_divide_up(pair_count(job), ck_task_pairs(job->kv.head_dim));
}

static void run_attention(const void *context, uint32_t task) {
  const attention_batch *batch = context;
  const ck_attention_job *job = batch->jobs;
  for (uint32_t n; task >= (n = head_tasks(job) * job->kv.heads); job++) task -= n;
  // The tasks of one head are consecutive: its keys and values stay in the cache that the cores share.
  const uint32_t step = ck_task_pairs(job->kv.head_dim), head = task / head_tasks(job),
                 begin = task % head_tasks(job) * step;
  batch->table->attention(job, head, begin, begin + ck_smaller(step, pair_count(job) - begin));
}

void ck_attention(ck_workers *workers, const ck_attention_job *jobs, uint32_t count) {
  attention_batch batch = {ck_workers_table(workers), jobs};
  uint32_t tasks = 0;
  for (uint32_t i = 0; i < count; i++) tasks += head_tasks(&jobs[i]) * jobs[i].kv.heads;
  ck_workers_run(workers, tasks, run_attention, &batch);
}

// Input ---------------------------------------------------------------------------------------------------------------

typedef struct patch_job {
  float *out;
  const uint8_t *view;
  const float *levels;
  uint32_t side, patch;
} patch_job;

static void run_patches(const void *context, uint32_t down) {
  const patch_job *j = context;
  const uint32_t grid = j->side / j->patch;
  float *out = j->out + (size_t)down * grid * 3 * j->patch * j->patch;
  for (uint32_t across = 0; across < grid; across++)
    for (uint32_t channel = 0; channel < 3; channel++)
      for (uint32_t y = 0; y < j->patch; y++) {
        const uint8_t *pixels = j->view + (((size_t)down * j->patch + y) * j->side + across * j->patch) * 3 + channel;
        for (uint32_t x = 0; x < j->patch; x++) *out++ = j->levels[channel * 256 + pixels[3 * (size_t)x]];
      }
}

void ck_patches(ck_workers *workers, float *out, const uint8_t *view, uint32_t side, uint32_t patch,
                const float *levels) {
  patch_job job = {out, view, levels, side, patch};
  ck_workers_run(workers, side / patch, run_patches, &job);
}
