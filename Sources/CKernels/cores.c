// The number of cores that this process may use: the affinity mask, limited by the CPU quota of its control groups
// (version 2 or 1).
#if defined(__linux__)
#define _GNU_SOURCE
#include "CKernels.h"
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// Reads the first line of a file without its newline. Returns false if there is none.
static bool first_line(const char *path, char *line, int size) {
  FILE *file = fopen(path, "re");
  if (!file) return false;
  bool read = fgets(line, size, file) != NULL;
  fclose(file);
  if (read) line[strcspn(line, "\n")] = 0;
  return read;
}

/// The cores that `quota` microseconds in every `period` amount to, rounded up; `limit` without a quota.
static int32_t cores_in(long long quota, long long period, int32_t limit) {
  if (quota <= 0 || period <= 0) return limit;
  long long cores = (quota + period - 1) / period;
  return cores < limit ? (int32_t)cores : limit;
}

/// The smallest quota from `group` up to the root of the hierarchy, which is mounted at `root`.
static int32_t walk(const char *root, char *group, bool version2, int32_t limit) {
  for (;;) {
    char path[1024], line[64];
    if (version2) {
      long long quota, period;
      snprintf(path, sizeof path, "%s%s/cpu.max", root, group);
      if (first_line(path, line, sizeof line) && sscanf(line, "%lld %lld", &quota, &period) == 2)
        limit = cores_in(quota, period, limit);
    } else {
      char second[64];
      snprintf(path, sizeof path, "%s%s/cpu.cfs_quota_us", root, group);
      bool has_quota = first_line(path, line, sizeof line);
      snprintf(path, sizeof path, "%s%s/cpu.cfs_period_us", root, group);
      if (has_quota && first_line(path, second, sizeof second)) limit = cores_in(atoll(line), atoll(second), limit);
    }
    char *slash = strrchr(group, '/');
    if (!slash) return limit;
    *slash = 0;
  }
}

int32_t ck_usable_cores(void) {
  cpu_set_t *set = CPU_ALLOC(4096);
  int32_t cores = 1;
  if (set) {
    size_t size = CPU_ALLOC_SIZE(4096);
    CPU_ZERO_S(size, set);
    if (sched_getaffinity(0, size, set) == 0) cores = CPU_COUNT_S(size, set);
    CPU_FREE(set);
  }
  FILE *file = fopen("/proc/self/cgroup", "re");
  char line[512];
  while (file && fgets(line, sizeof line, file)) {  // "0::/group" in version 2, "4:cpu,cpuacct:/group" in version 1
    line[strcspn(line, "\n")] = 0;
    char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group) continue;
    *group++ = 0;
    if (strcmp(group, "/") == 0) *group = 0;
    controllers++;
    if (*controllers == 0) cores = walk("/sys/fs/cgroup", group, true, cores);
    else if (strcmp(controllers, "cpu") == 0 || strncmp(controllers, "cpu,", 4) == 0)
      cores = walk("/sys/fs/cgroup/cpu", group, false, cores);
  }
  if (file) fclose(file);
  return cores < 1 ? 1 : cores;
}
#endif
