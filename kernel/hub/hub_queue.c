#include "kernel/hub/hub_queue.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/le.h"

#define GATHER_BYTES ((size_t)64 << 10) /* of small answers in one message */

struct hub_message {
    struct jit_heap *heap;
    unsigned refs;
    bool shared;
    struct jit_buf frames;
};

/* A buffer grows by doubling; what is kept for as long as somebody reads is not to. */
static void shrink(struct jit_buf *frames)
{
    void *data = frames->size < frames->capacity - frames->capacity / 8
                     ? frames->heap->resize(frames->heap, frames->data, frames->size)
                     : NULL;
    if (data != NULL) {
        frames->data = data;
        frames->capacity = frames->size;
    }
}

enum jit_err hub_message_new(struct jit_heap *heap, struct jit_buf *frames, bool shared,
                             struct hub_message **out)
{
    enum jit_err err = frames->err;
    *out = NULL;
    struct hub_message *message = NULL;
    assert(err != JIT_OK || frames->size > 0);
    if (err == JIT_OK) {
        shrink(frames);
        message = jit_heap_zalloc(heap, 1, sizeof *message);
        err = message == NULL ? JIT_ENOMEM : JIT_OK;
    }
    if (err != JIT_OK) {
        jit_buf_release(frames);
        return err;
    }
    *message = (struct hub_message){.heap = heap, .refs = 1, .shared = shared, .frames = *frames};
    jit_buf_init(frames, frames->heap, frames->size_max); /* transferred */
    *out = message;
    return JIT_OK;
}

struct hub_message *hub_message_ref(struct hub_message *message)
{
    message->refs++;
    return message;
}

void hub_message_unref(struct hub_message *message)
{
    if (message == NULL || --message->refs > 0) {
        return;
    }
    jit_buf_release(&message->frames);
    message->heap->free(message->heap, message);
}

size_t hub_message_size(const struct hub_message *message)
{
    return message->frames.size;
}

void hub_queue_init(struct hub_queue *queue, struct jit_heap *heap)
{
    *queue = (struct hub_queue){.heap = heap};
}

bool hub_queue_is_empty(const struct hub_queue *queue)
{
    return queue->count == 0 && queue->last == NULL;
}

static struct hub_message *first_of(const struct hub_queue *queue)
{
    return queue->count > 0 ? queue->messages[queue->head] : queue->last;
}

/* Bytes of the first one that are to be sent to this peer, those that were included. */
static size_t first_size(const struct hub_queue *queue)
{
    return queue->cut > 0 ? queue->cut : first_of(queue)->frames.size;
}

static void count_in(struct hub_queue *queue, const struct hub_message *message)
{
    queue->bytes += message->frames.size;
    queue->own_bytes += message->shared ? 0 : message->frames.size;
    queue->shared_count += message->shared;
}

/* left: bytes of it that were still to be sent. */
static void forget(struct hub_queue *queue, struct hub_message *message, size_t left)
{
    queue->bytes -= left;
    queue->own_bytes -= message->shared ? 0 : message->frames.size;
    queue->shared_count -= message->shared;
    hub_message_unref(message);
}

/* The first one is sent, or given up. */
static void drop_first(struct hub_queue *queue)
{
    struct hub_message *first = first_of(queue);
    size_t left = first_size(queue) - queue->sent;
    if (queue->count > 0) {
        queue->head++;
        queue->count--;
    } else {
        queue->last = NULL;
    }
    queue->sent = 0;
    queue->cut = 0;
    forget(queue, first, left);
}

void hub_queue_release(struct hub_queue *queue)
{
    while (!hub_queue_is_empty(queue)) {
        drop_first(queue);
    }
    assert(queue->bytes == 0);
    assert(queue->own_bytes == 0);
    queue->heap->free(queue->heap, queue->messages);
    hub_queue_init(queue, queue->heap);
}

enum jit_err hub_queue_put(struct hub_queue *queue, struct hub_message *message)
{
    void *data = queue->messages;
    assert(message->frames.size > 0 && queue->last == NULL);
    if (queue->head > queue->count) { /* so each is moved once at most, on the whole */
        memmove(queue->messages, queue->messages + queue->head,
                queue->count * sizeof *queue->messages);
        queue->head = 0;
    }
    if (jit_heap_grow(queue->heap, &data, &queue->capacity, queue->head + queue->count + 1,
                      sizeof *queue->messages) != 0) {
        return JIT_ENOMEM;
    }
    queue->messages = data;
    queue->messages[queue->head + queue->count++] = hub_message_ref(message);
    count_in(queue, message);
    return JIT_OK;
}

void hub_queue_end(struct hub_queue *queue, struct hub_message *message)
{
    assert(message->frames.size > 0 && queue->last == NULL);
    queue->last = hub_message_ref(message);
    count_in(queue, message);
}

enum jit_err hub_queue_copy(struct hub_queue *queue, const struct jit_buf *frames)
{
    struct hub_message *last =
        queue->count > 0 ? queue->messages[queue->head + queue->count - 1] : NULL;
    if (last != NULL && !last->shared && last->refs == 1 &&
        frames->size <= last->frames.size_max - last->frames.size) {
        jit_buf_put(&last->frames, frames->data, frames->size);
        enum jit_err err = last->frames.err;
        last->frames.err = JIT_OK; /* it is as it was */
        queue->bytes += err == JIT_OK ? frames->size : 0;
        queue->own_bytes += err == JIT_OK ? frames->size : 0;
        return err;
    }
    struct jit_buf copy;
    jit_buf_init(&copy, queue->heap, frames->size > GATHER_BYTES ? frames->size : GATHER_BYTES);
    jit_buf_put(&copy, frames->data, frames->size);
    enum jit_err err = hub_message_new(queue->heap, &copy, false, &last);
    if (err == JIT_OK) {
        err = hub_queue_put(queue, last);
        hub_message_unref(last);
    }
    return err;
}

enum jit_err hub_queue_send(struct hub_queue *queue, int fd)
{
    while (!hub_queue_is_empty(queue)) {
        const size_t size = first_size(queue);
        ssize_t n = send(fd, first_of(queue)->frames.data + queue->sent, size - queue->sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            return JIT_OK;
        }
        if (n <= 0) {
            return JIT_EPEER;
        }
        queue->sent += (size_t)n;
        queue->bytes -= (size_t)n;
        if (queue->sent == size) {
            drop_first(queue);
        }
    }
    return JIT_OK;
}

/* Where the frame ends in whose midst the sending stands. */
static size_t frame_end(const struct jit_buf *frames, size_t sent)
{
    size_t end = 0;
    while (end < sent) {
        end += 4 + (size_t)jit_le32(frames->data + end);
    }
    assert(end <= frames->size);
    return end;
}

void hub_queue_cut(struct hub_queue *queue)
{
    struct hub_message *rest = NULL;
    struct jit_buf copy;
    assert(queue->last == NULL && queue->cut == 0);
    while (queue->count > 1) {
        struct hub_message *newest = queue->messages[queue->head + --queue->count];
        forget(queue, newest, newest->frames.size);
    }
    if (queue->count == 0) {
        return;
    }
    struct hub_message *first = first_of(queue);
    const size_t end = frame_end(&first->frames, queue->sent);
    const size_t left = end - queue->sent;
    if (left == 0) {
        drop_first(queue);
        return;
    }
    queue->bytes -= first->frames.size - end;
    queue->cut = end;
    jit_buf_init(&copy, queue->heap, left);
    jit_buf_put(&copy, first->frames.data + queue->sent, left);
    if (hub_message_new(queue->heap, &copy, false, &rest) == JIT_OK) {
        forget(queue, first, left);
        count_in(queue, rest);
        queue->messages[queue->head] = rest;
        queue->sent = 0;
        queue->cut = 0;
    }
}
