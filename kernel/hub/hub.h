/* kernel/hub/hub.h - the one way in for people and tools: a Unix socket, framed messages, bounded
 * queues. Spec:  DESIGN 9.4; docs/spec/hub.md. Layer: kernel (shell). Knows frames and connections;
 * what messages mean is the supervisor's (kernel/supervisor_hub.c).
 *
 * Hostile: whoever connects. The owner's user and root only (SO_PEERCRED), and through a socket of
 * their own, where the owner has opened one, guests: whoever it is, as a guest; every frame is
 * bounded and must be canonical; who does not read what is sent to it is told so and dropped. A
 * client may end its own side (shutdown) and is answered all the same. */
#ifndef JIT_KERNEL_HUB_H
#define JIT_KERNEL_HUB_H

#include "kernel/hub/hub_msg.h"
#include "kernel/hub/hub_queue.h"
#include "kernel/event/loop.h"

#define HUB_CONNECTIONS_MAX  64u
#define HUB_QUEUE_BYTES_MAX  (64u << 20)   /* of ticks told; two are waited for, however large */
#define HUB_ANSWER_BYTES_MAX (16u << 20)   /* of answers to commands */
#define HUB_GRACE_NS         200000000ull  /* to read, for one far behind, before it is dropped */
#define HUB_CLOSE_NS         500000000ull  /* for all clients together to take the last messages */
#define HUB_PAUSE_NS         1000000000ull /* until accept() is tried again without descriptors */
#define HUB_RESERVE_FDS      16u           /* left to workers, log and folder */

/* Guests. Work is counted in units of about 10 us (kernel/hub/hub_purse.h). */
#define HUB_GUESTS_MAX       16u            /* of the connections */
#define HUB_GUEST_FRAME_MAX  (128u << 10)   /* bytes of a guest's frame, */
#define HUB_GUEST_ITEMS_MAX  64u            /* and items */
#define HUB_GUEST_BYTES_MAX  (4u << 20)     /* of answers to one, else it is dropped; */
#define HUB_GUEST_UNREAD_MAX (1u << 20)     /* with more of them it is not heard */
#define HUB_GUEST_OWED_MAX   2u             /* answers to come later: likewise */
#define HUB_GUEST_IDLE_NS    60000000000ull /* until one who has shown a token may make way */
#define HUB_GUESTS_ROUND     128u           /* units of all guests in one round; one thing more */
#define HUB_GUESTS_RATE      16384u         /* units a second of all guests, */
#define HUB_GUESTS_MOST      2048u          /* and at once; */
#define HUB_GUEST_RATE       4096u          /* of those who have shown one token, */
#define HUB_STRANGERS_RATE   512u           /* of those of one user who have shown nothing */
#define HUB_DOOR_RATE        2048u          /* of all who come in, whoever they are, */
#define HUB_DOOR_MOST        512u           /* and at once */
#define HUB_COST_CONNECT     8u
#define HUB_COST_FRAME       1u    /* of a frame, or of reading a part of one, */
#define HUB_COST_BYTES       4096u /* and of each so many bytes */

struct hub;
struct hub_conn;

struct hub_handler {
    /* A message after the handshake. May send, subscribe or close; the item is borrowed. */
    void (*message)(void *user, struct hub_conn *conn, const cbor_item_t *message);
    /* The connection is gone; forget it. */
    void (*gone)(void *user, struct hub_conn *conn);
    /* Fill in the greeting's body: what a client wants to know first. */
    void (*greet)(void *user, struct hub_conn *conn);
    /* One line for the operator. */
    void (*note)(void *user, const char *text);
    void *user;
};

/* Listen on dir_fd/hub.sock; a stale socket there is replaced. Errors: JIT_EIO, JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err hub_open(struct jit_heap *heap, struct shell_loop *loop, int dir_fd,
                                     const struct hub_handler *handler, struct hub **out);
/* A socket for guests at `path`, for every user to connect to; a stale one of our own is replaced.
 * -1: errno says why. */
int hub_guests_listen(const char *path);
/* Let guests in, too; fd is closed with the hub. Errors: JIT_ENOMEM, JIT_EIO. */
JIT_MUST_CHECK enum jit_err hub_guests_open(struct hub *hub, int fd);
bool hub_is_guest(const struct hub_conn *conn);
/* What a message of a guest has cost beside its bytes; anybody else's costs nothing. */
void hub_pay(struct hub_conn *conn, uint64_t units);
/* A guest is no stranger any more: from now on it draws on the purse of this key, with all others
 * of the same. Once; later keys change nothing. */
void hub_guest_has_shown(struct hub_conn *conn, const struct jit_id *key);
/* Somebody has to go: is not heard any more, and hung up on with an error as soon as it is owed
 * nothing. The texts are kept by whoever gives them. */
void hub_dismiss(struct hub_conn *conn, const char *code, const char *text);

/* May be NULL. What is queued is sent, as far as the peers take it within HUB_CLOSE_NS. */
void hub_close(struct hub *hub);

/* Guests' turns: to be called once round, after the loop has run; the owner's clients have been
 * served by then. At most HUB_GUESTS_ROUND units and one message more. True: there was something to
 * do. */
bool hub_serve(struct hub *hub, uint64_t now_ns);
/* What a later time brings: to be called once round, and before sleeping. Returns when hub_serve()
 * or this is needed next, without anything happening (UINT64_MAX: not at all). */
uint64_t hub_work(struct hub *hub, uint64_t now_ns);

/* Queue whole frames, copied. Over HUB_ANSWER_BYTES_MAX the connection is dropped and told. So it
 * is, with what was missing, when there was no memory for them (frames->err) or is none to queue
 * them: who waits for an answer is never left without one. */
void hub_send(struct hub_conn *conn, const struct jit_buf *frames);
/* Queue a shared message. A connection that is more than two of them and HUB_QUEUE_BYTES_MAX behind
 * is dropped and told. */
void hub_share(struct hub_conn *conn, struct hub_message *message);
/* An answer will come later: until it has (owe false), one that has ended its side is kept. */
void hub_owe(struct hub_conn *conn, bool owe);

/* Every connection with its mark set, one after another: visit may send. */
void hub_mark(struct hub_conn *conn,
              uint32_t mark); /* the user's own bits: what it subscribed to */
uint32_t hub_marked(const struct hub_conn *conn);
uint32_t hub_count(const struct hub *hub, uint32_t mark);
void hub_each(struct hub *hub, uint32_t mark, void (*visit)(void *user, struct hub_conn *conn),
              void *user);

#endif
