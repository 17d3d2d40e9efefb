// Fork and join over a fixed pool.
//
// `gate` holds an epoch, whether a job is open, and how many workers are inside. The caller opens the gate with a new
// epoch. Workers enter by counting themselves in, take task numbers from `next` and leave. The caller takes tasks too,
// closes the gate when none is left and waits for the workers inside. A worker that wakes too late finds the gate
// closed. So even on a busy machine, a pool is at most one task slower than its caller alone.
#if defined(__linux__)
#define _GNU_SOURCE
#include "workers.h"
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { INSIDE = 0x7fff, OPEN = 0x8000, EPOCH = 0x10000 };
/// Checks of the gate before sleeping: about 20 µs, the time between two operations of a forward pass.
enum { SPINS = 2000 };

struct ck_workers {
  _Alignas(64) _Atomic uint32_t gate;
  _Atomic uint32_t sleepers;
  _Atomic bool stopping, caller_sleeps;
  _Alignas(64) _Atomic uint32_t next;
  // The caller writes these while the gate is closed and no worker is inside; workers inside read them.
  _Alignas(64) ck_task *task;
  const void *context;
  uint32_t count;
  const ck_kernel_table *table;
  void *buffer;
  size_t buffer_bytes;
  int32_t threads;
  pthread_t handles[];
};

static void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void sleep_while(_Atomic uint32_t *word, uint32_t value) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void wake_all(_Atomic uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0); }

static void take_tasks(ck_workers *w) {
  for (uint32_t i; (i = atomic_fetch_add_explicit(&w->next, 1, memory_order_relaxed)) < w->count;)
    w->task(w->context, i);
}

/// Waits for an open gate with another epoch than `last` and returns the gate's value, or 0 when the pool stops.
static uint32_t await_job(ck_workers *w, uint32_t last) {
  for (int spins = 0;; spins++) {
    uint32_t gate = atomic_load(&w->gate);
    if (atomic_load(&w->stopping)) return 0;
    if ((gate & OPEN) && gate / EPOCH != last) return gate;
    if (spins < SPINS) {
      pause_briefly();
      continue;
    }
    atomic_fetch_add(&w->sleepers, 1);
    // The kernel compares the gate again: if it opens between the load and here, the sleep ends at once.
    if (!atomic_load(&w->stopping)) sleep_while(&w->gate, gate);
    atomic_fetch_sub(&w->sleepers, 1);
    spins = 0;
  }
}

static void *work(void *argument) {
  ck_workers *w = argument;
  uint32_t last = 0;
  for (;;) {
    uint32_t gate = await_job(w, last);
    if (!gate) return NULL;
    if (!atomic_compare_exchange_strong(&w->gate, &gate, gate + 1)) continue;
    last = gate / EPOCH;
    take_tasks(w);
    uint32_t left = atomic_fetch_sub(&w->gate, 1) - 1;
    if (!(left & (OPEN | INSIDE)) && atomic_load(&w->caller_sleeps)) wake_all(&w->gate);
  }
}

void ck_workers_run(ck_workers *w, uint32_t count, ck_task *task, const void *context) {
  if (w->threads == 1 || count <= 1) {
    for (uint32_t i = 0; i < count; i++) task(context, i);
    return;
  }
  w->task = task;
  w->context = context;
  w->count = count;
  atomic_store_explicit(&w->next, 0, memory_order_relaxed);
  uint32_t epoch = atomic_load(&w->gate) / EPOCH + 1;
  if (epoch > UINT16_MAX) epoch = 1;
  atomic_store(&w->gate, epoch * EPOCH + OPEN);
  if (atomic_load(&w->sleepers)) wake_all(&w->gate);
  take_tasks(w);
  uint32_t gate = atomic_fetch_and(&w->gate, ~(uint32_t)OPEN) & ~(uint32_t)OPEN;
  for (int spins = 0; gate & INSIDE; gate = atomic_load(&w->gate)) {
    if (spins++ < SPINS) {
      pause_briefly();
      continue;
    }
    atomic_store(&w->caller_sleeps, true);
    gate = atomic_load(&w->gate);
    if (gate & INSIDE) sleep_while(&w->gate, gate);
    atomic_store(&w->caller_sleeps, false);
  }
}

bool ck_set_thread_stack(size_t bytes) {
  pthread_attr_t attributes;
  if (pthread_getattr_default_np(&attributes)) return false;
  bool done = !pthread_attr_setstacksize(&attributes, bytes) && !pthread_setattr_default_np(&attributes);
  pthread_attr_destroy(&attributes);
  return done;
}

static void *wait_for_lock(void *lock) {
  pthread_mutex_lock(lock);
  pthread_mutex_unlock(lock);
  return NULL;
}

int32_t ck_try_threads(int32_t wanted) {
  pthread_t threads[64];
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  int32_t count = 0;
  pthread_mutex_lock(&lock);
  while (count < wanted && count < 64 && !pthread_create(&threads[count], NULL, wait_for_lock, &lock)) count++;
  pthread_mutex_unlock(&lock);
  for (int32_t i = 0; i < count; i++) pthread_join(threads[i], NULL);
  return count;
}

ck_workers *ck_workers_create(int32_t threads, ck_isa isa) {
  const ck_kernel_table *table = ck_table(isa);
  if (!table || threads < 1 || threads > 1024) return NULL;
  ck_workers *w = aligned_alloc(64, (sizeof *w + (size_t)threads * sizeof(pthread_t) + 63) / 64 * 64);
  if (!w) return NULL;
  atomic_init(&w->gate, EPOCH);
  atomic_init(&w->sleepers, 0);
  atomic_init(&w->stopping, false);
  atomic_init(&w->caller_sleeps, false);
  atomic_init(&w->next, 0);
  w->table = table;
  w->buffer = NULL;
  w->buffer_bytes = 0;
  w->threads = 1;
  // Workers block all signals: handlers run on the program's own threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (int32_t i = 1; i < threads; i++) {
    if (pthread_create(&w->handles[i], NULL, work, w)) break;
    pthread_setname_np(w->handles[i], "kernel-worker");
    w->threads = i + 1;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (w->threads == threads) return w;
  ck_workers_destroy(w);
  return NULL;
}

void ck_workers_destroy(ck_workers *w) {
  atomic_store(&w->stopping, true);
  // Changing the gate ends a sleep that is just beginning.
  atomic_fetch_xor(&w->gate, 0x80000000u);
  wake_all(&w->gate);
  for (int32_t i = 1; i < w->threads; i++) pthread_join(w->handles[i], NULL);
  free(w->buffer);
  free(w);
}

bool ck_workers_resize(ck_workers *w, size_t bytes) {
  if (bytes <= w->buffer_bytes) return true;
  void *buffer = bytes < SIZE_MAX - 63 ? aligned_alloc(64, (bytes + 63) / 64 * 64) : NULL;
  if (!buffer) return false;
  free(w->buffer);
  w->buffer = buffer;
  w->buffer_bytes = bytes;
  return true;
}

void *ck_workers_buffer(const ck_workers *w, size_t *bytes) {
  *bytes = w->buffer_bytes;
  return w->buffer;
}

int32_t ck_workers_count(const ck_workers *w) { return w->threads; }
const ck_kernel_table *ck_workers_table(const ck_workers *w) { return w->table; }
#endif
