/* Goal:   the ring's two ends hold what they promise where they really run at the same time: all
 *         requests of a tick and no other, in order and whole, every receipt, no wake-up lost.
 * Method: the worker's end in one thread, the kernel's in another, real futexes; ticks of no
 *         request, of some, and of more than the ring has room for, with as many receipts; from
 *         counters that pass 2^32. To be run under ThreadSanitizer as well. */
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/random.h"
#include "syscall/ring.h"
#include "tests/lib/tcase.h"

#define TICKS 120u

static uint64_t pages[(SYS_RING_BYTES + 7) / 8];
static struct sys_ring_memory memory;
static struct sys_ring_host host;
static struct sys_ring_guest guest;
static uint64_t seed;

/* Check's assertions are for one thread; a death is seen from both. */
static void must(bool right, const char *what, uint64_t tick, uint64_t cookie)
{
    if (!right) {
        fprintf(stderr, "seed %llu, tick %llu, request %llu: %s\n", (unsigned long long)seed,
                (unsigned long long)tick, (unsigned long long)cookie, what);
        abort();
    }
}

static void sleep_on(void *user, uint32_t *word, uint32_t value)
{
    (void)user;
    syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

static void wake(void *user, uint32_t *word)
{
    (void)user;
    syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* How many requests a tick has: what both ends know without telling one another. */
static uint64_t requests_of(uint64_t tick)
{
    struct jit_random random = jit_random_of(seed * 1000 + tick);
    switch (jit_random_below(&random, 8)) {
    case 0:
        return 0;
    case 1:
        return SYS_REQUEST_SLOTS + jit_random_below(&random, SYS_REQUEST_SLOTS);
    case 2:
        return SYS_REQUEST_SLOTS;
    default:
        return jit_random_below(&random, 700);
    }
}

static uint64_t receipts_of(uint64_t tick)
{
    uint64_t count = requests_of(tick);
    return count < SYS_RECEIPT_SLOTS ? count : SYS_RECEIPT_SLOTS;
}

static void call_worker(void)
{
    if (sys_ring_host_ring(&host)) {
        wake(NULL, sys_ring_host_call(&host));
    }
}

/* Sleep until the bell is no longer `seen`, which was read before the last look. */
static void wait_for_bell(uint32_t seen)
{
    sys_ring_host_announce(&host, true);
    sleep_on(NULL, sys_ring_host_bell(&host), seen);
    sys_ring_host_announce(&host, false);
}

/* All requests of a tick, from number `next` on; gives the number after the last. */
static uint64_t take_tick(uint64_t tick, uint64_t next)
{
    for (;;) {
        struct sys_slot slot;
        uint32_t seen = sys_ring_host_bell_value(&host);
        int done = sys_ring_host_done(&host);
        must(done >= 0, "the worker's words are nonsense", tick, next);
        int took;
        bool some = false;
        while ((took = sys_ring_host_take(&host, &slot)) == 1) {
            must(slot.cookie == next, "another request", tick, next);
            must(slot.body.bytes[0] == (uint8_t)next &&
                     slot.body.bytes[SYS_INLINE_BYTES - 1] == (uint8_t)(next >> 8),
                 "half a request", tick, next);
            next++;
            some = true;
        }
        must(took == 0, "the worker's words are nonsense", tick, next);
        if (some) {
            sys_ring_host_release(&host);
            call_worker();
        }
        if (done == 1) {
            return next;
        }
        wait_for_bell(seen);
    }
}

/* The worker takes all receipts of a tick before the next one, and asks for no more than fit. */
static void reply_tick(uint64_t tick, uint64_t from, uint64_t to)
{
    for (; from < to; from++) {
        const struct sys_receipt receipt = {.cookie = from, .tick = tick};
        must(sys_ring_host_reply(&host, &receipt) == 1, "no room for a receipt", tick, from);
        if (from % 64 == 0) {
            call_worker();
        }
    }
    call_worker();
}

static void *kernel_end(void *user)
{
    static const uint64_t no_counts[SYS_RING_COUNTS];
    uint64_t next = 0;
    (void)user;
    for (uint64_t tick = 1; tick <= TICKS; tick++) {
        sys_ring_host_begin(&host, tick, no_counts);
        call_worker();
        uint64_t first = next;
        next = take_tick(tick, next);
        must(next - first == requests_of(tick), "more or fewer than were meant", tick, next);
        reply_tick(tick, first, first + receipts_of(tick));
    }
    return NULL;
}

static void worker_end(void)
{
    uint64_t posted = 0;
    for (uint64_t tick = 1; tick <= TICKS; tick++) {
        must(sys_ring_guest_begin(&guest, tick - 1) == tick, "another tick", tick, posted);
        for (uint64_t left = requests_of(tick); left > 0; left--) {
            struct sys_slot *slot = sys_ring_guest_slot(&guest);
            memset(slot, 0, sizeof *slot);
            slot->kind = SYS_CALL_clock;
            slot->cookie = posted;
            slot->body.bytes[0] = (uint8_t)posted;
            slot->body.bytes[SYS_INLINE_BYTES - 1] = (uint8_t)(posted >> 8);
            sys_ring_guest_post(&guest);
            posted++;
        }
        sys_ring_guest_done(&guest, tick);
        uint64_t first = posted - requests_of(tick);
        for (uint64_t i = 0; i < receipts_of(tick); i++) {
            struct sys_receipt receipt;
            sys_ring_guest_await(&guest, &receipt);
            must(receipt.cookie == first + i && receipt.tick == tick, "another receipt", tick,
                 first + i);
        }
    }
    ck_assert_uint_gt(posted, SYS_REQUEST_SLOTS);
}

START_TEST(both_ends_at_once) /* _i = seed */
{
    seed = (uint64_t)_i + 1;
    struct jit_random random = jit_random_of(seed);
    uint32_t counter = UINT32_MAX - (uint32_t)jit_random_below(&random, 4 * SYS_REQUEST_SLOTS);
    memory = (struct sys_ring_memory){.base = (uint8_t *)pages, .size = SYS_RING_BYTES};
    sys_ring_host_init(&host, &memory);
    guest = (struct sys_ring_guest){
        .memory = memory, .wait = sleep_on, .wake = wake, .spin = _i % 2 == 0 ? 0 : 200};
    ck_assert_int_eq(sys_ring_guest_open(&guest), JIT_OK);
    struct sys_ring_worker *worker = (void *)(memory.base + SYS_RING_WORKER_OFFSET);
    struct sys_ring_kernel *kernel = (void *)(memory.base + SYS_RING_KERNEL_OFFSET);
    host.request_head = host.request_tail = host.receipt_tail = counter;
    guest.request_head = guest.request_tail = guest.receipt_head = counter;
    worker->request_tail = worker->receipt_head = counter;
    kernel->request_head = kernel->receipt_tail = counter;
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, kernel_end, NULL), 0);
    worker_end();
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "threads", 60);
    tcase_add_loop_test(t, both_ends_at_once, 0, 6);
}

TEST_MAIN("ring_threads", suite)
