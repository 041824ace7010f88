#include "proc/host/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "proc/host/filter_priv.h"
#include "proc/host/linux.h"
#include "proc/host/oserr_priv.h"

static_assert(offsetof(struct host_filter, code) == 8, "the bytes a loader is handed");
static_assert(sizeof(struct sock_filter) == 8, "the bytes a loader is handed");

const char host_exec_path[1] = "";

/* The kernel looks at the low half of an int argument only, so the filter does too. */
#define INT_EQ(n, value)                                                                           \
    {                                                                                              \
        (n), SCMP_CMP_MASKED_EQ, 0xffffffffu, (uint32_t)(value)                                    \
    }
#define INT_EQ_EXCEPT(n, ignored, value)                                                           \
    {                                                                                              \
        (n), SCMP_CMP_MASKED_EQ, 0xffffffffu & ~(uint32_t)(ignored), (uint32_t)(value)             \
    }
#define LONG_EQ_EXCEPT(n, ignored, value)                                                          \
    {                                                                                              \
        (n), SCMP_CMP_MASKED_EQ, ~(uint64_t)(ignored), (uint64_t)(value)                           \
    }
#define RW                (PROT_READ | PROT_WRITE)
#define PRIVATE_ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

/* One allowed call (or one with a fixed answer); the arguments are all to hold. A call may have
 * several rows, of which one is to hold. */
struct row {
    int number;
    uint32_t action;
    unsigned count;
    struct scmp_arg_cmp args[3];
};
#define ALLOW(name)                                                                                \
    {                                                                                              \
        SCMP_SYS(name), SCMP_ACT_ALLOW, 0,                                                         \
        {                                                                                          \
            {                                                                                      \
                0                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
#define ALLOW_IF(name, n, ...)                                                                     \
    {                                                                                              \
        SCMP_SYS(name), SCMP_ACT_ALLOW, n,                                                         \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define ANSWER(name, error)                                                                        \
    {                                                                                              \
        SCMP_SYS(name), SCMP_ACT_ERRNO(error), 0,                                                  \
        {                                                                                          \
            {                                                                                      \
                0                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
#define FUTEX_IGNORED (FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)

/* What a worker may do while it runs. */
static const struct row final_rows[] = {
    ALLOW_IF(futex, 1, INT_EQ_EXCEPT(1, FUTEX_IGNORED, FUTEX_WAIT)),
    ALLOW_IF(futex, 1, INT_EQ_EXCEPT(1, FUTEX_IGNORED, FUTEX_WAKE)),
    ALLOW_IF(futex, 1, INT_EQ_EXCEPT(1, FUTEX_IGNORED, FUTEX_WAIT_BITSET)),
    ALLOW_IF(futex, 1, INT_EQ_EXCEPT(1, FUTEX_IGNORED, FUTEX_WAKE_BITSET)),
    /* A futex wait with a timeout comes back through here after SIGSTOP and SIGCONT. */
    ALLOW(restart_syscall),
    ALLOW(exit),
    ALLOW(exit_group),
    ALLOW(rt_sigreturn),
    ALLOW(munmap),
    ALLOW(brk),
    ALLOW_IF(mmap, 2, LONG_EQ_EXCEPT(2, RW, 0),
             LONG_EQ_EXCEPT(3, MAP_NORESERVE | MAP_STACK, PRIVATE_ANONYMOUS)),
    ALLOW_IF(mprotect, 1, LONG_EQ_EXCEPT(2, RW, 0)),
    /* No MADV_REMOVE: it would punch holes into what is shared. */
    ALLOW_IF(madvise, 1, INT_EQ(2, MADV_DONTNEED)),
    ALLOW_IF(madvise, 1, INT_EQ(2, MADV_FREE)),
    /* The C library copies instead. */
    ANSWER(mremap, ENOMEM),
};

#define MAP_FD(fd, prot)                                                                           \
    ALLOW_IF(mmap, 3, LONG_EQ_EXCEPT(2, prot, 0), LONG_EQ_EXCEPT(3, MAP_NORESERVE, MAP_SHARED),    \
             INT_EQ(4, fd))

/* What a program does before its main, and to get at what it was handed, besides. */
static const struct row runtime_rows[] = {
    ALLOW_IF(write, 1, INT_EQ(0, HOST_FD_SPAWNER)), /* to say that exec failed; then it is closed */
    /* The C runtime's start. */
    ALLOW_IF(arch_prctl, 1, INT_EQ(0, 0x1002)),                             /* ARCH_SET_FS */
    {SCMP_SYS(arch_prctl), SCMP_ACT_ERRNO(EINVAL), 1, {INT_EQ(0, 0x3001)}}, /* CET status */
    ALLOW(set_tid_address),
    ALLOW(set_robust_list),
    ALLOW(rseq),
    ALLOW(getrandom),
    ANSWER(prlimit64, ENOSYS),
    ANSWER(readlink, ENOENT),
    ANSWER(readlinkat, ENOENT),
    /* Mapping what was handed over. */
    MAP_FD(SYS_FD_RING, RW),
    MAP_FD(SYS_FD_GRAPH, RW),
    MAP_FD(SYS_FD_VIEW, PROT_READ),
    MAP_FD(SYS_FD_PROGRAM, PROT_READ),
};

/* What a loader does besides: look at sizes, lock itself in. */
static const struct row start_rows[] = {
    ALLOW(fstat),
    ALLOW_IF(newfstatat, 1, INT_EQ(3, AT_EMPTY_PATH)),
    ALLOW_IF(prctl, 2, INT_EQ(0, PR_SET_DUMPABLE), LONG_EQ_EXCEPT(1, 0, 0)),
    ALLOW_IF(prctl, 1, INT_EQ(0, PR_GET_PDEATHSIG)),
    ALLOW_IF(prctl, 1, INT_EQ(0, PR_GET_SECCOMP)),
    ALLOW_IF(prctl, 1, INT_EQ(0, PR_GET_NO_NEW_PRIVS)),
    {SYS_mseal, SCMP_ACT_ALLOW, 0, {{0}}},
    ALLOW(close_range),
    ALLOW_IF(seccomp, 2, INT_EQ(0, SECCOMP_SET_MODE_FILTER), INT_EQ(1, 0)),
};

static int add_rows(scmp_filter_ctx ctx, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int result = seccomp_rule_add_array(ctx, rows[i].action, rows[i].number, rows[i].count,
                                            rows[i].args);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

static int add_runtime_rows(scmp_filter_ctx ctx)
{
    const struct scmp_arg_cmp args[] = {
        INT_EQ(0, HOST_FD_LOADER),
        {1, SCMP_CMP_EQ, (uintptr_t)host_exec_path, 0},
        INT_EQ(4, AT_EMPTY_PATH),
    };
    int result = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(execveat), 3, args);
    return result != 0 ? result
                       : add_rows(ctx, runtime_rows, sizeof runtime_rows / sizeof runtime_rows[0]);
}

/* libseccomp writes the program to a descriptor; read it back from a memfd. */
enum jit_err host_filter_take(void *ctx, struct host_filter *out)
{
    enum jit_err err = JIT_EIO;
    int fd = memfd_create("jitos-filter", MFD_CLOEXEC);
    if (fd < 0) {
        return host_os_err(errno);
    }
    if (seccomp_export_bpf(ctx, fd) != 0) {
        goto out;
    }
    off_t size = lseek(fd, 0, SEEK_END);
    if (size <= 0 || size % (off_t)sizeof out->code[0] != 0) {
        goto out;
    }
    if (size > (off_t)sizeof out->code) {
        err = JIT_ELIMIT;
        goto out;
    }
    if (pread(fd, out->code, (size_t)size, 0) != (ssize_t)size) {
        goto out;
    }
    out->count = (uint16_t)((size_t)size / sizeof out->code[0]);
    err = JIT_OK;
out:
    (void)close(fd);
    return err;
}

enum jit_err host_filter_build(enum host_filter_kind kind, struct host_filter *out)
{
    enum jit_err err = JIT_OK;

    assert(out != NULL);
    memset(out, 0, sizeof *out);
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (ctx == NULL) {
        return JIT_ENOMEM;
    }
    int result = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (result == 0) {
        result = add_rows(ctx, final_rows, sizeof final_rows / sizeof final_rows[0]);
    }
    if (result == 0 && kind != HOST_FILTER_FINAL) {
        result = add_runtime_rows(ctx);
    }
    if (result == 0 && kind == HOST_FILTER_START) {
        result = add_rows(ctx, start_rows, sizeof start_rows / sizeof start_rows[0]);
    }
    /* The one call that is made while a tick runs is looked for first. */
    if (result == 0) {
        result = seccomp_syscall_priority(ctx, SCMP_SYS(futex), 255);
    }
    if (result != 0) {
        err = result == -ENOMEM ? JIT_ENOMEM : JIT_ENOTSUP;
        goto out;
    }
    err = host_filter_take(ctx, out);
out:
    seccomp_release(ctx);
    return err;
}

size_t host_filter_size(const struct host_filter *filter)
{
    assert(filter->count <= HOST_FILTER_MAX);
    return offsetof(struct host_filter, code) + filter->count * sizeof filter->code[0];
}
