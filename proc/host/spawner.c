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
#include "proc/host/spawn_priv.h"

#define REQUEST_FDS   5     /* ring, graph, view, program, program image */
#define REPLY_TIMEOUT 60000 /* ms; the spawner's own limit on a spawn is half of it */
#define OWN_FD        3     /* of the spawner's end, behind which it has nothing open */

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
struct reply {
    enum jit_err err;
    pid_t pid; /* with its pidfd, also of one that failed on the way and is to be reaped */
    struct host_fault fault;
};

static bool send_with(int socket, void *bytes, size_t size, const int *fds, size_t count)
{
    union {
        char bytes[CMSG_SPACE(REQUEST_FDS * sizeof(int))];
        struct cmsghdr align;
    } room;
    struct iovec part = {.iov_base = bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    assert(count <= REQUEST_FDS);
    if (count > 0) {
        memset(&room, 0, sizeof room);
        message.msg_control = room.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(head), fds, count * sizeof(int));
    }
    ssize_t n;
    do {
        n = sendmsg(socket, &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)size;
}

/* How many descriptors came along, at most `max`; -1: nothing more will come, or it is none of
 * ours. */
static int receive_with(int socket, void *bytes, size_t size, int *fds, size_t max)
{
    union {
        char bytes[CMSG_SPACE(REQUEST_FDS * sizeof(int))];
        struct cmsghdr align;
    } room;
    struct iovec part = {.iov_base = bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = room.bytes,
                             .msg_controllen = CMSG_SPACE(max * sizeof(int))};
    ssize_t n;
    int count = 0;
    do {
        n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n != (ssize_t)size) {
        return -1;
    }
    const struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (head != NULL && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
        count = (int)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(fds, CMSG_DATA(head), (size_t)count * sizeof(int));
    }
    return count;
}

static void close_all(const int *fds, int count)
{
    for (int i = 0; i < count; i++) {
        (void)close(fds[i]);
    }
}

/* ---- the spawner's side ---- */

static bool serve_one(const struct host_probe *probe, const struct host_filter *start,
                      const struct host_filter *native, const struct host_cgroups *cgroups)
{
    struct request request;
    struct reply reply;
    struct host_child child = HOST_CHILD_NONE;
    int fds[REQUEST_FDS];
    int count = receive_with(OWN_FD, &request, sizeof request, fds, REQUEST_FDS);
    if (count != REQUEST_FDS) {
        return false;
    }
    const struct host_loader loader = {.fd = fds[4], .image_size = request.image_size};
    const struct host_spawn_spec spec = {
        .probe = probe,
        .loader = &loader,
        .start = request.native ? native : start,
        .cgroups = cgroups->version != 0 ? cgroups : NULL,
        .ring_fd = fds[0],
        .graph_fd = fds[1],
        .view_fd = fds[2],
        .program_fd = fds[3],
        .slot = request.slot,
        .sched = request.sched,
        .speculation = request.speculation,
        .shared_bytes_max = request.shared_bytes_max,
        .heap_bytes = request.heap_bytes,
        .stack_bytes = request.stack_bytes,
        .cpu_seconds = request.cpu_seconds,
    };
    memset(&reply, 0, sizeof reply);
    reply.err = host_spawn_sibling(&spec, &child, &reply.fault);
    reply.pid = child.pid;
    bool sent = send_with(OWN_FD, &reply, sizeof reply, &child.pidfd, child.pidfd >= 0 ? 1 : 0);
    close_all(fds, count);
    if (child.pidfd >= 0) {
        (void)close(child.pidfd);
    }
    return sent;
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
    struct host_cgroups cgroups = HOST_CGROUPS_NONE;
    if (probe->facts[HOST_CGROUP_MEMORY].present &&
        host_cgroups_open(&host_cgroup_here, getppid(), &cgroups) != 0) {
        _exit(1); /* what the grade says is not to be had */
    }
    while (serve_one(probe, start, native, &cgroups)) {
    }
    host_cgroups_close(&cgroups);
    _exit(0);
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
    return JIT_OK;
}

static enum jit_err gone(struct host_fault *fault)
{
    fault->step = "spawner";
    fault->os_errno = EPIPE;
    (void)snprintf(fault->text, sizeof fault->text,
                   "spawn: the process that starts workers is gone; start the supervisor again");
    return JIT_EIO;
}

static int await_reply(const struct host_spawner *spawner, struct reply *reply, int *pidfd)
{
    struct pollfd wait = {.fd = spawner->fd, .events = POLLIN};
    int count;
    do {
        count = poll(&wait, 1, REPLY_TIMEOUT);
    } while (count < 0 && errno == EINTR);
    return count == 1 ? receive_with(spawner->fd, reply, sizeof *reply, pidfd, 1) : -1;
}

enum jit_err host_spawner_spawn(struct host_spawner *spawner, const struct host_filter *native,
                                const struct host_spawn_spec *spec, struct host_child *out,
                                struct host_fault *fault)
{
    const int fds[REQUEST_FDS] = {spec->ring_fd, spec->graph_fd, spec->view_fd, spec->program_fd,
                                  spec->loader->fd};
    struct request request;
    struct reply reply;
    int pidfd = -1;

    assert(spawner->fd >= 0 && spec->argv == NULL && spec->envp == NULL);
    assert(spec->slot < HOST_SLOTS);
    *out = (struct host_child)HOST_CHILD_NONE;
    memset(fault, 0, sizeof *fault);
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
    if (!send_with(spawner->fd, &request, sizeof request, fds, REQUEST_FDS)) {
        return gone(fault);
    }
    int count = await_reply(spawner, &reply, &pidfd);
    if (count < 0) {
        return gone(fault);
    }
    *fault = reply.fault;
    struct host_child child = {.pid = reply.pid, .pidfd = pidfd};
    if (reply.err == JIT_OK) {
        assert(count == 1);
        *out = child;
    } else if (count == 1) { /* it was killed on the way */
        struct host_exit end;
        enum jit_err reaped = host_child_reap(&child, true, &end);
        assert(reaped != JIT_EAGAIN);
        (void)reaped;
    }
    return reply.err;
}

void host_spawner_close(struct host_spawner *spawner)
{
    if (spawner->fd >= 0) {
        (void)close(spawner->fd); /* the end of file is its end */
        while (waitpid(spawner->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    *spawner = (struct host_spawner)HOST_SPAWNER_NONE;
}
