#include "proc/host/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "proc/host/elf.h"
#include "proc/host/linux.h"
#include "proc/host/oserr_priv.h"

#ifdef JIT_SANITIZED
#define LIBRARIES true /* a sanitizer's runtime is one */
#else
#define LIBRARIES false
#endif

/* The copy is sealed by now, so what is judged here is what will be executed. */
static enum jit_err judge(int fd, uint64_t size, struct host_loader *out, const char **why)
{
    void *bytes = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
        return host_os_err(errno);
    }
    enum jit_err err = host_elf_judge(bytes, (size_t)size, LIBRARIES, &out->image_size, why);
    (void)munmap(bytes, (size_t)size);
    return err;
}

static enum jit_err copy(int source, int target, uint64_t size)
{
    off_t at = 0;
    while ((uint64_t)at < size) {
        ssize_t n = sendfile(target, source, &at, size - (uint64_t)at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? host_os_err(errno) : JIT_EIO; /* it became shorter */
        }
    }
    return JIT_OK;
}

static int exec_memfd(bool *exec_seal)
{
    int fd = memfd_create("jitos-worker", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    *exec_seal = fd >= 0;
    if (fd < 0 && errno == EINVAL) { /* before 6.3 every memfd can be executed */
        fd = memfd_create("jitos-worker", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    }
    return fd;
}

static enum jit_err store(const uint8_t *bytes, size_t size, int target)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pwrite(target, bytes + done, size - done, (off_t)done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? host_os_err(errno) : JIT_ENOSPC;
        }
        done += (size_t)n;
    }
    return JIT_OK;
}

/* Seal what was written to `fd`, and open it anew for reading and executing only. A file that is
 * open for writing cannot be executed, and one that cannot be read makes the process that executes
 * it non-dumpable: reopen first, then take the read right away. */
static enum jit_err seal(int fd, bool exec_seal, struct host_loader *made)
{
    char path[40];
    int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | (exec_seal ? F_SEAL_EXEC : 0);
    if (fcntl(fd, F_ADD_SEALS, seals) != 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL) != 0) {
        return host_os_err(errno);
    }
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    made->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (made->fd < 0) {
        return host_os_err(errno);
    }
#ifndef JIT_SANITIZED /* whose runtime reads its own /proc/self */
    if (fchmod(fd, 0111) != 0) {
        return host_os_err(errno);
    }
#endif
    return JIT_OK;
}

/* From a file, or from bytes when source is -1. */
static enum jit_err make(int source, const uint8_t *bytes, uint64_t size, struct host_loader *out,
                         const char **why)
{
    struct host_loader made = HOST_LOADER_NONE;
    bool exec_seal = false;
    int fd = exec_memfd(&exec_seal);
    if (fd < 0) {
        return host_os_err(errno);
    }
    enum jit_err err = source >= 0 ? copy(source, fd, size) : store(bytes, (size_t)size, fd);
    if (err == JIT_OK) {
        err = seal(fd, exec_seal, &made);
    }
    if (err == JIT_OK) {
        err = judge(made.fd, size, &made, why);
    }
    if (err == JIT_OK) {
        *out = made;
        made = (struct host_loader)HOST_LOADER_NONE; /* transferred */
    }
    (void)close(fd);
    host_loader_close(&made);
    return err;
}

enum jit_err host_loader_open_fd(int source, struct host_loader *out, const char **why)
{
    struct stat st;

    assert(out != NULL && why != NULL);
    *out = (struct host_loader)HOST_LOADER_NONE;
    *why = NULL;
    if (fstat(source, &st) != 0) {
        return host_os_err(errno);
    }
    if (!S_ISREG(st.st_mode) || st.st_size <= 0) {
        *why = "it is not a file with bytes in it";
        return JIT_EFORMAT;
    }
    if ((uint64_t)st.st_size > HOST_ELF_BYTES_MAX) {
        *why = "it is larger than 64 MiB";
        return JIT_ELIMIT;
    }
    return make(source, NULL, (uint64_t)st.st_size, out, why);
}

enum jit_err host_loader_make(const uint8_t *bytes, size_t bytes_size, struct host_loader *out,
                              const char **why)
{
    uint64_t image_size = 0;

    assert(out != NULL && why != NULL);
    *out = (struct host_loader)HOST_LOADER_NONE;
    /* Judged twice: what is nonsense is not worth a copy. */
    enum jit_err err = host_elf_judge(bytes, bytes_size, LIBRARIES, &image_size, why);
    return err != JIT_OK ? err : make(-1, bytes, bytes_size, out, why);
}

enum jit_err host_loader_open(const char *path, struct host_loader *out, const char **why)
{
    assert(path != NULL);
    *why = NULL;
    *out = (struct host_loader)HOST_LOADER_NONE;
    int source = open(path, O_RDONLY | O_CLOEXEC);
    if (source < 0) {
        return host_os_err(errno);
    }
    enum jit_err err = host_loader_open_fd(source, out, why);
    (void)close(source);
    return err;
}

void host_loader_close(struct host_loader *loader)
{
    if (loader->fd >= 0) {
        (void)close(loader->fd);
    }
    *loader = (struct host_loader)HOST_LOADER_NONE;
}
