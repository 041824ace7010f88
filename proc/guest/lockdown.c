#include "proc/guest/lockdown.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"

#ifndef SYS_mseal /* 6.10; one number on every architecture */
#define SYS_mseal 462
#endif

#define FILTER_HEAD_SIZE 8u
#define FILTER_MAX       512u

#ifndef JIT_SANITIZED

/* The bytes may lie anywhere; the kernel wants them aligned. */
static enum jit_err take_filter(const struct guest_lockdown *what, struct sock_filter *code,
                                uint16_t *count)
{
    const uint8_t *bytes = what->filter;
    if (bytes == NULL || what->filter_size < FILTER_HEAD_SIZE) {
        return JIT_EFORMAT;
    }
    memcpy(count, bytes, sizeof *count);
    if (*count == 0 || *count > FILTER_MAX ||
        what->filter_size != FILTER_HEAD_SIZE + *count * sizeof *code) {
        return JIT_EFORMAT;
    }
    memcpy(code, bytes + FILTER_HEAD_SIZE, *count * sizeof *code);
    return JIT_OK;
}

static enum jit_err seal_maps(const struct guest_lockdown *what)
{
    for (size_t i = 0; i < what->ranges_count; i++) {
        if (syscall(SYS_mseal, what->ranges[i].base, what->ranges[i].size, 0) == 0) {
            continue;
        }
        if (errno != ENOSYS) {
            return JIT_EIO;
        }
        return what->mseal_required ? JIT_ENOTSUP : JIT_OK;
    }
    return JIT_OK;
}

/* The host's part is in force: without it the last filter would be all there is. */
static bool confined(void)
{
    int death = 0;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
           prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == SECCOMP_MODE_FILTER &&
           prctl(PR_GET_PDEATHSIG, &death, 0, 0, 0) == 0 && death == SIGKILL;
}

#endif

enum jit_err guest_lockdown(const struct guest_lockdown *what)
{
    assert(what != NULL);
#ifdef JIT_SANITIZED
    return JIT_OK; /* the null sandbox: a sanitizer's runtime needs its descriptors and calls */
#else
    struct sock_filter code[FILTER_MAX];
    uint16_t count = 0;
    enum jit_err err = take_filter(what, code, &count);
    if (err != JIT_OK) {
        return err;
    }
    if (!confined() || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        return JIT_EPERM;
    }
    /* The C library's heap asks for a random number once, at its first use: now, while it may. */
    void *volatile first = malloc(1); /* volatile: it is not to be optimised away */
    if (first == NULL) {
        return JIT_ENOMEM;
    }
    free(first);
    err = seal_maps(what);
    if (err != JIT_OK) {
        return err;
    }
    if (syscall(SYS_close_range, 0, ~0u, 0) != 0) {
        return JIT_EIO;
    }
    const struct sock_fprog program = {count, code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0 ? JIT_OK : JIT_EIO;
#endif
}
