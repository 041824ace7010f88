#include "kernel/hub/hub_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/le.h"

#define READ_BYTES (256u << 10)

static enum jit_err fail(struct hub_client *client, enum jit_err err, const char *what)
{
    snprintf(client->error, sizeof client->error, "%s: %s", what,
             errno != 0 ? strerror(errno) : jit_err_text(err));
    return err;
}

static enum jit_err gone(struct hub_client *client)
{
    snprintf(client->error, sizeof client->error, "the supervisor is gone");
    return JIT_ENOENT;
}

static enum jit_err connect_to(struct hub_client *client, const struct sockaddr_un *address)
{
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd >= 0 &&
        connect(client->fd, (const struct sockaddr *)address, sizeof *address) == 0) {
        return JIT_OK;
    }
    switch (errno) {
    case ENOENT:
    case ECONNREFUSED:
        return fail(client, JIT_ENOENT, "no supervisor listens");
    case EACCES:
    case EPERM:
        return fail(client, JIT_EPERM, "the supervisor's socket");
    default:
        return fail(client, JIT_EIO, "the supervisor's socket");
    }
}

/* The folder is opened first: its path may be longer than a socket's may. */
static enum jit_err connect_in(struct hub_client *client, const char *dir)
{
    int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0) {
        return fail(client, errno == ENOENT ? JIT_ENOENT : JIT_EIO, dir);
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/hub.sock", dir_fd);
    enum jit_err err = connect_to(client, &address);
    close(dir_fd);
    return err;
}

static enum jit_err connect_at(struct hub_client *client, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return fail(client, JIT_EIO, path);
    }
    memcpy(address.sun_path, path, strlen(path));
    return connect_to(client, &address);
}

/* From here on "nobody listens" would be wrong. */
static enum jit_err greet(struct hub_client *client)
{
    struct hub_writer w;
    hub_client_begin(client, &w, "hello", 3);
    hub_uint(&w, "major", HUB_MAJOR);
    hub_uint(&w, "minor", HUB_MINOR);
    enum jit_err err = hub_client_send(client, &w);
    if (err == JIT_OK) {
        err = hub_client_next(client, HUB_GREETING_MS, &client->greeting);
    }
    if (err == JIT_EAGAIN) {
        snprintf(client->error, sizeof client->error,
                 "the supervisor is there but does not answer");
    }
    return err == JIT_ENOENT ? JIT_EPEER : err;
}

static enum jit_err open_by(struct hub_client *client, struct jit_heap *heap, const char *where,
                            const struct hub_watch *watch,
                            enum jit_err (*reach)(struct hub_client *client, const char *where))
{
    *client = (struct hub_client){.heap = heap, .watch = watch, .fd = -1};
    jit_buf_init(&client->in, heap, HUB_FRAME_BYTES_MAX + 4 + READ_BYTES);
    jit_buf_init(&client->out, heap, HUB_FRAME_BYTES_MAX + 4);
    errno = 0;
    enum jit_err err = reach(client, where);
    if (err == JIT_OK) {
        err = greet(client);
    }
    if (err == JIT_OK && !hub_is(client->greeting, "t", "welcome")) {
        err = fail(client, JIT_EPEER, "the supervisor did not greet");
    }
    if (err != JIT_OK) {
        char error[sizeof client->error];
        memcpy(error, client->error, sizeof error);
        hub_client_close(client);
        memcpy(client->error, error, sizeof error);
    }
    return err;
}

enum jit_err hub_client_open(struct hub_client *client, struct jit_heap *heap, const char *dir,
                             const struct hub_watch *watch)
{
    return open_by(client, heap, dir, watch, connect_in);
}

enum jit_err hub_client_visit(struct hub_client *client, struct jit_heap *heap, const char *path,
                              const struct hub_watch *watch)
{
    return open_by(client, heap, path, watch, connect_at);
}

pid_t hub_client_server(const struct hub_client *client)
{
    struct ucred who = {.pid = 0};
    socklen_t size = sizeof who;
    return getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 ? who.pid : 0;
}

void hub_client_close(struct hub_client *client)
{
    if (client->greeting != NULL) {
        cbor_decref(&client->greeting);
    }
    if (client->fd >= 0) {
        close(client->fd);
    }
    jit_buf_release(&client->in);
    jit_buf_release(&client->out);
    client->fd = -1;
    client->taken = 0;
}

void hub_client_begin(struct hub_client *client, struct hub_writer *w, const char *type,
                      size_t fields)
{
    jit_buf_reset(&client->out);
    hub_begin(w, &client->out, fields);
    hub_text(w, "t", type);
}

/* poll() for one thing; whoever watches is told while it does not come. */
static int wait_for(const struct hub_client *client, short events, int timeout_ms)
{
    struct pollfd poll_fd = {.fd = client->fd, .events = events};
    const struct hub_watch *watch = client->watch;
    for (int64_t waited = 0;;) {
        int64_t left = timeout_ms < 0 ? INT64_MAX : timeout_ms - waited;
        if (watch == NULL || left <= watch->every_ms) {
            return poll(&poll_fd, 1, timeout_ms < 0 ? -1 : (int)left);
        }
        int ready = poll(&poll_fd, 1, watch->every_ms);
        if (ready != 0) {
            return ready;
        }
        waited += watch->every_ms;
        watch->silent(watch->user, client, (uint64_t)waited);
    }
}

/* It hangs up: what it said before is more useful than that it did. */
static enum jit_err last_words(struct hub_client *client)
{
    enum jit_err err = JIT_OK;
    while (err == JIT_OK) {
        cbor_item_t *message = NULL;
        err = hub_client_next(client, 0, &message);
        if (err == JIT_OK) {
            cbor_decref(&message);
        }
    }
    return err == JIT_EPEER || err == JIT_EVERSION || err == JIT_ENOMEM ? err : gone(client);
}

enum jit_err hub_client_send(struct hub_client *client, struct hub_writer *w)
{
    hub_end(w);
    if (client->out.err != JIT_OK) {
        errno = 0;
        return fail(client, client->out.err, "asking the supervisor");
    }
    for (size_t sent = 0; sent < client->out.size;) {
        ssize_t n = send(client->fd, client->out.data + sent, client->out.size - sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            (void)wait_for(client, POLLOUT, -1); /* what goes wrong send() says again */
            continue;
        }
        if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) {
            return last_words(client);
        }
        if (n < 0) {
            return fail(client, JIT_EIO, "writing to the supervisor");
        }
        sent += (size_t)n;
    }
    return JIT_OK;
}

static enum jit_err fill(struct hub_client *client, int timeout_ms)
{
    int ready = wait_for(client, POLLIN, timeout_ms);
    if (ready < 0 && errno == EINTR) {
        return timeout_ms < 0 ? JIT_OK : JIT_EAGAIN; /* for ever means for ever */
    }
    if (ready == 0) {
        return JIT_EAGAIN;
    }
    if (ready < 0) {
        return fail(client, JIT_EIO, "waiting for the supervisor");
    }
    if (client->taken > 0) {
        memmove(client->in.data, client->in.data + client->taken, client->in.size - client->taken);
        client->in.size -= client->taken;
        client->taken = 0;
    }
    size_t before = client->in.size;
    uint8_t *at = jit_buf_extend(&client->in, READ_BYTES);
    if (at == NULL) {
        enum jit_err err = client->in.err;
        client->in.err = JIT_OK; /* what is in it is whole: it may be tried again */
        errno = 0;
        return fail(client, err, "reading from the supervisor");
    }
    ssize_t n = recv(client->fd, at, READ_BYTES, 0);
    client->in.size = before + (n > 0 ? (size_t)n : 0);
    if (n == 0 || (n < 0 && errno == ECONNRESET)) {
        return gone(client);
    }
    return n > 0 || errno == EINTR ? JIT_OK : fail(client, JIT_EIO, "reading from the supervisor");
}

enum jit_err hub_client_next(struct hub_client *client, int timeout_ms, cbor_item_t **out)
{
    *out = NULL;
    for (;;) {
        size_t left = client->in.size - client->taken;
        const uint8_t *at = left > 0 ? client->in.data + client->taken : NULL;
        uint32_t size = left >= 4 ? jit_le32(at) : 0;
        if (size > HUB_FRAME_BYTES_MAX) {
            errno = 0;
            return fail(client, JIT_EFORMAT, "a frame of the supervisor is too large");
        }
        if (left >= 4 && left - 4 >= size) {
            client->taken += 4 + (size_t)size;
            errno = 0;
            enum jit_err err = hub_parse(at + 4, size, out);
            if (err != JIT_OK) {
                return fail(client, err, "a message of the supervisor");
            }
            if (hub_is(*out, "t", "error")) {
                hub_get_text(*out, "text", client->error, sizeof client->error);
                hub_get_text(*out, "code", client->code, sizeof client->code);
                client->exit_code = 0;
                hub_get_uint(*out, "exit", &client->exit_code);
                cbor_decref(out);
                return strcmp(client->code, "version") == 0  ? JIT_EVERSION
                       : strcmp(client->code, "memory") == 0 ? JIT_ENOMEM
                                                             : JIT_EPEER;
            }
            return JIT_OK;
        }
        enum jit_err err = fill(client, timeout_ms);
        if (err != JIT_OK) {
            return err;
        }
    }
}
