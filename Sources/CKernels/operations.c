// The operations of the header: each splits its rows, columns or heads into tasks for the pool. How it splits never changes
// a sum, only who takes it.
#include "workers.h"
#include <string.h>

/// Elements below which a task is not worth handing over.
enum { GRAIN = 16 * 1024 };

static uint32_t divide_up(size_t a, size_t b) { return (uint32_t)((a + b - 1) / b); }
static uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }

/// Rows of `columns` elements that make up one task.
static uint32_t rows_per_task(uint32_t columns) { return columns >= GRAIN ? 1 : GRAIN / (columns ? columns : 1); }

// Rows --------------------------------------------------------------------------------------------------------------------

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
  for (uint32_t r = task * j->step, n = smaller(j->step, j->rows - r); n--; r++)
    j->table->rms_norm(j->out + r * j->out_stride, j->x + r * j->x_stride, j->columns, j->weight, j->epsilon);
}

void ck_rms_norm(ck_workers *workers, float *out, size_t out_stride, const float *x, size_t x_stride, uint32_t rows,
                 uint32_t columns, const float *weight, float epsilon) {
  row_job job = {.table = ck_workers_table(workers), .out = out, .x = x, .weight = weight, .out_stride = out_stride,
                 .x_stride = x_stride, .rows = rows, .columns = columns, .epsilon = epsilon, .step = rows_per_task(columns)};
  ck_workers_run(workers, divide_up(rows, job.step), run_rms_norm, &job);
}

static void run_layer_norm(const void *context, uint32_t task) {
  const row_job *j = context;
  for (uint32_t r = task * j->step, n = smaller(j->step, j->rows - r); n--; r++)
    j->table->layer_norm(j->out + r * j->out_stride, j->x + r * j->x_stride, j->columns, j->weight, j->bias, j->epsilon);
}

void ck_layer_norm(ck_workers *workers, float *out, size_t out_stride, const float *x, size_t x_stride, uint32_t rows,
                   uint32_t columns, const float *weight, const float *bias, float epsilon) {
  row_job job = {.table = ck_workers_table(workers), .out = out, .x = x, .weight = weight, .bias = bias,
                 .out_stride = out_stride, .x_stride = x_stride, .rows = rows, .columns = columns, .epsilon = epsilon,
                 .step = rows_per_task(columns)};
  ck_workers_run(workers, divide_up(rows, job.step), run_layer_norm, &job);
}

static void run_norm_rope(const void *context, uint32_t task) {
  const row_job *j = context;
  void (*rotate)(float *, uint32_t, const float *, const float *) = j->interleaved ? j->table->rope_pairs : j->table->rope;
  for (uint32_t r = task * j->step, n = smaller(j->step, j->rows - r); n--; r++) {
    size_t at = (size_t)j->positions[r] * (j->columns / 2);
    for (uint32_t head = 0; head < j->heads; head++) {
      float *x = j->out + r * j->out_stride + (size_t)head * j->columns;
      if (j->weight) j->table->rms_norm(x, x, j->columns, j->weight, j->epsilon);
      rotate(x, j->columns, j->cosines + at, j->sines + at);
    }
  }
}

void ck_norm_rope(ck_workers *workers, float *x, size_t x_stride, uint32_t rows, uint32_t heads, uint32_t head_dim,
                  const float *weight, float epsilon, const int32_t *positions, const float *cosines, const float *sines,
                  bool interleaved) {
  row_job job = {.table = ck_workers_table(workers), .out = x, .weight = weight, .out_stride = x_stride, .rows = rows,
                 .columns = head_dim, .heads = heads, .epsilon = epsilon, .positions = positions, .cosines = cosines,
                 .sines = sines, .interleaved = interleaved, .step = rows_per_task(heads * head_dim)};
  ck_workers_run(workers, divide_up(rows, job.step), run_norm_rope, &job);
}

static void run_silu_mul(const void *context, uint32_t task) {
  const row_job *j = context;
  for (uint32_t r = task * j->step, n = smaller(j->step, j->rows - r); n--; r++) {
    const float *x = j->x + r * j->x_stride;
    j->table->silu_mul(j->out + r * j->out_stride, x, x + j->columns, j->columns);
  }
}

void ck_silu_mul(ck_workers *workers, float *out, size_t out_stride, const float *x, size_t x_stride, uint32_t rows,
                 uint32_t width) {
  row_job job = {.table = ck_workers_table(workers), .out = out, .x = x, .out_stride = out_stride, .x_stride = x_stride,
                 .rows = rows, .columns = width, .step = rows_per_task(width)};
  ck_workers_run(workers, divide_up(rows, job.step), run_silu_mul, &job);
}

// Elements ----------------------------------------------------------------------------------------------------------------

typedef struct map_job {
  void (*map)(float *x, size_t count);
  float *x;
  size_t count;
} map_job;

static void run_map(const void *context, uint32_t task) {
  const map_job *j = context;
  size_t begin = (size_t)task * GRAIN, count = j->count - begin;
  j->map(j->x + begin, count < GRAIN ? count : GRAIN);
}

static void map(ck_workers *workers, void (*kernel)(float *, size_t), float *x, size_t count) {
  map_job job = {kernel, x, count};
  ck_workers_run(workers, divide_up(count, GRAIN), run_map, &job);
}

void ck_gelu_tanh(ck_workers *workers, float *x, size_t count) { map(workers, ck_workers_table(workers)->gelu_tanh, x, count); }
void ck_gelu_erf(ck_workers *workers, float *x, size_t count) { map(workers, ck_workers_table(workers)->gelu_erf, x, count); }
void ck_exp(ck_workers *workers, float *x, size_t count) { map(workers, ck_workers_table(workers)->exp, x, count); }

// Attention ---------------------------------------------------------------------------------------------------------------

typedef struct store_job {
  ck_kv kv;
  const float *keys, *values;
  size_t stride;
  uint32_t rows, position;
} store_job;

static void run_store(const void *context, uint32_t head) {
  const store_job *j = context;
  const uint32_t dim = j->kv.head_dim;
  const size_t pitch = ck_value_stride(dim);
  float *keys = j->kv.keys + head * ck_key_plane(j->kv.capacity, dim);
  float *values = j->kv.values + head * ck_value_plane(j->kv.capacity, dim);
  for (uint32_t r = 0; r < j->rows; r++) {
    const uint32_t at = j->position + r;
    const float *key = j->keys + r * j->stride + (size_t)head * dim, *value = j->values + r * j->stride + (size_t)head * dim;
    float *block = keys + (size_t)(at / CK_KEY_BLOCK) * CK_KEY_BLOCK * dim + at % CK_KEY_BLOCK;
    for (uint32_t d = 0; d < dim; d++) block[(size_t)d * CK_KEY_BLOCK] = key[d];
    memcpy(values + at * pitch, value, dim * sizeof(float));
    memset(values + at * pitch + dim, 0, (pitch - dim) * sizeof(float));
  }
}

void ck_store_kv(ck_workers *workers, ck_kv kv, const float *keys, const float *values, size_t stride, uint32_t rows,
                 uint32_t position) {
  store_job job = {kv, keys, values, stride, rows, position};
  if ((size_t)rows * kv.heads * kv.head_dim >= GRAIN) ck_workers_run(workers, kv.heads, run_store, &job);
  else
    for (uint32_t head = 0; head < kv.heads; head++) run_store(&job, head);
}

/// Query rows of one task: enough that a tile of queries is filled and the keys stay in the second cache.
enum { QUERY_ROWS = 32 };

typedef struct attention_batch {
  const ck_kernel_table *table;
  const ck_attention_job *jobs;
} attention_batch;

static uint32_t task_count(const ck_attention_job *job) { return divide_up(job->rows, QUERY_ROWS) * job->kv.heads; }

static void run_attention(const void *context, uint32_t task) {
  const attention_batch *batch = context;
  const ck_attention_job *job = batch->jobs;
  for (uint32_t n; task >= (n = task_count(job)); job++) task -= n;
  uint32_t begin = task / job->kv.heads * QUERY_ROWS;
  batch->table->attention(job, task % job->kv.heads, begin, begin + smaller(QUERY_ROWS, job->rows - begin));
}

void ck_attention(ck_workers *workers, const ck_attention_job *jobs, uint32_t count) {
  attention_batch batch = {ck_workers_table(workers), jobs};
  uint32_t tasks = 0;
  for (uint32_t i = 0; i < count; i++) tasks += task_count(&jobs[i]);
  ck_workers_run(workers, tasks, run_attention, &batch);
}

// Input -------------------------------------------------------------------------------------------------------------------

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

void ck_patches(ck_workers *workers, float *out, const uint8_t *view, uint32_t side, uint32_t patch, const float *levels) {
  patch_job job = {out, view, levels, side, patch};
  ck_workers_run(workers, side / patch, run_patches, &job);
}
