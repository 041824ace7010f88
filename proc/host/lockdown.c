#include "proc/host/lockdown_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "proc/host/filter.h"
#include "proc/host/pass_priv.h"

/* Set for a child that finds its supervisor gone: nobody is left to tell. */
#define EXIT_ORPHAN  125
#define EXIT_REFUSED 126

static_assert(SYS_FD_PROGRAM - SYS_FD_RING + 1 == HOST_WORKER_FDS, "as many as there are names");

/* Nothing of whoever made the clone, not even while it waits. */
static int step_inherited(struct host_lockdown_plan *plan)
{
    int channel = plan->channel;
    if (channel != HOST_FD_SPAWNER) {
        plan->channel = HOST_FD_SPAWNER;
        if (dup3(channel, HOST_FD_SPAWNER, O_CLOEXEC) < 0) {
            plan->channel = channel;
            return -1;
        }
    }
    /* A sanitizer wants to report somewhere; a worker has nothing to say. */
    if (syscall(SYS_close_range, plan->confined ? 0 : SYS_FD_RING, HOST_FD_SPAWNER - 1, 0) != 0) {
        return -1;
    }
    return (int)syscall(SYS_close_range, HOST_FD_SPAWNER + 1, ~0u, 0);
}

/* The go byte comes when the uid map is written. End of file: the supervisor died. */
static int step_wait(struct host_lockdown_plan *plan)
{
    char go;
    ssize_t n;
    do {
        n = recv(plan->channel, &go, 1, 0);
    } while (n < 0 && errno == EINTR);
    if (n == 0) {
        _exit(EXIT_ORPHAN);
    }
    return n == 1 ? 0 : -1;
}

/* Handlers are gone by CLONE_CLEAR_SIGHAND; a mask would stay, and the worker could not lift it. */
static int step_signals(struct host_lockdown_plan *plan)
{
    (void)plan;
    sigset_t none;
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Our own namespace's limit, set while /proc is still in sight. */
static int step_userns_limit(struct host_lockdown_plan *plan)
{
    if (!plan->userns_limit) {
        return 0;
    }
    int fd = open("/proc/sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    ssize_t n = write(fd, "0", 1);
    int result = n == 1 ? 0 : -1;
    (void)close(fd);
    return result;
}

/* By raw calls: the C library would ask threads to join in that this copy does not have. */
static int become(uint32_t uid)
{
    if (syscall(SYS_setgroups, 0, NULL) != 0 || syscall(SYS_setresgid, uid, uid, uid) != 0) {
        return -1;
    }
    return (int)syscall(SYS_setresuid, uid, uid, uid);
}

static int step_identity_inside(struct host_lockdown_plan *plan)
{
    return plan->user_ns && plan->unique_uid ? become(HOST_INSIDE_UID) : 0;
}

int host_root_private(void)
{
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

/* /proc is the mount point since it is the one folder that has to exist for a spawn to get here. */
int host_root_replace(void)
{
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (mount("jitos", "/proc", "tmpfs", flags, "size=4k,nr_inodes=2,mode=555") != 0 ||
        chdir("/proc") != 0 || syscall(SYS_pivot_root, ".", ".") != 0 ||
        umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) {
        return -1;
    }
    return mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, NULL);
}

static int step_root_private(struct host_lockdown_plan *plan)
{
    (void)plan;
    return host_root_private();
}

static int step_root_replace(struct host_lockdown_plan *plan)
{
    (void)plan;
    return host_root_replace();
}

/* Out of reach of the terminal's signals, but not in a session of its own: with autogroups a
 * session is what processors are shared out to, and a class or a nice value counts for nothing
 * outside it. A worker that floods would run beside the others however low it is put. */
static int step_group(struct host_lockdown_plan *plan)
{
    (void)plan;
    return setpgid(0, 0);
}

static int step_bounding_set(struct host_lockdown_plan *plan)
{
    (void)plan;
    for (unsigned long cap = 0; cap < 64; cap++) {
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0) {
            return errno == EINVAL && cap > CAP_SYS_ADMIN ? 0 : -1; /* past the last one */
        }
    }
    return 0;
}

static int step_securebits(struct host_lockdown_plan *plan)
{
    (void)plan;
    const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                               SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                               SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
    return prctl(PR_SET_SECUREBITS, bits, 0, 0, 0);
}

static int step_identity_root(struct host_lockdown_plan *plan)
{
    return plan->user_ns ? 0 : become(plan->kuid);
}

static int step_capabilities(struct host_lockdown_plan *plan)
{
    (void)plan;
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    const struct __user_cap_data_struct none[2] = {{0}};
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
        return -1;
    }
    return (int)syscall(SYS_capset, &header, none);
}

/* It may have to wait for its order: of an ordinary user it has the user's own number outside, and
 * is not to be anybody's to look into. An exec gives this back, and the program sees to itself. */
static int step_no_new_privs(struct host_lockdown_plan *plan)
{
    (void)plan;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ? -1 : prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* It may come long after the step before, or never. */
static int step_order(struct host_lockdown_plan *plan)
{
    int count = host_pass_receive(plan->channel, &plan->order, sizeof plan->order, plan->fds,
                                  HOST_ORDER_FDS);
    if (count < 0) {
        _exit(EXIT_ORPHAN);
    }
    if (count != HOST_ORDER_FDS) {
        errno = EBADF;
        return -1;
    }
    return 0;
}

/* First all out of the way, then each into its place: source and target numbers may overlap. */
static int step_descriptors(struct host_lockdown_plan *plan)
{
    int from[HOST_ORDER_FDS];
    for (int i = 0; i < HOST_ORDER_FDS; i++) {
        from[i] = fcntl(plan->fds[i], F_DUPFD_CLOEXEC, HOST_FD_SPAWNER + 1);
        if (from[i] < 0) {
            return -1;
        }
    }
    for (int i = 0; i < HOST_ORDER_FDS; i++) {
        if (dup3(from[i], SYS_FD_RING + i, i < HOST_WORKER_FDS ? 0 : O_CLOEXEC) < 0) {
            return -1;
        }
    }
    if (syscall(SYS_close_range, HOST_FD_SPAWNER + 1, ~0u, 0) != 0) {
        return -1;
    }
    return plan->confined ? (int)syscall(SYS_close_range, 0, SYS_FD_RING - 1, 0) : 0;
}

static int step_landlock(struct host_lockdown_plan *plan)
{
    if (plan->landlock_size == 0) { /* only for tests of the other layers: it is required */
        return 0;
    }
    int ruleset =
        (int)syscall(SYS_landlock_create_ruleset, &plan->landlock, plan->landlock_size, 0);
    if (ruleset < 0) {
        return -1;
    }
    int result = (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
    int saved = errno;
    (void)close(ruleset);
    errno = saved;
    return result;
}

static int step_rlimits(struct host_lockdown_plan *plan)
{
    const struct host_lockdown_order *order = &plan->order;
    for (unsigned i = 0; i < order->rlimits_count; i++) {
        if (syscall(SYS_prlimit64, 0, order->rlimits[i].resource, &order->rlimits[i].limit, NULL)) {
            return -1;
        }
    }
    return 0;
}

/* Late, so that a busy machine does not starve the steps before it, during which the supervisor
 * waits. */
static int step_scheduling(struct host_lockdown_plan *plan)
{
    const struct sched_param param = {.sched_priority = 0};
    if (plan->order.sched_idle) {
        return sched_setscheduler(0, SCHED_IDLE, &param);
    }
    /* Whoever started the supervisor may have put it lower still. There it stays: a process without
     * capabilities cannot raise itself. */
    if (sched_getscheduler(0) != SCHED_IDLE && sched_setscheduler(0, SCHED_BATCH, &param) != 0) {
        return -1;
    }
    return getpriority(PRIO_PROCESS, 0) >= 5 ? 0 : setpriority(PRIO_PROCESS, 0, 5);
}

static int step_memory(struct host_lockdown_plan *plan)
{
    return plan->mdwe ? prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) : 0;
}

/* Where this CPU has a switch for it. */
static int step_speculation(struct host_lockdown_plan *plan)
{
    if (plan->order.speculation_off) {
        (void)prctl(PR_SET_SPECULATION_CTRL, PR_SPEC_STORE_BYPASS, PR_SPEC_FORCE_DISABLE, 0, 0);
        (void)prctl(PR_SET_SPECULATION_CTRL, PR_SPEC_INDIRECT_BRANCH, PR_SPEC_FORCE_DISABLE, 0, 0);
    }
    return 0;
}

/* After the last change of identity, which would clear it. A supervisor that died before this line
 * sends no signal, but has closed its end of the channel. */
static int step_parent_death(struct host_lockdown_plan *plan)
{
    (void)plan;
    char byte;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) {
        return -1;
    }
    if (recv(HOST_FD_SPAWNER, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
        _exit(EXIT_ORPHAN);
    }
    return 0;
}

static int step_seccomp(struct host_lockdown_plan *plan)
{
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &plan->order.filter);
}

/* "All done" first, so that a death before exec is not taken for an early one of the loader. */
static int step_exec(struct host_lockdown_plan *plan)
{
    const struct host_lockdown_failure none = {0};
    if (write(HOST_FD_SPAWNER, &none, sizeof none) != (ssize_t)sizeof none) {
        return -1;
    }
    return (int)syscall(SYS_execveat, HOST_FD_LOADER, host_exec_path, plan->order.argv,
                        plan->order.envp, AT_EMPTY_PATH);
}

/* The order is part of the specification: mounts need capabilities, which go before no_new_privs
 * and seccomp; the Landlock ruleset needs a descriptor, which the limits then forbid. Up to its
 * order it is nobody's worker, and has given up all the same what it will not have as one. The null
 * sandbox of a sanitizer build runs the steps marked so and no other. */
static const struct {
    const char *name;
    int (*run)(struct host_lockdown_plan *plan);
    bool always;
} steps[] = {
    {"inherited descriptors", step_inherited, true},
    {"wait for the supervisor", step_wait, true},
    {"signal mask", step_signals, true},
    {"limit of user namespaces", step_userns_limit, false},
    {"identity in the user namespace", step_identity_inside, false},
    {"private mounts", step_root_private, false},
    {"empty root", step_root_replace, false},
    {"process group", step_group, false},
    {"bounding set", step_bounding_set, false},
    {"securebits", step_securebits, false},
    {"identity of its own", step_identity_root, false},
    {"drop of capabilities", step_capabilities, false},
    {"no_new_privs", step_no_new_privs, false},
    {"Landlock", step_landlock, false},
    {"memory-deny-write-execute", step_memory, false},
    {"wait for its order", step_order, true},
    {"descriptors", step_descriptors, true},
    {"speculation", step_speculation, false},
    {"resource limits", step_rlimits, false},
    {"scheduling class", step_scheduling, false},
    {"parent-death signal", step_parent_death, true},
    {"seccomp filter", step_seccomp, false},
    {"execution of the loader", step_exec, true},
};

_Noreturn void host_lockdown_run(struct host_lockdown_plan *plan)
{
    struct host_lockdown_failure failure = {0};
    for (uint32_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (!plan->confined && !steps[i].always) {
            continue;
        }
        if (steps[i].run(plan) != 0) {
            failure.step = i;
            failure.os_errno = errno;
            break;
        }
    }
    ssize_t said = write(plan->channel, &failure, sizeof failure);
    (void)said; /* nobody is left to tell */
    _exit(EXIT_REFUSED);
}

const char *host_lockdown_step_name(uint32_t step)
{
    return step < sizeof steps / sizeof steps[0] ? steps[step].name : "unknown step";
}

size_t host_landlock_deny_all(int abi, struct host_landlock_attr *out)
{
    assert(abi >= 1);
    unsigned fs_bits = abi >= 5 ? 16 : abi >= 3 ? 15 : abi >= 2 ? 14 : 13;
    *out = (struct host_landlock_attr){.handled_access_fs = (UINT64_C(1) << fs_bits) - 1};
    if (abi >= 4) {
        out->handled_access_net = 3; /* TCP bind, connect */
    }
    if (abi >= 6) {
        out->scoped = 3; /* abstract sockets, signals */
    }
    return abi >= 6   ? sizeof *out
           : abi >= 4 ? offsetof(struct host_landlock_attr, scoped)
                      : offsetof(struct host_landlock_attr, handled_access_net);
}
