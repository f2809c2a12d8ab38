/* For tests, preloaded: lets the nth change of a regular file kill the process, half done or not at all, or fail. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { OFF, KILL, KILL_HALF_WAY, FULL_ONCE, FULL_FROM_NOW_ON, BROKEN_ONCE };

static volatile int mode = OFF;
static volatile long at = 0, count = 0;

void faults_arm(int how, long when) { mode = how; at = when; count = 0; }
long faults_count(void) { return count; }

/* Whether this change is the one that fails; `half` is set where a part of it is done before. */
static int strikes(int fd, int *half) {
    struct stat found;
    *half = 0;
    if (mode == OFF || fstat(fd, &found) != 0 || !S_ISREG(found.st_mode))
        return 0;
    long number = __sync_add_and_fetch(&count, 1);
    if (number < at || (number > at && mode != FULL_FROM_NOW_ON))
        return 0;
    if (mode == KILL)
        kill(getpid(), SIGKILL);
    *half = mode == KILL_HALF_WAY;
    errno = mode == BROKEN_ONCE ? EIO : ENOSPC;
    return 1;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t place) {
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    int half;
    if (!real) real = dlsym(RTLD_NEXT, "pwrite64");
    if (strikes(fd, &half)) {
        if (!half) return -1;
        real(fd, data, size / 2, place);
        kill(getpid(), SIGKILL);
    }
    return real(fd, data, size, place);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t place) { return pwrite64(fd, data, size, place); }

ssize_t write(int fd, const void *data, size_t size) {
    static ssize_t (*real)(int, const void *, size_t);
    int half;
    if (!real) real = dlsym(RTLD_NEXT, "write");
    if (strikes(fd, &half)) {
        if (!half) return -1;
        real(fd, data, size / 2);
        kill(getpid(), SIGKILL);
    }
    return real(fd, data, size);
}

int ftruncate64(int fd, off64_t size) {
    static int (*real)(int, off64_t);
    int half;
    if (!real) real = dlsym(RTLD_NEXT, "ftruncate64");
    if (strikes(fd, &half)) {
        if (half) kill(getpid(), SIGKILL);
        return -1;
    }
    return real(fd, size);
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

static int synced(const char *name, int fd) {
    int half;
    if (strikes(fd, &half)) {
        if (half) kill(getpid(), SIGKILL);
        return -1;
    }
    return ((int (*)(int))dlsym(RTLD_NEXT, name))(fd);
}

int fsync(int fd) { return synced("fsync", fd); }
int fdatasync(int fd) { return synced("fdatasync", fd); }
