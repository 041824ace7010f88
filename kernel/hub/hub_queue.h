/* kernel/hub/hub_queue.h - what waits to be sent to one peer of the hub. Spec:  DESIGN 9.4 "a bound
 * on every frame and queue". Layer: kernel (shell).
 *
 * A message is one or more whole frames in one block. What several subscribers are told is one
 * message that all their queues share, so that a hundred of them, or one that lags, cost the memory
 * of what is told and not of what is queued. */
#ifndef JIT_KERNEL_HUB_QUEUE_H
#define JIT_KERNEL_HUB_QUEUE_H

#include <stdbool.h>

#include "base/buf.h"

struct hub_message;

/* Whole frames; *frames is taken over and left empty, also on error. *out has one reference.
 * shared: for hub_share(), told to any number of peers. Errors: JIT_ENOMEM, frames->err. */
JIT_MUST_CHECK enum jit_err hub_message_new(struct jit_heap *heap, struct jit_buf *frames,
                                            bool shared, struct hub_message **out);
struct hub_message *hub_message_ref(struct hub_message *message);
void hub_message_unref(struct hub_message *message); /* may be NULL */
size_t hub_message_size(const struct hub_message *message);

struct hub_queue {
    struct jit_heap *heap;
    struct hub_message **messages; /* from head, count of them */
    size_t head;
    size_t count;
    size_t capacity;
    struct hub_message *last; /* after those, and nothing after it; NULL: none */
    size_t sent;              /* bytes of the first that are sent */
    size_t cut;               /* it ends here for this peer; 0: it is whole */
    size_t bytes;             /* not sent, of all */
    size_t own_bytes;         /* of messages that are not shared, sent ones of the first included */
    size_t shared_count;      /* messages that are */
};

void hub_queue_init(struct hub_queue *queue, struct jit_heap *heap);
void hub_queue_release(struct hub_queue *queue); /* as init left it */

/* The queue takes a reference of its own. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err hub_queue_put(struct hub_queue *queue, struct hub_message *message);
/* Whole frames for this peer alone, copied; small ones share a message. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err hub_queue_copy(struct hub_queue *queue, const struct jit_buf *frames);
/* The last one, of which the queue takes a reference. Takes no memory: there is a way to say why
 * somebody is hung up on even when that is that there is none. */
void hub_queue_end(struct hub_queue *queue, struct hub_message *message);
bool hub_queue_is_empty(const struct hub_queue *queue);
/* Send what the socket takes without waiting. Errors: JIT_EPEER: the peer is gone. */
JIT_MUST_CHECK enum jit_err hub_queue_send(struct hub_queue *queue, int fd);
/* Forget all but the rest of a frame that is half sent; once in a queue's life, since what is left
 * need not begin with a frame. The rest is copied, so that a large message is not kept for its
 * sake; where there is no memory for that it is kept. */
void hub_queue_cut(struct hub_queue *queue);

#endif
