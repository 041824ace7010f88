#include "kernel/hub/hub_priv.h"

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"

/* The hub as a whole: its life, its rounds, and what is told to many. */

uint64_t hub_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- why somebody is hung up on ---- */

static enum jit_err make_reason(struct jit_heap *heap, const char *code, const char *text,
                                bool shared, struct hub_message **out)
{
    struct hub_writer w;
    struct jit_buf frame;
    jit_buf_init(&frame, heap, HUB_FRAME_BYTES_MAX);
    hub_begin(&w, &frame, 3);
    hub_text(&w, "t", "error");
    hub_text(&w, "code", code);
    hub_text(&w, "text", text);
    hub_end(&w);
    return hub_message_new(heap, &frame, shared, out);
}

struct hub_message *hub_reason(struct hub *hub, const char *code, const char *text)
{
    struct hub_message *reason = NULL;
    enum jit_err err = make_reason(hub->heap, code, text, false, &reason);
    return err == JIT_OK ? reason : hub_message_ref(hub->starved);
}

void hub_note_starved(struct hub *hub)
{
    if (!hub->said_starved) {
        hub->said_starved = true;
        hub->handler.note(hub->handler.user, "out of memory: a client is told so and hung up on");
    }
}

/* ---- rounds ---- */

void hub_sweep(struct hub *hub)
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
        hub_conn_free(conn);
        hub_resume(hub); /* there is a descriptor now */
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
    hub_sweep(hub);
}

uint32_t hub_count(const struct hub *hub, uint32_t mark)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < hub->conn_count; i++) {
        count += !hub->conns[i]->dead && (hub->conns[i]->mark & mark) != 0;
    }
    return count;
}

uint64_t hub_work(struct hub *hub, uint64_t now)
{
    hub_sweep(hub); /* those that an answer from elsewhere has ended */
    if (hub->paused_until != 0 && now >= hub->paused_until) {
        hub_resume(hub);
    }
    uint64_t due = hub_guests_work(hub, now);
    return hub->paused_until != 0 && hub->paused_until < due ? hub->paused_until : due;
}

/* ---- life ---- */

static enum jit_err open_door(struct hub *hub, struct hub_door *door, int fd, bool guests)
{
    *door = (struct hub_door){.hub = hub, .fd = fd, .guests = guests};
    enum jit_err err = shell_loop_add(hub->loop, fd, hub_accept_ready, door, &door->watch);
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
    hub->now_ns = hub_now_ns();
    hub->together = hub_purse_make(HUB_GUESTS_RATE, HUB_GUESTS_MOST, hub->now_ns);
    hub->coming = hub_purse_make(HUB_DOOR_RATE, HUB_DOOR_MOST, hub->now_ns);
    enum jit_err err = make_reason(heap, HUB_STARVED_CODE, HUB_STARVED_TEXT, true, &hub->starved);
    int fd = err == JIT_OK ? hub_listen_in(dir_fd) : -1;
    if (fd >= 0) {
        err = open_door(hub, &hub->doors[0], fd, false);
    } else if (err == JIT_OK) {
        err = JIT_EIO;
    }
    if (err != JIT_OK) {
        if (fd >= 0) {
            close(fd);
        }
        hub_message_unref(hub->starved);
        heap->free(heap, hub);
        return err;
    }
    *out = hub;
    return JIT_OK;
}

/* The last words, to everybody that reads. */
static void flush_all(struct hub *hub)
{
    uint64_t until = hub_now_ns() + HUB_CLOSE_NS;
    for (bool waiting = true; waiting && hub_now_ns() < until;) {
        struct pollfd polls[HUB_CONNECTIONS_MAX];
        waiting = false;
        for (uint32_t i = 0; i < hub->conn_count; i++) {
            hub_flush(hub->conns[i]);
            bool left = !hub->conns[i]->dead && !hub_queue_is_empty(&hub->conns[i]->out);
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
        hub_conn_free(hub->conns[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        if (hub->doors[i].fd >= 0) {
            shell_loop_remove(hub->loop, hub->doors[i].watch);
            close(hub->doors[i].fd);
        }
    }
    unlinkat(hub->dir_fd, "hub.sock", 0);
    hub_message_unref(hub->starved);
    hub->heap->free(hub->heap, hub);
}
