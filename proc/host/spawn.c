#include "proc/host/spawn.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "proc/host/spare_priv.h"

enum jit_err host_spawn(const struct host_spawn_spec *spec, struct host_child *out,
                        struct host_fault *fault)
{
    struct host_spare spare;
    assert(spec != NULL && out != NULL && fault != NULL);
    *out = (struct host_child)HOST_CHILD_NONE;
    memset(fault, 0, sizeof *fault);
    enum jit_err err = host_probe_check(spec->probe, fault->text, sizeof fault->text);
    if (err != JIT_OK) {
        fault->step = "probe";
        return err;
    }
    err = host_spare_make(spec->probe, spec->cgroups, spec->slot, false, &spare, fault);
    if (err == JIT_OK) {
        err = host_spare_start(&spare, spec, fault);
    }
    if (err == JIT_OK) {
        *out = spare.child;
    } else if (spare.child.pid > 0) {
        struct host_exit end;
        enum jit_err reaped = host_child_reap(&spare.child, true, &end);
        assert(reaped != JIT_EAGAIN);
        (void)reaped;
    }
    return err;
}

void host_child_kill(const struct host_child *child)
{
    assert(child->pidfd >= 0);
    (void)syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0);
}

void host_child_calm(const struct host_child *child, bool calm)
{
    const struct sched_param param = {.sched_priority = 0};
    assert(child->pid > 0); /* it is not reaped: the number is still its own */
    (void)sched_setscheduler(child->pid, calm ? SCHED_IDLE : SCHED_BATCH, &param);
}

/* From outside its namespace, so it counts for the first process of one, too. */
void host_child_hold(const struct host_child *child, bool hold)
{
    assert(child->pidfd >= 0);
    (void)syscall(SYS_pidfd_send_signal, child->pidfd, hold ? SIGSTOP : SIGCONT, NULL, 0);
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
