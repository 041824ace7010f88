/* Goal:   the kernel's end of a ring and the decoder survive a worker that rewrites the memory they
 *         share at every instant: no access outside, no endless walk, no request that was not
 * judged as it is carried out, and the kernel's own counters stay sound. Method: every load of
 * shared memory goes through one place (sys_ring_memory.before_load), which here yields to an
 * attacker: a state machine that works honestly for a while, then turns a word back, forwards, to a
 * boundary, flips a request between two faces, or zeroes a page as a punched hole does. An
 * execution is a fresh end with counters anywhere (also where they wrap) and up to 24 operations of
 * it. JIT_HOSTILE_RUNS sets their number; `make hostile` makes ten million. The ring and the arena
 * end at a page that may not be touched. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/limits.h"
#include "base/random.h"
#include "syscall/decode.h"
#include "syscall/ring.h"
#include "tests/lib/tcase.h"

#define RUNS_DEFAULT 100000u
#define STEPS_MAX    24u
#define ARENA_BYTES  65536u
#define PAGE         4096u

struct attacker {
    struct jit_random random;
    uint32_t tail;     /* as an honest worker would count */
    uint32_t patience; /* loads until it turns hostile */
    uint32_t target;   /* what it does from then on */
    uint64_t loads;
    uint64_t writes;
};

/* What has been seen, so that a run in which nothing happens is a failure. */
struct seen {
    uint64_t taken, decoded, refused, far, done, replied, full, faults, woken;
};

static struct sys_ring_memory memory;
static struct sys_ring_host host;
static uint8_t *arena;
static struct attacker attacker;
static struct seen seen;
static uint8_t copy[JIT_REQUEST_BYTES_MAX];
static const uint64_t no_counts[SYS_RING_COUNTS];

/* Bytes that end where a page begins that nobody may touch. */
static uint8_t *fenced(size_t size)
{
    size_t whole = (size + PAGE - 1) / PAGE * PAGE;
    uint8_t *base =
        mmap(NULL, whole + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(base, MAP_FAILED);
    ck_assert_int_eq(mprotect(base + whole, PAGE, PROT_NONE), 0);
    return base;
}

static struct sys_ring_worker *words(void)
{
    return (struct sys_ring_worker *)(void *)(memory.base + SYS_RING_WORKER_OFFSET);
}

static struct sys_slot *slot_at(uint32_t counter)
{
    return (struct sys_slot *)(void *)(memory.base + SYS_RING_REQUEST_OFFSET +
                                       (counter & (SYS_REQUEST_SLOTS - 1)) *
                                           (uint64_t)SYS_REQUEST_BYTES);
}

static uint64_t draw(uint64_t below)
{
    return jit_random_below(&attacker.random, below);
}

static uint64_t boundary(void)
{
    static const uint64_t at[] = {0,
                                  1,
                                  SYS_INLINE_BYTES,
                                  SYS_INLINE_BYTES + 1,
                                  SYS_REQUEST_SLOTS,
                                  SYS_REQUEST_SLOTS + 1,
                                  ARENA_BYTES - 1,
                                  ARENA_BYTES,
                                  ARENA_BYTES + 1,
                                  JIT_REQUEST_BYTES_MAX,
                                  JIT_REQUEST_BYTES_MAX + 1,
                                  INT32_MAX,
                                  UINT32_MAX,
                                  INT64_MAX,
                                  UINT64_MAX - SYS_INLINE_BYTES,
                                  UINT64_MAX};
    uint64_t value = at[draw(sizeof at / sizeof at[0])];
    return draw(4) == 0 ? value + draw(16) - 8 : value;
}

/* A request as an honest worker writes it: small calls, an apply, one that lies in the arena. */
static void write_request(struct sys_slot *slot)
{
    static const uint32_t kinds[] = {SYS_CALL_clock, SYS_CALL_exit, SYS_CALL_apply,
                                     SYS_CALL_apply, SYS_CALL_grow, SYS_CALL_inspect};
    uint8_t bytes[4096];
    struct jit_id ids[JIT_PATTERN_ELEMENTS_MAX + 1];
    struct sys_apply_view apply = {
        .rule = (uint32_t)draw(3),
        .ids = ids,
        .id_count = 1 + (uint32_t)draw(draw(2) == 0 ? 4 : JIT_PATTERN_ELEMENTS_MAX)};
    memset(ids, 0x11, sizeof ids);
    slot->kind = kinds[draw(sizeof kinds / sizeof kinds[0])];
    slot->cookie = draw(UINT64_MAX);
    if (slot->kind != SYS_CALL_apply) {
        slot->length = (uint32_t)draw(3) * 4;
        memset(slot->body.bytes, 0, sizeof slot->body.bytes);
        return;
    }
    size_t size = sys_apply_size(apply.id_count, 0);
    sys_apply_encode(&apply, bytes);
    slot->length = (uint32_t)size;
    if (size <= SYS_INLINE_BYTES) {
        memcpy(slot->body.bytes, bytes, size);
    } else {
        slot->body.far.at = draw(2) == 0 ? 0 : ARENA_BYTES - size;
        slot->body.far.size = size;
        memcpy(arena + slot->body.far.at, bytes, size);
    }
}

static void work_honestly(void)
{
    if (draw(3) != 0) {
        write_request(slot_at(attacker.tail));
        attacker.tail++;
        words()->request_tail = attacker.tail;
    } else if (draw(2) == 0) {
        words()->done_tail = attacker.tail;
        words()->done_tick = host.begin_tick;
    } else {
        words()->receipt_head = host.receipt_tail;
        words()->sleeping = (uint32_t)draw(2);
    }
}

static uint32_t bent(uint32_t value)
{
    switch (draw(5)) {
    case 0:
        return value + 0x80000000u;
    case 1:
        return value - (uint32_t)draw(5000);
    case 2:
        return value + (uint32_t)draw(5000);
    case 3:
        return (uint32_t)boundary();
    default:
        return value ^ (1u << draw(32));
    }
}

static void attack_words(void)
{
    struct sys_ring_worker *w = words();
    switch (draw(5)) {
    case 0:
        w->request_tail = bent(host.request_head);
        break;
    case 1:
        w->done_tail = bent(host.request_tail);
        w->done_tick = host.begin_tick;
        break;
    case 2:
        w->done_tick = draw(2) == 0 ? boundary() : host.begin_tick + draw(3) - 1;
        break;
    case 3:
        w->receipt_head = bent(host.receipt_tail);
        break;
    default:
        w->bell = w->sleeping = (uint32_t)boundary();
    }
}

/* The slot that is being read now, or the next one. */
static void attack_slot(void)
{
    struct sys_slot *slot = slot_at(host.request_head + (uint32_t)draw(2));
    switch (draw(6)) {
    case 0:
        slot->kind = draw(2) == 0 ? (uint32_t)draw(40) : (uint32_t)boundary();
        break;
    case 1:
        slot->length = (uint32_t)boundary();
        break;
    case 2:
        slot->length = (uint32_t)boundary();
        slot->body.far.at = boundary();
        slot->body.far.size = draw(2) == 0 ? slot->length : boundary();
        break;
    case 3:
        slot->body.bytes[draw(sizeof slot->body.bytes)] ^= (uint8_t)(1u << draw(8));
        break;
    case 4: { /* the counts of an apply, against its length */
        struct sys_apply head;
        memcpy(&head, slot->body.bytes, sizeof head);
        head.id_count = (uint16_t)boundary();
        memcpy(slot->body.bytes, &head, sizeof head);
        break;
    }
    default:
        write_request(slot);
    }
}

static void attack_arena(void)
{
    arena[draw(ARENA_BYTES)] ^= (uint8_t)(1u << draw(8));
}

static void before_load(void *user)
{
    struct attacker *a = user;
    a->loads++;
    if (a->loads <= a->patience) {
        work_honestly();
        return;
    }
    if (draw(4) == 0) {
        return;
    }
    a->writes++;
    switch (a->target == 5 ? draw(5) : a->target) {
    case 0:
        attack_words();
        break;
    case 1:
        attack_slot();
        break;
    case 2: /* a hole */
        memset(memory.base + draw(8) * PAGE, 0, PAGE);
        break;
    case 3:
        attack_arena();
        attack_slot();
        break;
    default:
        ((uint64_t *)(void *)memory.base)[draw(4 * PAGE / 8)] = draw(UINT64_MAX);
    }
}

static void fresh(uint64_t seed)
{
    attacker = (struct attacker){.random = jit_random_of(seed)};
    uint32_t counter = draw(2) == 0 ? (uint32_t)draw(UINT32_MAX) : UINT32_MAX - (uint32_t)draw(8);
    memset(memory.base + SYS_RING_WORKER_OFFSET, 0, sizeof(struct sys_ring_worker));
    sys_ring_host_init(&host, &memory);
    host.memory.before_load = before_load;
    host.memory.user = &attacker;
    host.request_head = host.request_tail = host.receipt_tail = attacker.tail = counter;
    words()->request_tail = words()->receipt_head = words()->done_tail = counter;
    attacker.patience = (uint32_t)draw(60);
    attacker.target = (uint32_t)draw(6);
    sys_ring_host_begin(&host, 1 + draw(1000), no_counts);
}

/* As kernel/core/collect.c does it: one copy, then judgement of the copy. */
static bool take_one(void)
{
    struct sys_slot slot;
    struct sys_slot judged;
    struct sys_request request;
    uint64_t offset = 0;
    uint32_t head = host.request_head;
    int got = sys_ring_host_take(&host, &slot);
    if (got != 1) {
        seen.faults += got < 0;
        ck_assert(got == 0 || got == JIT_EPEER);
        return false;
    }
    seen.taken++;
    judged = slot;
    const uint8_t *bytes = slot.body.bytes;
    enum jit_err err = JIT_OK;
    if (slot.length > SYS_INLINE_BYTES) {
        err = sys_ring_far(&slot, ARENA_BYTES, &offset);
        if (err == JIT_OK) {
            memcpy(copy, arena + offset,
                   slot.length); /* outside is a page that may not be touched */
            bytes = copy;
            seen.far++;
        }
    }
    if (err == JIT_OK) {
        err = sys_decode(&slot, bytes, slot.length, &request);
        seen.decoded += err == JIT_OK;
    }
    seen.refused += err != JIT_OK;
    if (err == JIT_OK && request.row->number == SYS_CALL_apply && request.row->decode != NULL) {
        const struct sys_apply_view *a = &request.body.apply;
        const uint8_t *end = bytes + slot.length;
        if ((const uint8_t *)a->ids + a->id_count * sizeof *a->ids > end ||
            a->params + a->params_size > end) {
            ck_abort_msg("a view outside its bytes");
        }
    }
    if ((err != JIT_OK && err != JIT_EPEER) || memcmp(&judged, &slot, sizeof slot) != 0 ||
        host.request_head != head + 1) {
        ck_abort_msg("the copy changed, or the counter did");
    }
    return err == JIT_OK;
}

static bool look_done(void)
{
    int done = sys_ring_host_done(&host);
    seen.faults += done < 0;
    ck_assert(done == 1 || done == 0 || done == JIT_EPEER);
    if (done == 1) {
        seen.done++;
        unsigned left = 0; /* no more than lay there is taken now */
        while (sys_ring_host_take(&host, &(struct sys_slot){0}) == 1) {
            if (++left > SYS_REQUEST_SLOTS) {
                ck_abort_msg("more than a ring full");
            }
        }
        sys_ring_host_begin(&host, host.begin_tick + 1, no_counts);
    }
    return done >= 0;
}

static bool reply(void)
{
    const struct sys_receipt receipt = {.cookie = 1};
    int got = sys_ring_host_reply(&host, &receipt);
    seen.replied += got == 1;
    seen.full += got == 0;
    seen.faults += got < 0;
    ck_assert(got == 1 || got == 0 || got == JIT_EPEER);
    return got >= 0;
}

/* A fault is the worker's end: a kernel looks at its ring no more. */
static void execute(uint64_t seed)
{
    fresh(seed);
    bool alive = true;
    for (unsigned step = 0; step < STEPS_MAX && alive; step++) {
        uint32_t window = host.request_tail - host.request_head;
        if (window > SYS_REQUEST_SLOTS) {
            ck_abort_msg("seed %llu: the kernel's own counters", (unsigned long long)seed);
        }
        switch (draw(8)) {
        case 0:
            alive = look_done();
            break;
        case 1:
            alive = reply();
            break;
        case 2:
            sys_ring_host_release(&host);
            (void)sys_ring_host_bell_value(&host);
            sys_ring_host_announce(&host, draw(2) == 0);
            seen.woken += sys_ring_host_ring(&host);
            break;
        default:
            alive = take_one();
        }
    }
}

START_TEST(every_load_is_preceded_by_an_attack)
{
    const char *wanted = getenv("JIT_HOSTILE_RUNS");
    const char *first = getenv("JIT_HOSTILE_SEED");
    uint64_t runs = wanted != NULL ? strtoull(wanted, NULL, 10) : RUNS_DEFAULT;
    uint64_t seed = first != NULL ? strtoull(first, NULL, 10) : 1;
    uint64_t loads = 0;
    uint64_t writes = 0;
    memory = (struct sys_ring_memory){.base = fenced(SYS_RING_BYTES), .size = SYS_RING_BYTES};
    arena = fenced(ARENA_BYTES);
    for (uint64_t i = 0; i < runs; i++) {
        execute(seed + i);
        loads += attacker.loads;
        writes += attacker.writes;
        if (runs > 1000000 && i % 1000000 == 999999) {
            (void)fprintf(stderr, "hostile ring: %llu of %llu executions\n",
                          (unsigned long long)i + 1, (unsigned long long)runs);
        }
    }
    (void)printf(
        "%llu executions from seed %llu: %llu loads, %llu hostile writes; taken %llu, decoded "
        "%llu, refused %llu, far %llu, done %llu, replied %llu, full %llu, faults %llu\n",
        (unsigned long long)runs, (unsigned long long)seed, (unsigned long long)loads,
        (unsigned long long)writes, (unsigned long long)seen.taken,
        (unsigned long long)seen.decoded, (unsigned long long)seen.refused,
        (unsigned long long)seen.far, (unsigned long long)seen.done,
        (unsigned long long)seen.replied, (unsigned long long)seen.full,
        (unsigned long long)seen.faults);
    (void)fflush(stdout);
    /* Each of these was to happen often: else it is not tried. */
    ck_assert_uint_gt(writes, runs);
    ck_assert_uint_gt(seen.decoded, runs / 20);
    ck_assert_uint_gt(seen.refused, runs / 50);
    ck_assert_uint_gt(seen.far, runs / 50);
    ck_assert_uint_gt(seen.done, runs / 50);
    ck_assert_uint_gt(seen.replied, runs / 20);
    ck_assert_uint_gt(seen.faults, runs / 50);
}
END_TEST

static void suite(Suite *s)
{
    const char *wanted = getenv("JIT_HOSTILE_RUNS");
    TCase *t = test_case(s, "hostile ring", wanted != NULL ? 7200 : 60);
    tcase_add_test(t, every_load_is_preceded_by_an_attack);
}

TEST_MAIN("hostile ring", suite)
