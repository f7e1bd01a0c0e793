/*
 * Notes what a process asks of the files in one directory: every write with its bytes, truncation, removal and sync, in
 * order. Preloaded with LD_PRELOAD; can also make syncs fail.
 *
 * Rule: an operation is noted only after the system has performed it, and never changed.
 *
 *   RECORDER_DIRECTORY   the directory, as an absolute path without symbolic links
 *   RECORDER_OUTPUT      the file to note it in, outside of that directory
 *   RECORDER_FAIL_SYNC   optional: "7-9" fails the 7th to the 9th sync with EIO; "7-" the 7th and all that follow
 *
 * A note is: operation (1 byte: W, T, U, S, or F for a sync that failed), 7 bytes of nothing, three 64-bit numbers of this machine (offset or new size,
 * count of bytes of data, count of bytes of the path), the path, the data. A sync may be one of the directory itself.
 * SQLite's -shm files are left out: they are made anew after a crash.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define LONGEST_PATH 1024

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off64_t);
static int (*real_unlink)(const char *);

static const char *directory;
static size_t directory_length;
static int output = -1;
static long first_failing = LONG_MAX;
static long last_failing = LONG_MAX;
static long syncs = 0;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) {
  real_write = dlsym(RTLD_NEXT, "write");
  real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
  real_unlink = dlsym(RTLD_NEXT, "unlink");
  const char *path = getenv("RECORDER_OUTPUT");
  const char *failing = getenv("RECORDER_FAIL_SYNC");
  directory = getenv("RECORDER_DIRECTORY");
  if (failing != NULL) sscanf(failing, "%ld-%ld", &first_failing, &last_failing);
  if (directory == NULL || path == NULL) return;
  directory_length = strlen(directory);
  output = open(path, O_CREAT | O_WRONLY | O_APPEND, 0600);
}

static int concerns_us(const char *path) {
  if (strncmp(path, directory, directory_length) != 0) return 0;
  if (path[directory_length] != '/' && path[directory_length] != '\0') return 0;
  return strstr(path, "-shm") == NULL;
}

/* The path of an open file, when it is one to be noted. */
static const char *noted_path(int fd) {
  static __thread char path[LONGEST_PATH];
  char link[64];
  if (output < 0 || fd < 0 || fd == output) return NULL;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return NULL;
  path[length] = '\0';
  return concerns_us(path) ? path : NULL;
}

static void put(const void *bytes, size_t count) {
  const char *at = bytes;
  while (count > 0) {
    ssize_t written = real_write(output, at, count);
    /* A recording with a hole in it proves nothing. */
    if (written <= 0) abort();
    at += written;
    count -= (size_t)written;
  }
}

static void note(char operation, const char *path, uint64_t offset, const void *data, uint64_t count) {
  struct {
    char operation;
    char nothing[7];
    uint64_t offset, count, path_length;
  } head = {operation, {0}, offset, count, strlen(path)};
  pthread_mutex_lock(&one_at_a_time);
  put(&head, sizeof head);
  put(path, head.path_length);
  if (data != NULL) put(data, count);
  pthread_mutex_unlock(&one_at_a_time);
}

ssize_t write(int fd, const void *data, size_t count) {
  const char *path = noted_path(fd);
  off64_t offset = path == NULL ? 0 : lseek64(fd, 0, SEEK_CUR);
  /* Appending, the position is the end, wherever it stood before. */
  if (path != NULL && (fcntl(fd, F_GETFL) & O_APPEND) != 0) offset = lseek64(fd, 0, SEEK_END);
  ssize_t result = real_write(fd, data, count);
  if (path != NULL && result > 0) note('W', path, (uint64_t)offset, data, (uint64_t)result);
  return result;
}

ssize_t pwrite64(int fd, const void *data, size_t count, off64_t offset) {
  ssize_t result = real_pwrite(fd, data, count, offset);
  const char *path = noted_path(fd);
  if (path != NULL && result > 0) note('W', path, (uint64_t)offset, data, (uint64_t)result);
  return result;
}

ssize_t pwrite(int fd, const void *data, size_t count, off_t offset) { return pwrite64(fd, data, count, offset); }

static int noted_sync(int fd, const char *path, int (*real)(int)) {
  int result = real(fd);
  if (result == 0) note('S', path, 0, NULL, 0);
  return result;
}

static int synced(int fd, int (*real)(int)) {
  const char *path = noted_path(fd);
  if (path == NULL) return real(fd);
  /* The sync of a directory is let through: SQLite does not ask what came of it, and Linux's file systems keep the name of a
   * new file when the file itself is synced. */
  if (path[directory_length] == '\0') return noted_sync(fd, path, real);
  syncs++;
  if (syncs >= first_failing && syncs <= last_failing) {
    note('F', path, 0, NULL, 0);
    errno = EIO;
    return -1;
  }
  return noted_sync(fd, path, real);
}

int fsync(int fd) { return synced(fd, real_fsync); }

int fdatasync(int fd) { return synced(fd, real_fdatasync); }

int ftruncate64(int fd, off64_t size) {
  int result = real_ftruncate(fd, size);
  const char *path = noted_path(fd);
  if (path != NULL && result == 0) note('T', path, (uint64_t)size, NULL, 0);
  return result;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int unlink(const char *path) {
  int result = real_unlink(path);
  if (result == 0 && output >= 0 && concerns_us(path)) note('U', path, 0, NULL, 0);
  return result;
}
