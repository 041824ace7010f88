#include "proc/host/fence.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "proc/host/filter_priv.h"
#include "proc/host/linux.h"
#include "proc/host/lockdown_priv.h"
#include "proc/host/oserr_priv.h"

/* Whatever their arguments: over descriptors, memory, time and itself. Opening is Landlock's to
 * judge. tests/proc/test_fence_calls.sh knows who needs each. */
static const int calls[] = {
    /* files and descriptors */
    SCMP_SYS(read),
    SCMP_SYS(pread64),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(pwrite64),
    SCMP_SYS(pwritev),
    SCMP_SYS(pwritev2),
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(close),
    SCMP_SYS(lseek),
    SCMP_SYS(fstat),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(fstatfs),
    SCMP_SYS(access),
    SCMP_SYS(getdents64),
    SCMP_SYS(readlink),
    SCMP_SYS(flock),
    SCMP_SYS(dup3),
    SCMP_SYS(pipe2),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fallocate),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),
    SCMP_SYS(linkat),
    SCMP_SYS(fchmod),
    SCMP_SYS(umask),
    SCMP_SYS(fadvise64),
    SCMP_SYS(sendfile),
    /* memory */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(memfd_create),
    SCMP_SYS(mlock),
    SCMP_SYS(munlock),
    /* waiting, time, threads of its own */
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(eventfd2),
    SCMP_SYS(futex),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(gettid),
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getegid),
    SCMP_SYS(getrandom),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    SCMP_SYS(getrlimit),
    /* signals: to itself and its children, of which it has no number but a descriptor */
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(signalfd4),
    SCMP_SYS(pidfd_send_signal),
    SCMP_SYS(wait4),
    SCMP_SYS(waitid),
    /* local sockets: clients that come */
    SCMP_SYS(bind),
    SCMP_SYS(listen),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(shutdown),
    SCMP_SYS(getsockopt),
    SCMP_SYS(getsockname),
    /* the rings that are there (kernel/event/uring.h) */
    SCMP_SYS(io_uring_enter),
};

#define THREAD_FLAGS                                                                               \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

struct rule {
    int number;
    uint32_t action;
    unsigned count;
    struct scmp_arg_cmp args[2];
};
static const struct rule rules[] = {
    /* never code made of data */
    {SCMP_SYS(mmap), SCMP_ACT_ALLOW, 1, {{2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}}},
    {SCMP_SYS(mprotect), SCMP_ACT_ALLOW, 1, {{2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}}},
    /* threads, no processes; the C library tries the newer call first */
    {SCMP_SYS(clone), SCMP_ACT_ALLOW, 1, {{0, SCMP_CMP_MASKED_EQ, THREAD_FLAGS, THREAD_FLAGS}}},
    {SCMP_SYS(clone3), SCMP_ACT_ERRNO(ENOSYS), 0, {{0, SCMP_CMP_EQ, 0, 0}}},
    /* Only one to listen on: a datagram names its own receiver. */
    {SCMP_SYS(socket),
     SCMP_ACT_ALLOW,
     2,
     {{0, SCMP_CMP_EQ, AF_UNIX, 0},
      {1, SCMP_CMP_MASKED_EQ, ~(scmp_datum_t)(SOCK_CLOEXEC | SOCK_NONBLOCK), SOCK_STREAM}}},
    {SCMP_SYS(sendto), SCMP_ACT_ALLOW, 1, {{4, SCMP_CMP_EQ, 0, 0}}},
    /* Of descriptors: no signals to somebody else by way of their owner. */
    {SCMP_SYS(fcntl), SCMP_ACT_ALLOW, 1, {{1, SCMP_CMP_LT, F_SETOWN, 0}}},
    {SCMP_SYS(fcntl), SCMP_ACT_ALLOW, 1, {{1, SCMP_CMP_GE, F_DUPFD_CLOEXEC, 0}}},
    /* a worker that floods: lower, and back to where workers begin */
    {SCMP_SYS(sched_setscheduler), SCMP_ACT_ALLOW, 1, {{1, SCMP_CMP_EQ, SCHED_IDLE, 0}}},
    {SCMP_SYS(sched_setscheduler), SCMP_ACT_ALLOW, 1, {{1, SCMP_CMP_EQ, SCHED_BATCH, 0}}},
    {SCMP_SYS(prlimit64), SCMP_ACT_ALLOW, 1, {{0, SCMP_CMP_EQ, 0, 0}}},
    {SCMP_SYS(prctl), SCMP_ACT_ALLOW, 1, {{0, SCMP_CMP_EQ, PR_SET_NAME, 0}}},
    {SCMP_SYS(prctl), SCMP_ACT_ALLOW, 1, {{0, SCMP_CMP_EQ, 0x53564d41 /* PR_SET_VMA */, 0}}},
};

static int add_rules(scmp_filter_ctx ctx)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof calls / sizeof calls[0]; i++) {
        result = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
    }
#ifdef SYS_futex_waitv
    if (result == 0) {
        result = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SYS_futex_waitv, 0);
    }
#endif
    for (size_t i = 0; result == 0 && i < sizeof rules / sizeof rules[0]; i++) {
        result = seccomp_rule_add_array(ctx, rules[i].action, rules[i].number, rules[i].count,
                                        rules[i].args);
    }
    /* A signal by number is only for itself: that is how it dies on purpose. */
    static const int signals[] = {SCMP_SYS(kill), SCMP_SYS(tgkill)};
    for (size_t i = 0; result == 0 && i < sizeof signals / sizeof signals[0]; i++) {
        result = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, signals[i], 1,
                                  SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
    }
    return result;
}

enum jit_err host_fence_filter(struct host_filter *out)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (ctx == NULL) {
        return JIT_ENOMEM;
    }
    int result = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (result == 0) {
        result = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree: it is asked often */
    }
    if (result == 0) {
        result = add_rules(ctx);
    }
    enum jit_err err = result == 0         ? host_filter_take(ctx, out)
                       : result == -ENOMEM ? JIT_ENOMEM
                                           : JIT_ENOTSUP;
    seccomp_release(ctx);
    return err;
}

#ifndef JIT_SANITIZED

/* All that this kernel can forbid is forbidden but below the folder. */
static enum jit_err restrict_files(const struct host_probe *probe, int folder_fd)
{
    struct host_landlock_attr attr;
    size_t size = host_landlock_deny_all(probe->landlock_abi, &attr);
    /* Its own children get signals, by descriptor. */
    attr.scoped &= ~UINT64_C(2);
    struct landlock_path_beneath_attr below = {.allowed_access = attr.handled_access_fs,
                                               .parent_fd = folder_fd};
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
    if (ruleset < 0) {
        return host_os_err(errno);
    }
    enum jit_err err = JIT_OK;
    below.allowed_access &= ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE;
    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &below, 0) != 0 ||
        syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) {
        err = host_os_err(errno);
    }
    (void)close(ruleset);
    return err;
}

#endif

enum jit_err host_fence(const struct host_probe *probe, int folder_fd)
{
    assert(probe != NULL && folder_fd >= 0);
#ifdef JIT_SANITIZED
    return JIT_OK; /* a sanitizer's runtime looks into /proc and starts a process to symbolise */
#else
    struct host_filter filter;
    enum jit_err err = host_fence_filter(&filter);
    if (err != JIT_OK) {
        return err;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return host_os_err(errno);
    }
    if (probe->facts[HOST_LANDLOCK].present) {
        err = restrict_files(probe, folder_fd);
        if (err != JIT_OK) {
            return err;
        }
    }
    const struct sock_fprog program = {filter.count, filter.code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0 ? JIT_OK
                                                                           : host_os_err(errno);
#endif
}
