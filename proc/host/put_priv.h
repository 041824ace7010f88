/* proc/host/put_priv.h - words for the kernel, written into its files.
 * Layer: proc/host, private. */
#ifndef JIT_PROC_HOST_PUT_PRIV_H
#define JIT_PROC_HOST_PUT_PRIV_H

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* In one write, as files of proc and cgroup want it. -1: errno says why. */
static inline int host_put_text(int dir, const char *file, const char *text)
{
    int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    ssize_t n = write(fd, text, strlen(text));
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return n == (ssize_t)strlen(text) ? 0 : -1;
}

#endif
