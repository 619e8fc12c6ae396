/* Logs what a process does to the files of one folder, in order, so that any disk after a power cut can be rebuilt.

   LD_PRELOAD; POWER_FOLDER names the folder (with a slash at its end), POWER_LOG the log. A record is one byte of kind,
   then little-endian: path length (2), path, offset (8), data length (4), data.
   W write, T truncate (offset: size), S sync of a file, D sync of the folder, C create, U unlink, R rename (data: to). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define MOST 65536
static char *paths[MOST];
static int log_number = -1;
static char folder[4096];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) {
  const char *named = getenv("POWER_FOLDER"), *log = getenv("POWER_LOG");
  if (named) strncpy(folder, named, sizeof folder - 1);
  if (log) log_number = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void put(const void *data, size_t size) {
  const char *at = data;
  while (size) {
    long done = syscall(SYS_write, log_number, at, size);
    if (done <= 0) _exit(97);
    at += done, size -= (size_t)done;
  }
}

static void note(char kind, const char *path, uint64_t offset, const void *data, uint32_t size) {
  if (log_number < 0) return;
  uint16_t length = (uint16_t)strlen(path);
  char head[1 + 2 + 4096 + 12];
  size_t at = 0;
  head[at++] = kind;
  memcpy(head + at, &length, 2), at += 2;
  memcpy(head + at, path, length), at += length;
  memcpy(head + at, &offset, 8), at += 8;
  memcpy(head + at, &size, 4), at += 4;
  put(head, at);
  if (size) put(data, size);
}

static const char *inside(const char *path) {
  size_t length = strlen(folder);
  if (!length || !path) return NULL;
  if (strncmp(path, folder, length) == 0) return path + length;
  return strlen(path) + 1 == length && strncmp(path, folder, length - 1) == 0 ? "." : NULL;
}

static const char *of(int fd) { return fd >= 0 && fd < MOST ? paths[fd] : NULL; }

static int opened(int fd, const char *path, int flags, int existed) {
  const char *name = fd >= 0 ? inside(path) : NULL;
  if (fd < 0 || fd >= MOST) return fd;
  pthread_mutex_lock(&mutex);
  free(paths[fd]);
  paths[fd] = name ? strdup(name) : NULL;
  if (name && (flags & O_CREAT) && !existed) note('C', name, 0, NULL, 0);
  if (name && (flags & O_TRUNC) && existed) note('T', name, 0, NULL, 0);
  pthread_mutex_unlock(&mutex);
  return fd;
}

static int there(const char *path) { struct stat found; return inside(path) && stat(path, &found) == 0; }

#define OPEN(name, call)                                            \
  int name(const char *path, int flags, ...) {                      \
    va_list rest; va_start(rest, flags);                            \
    int mode = (flags & O_CREAT) ? va_arg(rest, int) : 0;           \
    va_end(rest);                                                   \
    int existed = there(path);                                      \
    return opened((int)syscall(SYS_openat, AT_FDCWD, path, flags, mode), path, flags, existed); }
OPEN(open, 0)
OPEN(open64, 0)

#define OPENAT(name)                                                \
  int name(int at, const char *path, int flags, ...) {              \
    va_list rest; va_start(rest, flags);                            \
    int mode = (flags & O_CREAT) ? va_arg(rest, int) : 0;           \
    va_end(rest);                                                   \
    int existed = there(path);                                      \
    return opened((int)syscall(SYS_openat, at, path, flags, mode), path, flags, existed); }
OPENAT(openat)
OPENAT(openat64)

int close(int fd) {
  if (fd >= 0 && fd < MOST && paths[fd]) {
    pthread_mutex_lock(&mutex);
    free(paths[fd]), paths[fd] = NULL;
    pthread_mutex_unlock(&mutex);
  }
  return (int)syscall(SYS_close, fd);
}

static ssize_t wrote(int fd, const void *data, size_t size, off_t offset) {
  const char *name = of(fd);
  if (!name) return offset < 0 ? syscall(SYS_write, fd, data, size) : syscall(SYS_pwrite64, fd, data, size, offset);
  pthread_mutex_lock(&mutex);
  off_t at = offset < 0 ? lseek(fd, 0, SEEK_CUR) : offset;
  if (offset < 0 && (fcntl(fd, F_GETFL) & O_APPEND)) at = lseek(fd, 0, SEEK_END);
  ssize_t done = offset < 0 ? syscall(SYS_write, fd, data, size) : syscall(SYS_pwrite64, fd, data, size, offset);
  if (done > 0) note('W', name, (uint64_t)at, data, (uint32_t)done);
  pthread_mutex_unlock(&mutex);
  return done;
}
ssize_t write(int fd, const void *data, size_t size) { return wrote(fd, data, size, -1); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) { return wrote(fd, data, size, offset); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) { return wrote(fd, data, size, offset); }

static int synced(int fd, long call) {
  const char *name = of(fd);
  if (!name) return (int)syscall(call, fd);
  pthread_mutex_lock(&mutex);
  note(strcmp(name, ".") ? 'S' : 'D', name, 0, NULL, 0);  /* the simulated disk keeps it from here on */
  pthread_mutex_unlock(&mutex);
  return 0;
}
int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

static int cut(int fd, off_t size) {
  const char *name = of(fd);
  if (!name) return (int)syscall(SYS_ftruncate, fd, size);
  pthread_mutex_lock(&mutex);
  int done = (int)syscall(SYS_ftruncate, fd, size);
  if (done == 0) note('T', name, (uint64_t)size, NULL, 0);
  pthread_mutex_unlock(&mutex);
  return done;
}
int ftruncate(int fd, off_t size) { return cut(fd, size); }
int ftruncate64(int fd, off64_t size) { return cut(fd, size); }

int unlink(const char *path) {
  const char *name = inside(path);
  pthread_mutex_lock(&mutex);
  int done = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
  if (name && done == 0) note('U', name, 0, NULL, 0);
  pthread_mutex_unlock(&mutex);
  return done;
}

int rename(const char *from, const char *to) {
  const char *name = inside(from), *become = inside(to);
  pthread_mutex_lock(&mutex);
  int done = (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
  if (done == 0 && name && become) note('R', name, 0, become, (uint32_t)strlen(become));
  pthread_mutex_unlock(&mutex);
  return done;
}
