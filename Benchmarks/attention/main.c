// How near attention comes to the machine's limits at R-4B's shapes: multiply–add for prompts and views, read bandwidth
// for decoding. Every figure is the best of many short runs, so that other work on the machine hides little; the limits
// are measured in the same way between them. Prints one line a case: `case, isa, threads, GFLOP/s or GB/s, share of the
// limit`.
#define _GNU_SOURCE
#include "CKernels.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *memory(size_t bytes) {
  void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) exit(1);
  madvise(p, bytes, MADV_HUGEPAGE);
  return p;
}

static uint64_t state = 1;
static float number(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (float)(int32_t)(state >> 32) * 0x1p-31f;
}

// Limits --------------------------------------------------------------------------------------------------------------

#if defined(__x86_64__)
#define TARGET(name) __attribute__((target(name)))
#else
#define TARGET(name)
#endif

/// Multiply–adds of `lanes` lanes, as many at once as hide their latency; the value keeps them from being left out.
#define MULTIPLY_ADD(NAME, LANES, FEATURES, FUSED)                                                             \
  TARGET(FEATURES) static float NAME(int steps) {                                                              \
    typedef float v __attribute__((ext_vector_type(LANES)));                                                   \
    v sums[12], a = (v)1.0000001f, b = (v)0.9999999f;                                                          \
    for (int i = 0; i < 12; i++) sums[i] = (v)(float)i;                                                        \
    for (int step = 0; step < steps; step++) _Pragma("clang loop unroll(full)") for (int i = 0; i < 12; i++) { \
        sums[i] = FUSED ? __builtin_elementwise_fma(sums[i], a, b) : sums[i] * a + b;                          \
        __asm__ volatile("" : "+v"(sums[i]));                                                                  \
      }                                                                                                        \
    float total = 0;                                                                                           \
    for (int i = 0; i < 12; i++) total += sums[i][0];                                                          \
    return total;                                                                                              \
  }

#if defined(__x86_64__)
MULTIPLY_ADD(peak_baseline, 4, "sse2", false)
MULTIPLY_ADD(peak_avx2, 8, "avx2,fma", true)
MULTIPLY_ADD(peak_avx512, 16, "avx512f", true)
#endif

/// GFLOP/s of one core, or 0 where no probe is written.
static double peak(ck_isa isa) {
  double best = 0;
#if defined(__x86_64__)
  float (*probe)(int) = isa == CK_AVX512 ? peak_avx512 : isa == CK_AVX2 ? peak_avx2 : peak_baseline;
  const int steps = 20000, lanes = isa == CK_AVX512 ? 16 : isa == CK_AVX2 ? 8 : 4;
  for (int i = 0; i < 200; i++) {
    double begin = now();
    if (probe(steps) == 0) exit(1);  // never, but the compiler cannot know
    double rate = 12.0 * steps * lanes * 2 / (now() - begin) * 1e-9;
    if (rate > best) best = rate;
  }
#else
  (void)isa;
#endif
  return best;
}

/// Bytes read once and never written, in pieces; the next piece was not read for as long as possible.
static double read_piece(const char *data, size_t bytes) {
  typedef uint64_t v __attribute__((ext_vector_type(4)));
  v sums[4] = {0};
  double begin = now();
  for (size_t i = 0; i < bytes; i += sizeof sums)
    for (int j = 0; j < 4; j++) {
      v x;
      memcpy(&x, data + i + (size_t)j * sizeof x, sizeof x);
      sums[j] ^= x;
    }
  v total = sums[0] ^ sums[1] ^ sums[2] ^ sums[3];
  __asm__ volatile("" : : "r"(total[0] ^ total[1] ^ total[2] ^ total[3]));
  return now() - begin;
}

// Cases ---------------------------------------------------------------------------------------------------------------

typedef struct shape {
  const char *name;
  ck_type type;
  uint32_t rows, depth, heads, kv_heads, dim;
  bool causal;
} shape;

static const char *type_name(ck_type type) { return type == CK_F32 ? "f32" : type == CK_F16 ? "f16" : "q8_0"; }

/// Caches of `layers` layers, so that one is not in the caches when it is used again.
static void measure(ck_workers *workers, const char *isa, shape s, uint32_t layers, double limit, bool reads) {
  const uint32_t filled = s.depth + (s.causal ? s.rows : 0), segments = (filled + CK_KV_SEGMENT - 1) / CK_KV_SEGMENT;
  const size_t keys = s.kv_heads * ck_key_plane(s.type, s.dim), values = s.kv_heads * ck_value_plane(s.type, s.dim);
  const size_t layer = segments * (keys + values), width = s.kv_heads * s.dim;
  char *cache = memory(layers * layer);
  void **places = memory((size_t)layers * segments * sizeof(void *));
  for (uint32_t i = 0; i < layers * segments; i++) places[i] = cache + i * (keys + values);
  float *source = memory(CK_KV_SEGMENT * 2 * width * sizeof(float));
  float *queries = memory((size_t)s.rows * s.heads * s.dim * sizeof(float)),
        *out = memory((size_t)s.rows * s.heads * s.dim * sizeof(float));
  for (size_t i = 0; i < CK_KV_SEGMENT * 2 * width; i++) source[i] = number();
  for (size_t i = 0; i < (size_t)s.rows * s.heads * s.dim; i++) queries[i] = number();
  double best = INFINITY, best_read = INFINITY;
  for (uint32_t l = 0; l < layers; l++) {
    ck_kv kv = {places + l * segments, 0, keys, s.kv_heads, s.dim, s.type};
    for (uint32_t i = 0; i < segments; i++)
      ck_store_kv(workers, kv, source, source + width, 2 * width,
                  i + 1 < segments ? CK_KV_SEGMENT : filled - i * CK_KV_SEGMENT, i * CK_KV_SEGMENT);
  }
  const int rounds = reads ? 12 : 40;
  for (int round = 0; round < rounds; round++)
    for (uint32_t l = 0; l < layers; l++) {
      char *base = cache + l * layer;
      ck_kv kv = {places + l * segments, 0, keys, s.kv_heads, s.dim, s.type};
      ck_attention_job job = {queries, (size_t)s.heads * s.dim,          out,      (size_t)s.heads * s.dim, kv, s.rows,
                              s.heads, s.causal ? s.depth + 1 : s.depth, s.causal, 1 / sqrtf((float)s.dim)};
      double seconds;
      if (reads && round % 2) {
        if ((seconds = read_piece(base, layer)) < best_read) best_read = seconds;
        continue;
      }
      double begin = now();
      ck_attention(workers, &job, 1);
      if ((seconds = now() - begin) < best) best = seconds;
    }
  double scores = 0;
  for (uint32_t r = 0; r < s.rows; r++) scores += s.depth + (s.causal ? r + 1 : 0);
  const double work =
      reads ? (double)filled / (segments * CK_KV_SEGMENT) * (double)layer : scores * s.heads * s.dim * 4;
  if (reads) limit = (double)layer / best_read * 1e-9;
  printf("%-34s %-5s %-9s %d threads  %7.2f %s  %5.1f %% of %.1f\n", s.name, type_name(s.type), isa,
         ck_workers_count(workers), work / best * 1e-9, reads ? "GB/s   " : "GFLOP/s", work / best * 1e-9 / limit * 100,
         limit);
  fflush(stdout);
  munmap(cache, layers * layer), munmap(source, CK_KV_SEGMENT * 2 * width * sizeof(float));
  munmap(queries, (size_t)s.rows * s.heads * s.dim * sizeof(float)),
      munmap(out, (size_t)s.rows * s.heads * s.dim * sizeof(float));
}

int main(void) {
  static const char *const names[] = {
      [CK_BASELINE] = "baseline", [CK_AVX2] = "AVX2", [CK_AVX512] = "AVX-512", [CK_NEON] = "NEON"};
  for (ck_isa isa = CK_BASELINE; isa <= CK_NEON; isa++) {
    // Byte products make no difference here.
    if (!names[isa] || !ck_isa_available(isa)) continue;
    ck_workers *workers = ck_workers_create(1, isa);
    if (!workers) return 1;
    const double limit = peak(isa);
    // One task: 24 rows of four heads that share keys.
    measure(workers, names[isa], (shape){"prompt rows at 4,096", CK_F16, 24, 4096, 4, 1, 128, true}, 1, limit, false);
    measure(workers, names[isa], (shape){"prompt rows at 4,096", CK_Q8_0, 24, 4096, 4, 1, 128, true}, 1, limit, false);
    measure(workers, names[isa], (shape){"prompt rows at 4,096", CK_F32, 24, 4096, 4, 1, 128, true}, 1, limit, false);
    measure(workers, names[isa], (shape){"prompt rows at 0", CK_F16, 96, 0, 4, 1, 128, true}, 1, limit, false);
    measure(workers, names[isa], (shape){"view rows of 729", CK_F32, 96, 729, 1, 1, 72, false}, 1, limit, false);
    measure(workers, names[isa], (shape){"one row at 4,096", CK_F16, 1, 4096, 32, 8, 128, true}, 12, limit, true);
    measure(workers, names[isa], (shape){"one row at 4,096", CK_Q8_0, 1, 4096, 32, 8, 128, true}, 12, limit, true);
    measure(workers, names[isa], (shape){"one row at 4,096, in the cache", CK_F16, 1, 4096, 4, 1, 128, true}, 1, limit,
            false);
    measure(workers, names[isa], (shape){"one row at 4,096, in the cache", CK_Q8_0, 1, 4096, 4, 1, 128, true}, 1, limit,
            false);
    ck_workers_destroy(workers);
  }
  return 0;
}
