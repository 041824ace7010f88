/* kernel/hub.h - the one way in for people and tools: a Unix socket, framed messages, bounded
 * queues. Spec:  DESIGN 9.4; docs/spec/hub.md. Layer: kernel (shell). Knows frames and connections;
 * what messages mean is the supervisor's (kernel/supervisor.c).
 *
 * Hostile: whoever connects. The owner's user and root only (SO_PEERCRED); every frame is bounded
 * and must be canonical; who does not read what is sent to it is told so and dropped. */
#ifndef JIT_KERNEL_HUB_H
#define JIT_KERNEL_HUB_H

#include "kernel/hub_msg.h"
#include "kernel/loop.h"

#define HUB_CONNECTIONS_MAX 64u
#define HUB_QUEUE_BYTES_MAX (64u << 20)

struct hub;
struct hub_conn;

struct hub_handler {
    /* A message after the handshake. May send, subscribe or close; the item is borrowed. */
    void (*message)(void *user, struct hub_conn *conn, const cbor_item_t *message);
    /* The connection is gone; forget it. */
    void (*gone)(void *user, struct hub_conn *conn);
    /* Fill in the greeting's body: what a client wants to know first. */
    void (*greet)(void *user, struct hub_conn *conn);
    void *user;
};

/* Listen on dir_fd/hub.sock; a stale socket there is replaced. Errors: JIT_EIO, JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err hub_open(struct jit_heap *heap, struct shell_loop *loop, int dir_fd,
                                     const struct hub_handler *handler, struct hub **out);
void hub_close(
    struct hub *hub); /* may be NULL; what is queued is sent if the peers take it at once */

/* Queue one or more whole frames. A connection whose queue would pass its bound is dropped and
 * told. */
void hub_send(struct hub_conn *conn, const struct jit_buf *frames);
/* Close once all that is queued has been sent. */
void hub_finish(struct hub_conn *conn);

/* Every connection with its mark set, one after another: visit may send. */
void hub_mark(struct hub_conn *conn,
              uint32_t mark); /* the user's own bits: what it subscribed to */
uint32_t hub_marked(const struct hub_conn *conn);
void hub_each(struct hub *hub, uint32_t mark, void (*visit)(void *user, struct hub_conn *conn),
              void *user);

#endif
