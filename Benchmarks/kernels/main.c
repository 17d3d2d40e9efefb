// Measures products with packed weights against the limits of the machine: operations against a probe that only
// multiplies bytes, bytes of weights against a plain read, each with the same number of threads.
//
//   swift run -c release kernels-benchmark [columns [outputs [threads [type]]]]
//
// Prints the best of many runs, interleaved with the probes. The weights should be larger than the caches, which
// `columns · outputs` decides; their values do not affect speed.
#define _GNU_SOURCE
#include "CKernels.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

// Repeats take milliseconds, so starting a thread does not matter.
enum { MOST_THREADS = 64, REPEATS = 2000000 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

// Probes --------------------------------------------------------------------------------------------------------------

#if defined(__x86_64__)
#define STEPS(TYPE, INSTRUCTION)                                                                                     \
  TYPE a[12] = {0}, w = {0};                                                                                         \
  for (int i = 0; i < REPEATS; i++)                                                                                  \
  __asm__ volatile(INSTRUCTION(0) INSTRUCTION(1) INSTRUCTION(2) INSTRUCTION(3) INSTRUCTION(4) INSTRUCTION(5)         \
                       INSTRUCTION(6) INSTRUCTION(7) INSTRUCTION(8) INSTRUCTION(9) INSTRUCTION(10) INSTRUCTION(11)   \
                   : "+x"(a[0]), "+x"(a[1]), "+x"(a[2]), "+x"(a[3]), "+x"(a[4]), "+x"(a[5]), "+x"(a[6]), "+x"(a[7]), \
                     "+x"(a[8]), "+x"(a[9]), "+x"(a[10]), "+x"(a[11])                                                \
                   : "x"(w))
#define MADDUBS(N) "vpmaddubsw %12, %12, %" #N "\n"
#define DPBUSD(N) "vpdpbusd %12, %12, %" #N "\n"
__attribute__((target("avx2"), noinline)) static void steps_avx2(void) { STEPS(__m256i, MADDUBS); }
__attribute__((target("avx2,avxvnni"), noinline)) static void steps_avx_vnni(void) {
#define DPBUSD_VEX(N) "%{vex%} " DPBUSD(N)
  STEPS(__m256i, DPBUSD_VEX);
}
__attribute__((target("avx512bw,avx512vl"), noinline)) static void steps_avx512(void) { STEPS(__m512i, MADDUBS); }
__attribute__((target("avx512vnni,avx512vl"), noinline)) static void steps_avx512_vnni(void) { STEPS(__m512i, DPBUSD); }
#elif defined(__aarch64__)
#define STEPS(PRODUCT)                   \
  int32x4_t a[12] = {0};                 \
  int8x16_t w = vdupq_n_s8(1);           \
  for (int i = 0; i < REPEATS; i++)      \
    for (int j = 0; j < 12; j++) {       \
      a[j] = PRODUCT(a[j], w, w);        \
      __asm__ volatile("" : "+w"(a[j])); \
    }
__attribute__((target("dotprod"), noinline)) static void steps_dot(void) { STEPS(vdotq_s32) }
__attribute__((target("i8mm"), noinline)) static void steps_i8mm(void) { STEPS(vmmlaq_s32) }
#endif

typedef struct probe {
  void (*steps)(void);
  const char *name;
  /// Operations of one instruction; a product and a sum count as two.
  double operations;
} probe;

static probe probe_of(ck_isa isa) {
  switch (isa) {
#if defined(__x86_64__)
  case CK_AVX2: return (probe){steps_avx2, "vpmaddubsw, 256 bit", 64};
  case CK_AVX_VNNI: return (probe){steps_avx_vnni, "vpdpbusd, 256 bit", 64};
  case CK_AVX512: return (probe){steps_avx512, "vpmaddubsw, 512 bit", 128};
  case CK_AVX512_VNNI: return (probe){steps_avx512_vnni, "vpdpbusd, 512 bit", 128};
#elif defined(__aarch64__)
  case CK_NEON_DOT: return (probe){steps_dot, "sdot", 32};
  case CK_NEON_I8MM: return (probe){steps_i8mm, "smmla", 64};
#endif
  default: return (probe){0};
  }
}

typedef struct share {
  const probe *probe;
  const char *data;
  size_t bytes;
} share;

static void *take(void *argument) {
  const share *s = argument;
  if (!s->data) {
    s->probe->steps();
    return NULL;
  }
  typedef uint64_t vector __attribute__((vector_size(32)));
  vector sum[4] = {0};
  for (size_t i = 0; i + 128 <= s->bytes; i += 128) {
    __builtin_prefetch(s->data + i + 4096);
    __builtin_prefetch(s->data + i + 4160);
    for (int j = 0; j < 4; j++) sum[j] ^= *(const vector *)(s->data + i + 32 * j);
  }
  __asm__ volatile("" : : "r"(sum) : "memory");
  return NULL;
}

/// The seconds that `threads` threads need for the instructions of a probe, or to read `bytes` together.
static double time_of(const probe *probe, const char *data, size_t bytes, int threads) {
  pthread_t handles[MOST_THREADS];
  share shares[MOST_THREADS];
  const size_t part = bytes / (size_t)threads / 128 * 128;
  const double start = now();
  for (int i = 0; i < threads; i++) {
    shares[i] = (share){probe, data ? data + (size_t)i * part : NULL, part};
    if (i && pthread_create(&handles[i], NULL, take, &shares[i])) abort();
  }
  take(&shares[0]);
  for (int i = 1; i < threads; i++) pthread_join(handles[i], NULL);
  return now() - start;
}

// Products ------------------------------------------------------------------------------------------------------------

static const char *const names[] = {"F32",  "F16",  "BF16", "Q8_0", "Q4_0", "Q4_1",
                                    "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"};

static double smaller(double a, double b) { return a < b ? a : b; }

static void measure(ck_workers *workers, ck_type type, uint32_t k, uint32_t n, const probe *probe) {
  static const uint32_t batches[] = {1, 2, 4, 8, 32, 128, 512};
  enum { MOST_ROWS = 512, HUGE = 2 << 20 };
  const int threads = ck_workers_count(workers);
  const size_t bytes = ck_packed_bytes(type, n, k);
  char *weights = aligned_alloc(HUGE, (bytes + HUGE - 1) / HUGE * HUGE);
  float *x = malloc(MOST_ROWS * (size_t)k * sizeof *x), *out = malloc(MOST_ROWS * (size_t)n * sizeof *out);
  if (!weights || !x || !out) abort();
  madvise(weights, bytes, MADV_HUGEPAGE);
  for (size_t i = 0; i + 8 <= bytes; i += 8) {  // no scale is infinite or tiny
    uint64_t word = i * 0x9e3779b97f4a7c15u & 0x3bff3bff3bff3bffu;
    memcpy(weights + i, &word, 8);
  }
  for (size_t i = 0; i < MOST_ROWS * (size_t)k; i++) x[i] = ((float)(i * 7919 % 2001) - 1000) / 500;
  printf("%s, %zu MB\n", names[type], bytes >> 20);
  for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
    const uint32_t rows = batches[b];
    double best = 1e9, steps = 1e9, read = 1e9, spent = 0;
    for (int i = 0; i < 5 || (spent < 0.5 && i < 400); i++) {
      const double start = now();
      ck_matmul(workers, out, n, x, k, rows, ck_single((ck_matrix){weights, type, n, k}), NULL, false);
      const double took = now() - start;
      best = smaller(best, took);
      spent += took;
      if (i < 10 && probe->steps) steps = smaller(steps, time_of(probe, NULL, 0, threads));
      if (i < 10) read = smaller(read, time_of(probe, weights, bytes, threads));
    }
    const double rate = 2e-9 * rows * k * n / best, peak = 12e-9 * REPEATS * probe->operations * threads / steps;
    printf("  %3u rows: %7.1f Gop/s", rows, rate);
    if (probe->steps) printf(", %3.0f %% of %.0f", 100 * rate / peak, peak);
    printf("; %5.2f GB/s, %3.0f %% of %.2f\n", 1e-9 * (double)bytes / best, 100 * read / best,
           1e-9 * (double)bytes / read);
    fflush(stdout);
  }
  free(weights), free(x), free(out);
}

int main(int count, char **arguments) {
  const uint32_t k = count > 1 ? (uint32_t)atoi(arguments[1]) : 2560,
                 n = count > 2 ? (uint32_t)atoi(arguments[2]) : 19456;
  const int threads = count > 3 ? atoi(arguments[3]) : ck_usable_cores();
  if (!k || k % 256 || !n || threads < 1 || threads > MOST_THREADS) {
    fprintf(stderr, "usage: %s [columns, a multiple of 256 [outputs [threads [type]]]]\n", arguments[0]);
    return 2;
  }
  ck_workers *workers = ck_workers_create(threads, ck_isa_best());
  if (!workers || !ck_workers_reserve(workers, 512, k)) return 1;
  const probe probe = probe_of(ck_isa_best());
  printf("%u columns, %u outputs, %d threads; probe: %s\n", k, n, threads,
         probe.steps ? probe.name : "none for this machine");
  for (ck_type type = CK_Q8_0; type <= CK_Q6_K; type++)
    if (count < 5 || !strcmp(arguments[4], names[type])) measure(workers, type, k, n, &probe);
  ck_workers_destroy(workers);
}
