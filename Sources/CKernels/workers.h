// The pool as the operations see it: run a number of independent tasks, return when all are done.
#ifndef WORKERS_H
#define WORKERS_H

#include "kernel_table.h"

typedef void ck_task(const void *context, uint32_t task);

/// Calls `task(context, i)` once for every i below `count`, in any order, on the caller and the idle workers.
void ck_workers_run(ck_workers *workers, uint32_t count, ck_task *task, const void *context);
const ck_kernel_table *ck_workers_table(const ck_workers *workers);
/// Makes room for at least `bytes`, aligned to 64; what was there is lost. False when there is no memory.
bool ck_workers_resize(ck_workers *workers, size_t bytes);
/// The room, and how large it is; for the caller's operations only.
void *ck_workers_room(const ck_workers *workers, size_t *bytes);

#endif
