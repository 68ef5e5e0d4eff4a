/* Makes the n-th write, fsync or rename under one folder fail; loaded with LD_PRELOAD.
 *
 * DISK_FOLDER  only calls on files under this folder count
 * DISK_CALL    write, fsync or rename
 * DISK_NTH     which of them fails, from 1
 * DISK_ERRNO   with what: a number
 * DISK_TOLD    this file is made when the call has failed
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long taken;

static int fails(const char *call, const char *path)
{
    const char *folder = getenv("DISK_FOLDER"), *wanted = getenv("DISK_CALL");
    if (!folder || !wanted || strcmp(call, wanted) || strncmp(path, folder, strlen(folder)))
        return 0;
    if (atomic_fetch_add(&taken, 1) + 1 != atol(getenv("DISK_NTH")))
        return 0;
    if (getenv("DISK_TOLD"))
        close(open(getenv("DISK_TOLD"), O_CREAT | O_WRONLY, 0600));
    errno = atoi(getenv("DISK_ERRNO"));
    return 1;
}

static int fails_on(const char *call, int descriptor)
{
    char link[64], path[4096];
    int kept = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = kept;
    if (length < 0)
        return 0;
    path[length] = 0;
    return fails(call, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int d, const void *b, size_t n)
{
    return fails_on("write", d) ? -1 : REAL(write)(d, b, n);
}

ssize_t pwrite(int d, const void *b, size_t n, off_t at)
{
    return fails_on("write", d) ? -1 : REAL(pwrite)(d, b, n, at);
}

ssize_t pwrite64(int d, const void *b, size_t n, off64_t at)
{
    return fails_on("write", d) ? -1 : REAL(pwrite64)(d, b, n, at);
}

ssize_t writev(int d, const struct iovec *v, int n)
{
    return fails_on("write", d) ? -1 : REAL(writev)(d, v, n);
}

ssize_t pwritev(int d, const struct iovec *v, int n, off_t at)
{
    return fails_on("write", d) ? -1 : REAL(pwritev)(d, v, n, at);
}

ssize_t pwritev64(int d, const struct iovec *v, int n, off64_t at)
{
    return fails_on("write", d) ? -1 : REAL(pwritev64)(d, v, n, at);
}

int fsync(int d)
{
    return fails_on("fsync", d) ? -1 : REAL(fsync)(d);
}

int fdatasync(int d)
{
    return fails_on("fsync", d) ? -1 : REAL(fdatasync)(d);
}

int rename(const char *from, const char *to)
{
    return fails("rename", from) ? -1 : REAL(rename)(from, to);
}
