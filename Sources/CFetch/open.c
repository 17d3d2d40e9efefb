// Opens files below one directory: with openat2 (Linux 5.6), or by walking without links if it is not available.
#define _GNU_SOURCE
#include "CFetch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY };

void cf_free(char *text) { free(text); }

static int open_at_once(int root, const char *path) {
  struct open_how how = {.flags = flags, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS};
  long descriptor = syscall(SYS_openat2, root, path, &how, sizeof how);
  return descriptor < 0 ? -errno : (int)descriptor;
}

/// Opens one name after the other; each must be a directory and not a link, and the last one is the file.
static int open_by_walking(int root, const char *path) {
  int folder = root, opened;
  for (;;) {
    char name[256];
    size_t length = strcspn(path, "/");
    if (length == 0 || length >= sizeof name) {
      opened = length == 0 ? -ENOENT : -ENAMETOOLONG;
      break;
    }
    memcpy(name, path, length);
    name[length] = '\0';
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
      opened = -EXDEV;
      break;
    }
    int is_last = path[length] == '\0';
    opened = openat(folder, name, is_last ? flags : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (opened < 0) opened = -errno;
    if (is_last || opened < 0) break;
    if (folder != root) close(folder);
    folder = opened;
    path += length + 1;
  }
  if (folder != root) close(folder);
  return opened;
}

int cf_open_beneath(int root, const char *path, int walk) {
  int opened = walk ? -ENOSYS : open_at_once(root, path);
  // System call filters that do not know the call return EPERM.
  return opened == -ENOSYS || opened == -EPERM ? open_by_walking(root, path) : opened;
}
