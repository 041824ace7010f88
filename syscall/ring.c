#include "syscall/ring.h"

#include <stddef.h>

#include "base/check.h"
#include "base/limits.h"

#define WORKER(member) (SYS_RING_WORKER_OFFSET + offsetof(struct sys_ring_worker, member))
#define KERNEL(member) (SYS_RING_KERNEL_OFFSET + offsetof(struct sys_ring_kernel, member))

/* The worker rings at least once in so many requests, so that the kernel drains while it searches.
 */
#define RING_EVERY (SYS_REQUEST_SLOTS / 4)

static_assert((SYS_REQUEST_SLOTS & (SYS_REQUEST_SLOTS - 1)) == 0, "counters wrap at 2^32");
static_assert((SYS_RECEIPT_SLOTS & (SYS_RECEIPT_SLOTS - 1)) == 0, "counters wrap at 2^32");
static_assert(sizeof(struct sys_ring_worker) <= SYS_PAGE, "one page");
static_assert(sizeof(struct sys_ring_kernel) <= SYS_PAGE, "one page");
static_assert(SYS_REQUEST_BYTES % 8 == 0 && SYS_RECEIPT_BYTES % 8 == 0, "copied by words");

static uint32_t *word_at(const struct sys_ring_memory *memory, uint64_t at)
{
    return (uint32_t *)(void *)(memory->base + at);
}

static uint64_t *wide_at(const struct sys_ring_memory *memory, uint64_t at)
{
    return (uint64_t *)(void *)(memory->base + at);
}

static uint32_t load32(const struct sys_ring_memory *memory, uint64_t at)
{
    if (memory->before_load != NULL) {
        memory->before_load(memory->user);
    }
    return __atomic_load_n(word_at(memory, at), __ATOMIC_ACQUIRE);
}

static uint64_t load64(const struct sys_ring_memory *memory, uint64_t at)
{
    if (memory->before_load != NULL) {
        memory->before_load(memory->user);
    }
    return __atomic_load_n(wide_at(memory, at), __ATOMIC_ACQUIRE);
}

static void store32(const struct sys_ring_memory *memory, uint64_t at, uint32_t value)
{
    __atomic_store_n(word_at(memory, at), value, __ATOMIC_RELEASE);
}

static void store64(const struct sys_ring_memory *memory, uint64_t at, uint64_t value)
{
    __atomic_store_n(wide_at(memory, at), value, __ATOMIC_RELEASE);
}

/* Copy out, each word loaded once. The barrier keeps the compiler from ever looking at the shared
 * bytes again in place of the copy. */
static void copy_out(const struct sys_ring_memory *memory, uint64_t at, void *out, size_t size)
{
    uint8_t *bytes = out;
    for (size_t i = 0; i < size; i += 8) {
        if (memory->before_load != NULL) {
            memory->before_load(memory->user);
        }
        uint64_t word = __atomic_load_n(wide_at(memory, at + i), __ATOMIC_RELAXED);
        memcpy(bytes + i, &word, sizeof word);
    }
    __asm__ volatile("" : : "r"(out) : "memory");
}

static uint64_t request_at(uint32_t counter)
{
    return SYS_RING_REQUEST_OFFSET +
           (uint64_t)(counter & (SYS_REQUEST_SLOTS - 1)) * SYS_REQUEST_BYTES;
}

static uint64_t receipt_at(uint32_t counter)
{
    return SYS_RING_RECEIPT_OFFSET +
           (uint64_t)(counter & (SYS_RECEIPT_SLOTS - 1)) * SYS_RECEIPT_BYTES;
}

/* Change the word the other end sleeps on; true when it has announced that it does. The fence is
 * one half of the promise that no wake-up is lost; the other is in announce(). */
static bool ring_word(const struct sys_ring_memory *memory, uint64_t word, uint32_t value,
                      uint64_t sleeping)
{
    store32(memory, word, value);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return load32(memory, sleeping) != 0;
}

static void announce(const struct sys_ring_memory *memory, uint64_t sleeping, bool value)
{
    store32(memory, sleeping, value ? 1 : 0);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void memory_check(const struct sys_ring_memory *memory)
{
    assert(memory->base != NULL);
    assert(((uintptr_t)memory->base & 7) == 0);
    assert(memory->size >= SYS_RING_BYTES);
}

void sys_ring_host_init(struct sys_ring_host *ring, const struct sys_ring_memory *memory)
{
    memory_check(memory);
    *ring = (struct sys_ring_host){.memory = *memory};
    const struct sys_ring_header header = {.major = SYS_ABI_MAJOR,
                                           .minor = SYS_ABI_MINOR,
                                           .page_size = SYS_PAGE,
                                           .request_slots = SYS_REQUEST_SLOTS,
                                           .receipt_slots = SYS_RECEIPT_SLOTS,
                                           .ring_bytes = SYS_RING_BYTES};
    memcpy(memory->base, &header, sizeof header);
    store32(memory, offsetof(struct sys_ring_header, magic), SYS_RING_MAGIC);
}

/* Look how far the worker has come. The tail is read before done_tick: had the worker posted what
 * we see after its done, we would see that done too. So a request is never counted in an earlier
 * tick than the worker meant, whenever we look. */
static enum jit_err host_look(struct sys_ring_host *ring)
{
    if (ring->done) {
        return JIT_OK;
    }
    uint32_t waiting = load32(&ring->memory, WORKER(request_tail)) - ring->request_head;
    if (waiting > SYS_REQUEST_SLOTS || waiting < ring->request_tail - ring->request_head) {
        return JIT_EPEER;
    }
    uint64_t done_tick = load64(&ring->memory, WORKER(done_tick));
    if (done_tick > ring->begin_tick) {
        return JIT_EPEER;
    }
    if (done_tick == ring->begin_tick && ring->begin_tick != 0) {
        uint32_t last = load32(&ring->memory, WORKER(done_tail)) - ring->request_head;
        if (last > SYS_REQUEST_SLOTS || last < ring->request_tail - ring->request_head) {
            return JIT_EPEER;
        }
        waiting = last;
        ring->done = true;
    }
    ring->request_tail = ring->request_head + waiting;
    return JIT_OK;
}

int sys_ring_host_take(struct sys_ring_host *ring, struct sys_slot *slot)
{
    if (ring->request_head == ring->request_tail) {
        enum jit_err err = host_look(ring);
        if (err != JIT_OK) {
            return err;
        }
        if (ring->request_head == ring->request_tail) {
            return 0;
        }
    }
    copy_out(&ring->memory, request_at(ring->request_head), slot, sizeof *slot);
    ring->request_head++;
    return 1;
}

enum jit_err sys_ring_far(const struct sys_slot *slot, uint64_t arena_size, uint64_t *offset)
{
    *offset = 0;
    if (slot->length <= SYS_INLINE_BYTES || slot->length > JIT_REQUEST_BYTES_MAX ||
        slot->body.far.size != slot->length || slot->body.far.size > arena_size ||
        slot->body.far.at > arena_size - slot->body.far.size) {
        return JIT_EPEER;
    }
    *offset = slot->body.far.at;
    return JIT_OK;
}

void sys_ring_host_release(struct sys_ring_host *ring)
{
    store32(&ring->memory, KERNEL(request_head), ring->request_head);
}

int sys_ring_host_reply(struct sys_ring_host *ring, const struct sys_receipt *receipt)
{
    uint32_t untaken = ring->receipt_tail - load32(&ring->memory, WORKER(receipt_head));
    if (untaken > SYS_RECEIPT_SLOTS) {
        return JIT_EPEER;
    }
    if (untaken == SYS_RECEIPT_SLOTS) {
        return 0;
    }
    memcpy(ring->memory.base + receipt_at(ring->receipt_tail), receipt, sizeof *receipt);
    ring->receipt_tail++;
    store32(&ring->memory, KERNEL(receipt_tail), ring->receipt_tail);
    return 1;
}

void sys_ring_host_begin(struct sys_ring_host *ring, uint64_t tick,
                         const uint64_t counts[SYS_RING_COUNTS])
{
    assert(tick > ring->begin_tick);
    for (unsigned i = 0; i < SYS_RING_COUNTS; i++) {
        store64(&ring->memory, KERNEL(counts) + i * sizeof counts[0], counts[i]);
    }
    ring->begin_tick = tick;
    ring->done = false;
    store64(&ring->memory, KERNEL(begin_tick), tick);
}

int sys_ring_host_done(struct sys_ring_host *ring)
{
    enum jit_err err = host_look(ring);
    return err != JIT_OK ? (int)err : ring->done ? 1 : 0;
}

uint32_t *sys_ring_host_bell(struct sys_ring_host *ring)
{
    return word_at(&ring->memory, WORKER(bell));
}

uint32_t sys_ring_host_bell_value(struct sys_ring_host *ring)
{
    return load32(&ring->memory, WORKER(bell));
}

void sys_ring_host_announce(struct sys_ring_host *ring, bool sleeping)
{
    announce(&ring->memory, KERNEL(sleeping), sleeping);
}

bool sys_ring_host_ring(struct sys_ring_host *ring)
{
    return ring_word(&ring->memory, KERNEL(call), ++ring->call, WORKER(sleeping));
}

uint32_t *sys_ring_host_call(struct sys_ring_host *ring)
{
    return word_at(&ring->memory, KERNEL(call));
}

/* ---- the worker's end ---- */

static uint32_t guest_call(struct sys_ring_guest *ring)
{
    return load32(&ring->memory, KERNEL(call));
}

/* Block until `call` is no longer `seen`, or for no reason. `seen` was read before the caller
 * looked for what it waits for. */
static void guest_sleep(struct sys_ring_guest *ring, uint32_t seen)
{
    for (uint32_t i = 0; i < ring->spin; i++) {
        if (guest_call(ring) != seen) {
            return;
        }
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }
    announce(&ring->memory, WORKER(sleeping), true);
    ring->wait(ring->user, word_at(&ring->memory, KERNEL(call)), seen);
    announce(&ring->memory, WORKER(sleeping), false);
}

enum jit_err sys_ring_guest_open(struct sys_ring_guest *ring)
{
    struct sys_ring_header header;
    memory_check(&ring->memory);
    for (;;) { /* the worker may be up before the kernel has laid out its ring */
        uint32_t seen = guest_call(ring);
        if (load32(&ring->memory, offsetof(struct sys_ring_header, magic)) != 0) {
            break;
        }
        guest_sleep(ring, seen);
    }
    memcpy(&header, ring->memory.base, sizeof header);
    if (header.magic != SYS_RING_MAGIC) {
        return JIT_EFORMAT;
    }
    if (header.major != SYS_ABI_MAJOR) {
        return JIT_EVERSION;
    }
    if (header.features != 0 || header.page_size != SYS_PAGE ||
        header.request_slots != SYS_REQUEST_SLOTS || header.receipt_slots != SYS_RECEIPT_SLOTS ||
        header.ring_bytes != SYS_RING_BYTES) {
        return JIT_EFORMAT;
    }
    return JIT_OK;
}

uint64_t sys_ring_guest_begin(struct sys_ring_guest *ring, uint64_t last)
{
    for (;;) {
        uint32_t seen = guest_call(ring);
        uint64_t tick = load64(&ring->memory, KERNEL(begin_tick));
        if (tick > last) {
            return tick;
        }
        guest_sleep(ring, seen);
    }
}

void sys_ring_guest_ring(struct sys_ring_guest *ring)
{
    if (ring_word(&ring->memory, WORKER(bell), ++ring->bell, KERNEL(sleeping))) {
        ring->wake(ring->user, word_at(&ring->memory, WORKER(bell)));
    }
}

/* Wait until at most `most` of the posted requests are not taken. */
static void guest_settle(struct sys_ring_guest *ring, uint32_t most)
{
    bool rang = false;
    while (ring->request_tail - ring->request_head > most) {
        uint32_t seen = guest_call(ring);
        ring->request_head = load32(&ring->memory, KERNEL(request_head));
        if (ring->request_tail - ring->request_head <= most) {
            return;
        }
        if (rang) {
            guest_sleep(ring, seen);
        } else {
            sys_ring_guest_ring(ring); /* and look once more before sleeping */
        }
        rang = !rang; /* who was woken for something else rings again */
    }
}

struct sys_slot *sys_ring_guest_slot(struct sys_ring_guest *ring)
{
    guest_settle(ring, SYS_REQUEST_SLOTS - 1);
    return (struct sys_slot *)(void *)(ring->memory.base + request_at(ring->request_tail));
}

void sys_ring_guest_post(struct sys_ring_guest *ring)
{
    ring->request_tail++;
    store32(&ring->memory, WORKER(request_tail), ring->request_tail);
    if (ring->request_tail % RING_EVERY == 0) {
        sys_ring_guest_ring(ring);
    }
}

void sys_ring_guest_drain(struct sys_ring_guest *ring)
{
    guest_settle(ring, 0);
}

void sys_ring_guest_done(struct sys_ring_guest *ring, uint64_t tick)
{
    store32(&ring->memory, WORKER(done_tail), ring->request_tail);
    store64(&ring->memory, WORKER(done_tick), tick);
    sys_ring_guest_ring(ring);
}

bool sys_ring_guest_receipt(struct sys_ring_guest *ring, struct sys_receipt *receipt)
{
    uint32_t waiting = load32(&ring->memory, KERNEL(receipt_tail)) - ring->receipt_head;
    if (waiting == 0) {
        return false;
    }
    copy_out(&ring->memory, receipt_at(ring->receipt_head), receipt, sizeof *receipt);
    ring->receipt_head++;
    store32(&ring->memory, WORKER(receipt_head), ring->receipt_head);
    return true;
}

void sys_ring_guest_await(struct sys_ring_guest *ring, struct sys_receipt *receipt)
{
    for (;;) {
        uint32_t seen = guest_call(ring);
        if (sys_ring_guest_receipt(ring, receipt)) {
            return;
        }
        guest_sleep(ring, seen);
    }
}
