/* syscall/ring.h - the two ends of a worker's ring. The kernel's end believes nothing; the worker's
 * end trusts the kernel. Spec:  DESIGN 7.1, 14.6, 14.7; SANDBOX 2.5; docs/spec/ring.md. Layer:
 * syscall, but base only: both sides use it. No system call here: waiting and waking are passed in.
 *
 * Hostile: the kernel's end keeps its own counters, copies a slot once and judges the copy only,
 * and never looks at the same shared byte twice to judge it. before_load runs before each load of
 * shared memory, so that a test can rewrite the memory there, or let another coroutine run.
 *
 * Sleeping. Each end sleeps on one word that only the other end changes, and says so before: the
 * sleeper reads the word, looks for work, finds none, announces, and sleeps if the word is still
 * what it was. The other end makes the work visible, changes the word, and wakes if it then sees
 * the announcement. Either the sleeper sees the change or the waker sees the announcement. */
#ifndef JIT_SYSCALL_RING_H
#define JIT_SYSCALL_RING_H

#include <stdbool.h>

#include "base/err.h"
#include "syscall/abi.h"

/* One mapping of a ring, at least 8-aligned. before_load may be NULL. */
struct sys_ring_memory {
    uint8_t *base;
    uint64_t size; /* SYS_RING_BYTES */
    void (*before_load)(void *user);
    void *user;
};

/* ---- the kernel's end ---- */
struct sys_ring_host {
    struct sys_ring_memory memory;
    uint32_t request_head; /* ours: the shared copies are for the worker */
    uint32_t request_tail; /* as far as the worker's tail was seen and found sound */
    uint32_t receipt_tail;
    uint32_t call;
    uint64_t begin_tick;
    bool done; /* request_tail is that of done(begin_tick): nothing behind it is taken now */
};

/* Lay out a fresh, zeroed ring. */
void sys_ring_host_init(struct sys_ring_host *ring, const struct sys_ring_memory *memory);

/* Take the next request of the tick: a private copy. 1: taken; 0: none waits; JIT_EPEER: the
 * worker's words are nonsense. A request that lies in the graph arena comes with slot->length >
 * 240: copy it with sys_ring_far. What the worker posts after done(t) stays until begin(t + 1). */
JIT_MUST_CHECK int sys_ring_host_take(struct sys_ring_host *ring, struct sys_slot *slot);
/* Bounds of a far request in an arena of arena_size bytes; it has slot->length bytes.
 * Errors: JIT_EPEER. */
JIT_MUST_CHECK enum jit_err sys_ring_far(const struct sys_slot *slot, uint64_t arena_size,
                                         uint64_t *offset);
/* Tell the worker how many were taken (after copying what lies far). */
void sys_ring_host_release(struct sys_ring_host *ring);
/* 1: written; 0: the worker has not taken older ones and there is no room, and nobody rings when
 * there is: a worker that does not take its receipts is not waited for; JIT_EPEER: nonsense. */
JIT_MUST_CHECK int sys_ring_host_reply(struct sys_ring_host *ring,
                                       const struct sys_receipt *receipt);
/* Let the worker work on `tick` (greater than the last one); sys_ring_host_ring tells it. */
void sys_ring_host_begin(struct sys_ring_host *ring, uint64_t tick,
                         const uint64_t counts[SYS_RING_COUNTS]);
/* Whether the worker has said done to begin_tick: 1, 0, JIT_EPEER. Ask first, then take until 0:
 * the tick then has all of the worker's requests. */
JIT_MUST_CHECK int sys_ring_host_done(struct sys_ring_host *ring);
/* The word to sleep on and its value now. Read the value, ask done and take, announce, sleep while
 * it has that value, take the announcement back. */
uint32_t *sys_ring_host_bell(struct sys_ring_host *ring);
uint32_t sys_ring_host_bell_value(struct sys_ring_host *ring);
void sys_ring_host_announce(struct sys_ring_host *ring, bool sleeping);
/* +1 to `call`; true when the worker sleeps on it and must be woken (address: sys_ring_host_call).
 * To be called after begin, release and reply. */
JIT_MUST_CHECK bool sys_ring_host_ring(struct sys_ring_host *ring);
uint32_t *sys_ring_host_call(struct sys_ring_host *ring);

/* ---- the worker's end ---- */
struct sys_ring_guest { /* memory, wait, wake, user and spin are the caller's, the rest begins as 0
                         */
    struct sys_ring_memory memory;
    /* Block while *word is `value` (may return early); wake whoever sleeps on the word. */
    void (*wait)(void *user, uint32_t *word, uint32_t value);
    void (*wake)(void *user, uint32_t *word);
    void *user;
    uint32_t spin; /* looks at `call` before it announces that it sleeps */
    uint32_t bell;
    uint32_t request_tail;
    uint32_t request_head; /* as last seen */
    uint32_t receipt_head;
};
/* Waits while the ring is not laid out. Errors: JIT_EVERSION, JIT_EFORMAT. */
JIT_MUST_CHECK enum jit_err sys_ring_guest_open(struct sys_ring_guest *ring);
/* Wait until the kernel begins a tick after `last`; gives it. */
uint64_t sys_ring_guest_begin(struct sys_ring_guest *ring, uint64_t last);
/* A slot to fill in place, waiting for room if need be; then post it. The kernel looks at it when
 * the bell rings: on done, when the ring fills up, or by sys_ring_guest_ring. */
struct sys_slot *sys_ring_guest_slot(struct sys_ring_guest *ring);
void sys_ring_guest_post(struct sys_ring_guest *ring);
void sys_ring_guest_ring(struct sys_ring_guest *ring);
/* Wait until the kernel has taken everything posted: what lay in the graph arena may be reused. */
void sys_ring_guest_drain(struct sys_ring_guest *ring);
void sys_ring_guest_done(struct sys_ring_guest *ring, uint64_t tick);
/* The next receipt, if one waits; or wait for it. */
bool sys_ring_guest_receipt(struct sys_ring_guest *ring, struct sys_receipt *receipt);
void sys_ring_guest_await(struct sys_ring_guest *ring, struct sys_receipt *receipt);

#endif
