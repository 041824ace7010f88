#include "proc/host/loader.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "proc/host/linux.h"
#include "proc/host/oserr_priv.h"

#define SEGMENTS_MAX 64

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#error "proc/host/loader.c does not know this machine's ELF number"
#endif

/* The copy is sealed by now, so what is judged here is what will be executed. */
static enum jit_err judge(int fd, struct host_loader *out)
{
    ElfW(Ehdr) head;
    ElfW(Phdr) segment;
    if (pread(fd, &head, sizeof head, 0) != (ssize_t)sizeof head ||
        memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_type != ET_DYN ||
        head.e_machine != MACHINE || head.e_phentsize != sizeof segment ||
        head.e_phnum > SEGMENTS_MAX) {
        return JIT_EFORMAT;
    }
    out->image_size = 0;
    for (unsigned i = 0; i < head.e_phnum; i++) {
        off_t at = (off_t)(head.e_phoff + i * sizeof segment);
        if (at < 0 || pread(fd, &segment, sizeof segment, at) != (ssize_t)sizeof segment) {
            return JIT_EFORMAT;
        }
        if (segment.p_type == PT_LOAD) {
            if (segment.p_vaddr > HOST_LOADER_BYTES_MAX ||
                segment.p_memsz > HOST_LOADER_BYTES_MAX ||
                (segment.p_flags & (PF_W | PF_X)) == (PF_W | PF_X)) {
                return JIT_EFORMAT;
            }
            uint64_t end = segment.p_vaddr + segment.p_memsz;
            out->image_size = end > out->image_size ? end : out->image_size;
        }
#ifndef JIT_SANITIZED /* a sanitizer's runtime is a shared library */
        if (segment.p_type == PT_INTERP) {
            return JIT_EFORMAT; /* there is no dynamic loader in an empty root */
        }
#endif
    }
    return out->image_size > 0 ? JIT_OK : JIT_EFORMAT;
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

enum jit_err host_loader_open_fd(int source, struct host_loader *out)
{
    struct host_loader made = HOST_LOADER_NONE;
    enum jit_err err;
    struct stat st;
    char path[40];
    bool exec_seal = false;
    int fd = -1;

    assert(out != NULL);
    *out = (struct host_loader)HOST_LOADER_NONE;
    if (fstat(source, &st) != 0) {
        return host_os_err(errno);
    }
    if (!S_ISREG(st.st_mode) || st.st_size <= 0) {
        return JIT_EFORMAT;
    }
    if ((uint64_t)st.st_size > HOST_LOADER_BYTES_MAX) {
        return JIT_ELIMIT;
    }
    fd = exec_memfd(&exec_seal);
    if (fd < 0) {
        return host_os_err(errno);
    }
    err = copy(source, fd, (uint64_t)st.st_size);
    if (err != JIT_OK) {
        goto out;
    }
    int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | (exec_seal ? F_SEAL_EXEC : 0);
    if (fcntl(fd, F_ADD_SEALS, seals) != 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL) != 0) {
        err = host_os_err(errno);
        goto out;
    }
    /* A file that is open for writing cannot be executed, and one that cannot be read makes the
     * process that executes it non-dumpable: reopen first, then take the read right away. */
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    made.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (made.fd < 0) {
        err = host_os_err(errno);
        goto out;
    }
#ifndef JIT_SANITIZED /* whose runtime reads its own /proc/self */
    if (fchmod(fd, 0111) != 0) {
        err = host_os_err(errno);
        goto out;
    }
#endif
    err = judge(made.fd, &made);
    if (err != JIT_OK) {
        goto out;
    }
    *out = made;
    made = (struct host_loader)HOST_LOADER_NONE; /* transferred */
out:
    (void)close(fd);
    host_loader_close(&made);
    return err;
}

enum jit_err host_loader_open(const char *path, struct host_loader *out)
{
    assert(path != NULL);
    *out = (struct host_loader)HOST_LOADER_NONE;
    int source = open(path, O_RDONLY | O_CLOEXEC);
    if (source < 0) {
        return host_os_err(errno);
    }
    enum jit_err err = host_loader_open_fd(source, out);
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
