// Matrix products. The inputs of quantised weights are rounded once, then the rows of all parts are shared among the
// workers. The split never changes a sum, only who computes it.
#include "workers.h"
#include <string.h>

static bool is_packed(ck_type type) { return ck_block_values(type) > 1; }

/// Outputs of one task, in multiples of `tile`: enough tasks to balance a slow thread, each with enough work.
static uint32_t outputs_per_task(ck_workers *workers, size_t outputs, uint32_t rows, uint32_t columns, uint32_t tile) {
  uint32_t even = ck_divide_up(outputs, 8 * (size_t)ck_workers_count(workers));
  uint32_t least = ck_divide_up(CK_TASK_PRODUCTS, (size_t)rows * (columns ? columns : 1));
  return ck_divide_up(even > least ? even : least, tile) * tile;
}

// Plain weights -------------------------------------------------------------------------------------------------------

typedef struct product_job {
  ck_product product;
  const ck_kernel_table *table;
  uint32_t step;
} product_job;

static void run_product(const void *context, uint32_t task) {
  const product_job *job = context;
  uint32_t begin = task * job->step;
  job->table->matmul(&job->product, begin, begin + ck_smaller(job->step, job->product.w.rows - begin));
}

static void multiply_plain(ck_workers *workers, ck_product product) {
  product_job job = {product, ck_workers_table(workers), 0};
  job.step = outputs_per_task(workers, product.w.rows, product.rows, product.w.columns, 24);
  ck_workers_run(workers, ck_divide_up(product.w.rows, job.step), run_product, &job);
}

// Packed weights ------------------------------------------------------------------------------------------------------

typedef struct rounding_job {
  const ck_kernel_table *table;
  char *records;
  const float *x;
  size_t x_stride;
  uint32_t rows, columns, step;
  ck_input input;
} rounding_job;

static void run_rounding(const void *context, uint32_t task) {
  const rounding_job *j = context;
  for (uint32_t r = task * j->step, n = ck_smaller(j->step, j->rows - r); n--; r++)
    for (uint32_t c = 0; c < j->columns; c += CK_CHUNK)
      j->table->round_inputs(j->input, j->records + ck_input_offset(j->input, j->columns, j->rows, r, c / CK_CHUNK),
                             j->x + r * j->x_stride + c, ck_smaller(CK_CHUNK, j->columns - c));
}

typedef struct packed_job {
  const ck_kernel_table *table;
  ck_packed_product parts[3];
  uint32_t count, step;
} packed_job;

static uint32_t groups_of(const ck_packed_product *p) { return ck_divide_up(p->w.rows, CK_PACK_ROWS); }

static void run_packed(const void *context, uint32_t task) {
  const packed_job *job = context;
  const ck_packed_product *p = job->parts;
  for (uint32_t n; task >= (n = ck_divide_up(groups_of(p), job->step)); p++) task -= n;
  uint32_t begin = task * job->step;
  job->table->multiply_packed(p, begin, begin + ck_smaller(job->step, groups_of(p) - begin));
}

bool ck_workers_reserve(ck_workers *workers, uint32_t rows, uint32_t columns) {
  return ck_workers_resize(workers, (size_t)rows * ck_chunks(columns) * sizeof(ck_input_wide));
}

/// Multiplies parts whose inputs are rounded alike, as many rows at a time as the buffer holds.
static void multiply_packed(ck_workers *workers, packed_job *job, ck_input input, const float *x, size_t x_stride,
                            uint32_t rows) {
  const uint32_t columns = job->parts[0].w.columns;
  size_t bytes, groups = 0;
  char *records = ck_workers_buffer(workers, &bytes);
  const size_t row_bytes = ck_chunks(columns) * ck_input_bytes(input), most = row_bytes ? bytes / row_bytes : rows;
  if (!most) __builtin_trap();
  for (uint32_t i = 0; i < job->count; i++) groups += groups_of(&job->parts[i]);
  for (uint32_t done = 0, n; done < rows; done += n) {
    n = rows - done < most ? rows - done : (uint32_t)most;
    rounding_job rounding = {job->table, records, x + done * x_stride, x_stride, n, columns, 0, input};
    rounding.step = ck_rows_per_task(columns);
    ck_workers_run(workers, ck_divide_up(n, rounding.step), run_rounding, &rounding);
    uint32_t tasks = 0;
    job->step = outputs_per_task(workers, groups * CK_PACK_ROWS, n, columns, CK_PACK_ROWS) / CK_PACK_ROWS;
    for (uint32_t i = 0; i < job->count; i++) {
      job->parts[i].inputs = records;
      job->parts[i].rows = n;
      tasks += ck_divide_up(groups_of(&job->parts[i]), job->step);
    }
    ck_workers_run(workers, tasks, run_packed, job);
    for (uint32_t i = 0; i < job->count; i++) job->parts[i].out += n * job->parts[i].out_stride;
  }
}

void ck_matmul(ck_workers *workers, float *out, size_t out_stride, const float *x, size_t x_stride, uint32_t rows,
               ck_linear w, const float *bias, bool accumulate) {
  if (!rows) return;
  const ck_kernel_table *table = ck_workers_table(workers);
  packed_job job = {table, {{0}}, 0, 0};
  ck_input input = CK_INPUT_32;
  for (uint32_t i = 0; i < w.count; i++) {
    const ck_matrix part = w.parts[i];
    if (part.rows && !is_packed(part.type))
      multiply_plain(workers, (ck_product){out, x, out_stride, x_stride, rows, part, bias, accumulate});
    else if (part.rows) {
      if (job.count && input != table->input_of(part.type)) {
        multiply_packed(workers, &job, input, x, x_stride, rows);
        job.count = 0;
      }
      input = table->input_of(part.type);
      job.parts[job.count++] = (ck_packed_product){out, out_stride, NULL, rows, part, bias, accumulate};
    }
    out += part.rows;
    if (bias) bias += part.rows;
  }
  if (job.count) multiply_packed(workers, &job, input, x, x_stride, rows);
}
