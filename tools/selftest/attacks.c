#include "tools/selftest/attacks.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>

#include "tools/selftest/attacker.h"

#define TEXT_OF(x)   #x
#define NUMBER_OF(x) TEXT_OF(x)

/* A system call that is to end in SIGSYS, one that is refused with an errno (or allowed: 0), and
 * the same before the loader's last steps. */
#define CALL(name, ...)                                                                            \
    {                                                                                              \
        "call", NUMBER_OF(SYS_##name), __VA_ARGS__                                                 \
    }
#define EARLY_CALL(name, ...)                                                                      \
    {                                                                                              \
        "early", "call", NUMBER_OF(SYS_##name), __VA_ARGS__                                        \
    }

#define FORBIDDEN(n, name, ...)                                                                    \
    {                                                                                              \
        n, #name " " #__VA_ARGS__, true, SIGSYS, CALL(name, __VA_ARGS__), false, 0, false          \
    }
#define SURFACE(n, name, ...)                                                                      \
    {                                                                                              \
        n, #name " " #__VA_ARGS__, true, SIGSYS, CALL(name, __VA_ARGS__), false, 0, true           \
    }
#define ANSWERED(name, error, ...)                                                                 \
    {                                                                                              \
        0, #name " " #__VA_ARGS__, false, error, CALL(name, __VA_ARGS__), false, 0, (error) == 0   \
    }
#define NATIVE(n, name, killed, code, native_code, ...)                                            \
    {                                                                                              \
        n, #name " " #__VA_ARGS__, killed, code, CALL(name, __VA_ARGS__), true, native_code, true  \
    }
#define TRY(n, name, killed, code, ...)                                                            \
    {                                                                                              \
        n, name, killed, code, {__VA_ARGS__}, false, 0, false                                      \
    }
#define TRY_SURFACE(n, name, killed, code, ...)                                                    \
    {                                                                                              \
        n, name, killed, code, {__VA_ARGS__}, false, 0, true                                       \
    }
#define EARLY(name, ...)                                                                           \
    {                                                                                              \
        0, "early " #name " " #__VA_ARGS__, true, SIGSYS, EARLY_CALL(name, __VA_ARGS__), false, 0, \
            false                                                                                  \
    }
#define EARLY_ANSWERED(name, error, ...)                                                           \
    {                                                                                              \
        0, "early " #name " " #__VA_ARGS__, false, error, EARLY_CALL(name, __VA_ARGS__), false, 0, \
            false                                                                                  \
    }

/* By the numbers of SANDBOX 3. Quoted numbers are flags of the calls; words are addresses (of
 * shared memory, of code, of what the supervisor has put somewhere), s: begins a text. */
const struct attack attacks[] = {
    /* allowed */
    TRY(0, "exit", false, 7, "exit", "7"),
    ANSWERED(madvise, 0, "graph", "4096", "4" /* DONTNEED */),
    ANSWERED(mprotect, 0, "private", "4096", "1"),
    ANSWERED(munmap, 0, "private", "4096"),
    ANSWERED(futex, 0, "ring", "1" /* WAKE */, "1"),
    ANSWERED(mmap, 0, "0", "4096", "3", "0x22", "-1"),
    {0, "mremap", false, ENOMEM, CALL(mremap, "graph", "4096", "8192"), false, 0, true},
    /* other processes, other programs, files */
    FORBIDDEN(1, fork),
    FORBIDDEN(2, vfork),
    FORBIDDEN(3, clone3, "0", "88"),
    FORBIDDEN(4, clone, "0x10000000" /* NEWUSER */),
    FORBIDDEN(4, clone, "17" /* SIGCHLD */),
    FORBIDDEN(5, execve, "s:/bin/sh", "0", "0"),
    FORBIDDEN(6, execveat, "7", "path", "0", "0", "0x1000"),
    FORBIDDEN(6, execveat, "-100", "s:/bin/sh", "0", "0", "0"),
    FORBIDDEN(7, memfd_create, "path", "0"),
    FORBIDDEN(8, execveat, "4", "empty", "0", "0", "0x1000"),
    FORBIDDEN(9, openat, "-100", "canary", "0"),
    FORBIDDEN(9, openat, "-100", "canary", "2" /* RDWR */),
    FORBIDDEN(10, openat, "-100", "s:/", "0x10000" /* DIRECTORY */),
    FORBIDDEN(11, openat, "-100", "s:/new", "0x42" /* CREAT, RDWR */, "0x1b6"),
    FORBIDDEN(11, openat, "-100", "made", "0x42", "0x1b6"),
    FORBIDDEN(12, openat2, "-100", "path", "ring", "24"),
    FORBIDDEN(13, openat, "-100", "s:/proc/self/mem", "2"),
    FORBIDDEN(0, unlinkat, "-100", "canary", "0"),
    FORBIDDEN(0, renameat2, "-100", "canary", "-100", "s:/tmp/taken", "0"),
    FORBIDDEN(0, fchmodat, "-100", "canary", "0"),
    FORBIDDEN(0, truncate, "canary", "0"),
    /* sockets */
    FORBIDDEN(14, socket, "2", "1", "0"),
    FORBIDDEN(14, socket, "10", "1", "0"),
    FORBIDDEN(15, socket, "1", "1", "0"),
    TRY(15, "connect to an abstract name", true, SIGSYS, "connect", "abstract"),
    FORBIDDEN(16, socket, "16", "3", "0"),
    TRY(14, "a packet to the loopback", true, SIGSYS, "packet", "port"),
    FORBIDDEN(17, socket, "40", "1", "0"),
    FORBIDDEN(18, socket, "38", "5", "0"),
    FORBIDDEN(19, socketpair, "1", "1", "0", "ring"),
    /* other processes, keys */
    FORBIDDEN(20, ptrace, "16" /* ATTACH */, "supervisor", "0", "0"),
    FORBIDDEN(20, ptrace, "0x4206" /* SEIZE */, "supervisor", "0", "0"),
    SURFACE(21, ptrace, "0" /* TRACEME */),
    TRY(22, "process_vm_writev", true, SIGSYS, "writev", "supervisor", "target"),
    FORBIDDEN(23, kill, "-1", "10"),
    FORBIDDEN(24, kill, "supervisor", "10"),
    FORBIDDEN(24, kill, "victim", "9"),
    FORBIDDEN(23, kill, "-1", "9"),
    FORBIDDEN(20, ptrace, "16" /* ATTACH */, "victim", "0", "0"),
    FORBIDDEN(24, tgkill, "supervisor", "supervisor", "10"),
    FORBIDDEN(25, pidfd_open, "supervisor", "0"),
    FORBIDDEN(26, kcmp, "1", "supervisor", "0"),
    SURFACE(27, keyctl, "0", "-3", "0"),
    SURFACE(28, add_key, "s:user", "path", "path", "1", "-2"),
    /* large kernel surfaces */
    FORBIDDEN(29, userfaultfd, "1"),
    FORBIDDEN(30, perf_event_open, "ring", "0", "-1", "-1", "0"),
    FORBIDDEN(31, bpf, "0", "ring", "72"),
    FORBIDDEN(32, io_uring_setup, "8", "ring"),
    FORBIDDEN(33, open_by_handle_at, "-100", "ring", "0"),
    TRY(34, "memfd_secret", true, SIGSYS, "call", "447", "0"),
    FORBIDDEN(35, clock_settime, "0", "ring"),
    FORBIDDEN(35, settimeofday, "ring", "0"),
    SURFACE(36, personality, "0x400000"),
    /* identity, namespaces, mounts, terminals */
    FORBIDDEN(37, setuid, "0"),
    FORBIDDEN(37, setresgid, "0", "0", "0"),
    {38, "unshare NEWUSER", true, SIGSYS, CALL(unshare, "0x10000000"), false, 0,
     ATTACK_SURFACE_WITHOUT_USERNS},
    FORBIDDEN(38, unshare, "0x20000"),
    FORBIDDEN(39, mount, "path", "s:/", "s:tmpfs", "0", "0"),
    FORBIDDEN(40, fsopen, "s:tmpfs", "0"),
    FORBIDDEN(41, setns, "3", "0"),
    FORBIDDEN(42, chroot, "s:/"),
    FORBIDDEN(42, pivot_root, "s:/", "s:/"),
    FORBIDDEN(43, ioctl, "0", "0x5412", "ring"),
    FORBIDDEN(0, sethostname, "s:taken", "5"),
#ifdef __x86_64__
    TRY_SURFACE(44, "int 0x80 getpid", true, SIGSYS, "int80", "20"),
    TRY(44, "int 0x80 open", true, SIGSYS, "int80", "5"),
    TRY(45, "x32 getpid", true, SIGSYS, "call", "0x40000027"),
#endif
    TRY(46, "number 100000", true, SIGSYS, "call", "100000"),
    TRY(46, "number -1", true, SIGSYS, "call", "-1"),
    /* memory */
    TRY(47, "store to the view", true, SIGSEGV, "store", "view", "0"),
    TRY(47, "store to the program", true, SIGSEGV, "store", "program", "0"),
    TRY(0, "store past the graph", true, SIGBUS, "store", "graph", "0x100000"),
    TRY(48, "mprotect of the view", false, EACCES, "call", NUMBER_OF(SYS_mprotect), "view", "4096",
        "3"),
    TRY(48, "mprotect of the program", false, EACCES, "call", NUMBER_OF(SYS_mprotect), "program",
        "4096", "3"),
    NATIVE(0, mprotect, false, EPERM, 0, "graph", "4096", "1"),
    NATIVE(0, munmap, false, EPERM, 0, "view", "4096"),
    NATIVE(0, munmap, false, EPERM, 0, "ring", "4096"),
    FORBIDDEN(49, mmap, "0", "4096", "3", "1", "5"),
    FORBIDDEN(49, mmap, "0", "4096", "3", "1", "6"),
    FORBIDDEN(50, pwrite64, "5", "ring", "1", "0"),
    FORBIDDEN(50, write, "6", "ring", "1"),
    FORBIDDEN(51, ftruncate, "3", "0"),
    FORBIDDEN(51, ftruncate, "4", "0x100000"),
    FORBIDDEN(52, fcntl, "3", "1033", "8"),
    FORBIDDEN(52, fcntl, "5", "1033", "8"),
    FORBIDDEN(53, fallocate, "5", "3", "0", "4096"),
    {53, "punch the ring", true, SIGSYS, CALL(fallocate, "3", "3", "0x4000", "4096"), false, 0,
     true},
    SURFACE(54, madvise, "ring+0x4000", "4096", "9" /* REMOVE */),
    SURFACE(54, madvise, "graph", "4096", "9"),
    FORBIDDEN(54, madvise, "view", "4096", "9"),
    FORBIDDEN(55, openat, "-100", "s:/proc/self/fd/5", "2"),
    FORBIDDEN(56, mmap, "0", "4096", "7", "0x22", "-1"),
    SURFACE(56, mmap, "0", "4096", "4", "0x22", "-1" /* code without a way to write it */),
    FORBIDDEN(56, mprotect, "graph", "4096", "5"),
    FORBIDDEN(56, mprotect, "private", "4096", "5"),
    FORBIDDEN(56, mprotect, "code", "4096", "7"),
    FORBIDDEN(56, pkey_mprotect, "graph", "4096", "5", "-1"),
    {57, "a map over its own code", true, SIGSYS, CALL(mmap, "private", "4096", "3", "0x32", "-1"),
     false, 0, true},
    {58, "remap_file_pages", true, SIGSYS, CALL(remap_file_pages, "ring", "4096", "0", "1", "0"),
     false, 0, true},
    SURFACE(59, modify_ldt, "1", "descriptor", "16"),
    /* limits, the sandbox itself, the rest */
    {60, "prlimit64 of the supervisor", true, SIGSYS,
     CALL(prlimit64, "supervisor", "7", "0", "ring"), true, ENOSYS, false},
    {61, "raise a limit", true, SIGSYS, CALL(prlimit64, "0", "7", "lots", "0"), true, ENOSYS,
     false},
    FORBIDDEN(62, seccomp, "1", "0", "ring"),
    SURFACE(62, prctl, "4" /* DUMPABLE */, "1"),
    SURFACE(62, prctl, "0x59616d61" /* PTRACER */, "-1"),
    FORBIDDEN(62, prctl, "38" /* NO_NEW_PRIVS */, "0"),
    FORBIDDEN(62, prctl, "28" /* SECUREBITS */, "0"),
    FORBIDDEN(62, prctl, "47" /* CAP_AMBIENT */, "2", "21", "0", "0"),
    FORBIDDEN(0, capset, "ring", "ring"),
    SURFACE(63, shmget, "0", "4096", "0x3ff"),
    SURFACE(63, shmget, ATTACKER_KEY, "4096", "0x3ff"),
    SURFACE(63, msgget, ATTACKER_KEY, "0x3ff"),
    SURFACE(63, msgget, "0", "0x3ff"),
    FORBIDDEN(63, mq_open, "s:q", "0x42", "0x1b6", "0"),
    FORBIDDEN(64, sched_setscheduler, "0", "1" /* FIFO */, "one"),
    SURFACE(64, sched_setaffinity, "0", "8", "one" /* fewer processors for itself */),
    FORBIDDEN(64, setpriority, "0", "0", "-5"),
    FORBIDDEN(65, iopl, "3"),
    FORBIDDEN(65, ioperm, "0", "8", "1"),
    FORBIDDEN(66, syslog, "3", "ring", "16"),
    FORBIDDEN(67, reboot, "0xfee1dead", "672274793", "0x89abcdef"),
    FORBIDDEN(67, kexec_load, "0", "0", "0", "0"),
    FORBIDDEN(68, init_module, "0", "0", "path"),
    FORBIDDEN(68, delete_module, "path", "0"),
    FORBIDDEN(69, fanotify_init, "0", "0"),
    FORBIDDEN(69, inotify_init1, "0"),
    FORBIDDEN(70, timer_create, "0", "0", "ring+0x4000"),
    SURFACE(70, alarm, "1000"),
    {71, "futex LOCK_PI", true, SIGSYS, CALL(futex, "private", "6"), false, 0, true},
    {71, "futex REQUEUE", true, SIGSYS, CALL(futex, "private", "3"), false, 0, false},
    TRY(71, "futex_waitv", true, SIGSYS, "call", "449", "ring", "0", "0"),
    SURFACE(0, close_range, "0", "0xffffffff", "0"),
    TRY_SURFACE(0, "mseal", true, SIGSYS, "call", "462", "code", "4096", "0"),
    /* bombs and other ends */
    TRY(72, "memory bomb", false, ENOMEM, "memory"),
    FORBIDDEN(73, pipe2, "ring", "0"),
    FORBIDDEN(73, dup, "3"),
    FORBIDDEN(73, epoll_create1, "0"),
    FORBIDDEN(73, eventfd2, "0", "0"),
    TRY(74, "stack bomb", true, SIGSEGV, "stack"),
    TRY(76, "abort", true, ATTACK_ANY, "abort"),
    TRY(77, "store to nowhere", true, SIGSEGV, "store", "0", "0"),
    TRY(78, "illegal instruction", true, SIGILL, "illegal"),
#ifdef __x86_64__
    TRY_SURFACE(79, "vsyscall", true, ATTACK_ANY, "vsyscall"),
#endif
    SURFACE(80, uname, "ring+0x4000"),
    SURFACE(80, getppid),
    NATIVE(80, getrandom, true, SIGSYS, 0, "ring+0x4000", "8", "0"),
    SURFACE(80, clock_gettime, "0", "ring+0x4000"),
    FORBIDDEN(80, write, "2", "ring", "1"),
    FORBIDDEN(80, write, "1", "ring", "1"),
    FORBIDDEN(80, read, "0", "ring", "1"),
    FORBIDDEN(97, chdir, "s:/tmp"),
    FORBIDDEN(97, openat, "-100", "s:../../../../etc/passwd", "0"),
    FORBIDDEN(101, ptrace, "0x4200" /* SETOPTIONS */, "supervisor", "0",
              "0x200000" /* SUSPEND_SECCOMP */),
    /* Before a trusted loader's last steps: locked in all the same. */
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

const struct layer attack_layers[] = {
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
     TRY(0, "securebits", false, 0xef, "early", "value", NUMBER_OF(SYS_prctl), "27")},
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

const size_t attack_layers_count = sizeof attack_layers / sizeof attack_layers[0];

const struct case_elsewhere cases_elsewhere[] = {
    {75, "tests/proc/test_spawn.c", "cpu_limit"},
    {81, "tests/syscall/test_ring.c", "hostile_words"},
    {81, "tests/tools/rogue.c", "a counter that jumps"},
    {81, "tests/tools/rogue.c", "a counter that goes back"},
    {82, "tests/syscall/test_ring.c", "flipping_slot"},
    {82, "tests/syscall/test_hostile_ring.c", "every_load_is_preceded_by_an_attack"},
    {82, "tests/tools/villain.c", "requests that change while they are read"},
    {83, "tests/syscall/test_ring.c", "far_bounds"},
    {83, "tests/tools/rogue.c", "far bytes whose end wraps"},
    {83, "tests/tools/rogue.c", "far bytes out of the arena, not aligned"},
    {84, "tests/proc/test_guest.c", "damaged_arena"},
    {84, "tests/sws/test_hostile_graph.c", "every_word"},
    {84, "tests/tools/villain.c", "a process graph that is no graph"},
    {85, "tests/syscall/test_cap.c", "generations"},
    {85, "tests/kernel/core/test_core.c", "what_was_not_granted_is_denied"},
    {85, "tests/tools/villain.c", "capabilities that it does not hold"},
    {86, "tests/proc/test_attacks.c", "a_ring_that_turns_to_zero"},
    {87, "tests/tools/test_supervisor.c", "a_bell_that_rings_at_rest_is_not_heard"},
    {88, "tests/syscall/test_ring.c", "full_and_one_more"},
    {89, "tests/kernel/core/test_core.c", "a_worker_that_hangs_stops_the_run"},
    {89, "tests/tools/test_villains.sh", "One that stands still while a checkpoint is made"},
    {90, "tests/kernel/core/test_core.c", "workers_that_die_leave_no_trace"},
    {90, "tests/tools/test_kills.sh", "workers killed in"},
    {91, "tests/proc/test_spawn.c", "dies_with_its_supervisor"},
    {91, "tests/proc/test_spawner.c", "dies_with_the_supervisor"},
    {92, "tests/proc/test_spawner.c", "outlives_the_spawner"},
    {93, "tests/proc/test_spawn.c", "nothing_is_left_to_it"},
    {93, "tests/proc/test_spawn.c", "native_seen_from_outside"},
    {94, "tests/proc/test_spawn.c", "seen_from_outside"},
    {95, "tests/proc/test_elf.c", "each_field_is_judged"},
    {96, "tests/proc/test_attacks.c", "the_program_cannot_be_overwritten"},
    {98, "tests/proc/test_spawn.c", "missing_mechanism_is_named"},
    {99, "tests/proc/test_spawner.c", "cycles_leave_nothing"},
    {100, "tests/proc/test_attacks.c", "workers_cannot_reach_each_other"},
    {102, "tests/proc/test_attacks.c", "its_memory_is_closed_to_others"},
    {103, "tests/kernel/checkpoint/test_checkpoint.c", "every_flipped_bit"},
};

const size_t cases_elsewhere_count = sizeof cases_elsewhere / sizeof cases_elsewhere[0];
