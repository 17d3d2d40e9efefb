// The worker pool as the operations use it: it runs independent tasks and returns when all are done.
#ifndef WORKERS_H
#define WORKERS_H

#include "kernel_table.h"

/// The smallest work of a task; below it, handing the task over costs more than the work. There are two units: an
/// elementwise operation loads, changes and stores each element, while a product multiplies and adds several numbers in
/// that time.
enum { CK_TASK_ELEMENTS = 16 * 1024, CK_TASK_PRODUCTS = 64 * 1024 };

static inline uint32_t ck_divide_up(size_t a, size_t b) { return (uint32_t)((a + b - 1) / b); }
static inline uint32_t ck_smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }

/// Rows of `columns` elements that make up one task.
static inline uint32_t ck_rows_per_task(uint32_t columns) {
  return columns >= CK_TASK_ELEMENTS ? 1 : CK_TASK_ELEMENTS / (columns ? columns : 1);
}

typedef void ck_task(const void *context, uint32_t task);

/// Calls `task(context, i)` once for every i below `count`, in any order, on the caller and the idle workers.
void ck_workers_run(ck_workers *workers, uint32_t count, ck_task *task, const void *context);
const ck_kernel_table *ck_workers_table(const ck_workers *workers);
/// Allocates at least `bytes`, aligned to 64, for the caller's operations; the previous contents are lost. Returns
/// false if there is no memory.
bool ck_workers_resize(ck_workers *workers, size_t bytes);
/// Returns that memory and writes its size to `bytes`.
void *ck_workers_buffer(const ck_workers *workers, size_t *bytes);

#endif
