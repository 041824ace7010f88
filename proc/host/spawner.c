#include "proc/host/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "proc/host/cgroup.h"
#include "proc/host/oserr_priv.h"
#include "proc/host/pass_priv.h"
#include "proc/host/spare_priv.h"

#define REPLY_TIMEOUT 60000 /* ms; the spawner's own limit on a spawn is half of it */
#define ENDING_MS     1000  /* for a spare that was killed */
#define OWN_FD        3     /* of the spawner's end, behind which it has nothing open */
#define REST_MS       5     /* without requests, before more spares are made */
#define REQUEST_FDS   5     /* ring, graph, view, program, program image */
#define TRIES         (2 + (int)HOST_SPAWNER_SPARES) /* of a request whose spare was lost */

/* Both ends are one program, forked: the layouts agree, and so do addresses of constants. */
struct request {
    bool native;
    enum host_sched sched;
    bool speculation;
    uint32_t slot;
    uint64_t image_size;
    uint64_t shared_bytes_max;
    uint64_t heap_bytes;
    uint64_t stack_bytes;
    uint64_t cpu_seconds;
};
/* From the spawner: that there is a child, which the supervisor has to reap, whatever becomes of
 * it; or what became of a request. */
struct notice {
    bool made; /* pid, with its pidfd */
    bool lost; /* it ended before it was anybody's: once it is reaped, the same request again */
    enum jit_err err;
    pid_t pid; /* of a child that was told of; 0: none was made */
    struct host_fault fault;
};

/* ---- the spawner's side ---- */

/* Each worker has a place: a user of its own outside, and a control group. Spares have one before
 * it is known for which slot they are, so places and slots are two things. A slot that wants a
 * worker has none alive, so the place of its last one is free. */
struct nest {
    const struct host_probe *probe;
    const struct host_filter *start;
    const struct host_filter *native;
    struct host_cgroups cgroups;
    struct host_spare spares[HOST_SPAWNER_SPARES];
    uint32_t count;
    bool refused;              /* a spare could not be made: not again before a request */
    uint32_t places;           /* that were ever taken; of them, */
    uint32_t free[HOST_SLOTS]; /* these are free */
    uint32_t free_count;
    uint32_t place_of[HOST_SLOTS]; /* +1; 0: none yet */
};

static bool any_place(const struct nest *nest)
{
    return nest->free_count > 0 || nest->places < HOST_SLOTS;
}

static void give_place(struct nest *nest, uint32_t place)
{
    assert(nest->free_count < HOST_SLOTS);
    nest->free[nest->free_count++] = place;
}

/* What the grade says is to be had, or no worker is started. Tried again for each: it may have been
 * memory that there was none of. */
static enum jit_err open_groups(struct nest *nest, struct host_fault *fault)
{
    if (!nest->probe->facts[HOST_CGROUP_MEMORY].present || nest->cgroups.version != 0) {
        return JIT_OK;
    }
    const int error = host_cgroups_open(&host_cgroup_here, getppid(), &nest->cgroups);
    if (error == 0) {
        return JIT_OK;
    }
    fault->step = "cgroup";
    fault->os_errno = error;
    (void)snprintf(fault->text, sizeof fault->text, "the workers' control groups: %s",
                   strerror(error));
    return host_os_err(error);
}

/* One spare more; in any case the supervisor hears of a child that was made. False: none was. */
static bool make_spare(struct nest *nest, enum jit_err *err, struct host_fault *fault)
{
    struct host_spare *spare = &nest->spares[nest->count];
    assert(nest->count < HOST_SPAWNER_SPARES && any_place(nest));
    *err = open_groups(nest, fault);
    if (*err != JIT_OK) {
        return false;
    }
    uint32_t place = nest->free_count > 0 ? nest->free[--nest->free_count] : nest->places++;
    *err = host_spare_make(nest->probe, nest->cgroups.version != 0 ? &nest->cgroups : NULL, place,
                           true, spare, fault);
    if (spare->child.pidfd < 0) {
        give_place(nest, place);
        return false;
    }
    const struct notice notice = {.made = true, .pid = spare->child.pid};
    if (!host_pass_send(OWN_FD, &notice, sizeof notice, &spare->child.pidfd, 1)) {
        _exit(1); /* the supervisor has gone; the spare goes with its channel */
    }
    nest->count++;
    return true;
}

/* What goes wrong ahead of time is said when a worker is asked for, and it goes wrong again. */
static void make_ahead(struct nest *nest)
{
    struct host_fault unsaid;
    enum jit_err err;
    nest->refused = !make_spare(nest, &err, &unsaid) || err != JIT_OK;
}

static void forget(struct host_spare *spare)
{
    host_spare_leave(spare);
    (void)close(spare->child.pidfd);
    *spare = (struct host_spare)HOST_SPARE_NONE;
}

static enum jit_err start_one(struct nest *nest, struct host_spare *spare,
                              const struct request *request, const int *fds,
                              struct host_fault *fault)
{
    const struct host_loader loader = {.fd = fds[4], .image_size = request->image_size};
    const struct host_spawn_spec spec = {
        .probe = nest->probe,
        .loader = &loader,
        .start = request->native ? nest->native : nest->start,
        .ring_fd = fds[0],
        .graph_fd = fds[1],
        .view_fd = fds[2],
        .program_fd = fds[3],
        .slot = request->slot,
        .sched = request->sched,
        .speculation = request->speculation,
        .shared_bytes_max = request->shared_bytes_max,
        .heap_bytes = request->heap_bytes,
        .stack_bytes = request->stack_bytes,
        .cpu_seconds = request->cpu_seconds,
    };
    return host_spare_start(spare, &spec, fault);
}

/* With the spare that has waited longest, or one that is made for it. */
static void answer(struct nest *nest, const struct request *request, const int *fds,
                   struct notice *notice)
{
    struct host_spare spare;
    enum jit_err made = JIT_OK;
    uint32_t former = nest->place_of[request->slot];
    if (former != 0) {
        give_place(nest, former - 1);
        nest->place_of[request->slot] = 0;
    }
    /* Slots without a worker of their own are as many as places that no worker has. */
    if (nest->count == 0 && !make_spare(nest, &made, &notice->fault)) {
        notice->err = made;
        return;
    }
    spare = nest->spares[0];
    nest->count--;
    memmove(nest->spares, nest->spares + 1, nest->count * sizeof nest->spares[0]);
    notice->pid = spare.child.pid;
    notice->lost = made == JIT_OK && host_spare_lost(&spare);
    if (notice->lost) {
        give_place(nest, spare.place);
    } else {
        nest->place_of[request->slot] = spare.place + 1;
        notice->err = made == JIT_OK ? start_one(nest, &spare, request, fds, &notice->fault) : made;
    }
    forget(&spare);
}

static bool serve_one(struct nest *nest)
{
    struct request request;
    struct notice notice;
    int fds[REQUEST_FDS];
    int count = host_pass_receive(OWN_FD, &request, sizeof request, fds, REQUEST_FDS);
    /* The supervisor reads what others send: it is not believed where it would cost us our memory.
     */
    if (count != REQUEST_FDS || request.slot >= HOST_SLOTS || request.stack_bytes == 0) {
        return false;
    }
    memset(&notice, 0, sizeof notice);
    answer(nest, &request, fds, &notice);
    nest->refused = false;
    bool sent = host_pass_send(OWN_FD, &notice, sizeof notice, NULL, 0);
    for (int i = 0; i < count; i++) {
        (void)close(fds[i]);
    }
    return sent;
}

/* Whoever was just started has its first steps to take, and others may follow: spares can wait, if
 * there is one. */
static bool at_rest(const struct nest *nest)
{
    struct pollfd asked = {.fd = OWN_FD, .events = POLLIN};
    return poll(&asked, 1, nest->count == 0 ? 0 : REST_MS) == 0;
}

/* Nobody asks any more. A group that somebody is in cannot be removed. */
static _Noreturn void end(struct nest *nest)
{
    for (uint32_t i = 0; i < nest->count; i++) {
        host_child_kill(&nest->spares[i].child);
    }
    for (uint32_t i = 0; i < nest->count; i++) {
        struct pollfd ended = {.fd = nest->spares[i].child.pidfd, .events = POLLIN};
        (void)poll(&ended, 1, ENDING_MS);
    }
    host_cgroups_close(&nest->cgroups);
    _exit(0);
}

/* Signals of the terminal are the supervisor's to answer: blocked here, and a worker's first step
 * is to lift the mask. */
static _Noreturn void serve(int fd, const struct host_probe *probe, const struct host_filter *start,
                            const struct host_filter *native)
{
    sigset_t all;
    sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    (void)prctl(PR_SET_NAME, "jitos-spawn");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
        (fd != OWN_FD && dup3(fd, OWN_FD, O_CLOEXEC) < 0) ||
        syscall(SYS_close_range, OWN_FD + 1, ~0u, 0) != 0) {
        _exit(1);
    }
    static struct nest nest = {.cgroups = HOST_CGROUPS_NONE};
    char message[256];
    nest.probe = probe;
    nest.start = start;
    nest.native = native;
    nest.refused = host_probe_check(probe, message, sizeof message) != JIT_OK;
    for (bool more = true; more;) {
        if (nest.count < HOST_SPAWNER_SPARES && !nest.refused && any_place(&nest) &&
            at_rest(&nest)) {
            make_ahead(&nest);
        } else {
            more = serve_one(&nest);
        }
    }
    end(&nest);
}

/* ---- the supervisor's side ---- */

enum jit_err host_spawner_new(const struct host_probe *probe, const struct host_filter *start,
                              const struct host_filter *native, struct host_spawner *out)
{
    int ends[2];
    assert(probe != NULL && start != NULL && native != NULL && out != NULL);
    *out = (struct host_spawner)HOST_SPAWNER_NONE;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return host_os_err(errno);
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(ends[0]);
        serve(ends[1], probe, start, native);
    }
    int saved = errno;
    (void)close(ends[1]);
    if (pid < 0) {
        (void)close(ends[0]);
        return host_os_err(saved);
    }
    *out = (struct host_spawner){.pid = pid, .fd = ends[0]};
    for (uint32_t i = 0; i < HOST_SPAWNER_SPARES; i++) {
        out->spares[i] = (struct host_child)HOST_CHILD_NONE;
    }
    return JIT_OK;
}

/* Who is no worker, and will be none. */
static void reap(struct host_child *child)
{
    struct host_exit how;
    if (child->pidfd >= 0) {
        host_child_kill(child);
        enum jit_err reaped = host_child_reap(child, true, &how);
        assert(reaped != JIT_EAGAIN);
        (void)reaped;
    }
}

static void reap_spares(struct host_spawner *spawner)
{
    for (uint32_t i = 0; i < HOST_SPAWNER_SPARES; i++) {
        reap(&spawner->spares[i]);
    }
}

static struct host_child take_spare(struct host_spawner *spawner, pid_t pid)
{
    uint32_t i = 0;
    while (i < HOST_SPAWNER_SPARES && spawner->spares[i].pid != pid) {
        i++;
    }
    assert(i < HOST_SPAWNER_SPARES); /* it was told of before */
    struct host_child child = spawner->spares[i];
    spawner->spares[i] = (struct host_child)HOST_CHILD_NONE;
    return child;
}

/* The next answer; on the way, which children there are. False: no more answers. */
static bool hear(struct host_spawner *spawner, int timeout, struct notice *out)
{
    for (;;) {
        struct pollfd wait = {.fd = spawner->fd, .events = POLLIN};
        int pidfd = -1;
        int ready;
        do {
            ready = poll(&wait, 1, timeout);
        } while (ready < 0 && errno == EINTR);
        int count = ready == 1 ? host_pass_receive(spawner->fd, out, sizeof *out, &pidfd, 1) : -1;
        if (count < 0 || !out->made) {
            return count >= 0;
        }
        assert(count == 1);
        uint32_t i = 0;
        while (i < HOST_SPAWNER_SPARES && spawner->spares[i].pidfd >= 0) {
            i++;
        }
        assert(i < HOST_SPAWNER_SPARES);
        spawner->spares[i] = (struct host_child){.pid = out->pid, .pidfd = pidfd};
    }
}

static enum jit_err gone(struct host_spawner *spawner, struct host_fault *fault)
{
    reap_spares(spawner);
    fault->step = "spawner";
    fault->os_errno = EPIPE;
    (void)snprintf(fault->text, sizeof fault->text,
                   "spawn: the process that starts workers is gone; start the supervisor again");
    return JIT_EIO;
}

static enum jit_err ask(struct host_spawner *spawner, const struct request *request, const int *fds,
                        struct host_child *out, struct host_fault *fault)
{
    struct notice notice = {.lost = true};
    for (int i = 0; i < TRIES && notice.lost; i++) {
        if (!host_pass_send(spawner->fd, request, sizeof *request, fds, REQUEST_FDS) ||
            !hear(spawner, REPLY_TIMEOUT, &notice)) {
            return gone(spawner, fault);
        }
        *out =
            notice.pid != 0 ? take_spare(spawner, notice.pid) : (struct host_child)HOST_CHILD_NONE;
        if (notice.lost || notice.err != JIT_OK) { /* it was killed, by somebody or on the way */
            reap(out);
        }
    }
    *fault = notice.fault;
    return notice.lost ? JIT_EAGAIN : notice.err;
}

enum jit_err host_spawner_spawn(struct host_spawner *spawner, const struct host_filter *native,
                                const struct host_spawn_spec *spec, struct host_child *out,
                                struct host_fault *fault)
{
    const int fds[REQUEST_FDS] = {spec->ring_fd, spec->graph_fd, spec->view_fd, spec->program_fd,
                                  spec->loader->fd};
    struct request request;

    assert(spawner->fd >= 0 && spec->argv == NULL && spec->envp == NULL);
    assert(spec->slot < HOST_SLOTS);
    *out = (struct host_child)HOST_CHILD_NONE;
    memset(fault, 0, sizeof *fault);
    enum jit_err err = host_probe_check(spec->probe, fault->text, sizeof fault->text);
    if (err != JIT_OK) {
        fault->step = "probe";
        return err;
    }
    memset(&request, 0, sizeof request);
    request.native = spec->start == native;
    request.sched = spec->sched;
    request.speculation = spec->speculation;
    request.slot = spec->slot;
    request.image_size = spec->loader->image_size;
    request.shared_bytes_max = spec->shared_bytes_max;
    request.heap_bytes = spec->heap_bytes;
    request.stack_bytes = spec->stack_bytes;
    request.cpu_seconds = spec->cpu_seconds;
    return ask(spawner, &request, fds, out, fault);
}

void host_spawner_close(struct host_spawner *spawner)
{
    if (spawner->fd >= 0) {
        struct notice notice;
        (void)shutdown(spawner->fd, SHUT_WR); /* the end of file is its end */
        while (waitpid(spawner->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        while (hear(spawner, 0, &notice)) { /* it may have told of spares */
        }
        reap_spares(spawner);
        (void)close(spawner->fd);
    }
    *spawner = (struct host_spawner)HOST_SPAWNER_NONE;
}
