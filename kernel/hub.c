#include "kernel/hub.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/le.h"

#define READ_BYTES (64u << 10)

struct hub_conn {
    struct hub *hub;
    int fd;
    uint64_t watch;
    uint32_t mark;
    bool greeted;
    bool finishing;
    bool dead; /* swept at the end of the callback that found out */
    struct jit_buf in;
    struct jit_buf out;
    size_t sent; /* bytes of out */
};

struct hub {
    struct jit_heap *heap;
    struct shell_loop *loop;
    struct hub_handler handler;
    int fd;
    int dir_fd;
    uint64_t watch;
    uint32_t conn_count;
    struct hub_conn *conns[HUB_CONNECTIONS_MAX];
};

/* ---- sending ---- */

static void rearm(struct hub_conn *conn)
{
    bool waiting = conn->sent < conn->out.size;
    uint32_t events =
        (conn->finishing ? 0u : (uint32_t)POLLIN) | (waiting ? (uint32_t)POLLOUT : 0u);
    shell_loop_arm(conn->hub->loop, conn->watch, events);
}

static void flush(struct hub_conn *conn)
{
    while (!conn->dead && conn->sent < conn->out.size) {
        ssize_t n = send(conn->fd, conn->out.data + conn->sent, conn->out.size - conn->sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            return;
        }
        if (n <= 0) {
            conn->dead = true;
            return;
        }
        conn->sent += (size_t)n;
    }
    if (conn->sent == conn->out.size) {
        jit_buf_reset(&conn->out);
        conn->sent = 0;
        conn->dead = conn->dead || conn->finishing;
    }
}

static void send_error(struct hub_conn *conn, const char *code, const char *text)
{
    struct hub_writer w;
    hub_begin(&w, &conn->out, 3);
    hub_text(&w, "t", "error");
    hub_text(&w, "code", code);
    hub_text(&w, "text", text);
    hub_end(&w);
}

static void drop(struct hub_conn *conn, const char *code, const char *text)
{
    if (conn->finishing || conn->dead) {
        return;
    }
    send_error(conn, code, text);
    conn->finishing = true;
    flush(conn);
}

void hub_send(struct hub_conn *conn, const struct jit_buf *frames)
{
    assert(frames->err == JIT_OK);
    if (conn->dead || conn->finishing) {
        return;
    }
    if (frames->size > HUB_QUEUE_BYTES_MAX - (conn->out.size - conn->sent)) {
        /* What is half sent must stay whole; the rest makes room for the reason. */
        drop(conn, "slow",
             "you did not read fast enough; connect again and ask from the last tick");
        return;
    }
    if (conn->sent > conn->out.size / 2) {
        memmove(conn->out.data, conn->out.data + conn->sent, conn->out.size - conn->sent);
        conn->out.size -= conn->sent;
        conn->sent = 0;
    }
    jit_buf_put(&conn->out, frames->data, frames->size);
    if (conn->out.err != JIT_OK) {
        conn->dead = true;
        return;
    }
    flush(conn);
    if (!conn->dead) {
        rearm(conn);
    }
}

void hub_finish(struct hub_conn *conn)
{
    conn->finishing = true;
    if (conn->sent == conn->out.size) {
        conn->dead = true;
    }
}

void hub_mark(struct hub_conn *conn, uint32_t mark)
{
    conn->mark = mark;
}

uint32_t hub_marked(const struct hub_conn *conn)
{
    return conn->mark;
}

/* ---- connections ---- */

static void conn_free(struct hub_conn *conn)
{
    struct hub *hub = conn->hub;
    shell_loop_remove(hub->loop, conn->watch);
    /* A poll that is still under way holds the socket: the peer is to hear of the end now. */
    shutdown(conn->fd, SHUT_RDWR);
    close(conn->fd);
    jit_buf_release(&conn->in);
    jit_buf_release(&conn->out);
    hub->heap->free(hub->heap, conn);
}

static void sweep(struct hub *hub)
{
    for (uint32_t i = 0; i < hub->conn_count;) {
        struct hub_conn *conn = hub->conns[i];
        if (!conn->dead) {
            i++;
            continue;
        }
        hub->conns[i] = hub->conns[--hub->conn_count];
        hub->handler.gone(hub->handler.user, conn);
        conn_free(conn);
    }
}

void hub_each(struct hub *hub, uint32_t mark, void (*visit)(void *user, struct hub_conn *conn),
              void *user)
{
    for (uint32_t i = 0; i < hub->conn_count; i++) {
        struct hub_conn *conn = hub->conns[i];
        if (!conn->dead && !conn->finishing && (conn->mark & mark) != 0) {
            visit(user, conn);
        }
    }
    sweep(hub);
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
        drop(conn, "format", "a frame is not one canonical CBOR map");
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
        if (size > HUB_FRAME_BYTES_MAX) {
            drop(conn, "frame", "a frame is larger than 8 MiB");
            return;
        }
        if (conn->in.size - at - 4 < size) {
            break;
        }
        take_frame(conn, conn->in.data + at + 4, size);
        at += 4 + (size_t)size;
    }
    if (at > 0) {
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
    conn->in.size = before + (n > 0 ? (size_t)n : 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        conn->dead = true;
        return;
    }
    take_frames(conn);
}

static void conn_ready(void *user, uint32_t revents)
{
    struct hub_conn *conn = user;
    struct hub *hub = conn->hub;
    if ((revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !conn->finishing) {
        receive(conn);
    } else if ((revents & (POLLHUP | POLLERR)) != 0) {
        conn->dead = true;
    }
    if (!conn->dead) {
        flush(conn);
    }
    if (!conn->dead) {
        rearm(conn);
    }
    sweep(hub);
}

static bool may_enter(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

static void accept_ready(void *user, uint32_t revents)
{
    struct hub *hub = user;
    (void)revents;
    int fd = accept4(hub->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    shell_loop_arm(hub->loop, hub->watch, POLLIN);
    if (fd < 0) {
        return;
    }
    struct hub_conn *conn = NULL;
    if (hub->conn_count < HUB_CONNECTIONS_MAX && may_enter(fd)) {
        conn = jit_heap_zalloc(hub->heap, 1, sizeof *conn);
    }
    if (conn == NULL) {
        close(fd);
        return;
    }
    conn->hub = hub;
    conn->fd = fd;
    jit_buf_init(&conn->in, hub->heap, HUB_FRAME_BYTES_MAX + 4 + READ_BYTES);
    jit_buf_init(&conn->out, hub->heap, HUB_QUEUE_BYTES_MAX + HUB_FRAME_BYTES_MAX);
    if (shell_loop_add(hub->loop, fd, conn_ready, conn, &conn->watch) != JIT_OK) {
        close(fd);
        hub->heap->free(hub->heap, conn);
        return;
    }
    hub->conns[hub->conn_count++] = conn;
    rearm(conn);
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
    hub->fd = listen_in(dir_fd);
    if (hub->fd < 0) {
        heap->free(heap, hub);
        return JIT_EIO;
    }
    enum jit_err err = shell_loop_add(loop, hub->fd, accept_ready, hub, &hub->watch);
    if (err != JIT_OK) {
        close(hub->fd);
        heap->free(heap, hub);
        return err;
    }
    shell_loop_arm(loop, hub->watch, POLLIN);
    *out = hub;
    return JIT_OK;
}

void hub_close(struct hub *hub)
{
    if (hub == NULL) {
        return;
    }
    for (uint32_t i = 0; i < hub->conn_count; i++) {
        flush(hub->conns[i]);
        conn_free(hub->conns[i]);
    }
    shell_loop_remove(hub->loop, hub->watch);
    close(hub->fd);
    unlinkat(hub->dir_fd, "hub.sock", 0);
    hub->heap->free(hub->heap, hub);
}
