#include "kernel/hub/hub.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/le.h"

#define READ_BYTES (64u << 10)

struct hub_conn {
    struct hub *hub;
    int fd;
    uint64_t watch;
    uint64_t number; /* older ones have smaller ones */
    uint32_t mark;
    uint32_t owed; /* answers that are still to come */
    bool greeted;
    bool guest;
    bool finishing; /* nothing more is taken or queued; it ends when all is sent */
    bool ended;     /* the peer has ended its side */
    bool dead;      /* swept when nothing works on connections any more */
    struct jit_buf in;
    struct hub_queue out;
};

struct hub {
    struct jit_heap *heap;
    struct shell_loop *loop;
    struct hub_handler handler;
    int dir_fd;
    struct hub_door {
        struct hub *hub;
        int fd; /* -1: it is not there */
        uint64_t watch;
        bool guests;
    } doors[2];
    uint64_t numbers;
    uint64_t paused_until; /* accept() had no descriptor; 0: it is watched */
    bool said_full;
    uint32_t busy; /* connections are in use on the stack: no sweep */
    uint32_t conn_count;
    uint32_t guest_count; /* of them */
    struct hub_conn *conns[HUB_CONNECTIONS_MAX];
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- sending ---- */

/* It ends once there is nothing more to send, or to wait for. */
static void settle(struct hub_conn *conn)
{
    bool over = conn->finishing || (conn->ended && conn->owed == 0);
    conn->dead = conn->dead || (over && conn->out.count == 0);
}

static void flush(struct hub_conn *conn)
{
    if (!conn->dead && hub_queue_send(&conn->out, conn->fd) != JIT_OK) {
        conn->dead = true;
    }
    settle(conn);
}

static void rearm(struct hub_conn *conn)
{
    uint32_t in = conn->finishing || conn->ended ? 0u : (uint32_t)POLLIN;
    uint32_t out = conn->out.count > 0 ? (uint32_t)POLLOUT : 0u;
    if (!conn->dead) {
        shell_loop_arm(conn->hub->loop, conn->watch, in | out);
    }
}

/* Something was queued, or could not be. */
static void queued(struct hub_conn *conn, enum jit_err err)
{
    conn->dead = conn->dead || err != JIT_OK;
    flush(conn);
    rearm(conn);
}

static enum jit_err make_error(struct jit_heap *heap, const char *code, const char *text,
                               struct hub_message **out)
{
    struct hub_writer w;
    struct jit_buf frame;
    jit_buf_init(&frame, heap, HUB_FRAME_BYTES_MAX);
    hub_begin(&w, &frame, 3);
    hub_text(&w, "t", "error");
    hub_text(&w, "code", code);
    hub_text(&w, "text", text);
    hub_end(&w);
    return hub_message_new(heap, &frame, false, out);
}

/* What waits for it is forgotten, all but the reason and what must come before it: a frame that is
 * half sent. */
static void drop(struct hub_conn *conn, const char *code, const char *text)
{
    struct hub_message *reason = NULL;
    if (conn->finishing || conn->dead) {
        return;
    }
    conn->finishing = true;
    conn->mark = 0;
    if (hub_queue_cut(&conn->out) != JIT_OK ||
        make_error(conn->hub->heap, code, text, &reason) != JIT_OK) {
        conn->dead = true;
        return;
    }
    jit_buf_release(&conn->in);
    queued(conn, hub_queue_put(&conn->out, reason));
    hub_message_unref(reason);
}

/* Somebody who reads may only have had no chance to: we do not send while we work on a tick. */
static bool catches_up(struct hub_conn *conn, size_t size)
{
    uint64_t until = now_ns() + HUB_GRACE_NS;
    struct pollfd poll_fd = {.fd = conn->fd, .events = POLLOUT};
    while (!conn->dead && conn->out.shared_count > 1 &&
           conn->out.bytes + size > HUB_QUEUE_BYTES_MAX) {
        uint64_t now = now_ns();
        if (now >= until || poll(&poll_fd, 1, (int)((until - now) / 1000000u) + 1) <= 0) {
            return false;
        }
        flush(conn);
    }
    return true;
}

#define SLOW_TEXT "you did not read fast enough; connect again and ask from the last tick"

void hub_share(struct hub_conn *conn, struct hub_message *message)
{
    if (conn->dead || conn->finishing) {
        return;
    }
    if (!catches_up(conn, hub_message_size(message))) {
        drop(conn, "slow", SLOW_TEXT);
        return;
    }
    queued(conn, hub_queue_put(&conn->out, message));
}

void hub_send(struct hub_conn *conn, const struct jit_buf *frames)
{
    assert(frames->err == JIT_OK);
    if (conn->dead || conn->finishing) {
        return;
    }
    size_t bytes_max = conn->guest ? HUB_GUEST_BYTES_MAX : HUB_ANSWER_BYTES_MAX;
    if (conn->out.own_bytes + frames->size > bytes_max) {
        drop(conn, "slow", SLOW_TEXT);
        return;
    }
    queued(conn, hub_queue_copy(&conn->out, frames));
}

void hub_owe(struct hub_conn *conn, bool owe)
{
    assert(owe || conn->owed > 0);
    conn->owed = owe ? conn->owed + 1 : conn->owed - 1;
    settle(conn);
}

void hub_mark(struct hub_conn *conn, uint32_t mark)
{
    conn->mark = mark;
}

uint32_t hub_marked(const struct hub_conn *conn)
{
    return conn->mark;
}

bool hub_is_guest(const struct hub_conn *conn)
{
    return conn->guest;
}

/* ---- connections ---- */

static void resume(struct hub *hub)
{
    if (hub->paused_until == 0) {
        return;
    }
    hub->paused_until = 0;
    for (size_t i = 0; i < 2; i++) {
        if (hub->doors[i].fd >= 0) {
            shell_loop_arm(hub->loop, hub->doors[i].watch, POLLIN);
        }
    }
}

static void conn_free(struct hub_conn *conn)
{
    struct hub *hub = conn->hub;
    shell_loop_remove(hub->loop, conn->watch);
    /* A poll that is still under way holds the socket: the peer is to hear of the end now. */
    shutdown(conn->fd, SHUT_RDWR);
    close(conn->fd);
    jit_buf_release(&conn->in);
    hub_queue_release(&conn->out);
    hub->heap->free(hub->heap, conn);
}

static void sweep(struct hub *hub)
{
    for (uint32_t i = 0; hub->busy == 0 && i < hub->conn_count;) {
        struct hub_conn *conn = hub->conns[i];
        if (!conn->dead) {
            i++;
            continue;
        }
        hub->conns[i] = hub->conns[--hub->conn_count];
        hub->guest_count -= conn->guest;
        hub->handler.gone(hub->handler.user, conn);
        conn_free(conn);
        resume(hub); /* there is a descriptor now */
    }
}

void hub_each(struct hub *hub, uint32_t mark, void (*visit)(void *user, struct hub_conn *conn),
              void *user)
{
    hub->busy++;
    for (uint32_t i = 0; i < hub->conn_count; i++) {
        struct hub_conn *conn = hub->conns[i];
        if (!conn->dead && !conn->finishing && (conn->mark & mark) != 0) {
            visit(user, conn);
        }
    }
    hub->busy--;
    sweep(hub);
}

uint32_t hub_count(const struct hub *hub, uint32_t mark)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < hub->conn_count; i++) {
        count += !hub->conns[i]->dead && (hub->conns[i]->mark & mark) != 0;
    }
    return count;
}

static void handshake(struct hub_conn *conn, const cbor_item_t *message)
{
    uint64_t major = 0;
    if (!hub_is(message, "t", "hello") || !hub_get_uint(message, "major", &major)) {
        drop(conn, "hello", "the first message must be hello with a major version");
        return;
    }
    if (major != HUB_MAJOR) {
        drop(conn, "version", "this supervisor speaks version 1 of the hub; use its own tools");
        return;
    }
    conn->greeted = true;
    conn->hub->handler.greet(conn->hub->handler.user, conn);
}

static void take_frame(struct hub_conn *conn, const uint8_t *bytes, size_t size)
{
    cbor_item_t *message = NULL;
    enum jit_err err = hub_parse(bytes, size, &message);
    if (err != JIT_OK) {
        drop(conn, "format", "a frame is not one canonical CBOR map within the limits");
        return;
    }
    if (conn->greeted) {
        conn->hub->handler.message(conn->hub->handler.user, conn, message);
    } else {
        handshake(conn, message);
    }
    cbor_decref(&message);
}

static void take_frames(struct hub_conn *conn)
{
    size_t at = 0;
    while (!conn->dead && !conn->finishing && conn->in.size - at >= 4) {
        uint32_t size = jit_le32(conn->in.data + at);
        if (size > (conn->guest ? HUB_GUEST_FRAME_MAX : HUB_FRAME_BYTES_MAX)) {
            drop(conn, "frame",
                 conn->guest ? "a frame is larger than 128 KiB" : "a frame is larger than 8 MiB");
            return;
        }
        if (conn->in.size - at - 4 < size) {
            break;
        }
        take_frame(conn, conn->in.data + at + 4, size);
        at += 4 + (size_t)size;
    }
    if (conn->dead || conn->finishing) {
        return; /* its input is of no use any more, and may be released already */
    }
    if (at == conn->in.size && conn->in.capacity > 2 * HUB_PIECE_BYTES) {
        jit_buf_release(&conn->in); /* memory for more than a piece is not kept */
    } else if (at > 0) {
        memmove(conn->in.data, conn->in.data + at, conn->in.size - at);
        conn->in.size -= at;
    }
}

static void receive(struct hub_conn *conn)
{
    size_t before = conn->in.size;
    uint8_t *at = jit_buf_extend(&conn->in, READ_BYTES);
    if (at == NULL) {
        conn->dead = true;
        return;
    }
    ssize_t n = recv(conn->fd, at, READ_BYTES, MSG_DONTWAIT);
    int error = errno;
    conn->in.size = before + (n > 0 ? (size_t)n : 0);
    if (n < 0) {
        conn->dead = error != EAGAIN && error != EINTR;
    } else if (n == 0) {
        conn->ended = true;
        conn->mark = 0; /* a subscription ends with its client's side */
        settle(conn);
    } else {
        take_frames(conn);
    }
}

static void conn_ready(void *user, uint32_t revents)
{
    struct hub_conn *conn = user;
    struct hub *hub = conn->hub;
    bool gone = (revents & (POLLHUP | POLLERR)) != 0;
    hub->busy++;
    if (!conn->finishing && !conn->ended) {
        if (gone || (revents & POLLIN) != 0) {
            receive(conn);
        }
    } else if (gone) {
        conn->dead = true;
    }
    flush(conn);
    rearm(conn);
    hub->busy--;
    sweep(hub);
}

/* ---- who comes ---- */

static bool may_enter(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

static bool is_reserved(int fd)
{
    struct rlimit files;
    return getrlimit(RLIMIT_NOFILE, &files) == 0 && (rlim_t)fd + HUB_RESERVE_FDS >= files.rlim_cur;
}

static void note(struct hub *hub, const char *text)
{
    hub->handler.note(hub->handler.user, text);
}

/* No place is left: somebody that is being dropped and does not read, or who has never said hello,
 * or is a guest and has shown nothing, makes way. */
static bool make_way(struct hub *hub, bool among_guests)
{
    struct hub_conn *worst = NULL;
    for (uint32_t i = 0; i < hub->conn_count; i++) {
        struct hub_conn *conn = hub->conns[i];
        bool settled = conn->guest ? conn->mark != 0 : conn->greeted;
        if ((settled && !conn->finishing) || (among_guests && !conn->guest)) {
            continue;
        }
        if (worst == NULL || conn->finishing > worst->finishing ||
            (conn->finishing == worst->finishing && conn->number < worst->number)) {
            worst = conn;
        }
    }
    if (worst == NULL) {
        return false;
    }
    worst->dead = true;
    uint32_t before = hub->conn_count;
    sweep(hub);
    return hub->conn_count < before;
}

/* Told why and hung up on. */
static void refuse(struct hub *hub, int fd, const char *why)
{
    struct hub_message *reason = NULL;
    if (make_error(hub->heap, "full", why, &reason) == JIT_OK) {
        struct hub_queue out;
        hub_queue_init(&out, hub->heap);
        enum jit_err err = hub_queue_put(&out, reason);
        err = err == JIT_OK ? hub_queue_send(&out, fd) : err;
        (void)err; /* then it is hung up on without a word */
        hub_queue_release(&out);
    }
    hub_message_unref(reason);
    close(fd);
    if (!hub->said_full) {
        hub->said_full = true;
        note(hub, why);
    }
}

/* Trying again at once would find the same, for ever: wait until a connection ends, or a while. */
static void pause_accept(struct hub *hub, int error)
{
    char text[160];
    if (!hub->said_full) {
        snprintf(text, sizeof text, "no client can be accepted: %s; tried again every second",
                 strerror(error));
        note(hub, text);
    }
    hub->said_full = true;
    hub->paused_until = now_ns() + HUB_PAUSE_NS;
}

static void enter(struct hub *hub, int fd, bool guest)
{
    struct hub_conn *conn = jit_heap_zalloc(hub->heap, 1, sizeof *conn);
    if (conn == NULL) {
        close(fd);
        return;
    }
    conn->hub = hub;
    conn->fd = fd;
    conn->guest = guest;
    conn->number = hub->numbers++;
    jit_buf_init(&conn->in, hub->heap,
                 (guest ? HUB_GUEST_FRAME_MAX : HUB_FRAME_BYTES_MAX) + 4 + READ_BYTES);
    hub_queue_init(&conn->out, hub->heap);
    if (shell_loop_add(hub->loop, fd, conn_ready, conn, &conn->watch) != JIT_OK) {
        close(fd);
        hub->heap->free(hub->heap, conn);
        return;
    }
    hub->conns[hub->conn_count++] = conn;
    hub->guest_count += guest;
    hub->said_full = false;
    rearm(conn);
}

static void accept_ready(void *user, uint32_t revents)
{
    const struct hub_door *door = user;
    struct hub *hub = door->hub;
    (void)revents;
    int fd = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
        pause_accept(hub, errno);
        return;
    }
    shell_loop_arm(hub->loop, door->watch, POLLIN);
    if (fd < 0) {
        return;
    }
    bool too_many = door->guests && hub->guest_count >= HUB_GUESTS_MAX;
    if (!door->guests && !may_enter(fd)) {
        close(fd);
    } else if (is_reserved(fd)) {
        refuse(hub, fd, "no descriptors are left for more clients: end one, or raise ulimit -n");
    } else if ((too_many || hub->conn_count == HUB_CONNECTIONS_MAX) && !make_way(hub, too_many)) {
        refuse(hub, fd, "as many clients as there may be are connected: end one");
    } else {
        enter(hub, fd, door->guests);
    }
}

uint64_t hub_work(struct hub *hub, uint64_t now)
{
    sweep(hub); /* those that an answer from elsewhere has ended */
    if (hub->paused_until != 0 && now >= hub->paused_until) {
        resume(hub);
    }
    return hub->paused_until != 0 ? hub->paused_until : UINT64_MAX;
}

/* ---- life ---- */

/* Bound through the folder's descriptor: its path may be longer than a socket's may. */
static int listen_in(int dir_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/hub.sock", dir_fd);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    if (unlinkat(dir_fd, "hub.sock", 0) != 0 && errno != ENOENT) {
        close(fd);
        return -1;
    }
    mode_t old = umask(0177);
    int bound = bind(fd, (const struct sockaddr *)&address, sizeof address);
    umask(old);
    if (bound != 0 || listen(fd, 16) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int hub_guests_listen(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat there;
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    /* A socket that nobody listens on any more, and no other file. */
    if (lstat(path, &there) == 0 && S_ISSOCK(there.st_mode) && there.st_uid == geteuid() &&
        connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 &&
        errno == ECONNREFUSED) {
        unlink(path);
    }
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        chmod(path, 0666) != 0 || listen(fd, 16) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static enum jit_err open_door(struct hub *hub, struct hub_door *door, int fd, bool guests)
{
    *door = (struct hub_door){.hub = hub, .fd = fd, .guests = guests};
    enum jit_err err = shell_loop_add(hub->loop, fd, accept_ready, door, &door->watch);
    if (err != JIT_OK) {
        door->fd = -1;
        return err;
    }
    shell_loop_arm(hub->loop, door->watch, POLLIN);
    return JIT_OK;
}

enum jit_err hub_guests_open(struct hub *hub, int fd)
{
    return open_door(hub, &hub->doors[1], fd, true);
}

enum jit_err hub_open(struct jit_heap *heap, struct shell_loop *loop, int dir_fd,
                      const struct hub_handler *handler, struct hub **out)
{
    *out = NULL;
    struct hub *hub = jit_heap_zalloc(heap, 1, sizeof *hub);
    if (hub == NULL) {
        return JIT_ENOMEM;
    }
    hub->heap = heap;
    hub->loop = loop;
    hub->handler = *handler;
    hub->dir_fd = dir_fd;
    hub->doors[1].fd = -1;
    int fd = listen_in(dir_fd);
    if (fd < 0) {
        heap->free(heap, hub);
        return JIT_EIO;
    }
    enum jit_err err = open_door(hub, &hub->doors[0], fd, false);
    if (err != JIT_OK) {
        close(fd);
        heap->free(heap, hub);
        return err;
    }
    *out = hub;
    return JIT_OK;
}

/* The last words, to everybody that reads. */
static void flush_all(struct hub *hub)
{
    uint64_t until = now_ns() + HUB_CLOSE_NS;
    for (bool waiting = true; waiting && now_ns() < until;) {
        struct pollfd polls[HUB_CONNECTIONS_MAX];
        waiting = false;
        for (uint32_t i = 0; i < hub->conn_count; i++) {
            flush(hub->conns[i]);
            bool left = !hub->conns[i]->dead && hub->conns[i]->out.count > 0;
            polls[i] = (struct pollfd){.fd = left ? hub->conns[i]->fd : -1, .events = POLLOUT};
            waiting = waiting || left;
        }
        waiting = waiting && poll(polls, hub->conn_count, (int)(HUB_CLOSE_NS / 1000000u)) > 0;
    }
}

void hub_close(struct hub *hub)
{
    if (hub == NULL) {
        return;
    }
    flush_all(hub);
    for (uint32_t i = 0; i < hub->conn_count; i++) {
        conn_free(hub->conns[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        if (hub->doors[i].fd >= 0) {
            shell_loop_remove(hub->loop, hub->doors[i].watch);
            close(hub->doors[i].fd);
        }
    }
    unlinkat(hub->dir_fd, "hub.sock", 0);
    hub->heap->free(hub->heap, hub);
}
