#include "proc/host/spare_priv.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "proc/host/lockdown_priv.h"
#include "proc/host/oserr_priv.h"
#include "proc/host/pass_priv.h"
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

/* ---- before it is known which worker it is ---- */

static void make_plan(const struct host_probe *probe, uint32_t place, const int channel[2],
                      struct host_lockdown_plan *plan)
{
    const struct host_fact *facts = probe->facts;
    *plan = (struct host_lockdown_plan){
#ifndef JIT_SANITIZED
        .confined = true,
#endif
        .user_ns = facts[HOST_USER_NS].present,
        .unique_uid = facts[HOST_UNIQUE_UID].present,
        .userns_limit = facts[HOST_USER_NS].present && facts[HOST_USERNS_LIMIT].present,
        .mdwe = facts[HOST_MDWE].present,
        .kuid = HOST_KUID_BASE + place,
        .channel = channel[1],
    };
    if (plan->confined && facts[HOST_LANDLOCK].present) {
        plan->landlock_size = host_landlock_deny_all(probe->landlock_abi, &plan->landlock);
    }
}

/* From clone to its first step. */
static enum jit_err begin(struct host_spare *spare, struct host_lockdown_plan *plan, bool sibling,
                          struct host_fault *fault)
{
    uint64_t namespaces = plan->confined ? (uint64_t)HOST_NS_OTHERS : 0;
    if (plan->confined && plan->user_ns) {
        namespaces |= CLONE_NEWUSER;
    }
    spare->child.pid = host_clone(namespaces | (sibling ? CLONE_PARENT : 0), &spare->child.pidfd);
    if (spare->child.pid == 0) {
        host_lockdown_run(plan);
    }
    if (spare->child.pid < 0) {
        int saved = errno;
        spare->child = (struct host_child)HOST_CHILD_NONE;
        return failed(fault, "clone3", saved);
    }
    if ((namespaces & CLONE_NEWUSER) != 0) {
        const char *file = host_userns_map(spare->child.pid, plan->unique_uid, plan->kuid);
        if (file != NULL) {
            return failed(fault, file, errno);
        }
    }
    if (!plan->confined) {
        spare->cgroups = NULL;
    }
    if (spare->cgroups != NULL &&
        host_cgroups_put(spare->cgroups, spare->place, spare->child.pid, KERNEL_BYTES) != JIT_OK) {
        return failed(fault, "control group", errno);
    }
    if (send(spare->channel, "g", 1, MSG_NOSIGNAL) != 1) {
        return failed(fault, CHANNEL_FAILURES, errno);
    }
    return JIT_OK;
}

enum jit_err host_spare_make(const struct host_probe *probe, const struct host_cgroups *cgroups,
                             uint32_t place, bool sibling, struct host_spare *out,
                             struct host_fault *fault)
{
    struct host_lockdown_plan plan;
    int channel[2];

    assert(probe != NULL && out != NULL && fault != NULL);
    assert(place < HOST_SLOTS);
    *out = (struct host_spare)HOST_SPARE_NONE;
    memset(fault, 0, sizeof *fault);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) != 0) {
        return failed(fault, CHANNEL_FAILURES, errno);
    }
    out->channel = channel[0];
    out->place = place;
    out->cgroups = cgroups;
    make_plan(probe, place, channel, &plan);
    enum jit_err err = begin(out, &plan, sibling, fault);
    (void)close(channel[1]);
    if (err != JIT_OK) {
        if (out->child.pid > 0) {
            host_child_kill(&out->child);
        }
        host_spare_leave(out);
    }
    return err;
}

bool host_spare_lost(const struct host_spare *spare)
{
    char byte;
    struct pollfd ended = {.fd = spare->child.pidfd, .events = POLLIN};
    return spare->channel < 0 || (poll(&ended, 1, 0) == 1 &&
                                  recv(spare->channel, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0);
}

void host_spare_leave(struct host_spare *spare)
{
    if (spare->channel >= 0) {
        (void)close(spare->channel);
        spare->channel = -1;
    }
}

/* ---- once it is ---- */

static void limit(struct host_lockdown_order *order, int resource, uint64_t soft, uint64_t hard)
{
    assert(order->rlimits_count < HOST_RLIMITS_MAX);
    order->rlimits[order->rlimits_count].resource = resource;
    order->rlimits[order->rlimits_count].limit = (struct rlimit){soft, hard};
    order->rlimits_count++;
}

static void order_limits(const struct host_spawn_spec *spec, struct host_lockdown_order *order)
{
    static const int none[] = {RLIMIT_CORE,       RLIMIT_FSIZE, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE,
                               RLIMIT_SIGPENDING, RLIMIT_NPROC, RLIMIT_NOFILE};
    uint64_t space = spec->shared_bytes_max + spec->heap_bytes + spec->stack_bytes +
                     spec->loader->image_size + RUNTIME_BYTES;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        limit(order, none[i], 0, 0);
    }
    limit(order, RLIMIT_AS, space, space);
    limit(order, RLIMIT_STACK, spec->stack_bytes, spec->stack_bytes);
    if (spec->cpu_seconds != 0) {
        limit(order, RLIMIT_CPU, spec->cpu_seconds, spec->cpu_seconds + CPU_GRACE_S);
    }
}

static char *const argv_default[] = {"jitos-worker", NULL};
static char *const envp_default[] = {NULL};

static void make_order(const struct host_spawn_spec *spec, struct host_lockdown_order *order)
{
    memset(order, 0, sizeof *order); /* also what lies between its members */
    order->speculation_off = !spec->speculation;
    order->sched_idle = spec->sched == HOST_SCHED_IDLE;
    order->filter =
        (struct sock_fprog){spec->start->count, (struct sock_filter *)spec->start->code};
    order->argv = spec->argv != NULL ? spec->argv : argv_default;
    order->envp = spec->envp != NULL ? spec->envp : envp_default;
    order_limits(spec, order);
}

static enum jit_err send_order(const struct host_spare *spare, const struct host_spawn_spec *spec,
                               struct host_fault *fault)
{
    struct host_lockdown_order order;
    const int fds[HOST_ORDER_FDS] = {spec->ring_fd, spec->graph_fd, spec->view_fd, spec->program_fd,
                                     spec->loader->fd};
    make_order(spec, &order);
    if (host_pass_send(spare->channel, &order, sizeof order, fds, HOST_ORDER_FDS) ||
        errno == EPIPE) { /* a step has failed: which one is to be read */
        return JIT_OK;
    }
    return failed(fault, errno == EBADF ? "descriptors" : CHANNEL_FAILURES, errno);
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

enum jit_err host_spare_start(struct host_spare *spare, const struct host_spawn_spec *spec,
                              struct host_fault *fault)
{
    enum jit_err err = JIT_OK;
    assert(spare->channel >= 0);
    assert(spec->stack_bytes > 0 && spec->start->count > 0);
    memset(fault, 0, sizeof *fault);
    if (spare->cgroups != NULL) {
        uint64_t memory = spec->heap_bytes + spec->stack_bytes + spec->loader->image_size +
                          RUNTIME_BYTES + KERNEL_BYTES + spec->shared_bytes_max / 256;
        if (host_cgroups_limit(spare->cgroups, spare->place, memory) != JIT_OK) {
            err = failed(fault, "control group", errno);
        }
    }
    if (err == JIT_OK) {
        err = send_order(spare, spec, fault);
    }
    if (err == JIT_OK) {
        err = await_exec(spare->channel, fault);
    }
    if (err != JIT_OK) {
        host_child_kill(&spare->child);
    }
    host_spare_leave(spare);
    return err;
}
