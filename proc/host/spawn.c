#include "proc/host/spawn.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "proc/host/lockdown_priv.h"
#include "proc/host/oserr_priv.h"
#include "proc/host/spawn_priv.h"
#include "proc/host/userns_priv.h"

#define EXEC_TIMEOUT_MS  30000        /* a last resort: an idle-class child on a busy machine */
#define RUNTIME_BYTES    (2ull << 20) /* vDSO, relocation, thread block, rounding */
#define CPU_GRACE_S      1
#define KERNEL_BYTES     (8ull << 20) /* what a worker costs in the kernel, besides page tables */
#define CHANNEL_FAILURES "channel to the child"

/* Known ways to fail and what to do about them; the first row that fits is said. */
static const struct {
    const char *step;
    int os_errno; /* 0: any */
    const char *advice;
} advices[] = {
    {"clone3", ENOSPC, "user namespaces are used up: raise the sysctl user.max_user_namespaces"},
    {"clone3", EPERM,
     "user namespaces are forbidden: sysctl kernel.unprivileged_userns_clone=1 (Debian), or in a "
     "container --security-opt seccomp=unconfined"},
    {"clone3", EAGAIN, "too many processes: raise ulimit -u or the pids limit of the cgroup"},
    {"clone3", ENOSYS, "the call is filtered: in a container --security-opt seccomp=unconfined"},
    {"setgroups", EACCES, "this process is not dumpable: make it so before it spawns"},
    {"uid_map", 0,
     "AppArmor may forbid it (Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0), or "
     "this process is not dumpable"},
    {"empty root", 0,
     "mounting is forbidden: in a container --security-opt apparmor=unconfined, and /proc has to "
     "be mounted"},
    {"control group", 0, "somebody changed the groups of the supervisor: start it again"},
    {"execution of the loader", EACCES, "sysctl vm.memfd_noexec must not be 2"},
    {"execution of the loader", ENOMEM, "the limit on address space is below the loader's needs"},
};

static enum jit_err failed(struct host_fault *fault, const char *step, int os_errno)
{
    const char *advice = NULL;
    for (size_t i = 0; i < sizeof advices / sizeof advices[0] && advice == NULL; i++) {
        if (strcmp(advices[i].step, step) == 0 &&
            (advices[i].os_errno == 0 || advices[i].os_errno == os_errno)) {
            advice = advices[i].advice;
        }
    }
    fault->step = step;
    fault->os_errno = os_errno;
    (void)snprintf(fault->text, sizeof fault->text, "spawn: %s: %s%s%s", step, strerror(os_errno),
                   advice == NULL ? "" : "; ", advice == NULL ? "" : advice);
    return host_os_err(os_errno);
}

static void limit(struct host_lockdown_plan *plan, int resource, uint64_t soft, uint64_t hard)
{
    assert(plan->rlimits_count < HOST_RLIMITS_MAX);
    plan->rlimits[plan->rlimits_count].resource = resource;
    plan->rlimits[plan->rlimits_count].limit = (struct rlimit){soft, hard};
    plan->rlimits_count++;
}

static void plan_limits(const struct host_spawn_spec *spec, struct host_lockdown_plan *plan)
{
    static const int none[] = {RLIMIT_CORE,       RLIMIT_FSIZE, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE,
                               RLIMIT_SIGPENDING, RLIMIT_NPROC, RLIMIT_NOFILE};
    uint64_t space = spec->shared_bytes_max + spec->heap_bytes + spec->stack_bytes +
                     spec->loader->image_size + RUNTIME_BYTES;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        limit(plan, none[i], 0, 0);
    }
    limit(plan, RLIMIT_AS, space, space);
    limit(plan, RLIMIT_STACK, spec->stack_bytes, spec->stack_bytes);
    if (spec->cpu_seconds != 0) {
        limit(plan, RLIMIT_CPU, spec->cpu_seconds, spec->cpu_seconds + CPU_GRACE_S);
    }
}

static char *const argv_default[] = {"jitos-worker", NULL};
static char *const envp_default[] = {NULL};

static void make_plan(const struct host_spawn_spec *spec, const int channel[2],
                      struct host_lockdown_plan *plan)
{
    const struct host_fact *facts = spec->probe->facts;
    *plan = (struct host_lockdown_plan){
#ifndef JIT_SANITIZED
        .confined = true,
#endif
        .user_ns = facts[HOST_USER_NS].present,
        .unique_uid = facts[HOST_UNIQUE_UID].present,
        .userns_limit = facts[HOST_USER_NS].present && facts[HOST_USERNS_LIMIT].present,
        .mdwe = facts[HOST_MDWE].present,
        .speculation_off = !spec->speculation,
        .sched_idle = spec->sched == HOST_SCHED_IDLE,
        .kuid = HOST_KUID_BASE + spec->slot,
        .fds = {spec->ring_fd, spec->graph_fd, spec->view_fd, spec->program_fd},
        .loader_fd = spec->loader->fd,
        .channel = channel[1],
        .channel_parent = channel[0],
        .filter = {spec->start->count, (struct sock_filter *)spec->start->code},
        .argv = spec->argv != NULL ? spec->argv : argv_default,
        .envp = spec->envp != NULL ? spec->envp : envp_default,
    };
    if (plan->confined && facts[HOST_LANDLOCK].present) {
        plan->landlock_size = host_landlock_deny_all(spec->probe->landlock_abi, &plan->landlock);
    }
    plan_limits(spec, plan);
}

/* Listen until exec closes the child's end: first comes the word that all steps are done. */
static enum jit_err await_exec(int channel, struct host_fault *fault)
{
    struct host_lockdown_failure said;
    bool ready = false;
    for (;;) {
        struct pollfd wait = {.fd = channel, .events = POLLIN};
        int count = poll(&wait, 1, EXEC_TIMEOUT_MS);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            (void)failed(fault, CHANNEL_FAILURES, count == 0 ? ETIMEDOUT : errno);
            return JIT_EAGAIN;
        }
        ssize_t n = recv(channel, &said, sizeof said, MSG_DONTWAIT);
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        if (n == (ssize_t)sizeof said && said.os_errno != 0) {
            return failed(fault, host_lockdown_step_name(said.step), said.os_errno);
        }
        if (n == (ssize_t)sizeof said && !ready) {
            ready = true;
            continue;
        }
        if (n == 0 && ready) {
            return JIT_OK;
        }
        (void)failed(fault, CHANNEL_FAILURES, n < 0 ? errno : EPIPE);
        return JIT_EAGAIN;
    }
}

/* From clone to exec; the child exists when this returns, also on error, unless *out is none. */
static enum jit_err start(const struct host_spawn_spec *spec, const struct host_lockdown_plan *plan,
                          bool sibling, struct host_child *out, struct host_fault *fault)
{
    uint64_t namespaces = plan->confined ? (uint64_t)HOST_NS_OTHERS : 0;
    if (plan->confined && plan->user_ns) {
        namespaces |= CLONE_NEWUSER;
    }
    out->pid = host_clone(namespaces | (sibling ? CLONE_PARENT : 0), &out->pidfd);
    if (out->pid == 0) {
        host_lockdown_run(plan);
    }
    if (out->pid < 0) {
        int saved = errno;
        *out = (struct host_child)HOST_CHILD_NONE;
        return failed(fault, "clone3", saved);
    }
    if ((namespaces & CLONE_NEWUSER) != 0) {
        const char *file = host_userns_map(out->pid, plan->unique_uid, plan->kuid);
        if (file != NULL) {
            return failed(fault, file, errno);
        }
    }
    if (plan->confined && spec->cgroups != NULL) {
        uint64_t memory = spec->heap_bytes + spec->stack_bytes + spec->loader->image_size +
                          RUNTIME_BYTES + KERNEL_BYTES + spec->shared_bytes_max / 256;
        if (host_cgroups_put(spec->cgroups, spec->slot, out->pid, memory) != JIT_OK) {
            return failed(fault, "control group", errno);
        }
    }
    if (send(plan->channel_parent, "g", 1, MSG_NOSIGNAL) != 1) {
        return failed(fault, CHANNEL_FAILURES, errno);
    }
    return JIT_OK;
}

/* On error *out is none, or a child that has been killed and is to be reaped. */
static enum jit_err spawn(const struct host_spawn_spec *spec, bool sibling, struct host_child *out,
                          struct host_fault *fault)
{
    struct host_lockdown_plan plan;
    int channel[2];

    assert(spec != NULL && out != NULL && fault != NULL);
    assert(spec->slot < HOST_SLOTS);
    assert(spec->stack_bytes > 0 && spec->start->count > 0);
    *out = (struct host_child)HOST_CHILD_NONE;
    memset(fault, 0, sizeof *fault);
    enum jit_err err = host_probe_check(spec->probe, fault->text, sizeof fault->text);
    if (err != JIT_OK) {
        fault->step = "probe";
        return err;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) != 0) {
        return failed(fault, CHANNEL_FAILURES, errno);
    }
    make_plan(spec, channel, &plan);
    err = start(spec, &plan, sibling, out, fault);
    (void)close(channel[1]);
    if (err == JIT_OK) {
        err = await_exec(channel[0], fault);
    }
    (void)close(channel[0]);
    if (err != JIT_OK && out->pid > 0) {
        host_child_kill(out);
    }
    return err;
}

enum jit_err host_spawn(const struct host_spawn_spec *spec, struct host_child *out,
                        struct host_fault *fault)
{
    enum jit_err err = spawn(spec, false, out, fault);
    if (err != JIT_OK && out->pid > 0) {
        struct host_exit end;
        enum jit_err reaped = host_child_reap(out, true, &end);
        assert(reaped != JIT_EAGAIN);
        (void)reaped;
    }
    return err;
}

enum jit_err host_spawn_sibling(const struct host_spawn_spec *spec, struct host_child *out,
                                struct host_fault *fault)
{
    return spawn(spec, true, out, fault);
}

void host_child_kill(const struct host_child *child)
{
    assert(child->pidfd >= 0);
    (void)syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0);
}

void host_child_calm(const struct host_child *child)
{
    const struct sched_param param = {.sched_priority = 0};
    assert(child->pid > 0); /* it is not reaped: the number is still its own */
    (void)sched_setscheduler(child->pid, SCHED_IDLE, &param);
}

static const char *signal_meaning(int number)
{
    switch (number) {
    case SIGSYS:
        return ", a system call the sandbox forbids";
    case SIGSEGV:
        return ", an access to memory it may not touch";
    case SIGBUS:
        return ", an access past the end of shared memory";
    case SIGKILL:
        return ", by the supervisor or a limit";
    default:
        return "";
    }
}

static void describe(struct host_exit *end)
{
    if (!end->killed) {
        (void)snprintf(end->text, sizeof end->text, "exited with status %d", end->code);
        return;
    }
    const char *name = sigabbrev_np(end->code);
    (void)snprintf(end->text, sizeof end->text, "killed by SIG%s%s", name == NULL ? "?" : name,
                   signal_meaning(end->code));
}

enum jit_err host_child_reap(struct host_child *child, bool wait, struct host_exit *out)
{
    siginfo_t info;
    int result;

    assert(child->pidfd >= 0);
    do {
        memset(&info, 0, sizeof info);
        result = waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED | (wait ? 0 : WNOHANG));
    } while (result != 0 && errno == EINTR);
    if (result == 0 && info.si_pid == 0) {
        return JIT_EAGAIN;
    }
    memset(out, 0, sizeof *out);
    out->killed = result == 0 && info.si_code != CLD_EXITED;
    out->code = result == 0 ? info.si_status : 0;
    if (result == 0) {
        describe(out);
    } else {
        (void)snprintf(out->text, sizeof out->text, "ended; somebody else took its status");
    }
    (void)close(child->pidfd);
    *child = (struct host_child)HOST_CHILD_NONE;
    return result == 0 ? JIT_OK : JIT_ENOENT;
}

enum jit_err host_child_cpu_ns(const struct host_child *child, uint64_t *out)
{
    clockid_t clock;
    struct timespec used;
    *out = 0;
    if (clock_getcpuclockid(child->pid, &clock) != 0 || clock_gettime(clock, &used) != 0) {
        return JIT_ENOENT;
    }
    *out = (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
    return JIT_OK;
}
