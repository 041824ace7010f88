#include "tests/proc/attacks.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>

#define TEXT_OF(x)   #x
#define NUMBER_OF(x) TEXT_OF(x)

/* A system call that is to end in SIGSYS, one that is refused with an errno (or allowed: 0), and
 * the same before the loader's last steps. */
#define FORBIDDEN(name, ...)                                                                       \
    {                                                                                              \
#name " " #__VA_ARGS__, true, SIGSYS,                                                      \
        {                                                                                          \
            "call", NUMBER_OF(SYS_##name), __VA_ARGS__                                             \
        }                                                                                          \
    }
#define ANSWERED(name, error, ...)                                                                 \
    {                                                                                              \
#name " " #__VA_ARGS__, false, error,                                                      \
        {                                                                                          \
            "call", NUMBER_OF(SYS_##name), __VA_ARGS__                                             \
        }                                                                                          \
    }
#define EARLY(name, ...)                                                                           \
    {                                                                                              \
        "early " #name " " #__VA_ARGS__, true, SIGSYS,                                             \
        {                                                                                          \
            "early", "call", NUMBER_OF(SYS_##name), __VA_ARGS__                                    \
        }                                                                                          \
    }
#define EARLY_ANSWERED(name, error, ...)                                                           \
    {                                                                                              \
        "early " #name " " #__VA_ARGS__, false, error,                                             \
        {                                                                                          \
            "early", "call", NUMBER_OF(SYS_##name), __VA_ARGS__                                    \
        }                                                                                          \
    }

/* The list of SANDBOX 3, by its numbers, and what a loader could do before its last steps. Numbers
 * in quotes are flags of the calls; words are addresses. */
const struct attack attacks[] = {
    /* allowed */
    {"exit", false, 7, {"exit", "7"}},
    ANSWERED(madvise, 0, "graph", "4096", "4" /* DONTNEED */),
    ANSWERED(mprotect, 0, "private", "4096", "1"),
    ANSWERED(munmap, 0, "private", "4096"),
    ANSWERED(futex, 0, "ring", "1" /* WAKE */, "1"),
    ANSWERED(mmap, 0, "0", "4096", "3", "0x22", "-1"),
    ANSWERED(mremap, ENOMEM, "graph", "4096", "8192"),
    /* 1 to 9: other processes, other programs, files */
    FORBIDDEN(clone3, "0", "88"),
    FORBIDDEN(clone, "0x10000000" /* NEWUSER */),
    FORBIDDEN(execve, "path", "0", "0"),
    FORBIDDEN(execveat, "7", "path", "0", "0", "0x1000"),
    FORBIDDEN(memfd_create, "path", "0"),
    FORBIDDEN(openat, "-100", "path", "0"),
    FORBIDDEN(openat2, "-100", "path", "ring", "24"),
    /* 14 to 19: sockets */
    FORBIDDEN(socket, "2", "1", "0"),
    FORBIDDEN(socket, "1", "1", "0"),
    FORBIDDEN(socket, "38", "5", "0"),
    FORBIDDEN(socketpair, "1", "1", "0", "ring"),
    /* 20 to 28: other processes, keys */
    FORBIDDEN(ptrace, "0"),
    FORBIDDEN(ptrace, "16", "1"),
    FORBIDDEN(process_vm_writev, "1", "ring", "0", "ring", "0", "0"),
    FORBIDDEN(kill, "-1", "0"),
    FORBIDDEN(kill, "1", "9"),
    FORBIDDEN(pidfd_open, "1", "0"),
    FORBIDDEN(kcmp, "1", "1", "0"),
    FORBIDDEN(keyctl, "0", "-3", "0"),
    FORBIDDEN(add_key, "path", "path", "path", "1", "-2"),
    /* 29 to 36: large kernel surfaces */
    FORBIDDEN(userfaultfd, "1"),
    FORBIDDEN(perf_event_open, "ring", "0", "-1", "-1", "0"),
    FORBIDDEN(bpf, "0", "ring", "72"),
    FORBIDDEN(io_uring_setup, "8", "ring"),
    FORBIDDEN(open_by_handle_at, "-100", "ring", "0"),
    FORBIDDEN(personality, "0x400000"),
    /* 37 to 43: identity, namespaces, mounts, terminals */
    FORBIDDEN(setuid, "0"),
    FORBIDDEN(unshare, "0x10000000"),
    FORBIDDEN(mount, "path", "path", "path", "0", "0"),
    FORBIDDEN(setns, "3", "0"),
    FORBIDDEN(chroot, "path"),
    FORBIDDEN(ioctl, "0", "0x5412", "ring"),
#ifdef __x86_64__
    /* 44 to 46: other ways in */
    {"int 0x80 getpid", true, SIGSYS, {"int80", "20"}},
    {"int 0x80 open", true, SIGSYS, {"int80", "5"}},
    {"x32 getpid", true, SIGSYS, {"call", "0x40000027"}},
#endif
    {"number 100000", true, SIGSYS, {"call", "100000"}},
    {"number -1", true, SIGSYS, {"call", "-1"}},
    /* 47 to 58: memory */
    {"store to the view", true, SIGSEGV, {"store", "view", "0"}},
    {"store to the program", true, SIGSEGV, {"store", "program", "0"}},
    {"store past the graph", true, SIGBUS, {"store", "graph", "0x100000"}},
    ANSWERED(mprotect, EACCES, "view", "4096", "3"),
    ANSWERED(mprotect, EPERM, "graph", "4096", "1"),
    ANSWERED(munmap, EPERM, "view", "4096"),
    ANSWERED(munmap, EPERM, "ring", "4096"),
    FORBIDDEN(mmap, "0", "4096", "3", "1", "5"),
    FORBIDDEN(mmap, "0", "4096", "7", "0x22", "-1"),
    FORBIDDEN(mmap, "0", "4096", "4", "0x22", "-1"),
    FORBIDDEN(mmap, "code", "4096", "3", "0x32", "-1"),
    FORBIDDEN(mprotect, "graph", "4096", "5"),
    FORBIDDEN(pkey_mprotect, "graph", "4096", "5", "-1"),
    FORBIDDEN(madvise, "ring", "4096", "9" /* REMOVE */),
    FORBIDDEN(madvise, "graph", "4096", "9"),
    FORBIDDEN(remap_file_pages, "ring", "4096", "0", "1", "0"),
    FORBIDDEN(ftruncate, "3", "0"),
    FORBIDDEN(fallocate, "4", "3", "0", "4096"),
    FORBIDDEN(fcntl, "3", "1033", "8"),
    /* 60 to 71: limits, the sandbox itself, the rest */
    FORBIDDEN(prlimit64, "1", "7", "0", "ring"),
    FORBIDDEN(seccomp, "1", "0", "ring"),
    FORBIDDEN(prctl, "4", "1"),
    FORBIDDEN(sched_setscheduler, "0", "0", "ring"),
    FORBIDDEN(setpriority, "0", "0", "-5"),
    FORBIDDEN(reboot, "0"),
    FORBIDDEN(init_module, "0", "0", "path"),
    FORBIDDEN(inotify_init1, "0"),
    FORBIDDEN(timer_create, "0", "0", "ring"),
    FORBIDDEN(futex, "ring", "6" /* LOCK_PI */),
    FORBIDDEN(futex, "ring", "3" /* REQUEUE */),
    FORBIDDEN(close_range, "0", "0xffffffff", "0"),
    {"mseal", true, SIGSYS, {"call", "462", "code", "4096", "0"}},
    /* 72 to 80 */
    {"memory bomb", false, ENOMEM, {"memory"}},
    {"stack bomb", true, SIGSEGV, {"stack"}},
    {"abort", true, SIGSYS, {"abort"}},
    {"store to nowhere", true, SIGSEGV, {"store", "0", "0"}},
    {"illegal instruction", true, SIGILL, {"illegal"}},
    FORBIDDEN(uname, "ring"),
    FORBIDDEN(getppid),
    FORBIDDEN(getrandom, "ring", "8", "0"),
    FORBIDDEN(clock_gettime, "0", "ring"),
    FORBIDDEN(write, "2", "ring", "1"),
    FORBIDDEN(read, "0", "ring", "1"),
    FORBIDDEN(dup, "3"),
    /* Before the loader's last steps: locked in all the same. */
    EARLY(openat, "-100", "path", "0"),
    EARLY(socket, "1", "1", "0"),
    EARLY(clone3, "0", "88"),
    EARLY(execve, "path", "0", "0"),
    EARLY(execveat, "7", "path", "0", "0", "0x1000"),
    EARLY(memfd_create, "path", "0"),
    EARLY(unshare, "0x10000000"),
    EARLY(kill, "-1", "0"),
    EARLY(ptrace, "0"),
    EARLY(write, "2", "ring", "1"),
    EARLY(ftruncate, "4", "0x100000"),
    EARLY(fallocate, "3", "3", "0", "4096"),
    EARLY(mmap, "0", "4096", "3", "1", "5" /* the view, writable */),
    EARLY(mmap, "0", "4096", "3", "1", "6"),
    EARLY(prctl, "22", "2"),
    EARLY(mprotect, "code", "4096", "7"),
    EARLY_ANSWERED(write, EBADF, "8", "ring", "1"),
    EARLY_ANSWERED(mprotect, EACCES, "view", "4096", "3"),
};

const size_t attacks_count = sizeof attacks / sizeof attacks[0];

#define ALWAYS HOST_MECHANISMS

const struct layer layers[] = {
    /* limits: no process, no descriptor, no larger file */
    {ALWAYS, EARLY_ANSWERED(clone, EAGAIN, "17" /* SIGCHLD */)},
    {ALWAYS, EARLY_ANSWERED(memfd_create, EMFILE, "path", "0")},
    {ALWAYS, EARLY_ANSWERED(openat, EMFILE, "-100", "path", "0")},
    {ALWAYS, EARLY_ANSWERED(socket, EMFILE, "1", "1", "0")},
    {ALWAYS, EARLY_ANSWERED(ftruncate, EFBIG, "4", "0x100000")},
    /* empty root */
    {ALWAYS, EARLY_ANSWERED(execve, ENOENT, "path", "0", "0")},
    {ALWAYS, EARLY_ANSWERED(chdir, ENOENT, "path")},
    {ALWAYS, EARLY_ANSWERED(mkdirat, EROFS, "-100", "new", "0x1c0")},
    /* process namespace: nobody else is there */
    {ALWAYS, EARLY_ANSWERED(kill, ESRCH, "2", "0")},
    {ALWAYS, EARLY_ANSWERED(kill, ESRCH, "supervisor", "0")},
    {ALWAYS, EARLY_ANSWERED(ptrace, ESRCH, "16", "supervisor")},
    {ALWAYS, EARLY_ANSWERED(prlimit64, ESRCH, "supervisor", "7", "0", "ring")},
    /* capabilities and user namespace */
    {HOST_USER_NS, EARLY_ANSWERED(setuid, EINVAL, "0")},
    {ALWAYS, EARLY_ANSWERED(setgroups, EPERM, "0", "0")},
    {HOST_USERNS_LIMIT, EARLY_ANSWERED(unshare, ENOSPC, "0x10000000" /* NEWUSER */)},
    {ALWAYS, EARLY_ANSWERED(unshare, EPERM, "0x20000" /* NEWNS */)},
    {ALWAYS, EARLY_ANSWERED(reboot, EPERM, "0xfee1dead", "672274793", "0")},
    {ALWAYS, EARLY_ANSWERED(setpriority, EACCES, "0", "0", "-5")},
    {ALWAYS, EARLY_ANSWERED(prctl, EPERM, "28" /* SET_SECUREBITS */, "0")},
    {ALWAYS, /* securebits: all, and all locked */
     {"securebits", false, 0xef, {"early", "value", NUMBER_OF(SYS_prctl), "27"}}},
    /* memory that is never code */
    {HOST_MDWE, EARLY_ANSWERED(mmap, EACCES, "0", "4096", "7", "0x22", "-1")},
    {HOST_MDWE, EARLY_ANSWERED(mprotect, EACCES, "code", "4096", "7")},
    {HOST_MDWE, EARLY_ANSWERED(mprotect, EACCES, "private", "4096", "5")},
    /* seals and read-only descriptors */
    {ALWAYS, EARLY_ANSWERED(ftruncate, EPERM, "3", "0")},
    {ALWAYS, EARLY_ANSWERED(ftruncate, EPERM, "4", "0")},
    {ALWAYS, EARLY_ANSWERED(fcntl, EPERM, "3", "1033" /* ADD_SEALS */, "8")},
    {ALWAYS, EARLY_ANSWERED(fcntl, EPERM, "5", "1033", "8")},
    {ALWAYS, EARLY_ANSWERED(mmap, EACCES, "0", "4096", "3", "1", "5")},
    {ALWAYS, EARLY_ANSWERED(mmap, EACCES, "0", "4096", "3", "1", "6")},
    {ALWAYS, EARLY_ANSWERED(pwrite64, EBADF, "5", "ring", "1", "0")},
    {ALWAYS, EARLY_ANSWERED(fallocate, EBADF, "5", "3", "0", "4096")},
    {ALWAYS, EARLY_ANSWERED(madvise, EACCES, "view", "4096", "9" /* REMOVE */)},
    {ALWAYS, EARLY_ANSWERED(execveat, EACCES, "4", "empty", "0", "0", "0x1000")},
};

const size_t layers_count = sizeof layers / sizeof layers[0];
