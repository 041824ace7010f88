/* Goal:   the ring carries requests and receipts in order, whole, and to the tick they were meant
 *         for; nobody sleeps through a wake-up; the kernel's end survives any bytes.
 * Method: a model queue under random operations, with counters that wrap; a full ring; every kind
 *         of nonsense in the worker's words; memory that is rewritten before each load; both ends
 * as coroutines under seeded interleavings with futexes that wake nobody by themselves. */
#include "syscall/ring.h"

#include "base/random.h"
#include "syscall/decode.h"
#include "tests/lib/coroutine.h"
#include "tests/lib/tcase.h"

static uint64_t pages[(SYS_RING_BYTES + 7) / 8];
static struct sys_ring_memory memory;
static struct sys_ring_host host;
static struct sys_ring_guest guest;
static const uint64_t no_counts[SYS_RING_COUNTS];

static struct sys_ring_worker *worker_words(void)
{
    return (struct sys_ring_worker *)(void *)(memory.base + SYS_RING_WORKER_OFFSET);
}

static struct sys_ring_kernel *kernel_words(void)
{
    return (struct sys_ring_kernel *)(void *)(memory.base + SYS_RING_KERNEL_OFFSET);
}

static void never_wait(void *user, uint32_t *word, uint32_t value)
{
    (void)user;
    (void)word;
    (void)value;
    ck_abort_msg("nobody has to wait here");
}

static void count_wake(void *user, uint32_t *word)
{
    (void)user;
    (void)word;
}

/* Both ends, all counters at `counter`. */
static void open_at(uint32_t counter)
{
    memset(pages, 0, sizeof pages);
    memory = (struct sys_ring_memory){.base = (uint8_t *)pages, .size = SYS_RING_BYTES};
    sys_ring_host_init(&host, &memory);
    guest = (struct sys_ring_guest){.memory = memory, .wait = never_wait, .wake = count_wake};
    ck_assert_int_eq(sys_ring_guest_open(&guest), JIT_OK);
    host.request_head = host.request_tail = host.receipt_tail = counter;
    guest.request_head = guest.request_tail = guest.receipt_head = counter;
    worker_words()->request_tail = worker_words()->receipt_head = counter;
    kernel_words()->request_head = kernel_words()->receipt_tail = counter;
}

static void setup(void)
{
    open_at(0);
}

static void post(uint64_t cookie)
{
    struct sys_slot *slot = sys_ring_guest_slot(&guest);
    *slot = (struct sys_slot){.kind = SYS_CALL_clock, .cookie = cookie};
    memset(slot->body.bytes, (int)(cookie & 0xff), sizeof slot->body.bytes);
    sys_ring_guest_post(&guest);
}

/* Each ck_assert costs a system call: hot loops ask before they assert. */
static void take_and_compare(uint64_t cookie)
{
    struct sys_slot slot;
    uint8_t expected[SYS_INLINE_BYTES];
    memset(expected, (int)(cookie & 0xff), sizeof expected);
    if (sys_ring_host_take(&host, &slot) != 1 || slot.cookie != cookie ||
        slot.kind != SYS_CALL_clock || memcmp(slot.body.bytes, expected, sizeof expected) != 0) {
        ck_abort_msg("another request than number %llu", (unsigned long long)cookie);
    }
}

START_TEST(header_is_checked) /* every bit of the first 32 bytes */
{
    for (size_t bit = 0; bit < sizeof(struct sys_ring_header) * 8; bit++) {
        memory.base[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        bool minor = bit / 8 == 6 || bit / 8 == 7;
        bool major = bit / 8 == 4 || bit / 8 == 5;
        ck_assert_int_eq(sys_ring_guest_open(&guest), minor   ? JIT_OK
                                                      : major ? JIT_EVERSION
                                                              : JIT_EFORMAT);
        memory.base[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    ck_assert_int_eq(sys_ring_guest_open(&guest), JIT_OK);
}
END_TEST

/* Random operations against counters that say what must come. Starts so that all counters pass
 * 2^32. */
START_TEST(model) /* _i = seed */
{
    struct jit_random random = jit_random_of((uint64_t)_i);
    uint64_t posted = 0, taken = 0, released = 0, replied = 0, received = 0, tick = 0;
    uint64_t meant = 0; /* posted when done was said */
    bool done = true;
    open_at(UINT32_MAX - (uint32_t)jit_random_below(&random, 9000));
    for (int step = 0; step < 30000; step++) {
        struct sys_receipt receipt = {.cookie = replied};
        switch (jit_random_below(&random, 8)) {
        case 0:
        case 1:
            for (uint64_t n = jit_random_below(&random, 64); n > 0; n--) {
                if (posted - released < SYS_REQUEST_SLOTS) {
                    post(posted++);
                }
            }
            break;
        case 2:
        case 3:
            for (uint64_t n = jit_random_below(&random, 64); n > 0; n--) {
                if (taken < (done && tick > 0 ? meant : posted)) {
                    take_and_compare(taken++);
                } else {
                    struct sys_slot slot;
                    ck_assert_int_eq(sys_ring_host_take(&host, &slot), 0);
                    break;
                }
            }
            break;
        case 4:
            sys_ring_host_release(&host);
            released = taken;
            break;
        case 5:
            for (uint64_t n = jit_random_below(&random, 300); n > 0; n--) {
                receipt.cookie = replied;
                int room = replied - received < SYS_RECEIPT_SLOTS;
                if (sys_ring_host_reply(&host, &receipt) != room) {
                    ck_abort_msg("room for %d receipts", room);
                }
                replied += (uint64_t)room;
            }
            break;
        case 6:
            for (uint64_t n = jit_random_below(&random, 200); n > 0; n--) {
                bool got = sys_ring_guest_receipt(&guest, &receipt);
                if (got != (received < replied) || (got && receipt.cookie != received)) {
                    ck_abort_msg("not receipt %llu", (unsigned long long)received);
                }
                received += got;
            }
            break;
        default:
            if (!done) {
                sys_ring_guest_done(&guest, tick);
                meant = posted;
                done = true;
            } else if (tick == 0 || taken == meant) {
                sys_ring_host_begin(&host, ++tick, no_counts);
                ck_assert_uint_eq(sys_ring_guest_begin(&guest, tick - 1), tick);
                done = false;
            }
            ck_assert_int_eq(sys_ring_host_done(&host), done);
        }
    }
    ck_assert_uint_gt(posted, 9000);
    ck_assert_uint_gt(replied, 9000);
    ck_assert_uint_gt(tick, 50);
}
END_TEST

START_TEST(full_and_one_more)
{
    struct sys_slot slot;
    for (uint64_t i = 0; i < SYS_REQUEST_SLOTS; i++) {
        post(i);
    }
    for (uint64_t i = 0; i < SYS_REQUEST_SLOTS; i++) {
        take_and_compare(i);
    }
    ck_assert_int_eq(sys_ring_host_take(&host, &slot), 0);
    sys_ring_host_release(&host);
    post(SYS_REQUEST_SLOTS); /* room again, without waiting */
    take_and_compare(SYS_REQUEST_SLOTS);
    struct sys_receipt receipt = {.cookie = 1};
    for (uint64_t i = 0; i < SYS_RECEIPT_SLOTS; i++) {
        ck_assert_int_eq(sys_ring_host_reply(&host, &receipt), 1);
    }
    ck_assert_int_eq(sys_ring_host_reply(&host, &receipt), 0);
    ck_assert(sys_ring_guest_receipt(&guest, &receipt));
    ck_assert_int_eq(sys_ring_host_reply(&host, &receipt), 1);
}
END_TEST

/* Each result has its number in the kernel's page, the last one as well, and nothing lies behind.
 */
START_TEST(counts_are_told)
{
    uint64_t counts[SYS_RING_COUNTS];
    const struct sys_ring_kernel *words =
        (const struct sys_ring_kernel *)(const void *)(guest.memory.base + SYS_RING_KERNEL_OFFSET);
    for (uint64_t tick = 1; tick <= 2; tick++) {
        for (unsigned i = 0; i < SYS_RING_COUNTS; i++) {
            counts[i] = tick * 1000 + i;
        }
        sys_ring_host_begin(&host, tick, counts);
        ck_assert_mem_eq(words->counts, counts, sizeof counts);
    }
    for (size_t at = sizeof *words; at < SYS_PAGE; at++) {
        ck_assert_uint_eq(((const uint8_t *)words)[at], 0);
    }
}
END_TEST

/* What is posted after done belongs to the next tick, whenever the kernel looks. */
START_TEST(done_cuts)
{
    struct sys_slot slot;
    sys_ring_host_begin(&host, 1, no_counts);
    post(0);
    sys_ring_guest_done(&guest, 1);
    post(1);
    take_and_compare(0);
    ck_assert_int_eq(sys_ring_host_take(&host, &slot), 0);
    ck_assert_int_eq(sys_ring_host_done(&host), 1);
    ck_assert_int_eq(sys_ring_host_take(&host, &slot), 0);
    sys_ring_host_begin(&host, 2, no_counts);
    ck_assert_int_eq(sys_ring_host_done(&host), 0);
    take_and_compare(1);
    ck_assert_int_eq(sys_ring_host_take(&host, &slot), 0);
}
END_TEST

static void lay_out(void *user, uint32_t *word, uint32_t value)
{
    (void)user;
    (void)word;
    (void)value;
    sys_ring_host_init(&host, &memory);
}

START_TEST(opened_before_it_is_laid_out) /* the worker waits for it */
{
    memset(pages, 0, sizeof pages);
    guest = (struct sys_ring_guest){.memory = memory, .wait = lay_out, .wake = count_wake};
    ck_assert_int_eq(sys_ring_guest_open(&guest), JIT_OK);
    post(0);
    take_and_compare(0);
}
END_TEST

static const struct {
    const char *what;
    uint32_t tail; /* relative to 2 taken of 4 posted */
    uint32_t done_tail;
    uint64_t done_tick; /* begin_tick is 5 */
    int take;
    int done;
} hostile_rows[] = {
    {"as it should be", 4, 0, 4, 1, 0},
    {"done, as it should be", 4, 4, 5, 1, 1},
    {"tail as far as it may be", 4098, 0, 4, 1, 0},
    {"tail one too far", 4099, 0, 4, JIT_EPEER, JIT_EPEER},
    {"tail jumps by 2^31", 4 + (1u << 31), 0, 4, JIT_EPEER, JIT_EPEER},
    {"tail all ones", UINT32_MAX, 0, 4, JIT_EPEER, JIT_EPEER},
    {"tail backwards past what was taken", 1, 0, 4, JIT_EPEER, JIT_EPEER},
    {"done to the future", 4, 4, 6, JIT_EPEER, JIT_EPEER},
    {"done to the end of time", 4, 4, UINT64_MAX, JIT_EPEER, JIT_EPEER},
    {"done at a tail behind", 4, 1, 5, JIT_EPEER, JIT_EPEER},
    {"done at a tail too far", 4, 4099, 5, JIT_EPEER, JIT_EPEER},
    {"done taken back", 4, 0, 0, 1, 0},
};

START_TEST(hostile_words) /* _i = row; from counters far apart, near the wrap */
{
    const uint32_t starts[] = {0, 1, 1u << 31, UINT32_MAX - 2, UINT32_MAX};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        struct sys_slot slot;
        open_at(starts[i]);
        sys_ring_host_begin(&host, 5, no_counts);
        for (uint64_t k = 0; k < 4; k++) {
            post(k);
        }
        worker_words()->request_tail = starts[i] + 2;
        take_and_compare(0);
        take_and_compare(1);
        worker_words()->request_tail = starts[i] + hostile_rows[_i].tail;
        worker_words()->done_tail = starts[i] + hostile_rows[_i].done_tail;
        worker_words()->done_tick = hostile_rows[_i].done_tick;
        struct sys_ring_host other = host;
        ck_assert_msg(sys_ring_host_done(&other) == hostile_rows[_i].done, "done: %s",
                      hostile_rows[_i].what);
        ck_assert_msg(sys_ring_host_take(&host, &slot) == hostile_rows[_i].take, "take: %s",
                      hostile_rows[_i].what);
    }
}
END_TEST

START_TEST(tail_moves_back) /* once seen, it may not be taken back before it was taken */
{
    sys_ring_host_begin(&host, 1, no_counts);
    for (uint64_t k = 0; k < 4; k++) {
        post(k);
    }
    take_and_compare(0);
    worker_words()->request_tail = 2;
    ck_assert_int_eq(sys_ring_host_done(&host), JIT_EPEER);
}
END_TEST

START_TEST(receipt_head_nonsense)
{
    struct sys_receipt receipt = {.cookie = 7};
    ck_assert_int_eq(sys_ring_host_reply(&host, &receipt), 1);
    worker_words()->receipt_head = 2;
    ck_assert_int_eq(sys_ring_host_reply(&host, &receipt), JIT_EPEER);
    worker_words()->receipt_head = 1u << 31;
    ck_assert_int_eq(sys_ring_host_reply(&host, &receipt), JIT_EPEER);
}
END_TEST

static const struct {
    uint32_t length;
    uint64_t at;
    uint64_t size;
    uint64_t arena;
    enum jit_err err;
} far_rows[] = {
    {241, 0, 241, 241, JIT_OK},
    {241, 100, 241, 341, JIT_OK},
    {241, 101, 241, 341, JIT_EPEER},
    {241, 0, 241, 240, JIT_EPEER},
    {241, UINT64_MAX, 241, 4096, JIT_EPEER},
    {241, UINT64_MAX - 240, 241, 4096, JIT_EPEER},
    {241, 0, 242, 4096, JIT_EPEER},
    {241, 0, UINT64_MAX, UINT64_MAX, JIT_EPEER},
    {240, 0, 240, 4096, JIT_EPEER},
    {16u << 20, 0, 16u << 20, 1ull << 36, JIT_OK},
    {(16u << 20) + 1, 0, (16u << 20) + 1, 1ull << 36, JIT_EPEER},
    {UINT32_MAX, 0, UINT32_MAX, UINT64_MAX, JIT_EPEER},
};

START_TEST(far_bounds) /* _i = row */
{
    uint64_t offset;
    struct sys_slot slot = {.kind = SYS_CALL_apply, .length = far_rows[_i].length};
    slot.body.far.at = far_rows[_i].at;
    slot.body.far.size = far_rows[_i].size;
    ck_assert_int_eq(sys_ring_far(&slot, far_rows[_i].arena, &offset), far_rows[_i].err);
    ck_assert_uint_eq(offset, far_rows[_i].err == JIT_OK ? far_rows[_i].at : 0);
}
END_TEST

/* ---- memory that changes before each load ---- */

struct adversary {
    struct jit_random random;
    bool aim; /* at the worker's words only */
    uint64_t loads;
};

static void rewrite(void *user)
{
    struct adversary *adversary = user;
    uint64_t value = jit_random_next(&adversary->random);
    adversary->loads++;
    if (value % 4 == 0) {
        return;
    }
    if (adversary->aim) {
        struct sys_ring_worker *words = worker_words();
        uint32_t near = host.request_head + (uint32_t)(value >> 32) % 5000 - 100;
        words->request_tail = value % 3 == 0 ? (uint32_t)(value >> 16) : near;
        words->done_tail = near + (uint32_t)(value % 5);
        words->receipt_head = host.receipt_tail - (uint32_t)(value >> 8) % 4200;
        words->done_tick = host.begin_tick - value % 2 + (value % 17 == 0 ? 2 : 0);
    } else {
        uint64_t words = SYS_RING_BYTES / 8;
        pages[jit_random_below(&adversary->random, words)] = value;
        pages[SYS_RING_WORKER_OFFSET / 8 + value % 4] = jit_random_next(&adversary->random) >> 40;
    }
}

/* Whatever happens, the kernel takes at most a ring full a look and stays within its own words. */
START_TEST(double_fetch) /* _i = seed */
{
    struct adversary adversary = {.random = jit_random_of((uint64_t)_i), .aim = _i % 2 == 0};
    uint64_t taken = 0, refused = 0, wakes = 0;
    host.memory.before_load = rewrite;
    host.memory.user = &adversary;
    for (int step = 0; step < 3000; step++) {
        struct sys_slot slot, copy;
        struct sys_request request;
        int got = sys_ring_host_take(&host, &slot);
        ck_assert(got == 1 || got == 0 || got == JIT_EPEER);
        ck_assert_uint_le(host.request_tail - host.request_head, SYS_REQUEST_SLOTS);
        if (got == 1) {
            copy = slot;
            uint64_t offset;
            enum jit_err err = slot.length <= SYS_INLINE_BYTES
                                   ? sys_decode(&slot, slot.body.bytes, slot.length, &request)
                                   : sys_ring_far(&slot, 1u << 20, &offset);
            ck_assert(err == JIT_OK || err == JIT_EPEER);
            ck_assert_mem_eq(&copy, &slot, sizeof slot);
            taken++;
        }
        refused += got == JIT_EPEER;
        int done = sys_ring_host_done(&host);
        ck_assert(done == 1 || done == 0 || done == JIT_EPEER);
        if (done == 1) {
            sys_ring_host_begin(&host, host.begin_tick + 1, no_counts);
        }
        struct sys_receipt receipt = {.cookie = (uint64_t)step};
        got = sys_ring_host_reply(&host, &receipt);
        ck_assert(got == 1 || got == 0 || got == JIT_EPEER);
        sys_ring_host_release(&host);
        wakes += sys_ring_host_ring(&host);
        if (step % 100 == 0) { /* a worker that was killed and started again */
            open_at((uint32_t)jit_random_next(&adversary.random));
            host.memory.before_load = rewrite;
            host.memory.user = &adversary;
            sys_ring_host_begin(&host, 3, no_counts);
        }
    }
    ck_assert_uint_gt(adversary.loads, 3000);
    if (adversary.aim) {
        ck_assert_uint_gt(taken, 0);
        ck_assert_uint_gt(refused, 0);
        ck_assert_uint_eq(wakes, 0); /* it never said that it sleeps */
    }
}
END_TEST

static struct sys_slot faces[2];

static void flip(void *user)
{
    struct jit_random *random = user;
    memcpy(memory.base + SYS_RING_REQUEST_OFFSET, &faces[jit_random_next(random) & 1],
           sizeof faces[0]);
}

/* A slot that flips between two requests while it is copied: each word of the copy is one of the
 * two, and the copy does not flip any more. */
START_TEST(flipping_slot) /* _i = seed */
{
    struct jit_random random = jit_random_of((uint64_t)_i);
    struct sys_slot slot;
    uint64_t of[2] = {0, 0};
    memset(&faces[0], 0x11, sizeof faces[0]);
    memset(&faces[1], 0x22, sizeof faces[1]);
    post(0);
    host.memory.before_load = flip;
    host.memory.user = &random;
    ck_assert_int_eq(sys_ring_host_take(&host, &slot), 1);
    const uint8_t *bytes = (const uint8_t *)&slot;
    for (size_t i = 0; i < sizeof slot; i++) {
        ck_assert(bytes[i] == 0x11 || bytes[i] == 0x22);
        ck_assert_uint_eq(bytes[i], bytes[i & ~(size_t)7]);
        of[bytes[i] == 0x22]++;
    }
    ck_assert_uint_gt(of[0], 0);
    ck_assert_uint_gt(of[1], 0);
}
END_TEST

/* ---- both ends as coroutines ---- */

#define TICKS 12u
static struct jit_random scheduler;
static struct co_sleep kernel_sleep, worker_sleep;
static uint64_t sums[2][TICKS + 1]; /* of what the worker sent and the kernel took, by tick */
static uint64_t per_tick_max;

static void interleave(void *user)
{
    (void)user;
    if (jit_random_next(&scheduler) & 1) {
        co_yield ();
    }
}

static void worker_wait(void *user, uint32_t *word, uint32_t value)
{
    (void)user;
    co_sleep_wait(&worker_sleep, word, value);
}

static void worker_wake(void *user, uint32_t *word)
{
    (void)user;
    co_yield ();
    co_sleep_wake(&kernel_sleep, word);
}

static void run_worker(void *user)
{
    (void)user;
    uint64_t tick = 0;
    uint64_t sent = 0;
    uint64_t asked = 0;
    while (tick < TICKS) {
        tick = sys_ring_guest_begin(&guest, tick);
        for (uint64_t n = jit_random_below(&scheduler, per_tick_max); n > 0; n--) {
            struct sys_slot *slot = sys_ring_guest_slot(&guest);
            bool ask = jit_random_below(&scheduler, 50) == 0;
            *slot = (struct sys_slot){.kind = ask ? SYS_CALL_clock : SYS_CALL_exit, .cookie = sent};
            sums[0][tick] += ++sent;
            sys_ring_guest_post(&guest);
            if (ask) {
                struct sys_receipt receipt;
                sys_ring_guest_ring(&guest);
                sys_ring_guest_await(&guest, &receipt);
                ck_assert_uint_eq(receipt.cookie, sent - 1);
                ck_assert_uint_eq(receipt.tick, tick);
                asked++;
            }
            if (jit_random_below(&scheduler, 400) == 0) {
                sys_ring_guest_drain(&guest);
                ck_assert_uint_eq(kernel_words()->request_head, guest.request_tail);
            }
        }
        sys_ring_guest_done(&guest, tick);
    }
}

static void kernel_wake_worker(void)
{
    if (sys_ring_host_ring(&host)) {
        co_yield ();
        co_sleep_wake(&worker_sleep, sys_ring_host_call(&host));
    }
}

/* Everything that waits; true when there was something. */
static bool kernel_drain(uint64_t tick)
{
    struct sys_slot slot;
    int got;
    bool some = false;
    while ((got = sys_ring_host_take(&host, &slot)) == 1) {
        sums[1][tick] += slot.cookie + 1;
        some = true;
        if (slot.kind == SYS_CALL_clock) {
            const struct sys_receipt receipt = {.cookie = slot.cookie, .tick = tick};
            ck_assert_int_eq(sys_ring_host_reply(&host, &receipt), 1);
        }
    }
    ck_assert_int_eq(got, 0);
    sys_ring_host_release(&host);
    return some;
}

static void run_kernel(void *user)
{
    (void)user;
    for (uint64_t tick = 1; tick <= TICKS; tick++) {
        sys_ring_host_begin(&host, tick, no_counts);
        kernel_wake_worker();
        for (;;) {
            uint32_t seen = sys_ring_host_bell_value(&host);
            int done = sys_ring_host_done(&host);
            ck_assert_int_ge(done, 0);
            bool some = kernel_drain(tick);
            if (done == 1) {
                break;
            }
            if (some) {
                kernel_wake_worker();
                continue;
            }
            sys_ring_host_announce(&host, true);
            co_sleep_wait(&kernel_sleep, sys_ring_host_bell(&host), seen);
            sys_ring_host_announce(&host, false);
        }
    }
}

START_TEST(interleavings) /* _i = seed */
{
    struct co *sides[2] = {co_new(run_kernel, NULL), co_new(run_worker, NULL)};
    struct co_sleep *const sleeps[2] = {&kernel_sleep, &worker_sleep};
    uint64_t steps = 0;
    scheduler = jit_random_of((uint64_t)_i);
    kernel_sleep = worker_sleep = (struct co_sleep){0};
    memset(sums, 0, sizeof sums);
    per_tick_max = _i % 8 == 0 ? 9000 : 60; /* more than a ring full in some */
    open_at(UINT32_MAX - 300);
    host.memory.before_load = guest.memory.before_load = interleave;
    guest.wait = worker_wait;
    guest.wake = worker_wake;
    guest.spin = _i % 3 == 0 ? 5 : 0;
    while (!co_ended(sides[0]) || !co_ended(sides[1])) {
        bool can[2];
        for (int i = 0; i < 2; i++) {
            can[i] = !co_ended(sides[i]) && sleeps[i]->word == NULL;
        }
        if (!can[0] && !can[1]) {
            ck_abort_msg("seed %d: both sleep for ever in tick %llu", _i,
                         (unsigned long long)host.begin_tick);
        }
        int next = can[0] && can[1] ? (int)(jit_random_next(&scheduler) & 1) : can[1];
        co_resume(sides[next]);
        if (++steps == 20000000) {
            ck_abort_msg("seed %d: no end", _i);
        }
    }
    for (uint64_t tick = 1; tick <= TICKS; tick++) {
        ck_assert_uint_eq(sums[0][tick], sums[1][tick]);
    }
    co_free(sides[0]);
    co_free(sides[1]);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "ring", 60);
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, header_is_checked);
    tcase_add_loop_test(t, model, 1, 7);
    tcase_add_test(t, full_and_one_more);
    tcase_add_test(t, counts_are_told);
    tcase_add_test(t, done_cuts);
    tcase_add_test(t, opened_before_it_is_laid_out);
    t = test_case(s, "hostile", 60);
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_loop_test(t, hostile_words, 0, sizeof hostile_rows / sizeof hostile_rows[0]);
    tcase_add_test(t, tail_moves_back);
    tcase_add_test(t, receipt_head_nonsense);
    tcase_add_loop_test(t, far_bounds, 0, sizeof far_rows / sizeof far_rows[0]);
    tcase_add_loop_test(t, double_fetch, 1, 21);
    tcase_add_loop_test(t, flipping_slot, 1, 6);
    t = test_case(s, "interleavings", 120);
    tcase_add_loop_test(t, interleavings, 1, 41);
}

TEST_MAIN("ring", suite)
