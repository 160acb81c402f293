/*
 * Preloaded into one writer process: logs every write, truncation and sync of the database and its WAL, and every
 * acknowledgement, in the order in which they happen. What a power loss may take away can then be replayed.
 *
 * Record: four little-endian 64-bit words {operation, file, offset, length}, then `length` bytes of payload.
 * Operation: 1 write, 2 truncate (offset is the new size), 3 sync, 9 acknowledgement. File: 1 database, 2 WAL.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_FD 65536
enum { DATABASE = 1, WAL = 2, ACKNOWLEDGEMENT = 3 };

static unsigned char kinds[MAX_FD];
static int64_t positions[MAX_FD];
static int log_fd = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define NEXT(type, name) ((type)dlsym(RTLD_NEXT, name))

static void record(uint64_t operation, uint64_t file, uint64_t offset, uint64_t length, const void *payload) {
  static ssize_t (*next_writev)(int, const struct iovec *, int);
  if (log_fd < 0) return;
  if (!next_writev) next_writev = NEXT(ssize_t (*)(int, const struct iovec *, int), "writev");
  uint64_t head[4] = {operation, file, offset, length};
  struct iovec parts[2] = {{head, sizeof head}, {(void *)payload, payload ? length : 0}};
  pthread_mutex_lock(&lock);
  (void)!next_writev(log_fd, parts, 2);
  pthread_mutex_unlock(&lock);
}

static void opened(int fd, const char *path) {
  static int (*next_open)(const char *, int, ...);
  const char *database = getenv("TRADEDB_WRITE_LOG_DATABASE");
  const char *log = getenv("TRADEDB_WRITE_LOG");
  const char *acknowledgements = getenv("TRADEDB_WRITE_LOG_ACKNOWLEDGEMENTS");
  if (fd < 0 || fd >= MAX_FD || !path) return;
  kinds[fd] = 0;
  positions[fd] = 0;
  if (!database || !log || !acknowledgements) return;
  size_t length = strlen(database);
  if (strcmp(path, database) == 0) kinds[fd] = DATABASE;
  else if (strncmp(path, database, length) == 0 && strcmp(path + length, "-wal") == 0) kinds[fd] = WAL;
  else if (strcmp(path, acknowledgements) == 0) kinds[fd] = ACKNOWLEDGEMENT;
  if (kinds[fd] && log_fd < 0) {
    if (!next_open) next_open = NEXT(int (*)(const char *, int, ...), "open");
    log_fd = next_open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  }
}

static int kind_of(int fd) { return fd >= 0 && fd < MAX_FD ? kinds[fd] : 0; }

static void written(int fd, const void *bytes, ssize_t count, off_t offset) {
  if (count <= 0) return;
  if (kind_of(fd) == ACKNOWLEDGEMENT) record(9, 0, 0, count, bytes);
  else if (kind_of(fd)) record(1, kinds[fd], offset, count, bytes);
}

#define OPEN(name)                                                            \
  int name(const char *path, int flags, ...) {                                \
    static int (*next)(const char *, int, ...);                               \
    if (!next) next = NEXT(int (*)(const char *, int, ...), #name);           \
    va_list list;                                                             \
    va_start(list, flags);                                                    \
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(list, mode_t) : 0; \
    va_end(list);                                                             \
    int fd = next(path, flags, mode);                                         \
    int kept = errno;                                                         \
    opened(fd, path);                                                         \
    errno = kept;                                                             \
    return fd;                                                                \
  }
OPEN(open)
OPEN(open64)

ssize_t write(int fd, const void *bytes, size_t count) {
  static ssize_t (*next)(int, const void *, size_t);
  if (!next) next = NEXT(ssize_t (*)(int, const void *, size_t), "write");
  ssize_t done = next(fd, bytes, count);
  int kept = errno;
  if (done > 0 && kind_of(fd)) {
    written(fd, bytes, done, positions[fd]);
    positions[fd] += done;
  }
  errno = kept;
  return done;
}

#define PWRITE(name, offset_type)                                                        \
  ssize_t name(int fd, const void *bytes, size_t count, offset_type offset) {            \
    static ssize_t (*next)(int, const void *, size_t, offset_type);                      \
    if (!next) next = NEXT(ssize_t (*)(int, const void *, size_t, offset_type), #name);  \
    ssize_t done = next(fd, bytes, count, offset);                                       \
    int kept = errno;                                                                    \
    written(fd, bytes, done, offset);                                                    \
    errno = kept;                                                                        \
    return done;                                                                         \
  }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define FTRUNCATE(name, size_type)                                   \
  int name(int fd, size_type size) {                                 \
    static int (*next)(int, size_type);                              \
    if (!next) next = NEXT(int (*)(int, size_type), #name);          \
    int result = next(fd, size);                                     \
    int kept = errno;                                                \
    int kind = kind_of(fd);                                          \
    if (result == 0 && kind && kind != ACKNOWLEDGEMENT) record(2, kind, size, 0, 0); \
    errno = kept;                                                    \
    return result;                                                   \
  }
FTRUNCATE(ftruncate, off_t)
FTRUNCATE(ftruncate64, off64_t)

/* With TRADEDB_WRITE_LOG_SKIP_SYNC every n-th sync is neither made nor logged: a disk that lies, for tests. */
static int skips(void) {
  static int every = -1, seen = 0;
  if (every < 0) {
    const char *text = getenv("TRADEDB_WRITE_LOG_SKIP_SYNC");
    every = text ? atoi(text) : 0;
  }
  return every > 0 && ++seen % every == 0;
}

#define SYNC(name)                                                   \
  int name(int fd) {                                                 \
    static int (*next)(int);                                         \
    if (!next) next = NEXT(int (*)(int), #name);                     \
    int kind = kind_of(fd);                                          \
    if (!kind || kind == ACKNOWLEDGEMENT) return next(fd);           \
    if (skips()) return 0;                                           \
    int result = next(fd);                                           \
    int kept = errno;                                                \
    if (result == 0) record(3, kind, 0, 0, 0);                       \
    errno = kept;                                                    \
    return result;                                                   \
  }
SYNC(fsync)
SYNC(fdatasync)

int close(int fd) {
  static int (*next)(int);
  if (!next) next = NEXT(int (*)(int), "close");
  if (fd >= 0 && fd < MAX_FD) kinds[fd] = 0;
  return next(fd);
}
