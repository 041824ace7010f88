#include "kernel/hub/hub_priv.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/le.h"

/* One connection: what it says, frame by frame, and what waits to be sent to it. */

/* ---- sending ---- */

/* It ends once there is nothing more to send, or to wait for. */
static void settle(struct hub_conn *conn)
{
    bool over = conn->finishing || (conn->ended && conn->owed == 0);
    conn->dead = conn->dead || (over && hub_queue_is_empty(&conn->out));
}

void hub_flush(struct hub_conn *conn)
{
    if (!conn->dead && hub_queue_send(&conn->out, conn->fd) != JIT_OK) {
        conn->dead = true;
    }
    settle(conn);
}

void hub_rearm(struct hub_conn *conn)
{
    bool waits = conn->guest && (conn->readable || hub_has_frame(conn)); /* for its turn */
    bool heard = !conn->finishing && !conn->ended && !waits;
    uint32_t in = heard ? (uint32_t)POLLIN : 0u;
    uint32_t out = hub_queue_is_empty(&conn->out) ? 0u : (uint32_t)POLLOUT;
    if (!conn->dead) {
        shell_loop_arm(conn->hub->loop, conn->watch, in | out);
    }
}

/* It is told the reason behind what waits for it, and hung up on; takes the reference. */
static void end_with(struct hub_conn *conn, struct hub_message *reason)
{
    conn->finishing = true;
    hub_queue_end(&conn->out, reason);
    hub_message_unref(reason);
    hub_flush(conn);
    hub_rearm(conn);
}

/* What waits for it is forgotten, all but what must come before the reason: a frame that is half
 * sent. */
void hub_drop(struct hub_conn *conn, const char *code, const char *text)
{
    if (conn->finishing || conn->dead) {
        return;
    }
    conn->mark = 0;
    hub_queue_cut(&conn->out);
    jit_buf_release(&conn->in);
    conn->taken = 0;
    end_with(conn, hub_reason(conn->hub, code, text));
}

/* There was no memory for what it asked, or for what it is to be told. */
static void starve(struct hub_conn *conn)
{
    if (!conn->finishing && !conn->dead) {
        hub_note_starved(conn->hub);
        hub_drop(conn, HUB_STARVED_CODE, HUB_STARVED_TEXT);
    }
}

/* Something was queued, or could not be. */
static void queued(struct hub_conn *conn, enum jit_err err)
{
    if (err != JIT_OK) {
        starve(conn);
        return;
    }
    conn->hub->said_starved = false;
    hub_flush(conn);
    hub_rearm(conn);
}

/* Somebody who reads may only have had no chance to: we do not send while we work on a tick. */
static bool catches_up(struct hub_conn *conn, size_t size)
{
    uint64_t until = hub_now_ns() + HUB_GRACE_NS;
    struct pollfd poll_fd = {.fd = conn->fd, .events = POLLOUT};
    while (!conn->dead && conn->out.shared_count > 1 &&
           conn->out.bytes + size > HUB_QUEUE_BYTES_MAX) {
        uint64_t now = hub_now_ns();
        if (now >= until || poll(&poll_fd, 1, (int)((until - now) / 1000000u) + 1) <= 0) {
            return false;
        }
        hub_flush(conn);
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
        hub_drop(conn, "slow", SLOW_TEXT);
        return;
    }
    queued(conn, hub_queue_put(&conn->out, message));
}

void hub_send(struct hub_conn *conn, const struct jit_buf *frames)
{
    if (conn->dead || conn->finishing) {
        return;
    }
    if (frames->err == JIT_ELIMIT) {
        hub_drop(conn, "frame", "the answer is larger than a frame may be");
        return;
    }
    if (frames->err != JIT_OK) {
        starve(conn);
        return;
    }
    size_t bytes_max = conn->guest ? HUB_GUEST_BYTES_MAX : HUB_ANSWER_BYTES_MAX;
    if (conn->out.own_bytes + frames->size > bytes_max) {
        hub_drop(conn, "slow", SLOW_TEXT);
        return;
    }
    queued(conn, hub_queue_copy(&conn->out, frames));
}

/* Behind all that waits for it. */
static void leave(struct hub_conn *conn)
{
    if (conn->leaves_code != NULL && conn->owed == 0 && !conn->finishing && !conn->dead) {
        end_with(conn, hub_reason(conn->hub, conn->leaves_code, conn->leaves_text));
    }
}

void hub_dismiss(struct hub_conn *conn, const char *code, const char *text)
{
    if (conn->leaves_code == NULL) {
        conn->leaves_code = code;
        conn->leaves_text = text;
        leave(conn);
    }
}

void hub_owe(struct hub_conn *conn, bool owe)
{
    assert(owe || conn->owed > 0);
    conn->owed = owe ? conn->owed + 1 : conn->owed - 1;
    leave(conn);
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

/* ---- frames ---- */

static void handshake(struct hub_conn *conn, const cbor_item_t *message)
{
    uint64_t major = 0;
    if (!hub_is(message, "t", "hello") || !hub_get_uint(message, "major", &major)) {
        hub_drop(conn, "hello", "the first message must be hello with a major version");
        return;
    }
    if (major != HUB_MAJOR) {
        hub_drop(conn, "version", "this supervisor speaks version 1 of the hub; use its own tools");
        return;
    }
    conn->greeted = true;
    conn->hub->handler.greet(conn->hub->handler.user, conn);
}

static void act_on(struct hub_conn *conn, const uint8_t *bytes, size_t size)
{
    cbor_item_t *message = NULL;
    enum jit_err err =
        hub_parse_within(bytes, size, conn->guest ? HUB_GUEST_ITEMS_MAX : HUB_ITEMS_MAX, &message);
    if (err == JIT_ENOMEM) {
        starve(conn);
        return;
    }
    if (err != JIT_OK) {
        hub_drop(conn, "format", "a frame is not one canonical CBOR map within the limits");
        return;
    }
    if (conn->greeted) {
        conn->hub->handler.message(conn->hub->handler.user, conn, message);
    } else {
        handshake(conn, message);
    }
    cbor_decref(&message);
}

static uint32_t frame_max(const struct hub_conn *conn)
{
    return conn->guest ? HUB_GUEST_FRAME_MAX : HUB_FRAME_BYTES_MAX;
}

bool hub_has_frame(const struct hub_conn *conn)
{
    size_t left = conn->in.size - conn->taken;
    if (left < 4) {
        return false;
    }
    uint32_t size = jit_le32(conn->in.data + conn->taken);
    return size > frame_max(conn) || left - 4 >= size;
}

bool hub_take_frame(struct hub_conn *conn, uint32_t *size)
{
    if (conn->dead || conn->finishing || !hub_has_frame(conn)) {
        return false;
    }
    const uint8_t *at = conn->in.data + conn->taken;
    *size = jit_le32(at);
    if (*size > frame_max(conn)) {
        *size = 0;
        hub_drop(conn, "frame",
                 conn->guest ? "a frame is larger than 128 KiB" : "a frame is larger than 8 MiB");
        return true;
    }
    conn->taken += 4 + (size_t)*size;
    act_on(conn, at + 4, *size);
    return true;
}

void hub_compact(struct hub_conn *conn)
{
    if (conn->dead || conn->finishing) {
        return; /* its input is of no use any more, and may be released already */
    }
    if (conn->taken == conn->in.size && conn->in.capacity > 2 * HUB_PIECE_BYTES) {
        jit_buf_release(&conn->in); /* memory for more than a piece is not kept */
    } else if (conn->taken > 0) {
        memmove(conn->in.data, conn->in.data + conn->taken, conn->in.size - conn->taken);
        conn->in.size -= conn->taken;
    }
    conn->taken = 0;
}

bool hub_read_more(struct hub_conn *conn)
{
    size_t before = conn->in.size;
    uint8_t *at = jit_buf_extend(&conn->in, HUB_READ_BYTES);
    if (at == NULL) { /* there is room by its bounds: what was taken is compacted */
        starve(conn);
        return false;
    }
    ssize_t n = recv(conn->fd, at, HUB_READ_BYTES, MSG_DONTWAIT);
    int error = errno;
    conn->in.size = before + (n > 0 ? (size_t)n : 0);
    if (n < 0) {
        conn->dead = error != EAGAIN && error != EINTR;
    } else if (n == 0) {
        conn->ended = true;
        conn->mark = 0; /* a subscription ends with its client's side */
        settle(conn);
    }
    return n > 0;
}

/* The owner's: heard at once, all of it. */
static void receive(struct hub_conn *conn)
{
    uint32_t size = 0;
    if (hub_read_more(conn)) {
        while (hub_take_frame(conn, &size)) {
        }
        hub_compact(conn);
    }
}

void hub_conn_ready(void *user, uint32_t revents)
{
    struct hub_conn *conn = user;
    struct hub *hub = conn->hub;
    bool gone = (revents & (POLLHUP | POLLERR)) != 0;
    hub->busy++;
    if (gone && (conn->guest || conn->finishing || conn->ended)) {
        conn->dead = true; /* nobody is there to be answered */
    } else if (conn->guest) {
        conn->readable = conn->readable || (revents & POLLIN) != 0; /* heard in its turn */
    } else if (!conn->finishing && !conn->ended && (gone || (revents & POLLIN) != 0)) {
        receive(conn);
    }
    hub_flush(conn);
    hub_rearm(conn);
    hub->busy--;
    hub_sweep(hub);
}

/* ---- its end ---- */

void hub_conn_free(struct hub_conn *conn)
{
    struct hub *hub = conn->hub;
    shell_loop_remove(hub->loop, conn->watch);
    /* A poll that is still under way holds the socket: the peer is to hear of the end now. */
    shutdown(conn->fd, SHUT_RDWR);
    close(conn->fd);
    if (conn->purse != NULL) {
        hub_purse_leave(conn->purse);
    }
    jit_buf_release(&conn->in);
    hub_queue_release(&conn->out);
    hub->heap->free(hub->heap, conn);
}
