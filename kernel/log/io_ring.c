#include "kernel/log/io_ring.h"

#include <errno.h>
#include <liburing.h>
#include <string.h>
#include <sys/uio.h>

#include "base/check.h"
#include "kernel/log/io_priv.h"
#include "kernel/event/uring.h"

struct flight {
    struct jit_io_write *write; /* NULL: free */
    uint64_t done;              /* bytes */
    unsigned tries;
};
struct io_ring {
    struct io_posix posix; /* first, and first in it is the jit_io */
    struct io_uring ring;
    struct flight flights[IO_WRITES_MAX];
    unsigned flying;
};

static struct io_ring *of(struct jit_io *io)
{
    return (struct io_ring *)io;
}

/* Hand the rest of a write to the kernel. */
static enum jit_err start(struct io_ring *ring, struct flight *flight)
{
    struct jit_io_write *write = flight->write;
    struct io_file *file = io_posix_file(&ring->posix, write->file);
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->ring);
    assert(sqe != NULL); /* as many as flights, and each is submitted at once */
    uint64_t left = write->size - flight->done;
    const uint8_t *at = (const uint8_t *)write->buf + flight->done;
    io_uring_prep_write(sqe, file->fd, at, left < (1u << 30) ? (unsigned)left : (1u << 30),
                        write->offset + flight->done);
    sqe->rw_flags = write->durable ? RWF_DSYNC : 0;
    io_uring_sqe_set_data(sqe, flight);
    int got = 0;
    for (unsigned tries = 0; tries < IO_TRIES_MAX; tries++) {
        got = io_uring_submit(&ring->ring);
        if (io_uring_sq_ready(&ring->ring) == 0) {
            return JIT_OK;
        }
        if (got < 0 && got != -EINTR && got != -EAGAIN && got != -EBUSY) {
            break;
        }
    }
    /* The request stays queued with nobody to wait for it: turn it into nothing. */
    io_uring_prep_nop(sqe);
    io_uring_sqe_set_data(sqe, NULL);
    return jit_err_of_errno(got < 0 ? -got : EIO);
}

static enum jit_err ring_submit(struct jit_io *io, struct jit_io_write *write)
{
    struct io_ring *ring = of(io);
    struct flight *flight = ring->flights;
    struct io_file *file = io_posix_file(&ring->posix, write->file);
    while (flight < ring->flights + IO_WRITES_MAX && flight->write != NULL) {
        flight++;
    }
    assert(flight < ring->flights + IO_WRITES_MAX);
    io_posix_die(&ring->posix, file, write->buf, write->size, write->offset);
    write->err = JIT_OK;
    if (write->durable && (write->wait || ring->posix.no_dsync)) {
        /* A direct durable write that is waited for elsewhere is finished by a kernel thread, whose
         * turn comes late on a busy machine; a system call is finished by its caller. */
        write->err =
            io_posix_write_all(&ring->posix, file, write->buf, write->size, write->offset, 0, true);
        assert(ring->posix.done_count < IO_WRITES_MAX);
        ring->posix.done[ring->posix.done_count++] = write;
        return JIT_OK;
    }
    *flight = (struct flight){.write = write};
    enum jit_err err = start(ring, flight);
    if (err == JIT_OK) {
        ring->flying++;
    } else {
        flight->write = NULL;
    }
    return err;
}

/* True when the write is over; else its rest is under way again. */
static bool land(struct io_ring *ring, struct flight *flight, int result)
{
    struct jit_io_write *write = flight->write;
    struct io_file *file = io_posix_file(&ring->posix, write->file);
    if (result == -ECANCELED || (result == -EOPNOTSUPP && write->durable)) {
        /* Cancelled means never begun: no kernel thread could be made for it, since signals kept
         * coming. A system call needs none. */
        ring->posix.no_dsync = ring->posix.no_dsync || result == -EOPNOTSUPP;
        write->err = io_posix_write_all(&ring->posix, file, write->buf, write->size, write->offset,
                                        flight->done, true);
        return true;
    }
    if (result < 0 && result != -EINTR && result != -EAGAIN) {
        write->err = jit_err_of_errno(-result);
        return true;
    }
    if (result > 0) {
        uint64_t next = flight->done + (uint64_t)result;
        assert(next <= write->size);
        if (next == write->size) {
            return true;
        }
        next = io_resume(file, next);
        flight->tries = next > flight->done ? 0 : flight->tries;
        flight->done = next;
    }
    if (++flight->tries == IO_TRIES_MAX) {
        write->err = JIT_EIO;
        return true;
    }
    write->err = start(ring, flight);
    return write->err != JIT_OK;
}

static struct jit_io_write *ring_reap(struct jit_io *io, bool wait)
{
    struct io_ring *ring = of(io);
    if (ring->posix.done_count > 0) {
        struct jit_io_write *write = ring->posix.done[--ring->posix.done_count];
        return write;
    }
    while (ring->flying > 0) {
        struct io_uring_cqe *cqe = NULL;
        int got =
            wait ? io_uring_wait_cqe(&ring->ring, &cqe) : io_uring_peek_cqe(&ring->ring, &cqe);
        if (got == -EINTR) {
            continue;
        }
        if (got == -EAGAIN && !wait) {
            return NULL;
        }
        assert(got == 0); /* the ring itself broke: nothing can be known about what it holds */
        struct flight *flight = io_uring_cqe_get_data(cqe);
        int result = cqe->res;
        io_uring_cqe_seen(&ring->ring, cqe);
        if (flight != NULL && land(ring, flight, result)) {
            struct jit_io_write *write = flight->write;
            flight->write = NULL;
            ring->flying--;
            return write;
        }
    }
    return NULL;
}

enum jit_err io_ring_open(struct jit_heap *heap, int dirfd, const struct io_options *options,
                          struct jit_io **out)
{
    static const uint8_t ops[] = {IORING_OP_WRITE, IORING_OP_NOP};
    *out = NULL;
    struct io_ring *ring = heap->alloc(heap, sizeof *ring);
    if (ring == NULL) {
        return JIT_ENOMEM;
    }
    memset(ring, 0, sizeof *ring);
    enum jit_err err = shell_uring_init(IO_WRITES_MAX, ops, sizeof ops, &ring->ring);
    if (err != JIT_OK) {
        heap->free(heap, ring);
        return err;
    }
    err = io_posix_init(&ring->posix, heap, dirfd, options);
    if (err != JIT_OK) {
        io_uring_queue_exit(&ring->ring);
        heap->free(heap, ring);
        return err;
    }
    ring->posix.io.submit = ring_submit;
    ring->posix.io.reap = ring_reap;
    *out = &ring->posix.io;
    return JIT_OK;
}

void io_ring_close(struct jit_io *io)
{
    if (io == NULL) {
        return;
    }
    struct io_ring *ring = of(io);
    while (ring_reap(io, true) != NULL) {
        /* its buffer belongs to somebody who is about to free it */
    }
    io_uring_queue_exit(&ring->ring);
    io_posix_release(&ring->posix);
    ring->posix.heap->free(ring->posix.heap, ring);
}

enum jit_err io_ring_hold(struct jit_io *io, int fd)
{
    int got = io_uring_register_files(&of(io)->ring, &fd, 1);
    return got == 0 ? JIT_OK : jit_err_of_errno(-got);
}

int io_ring_fd(struct jit_io *io)
{
    return of(io)->ring.ring_fd;
}
