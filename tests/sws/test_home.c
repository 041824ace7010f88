/* Goal:   a process may be killed at any instruction: its memory holds the version of each tick it
 *         may be started again with, whole, and it goes on from there as if nothing had been.
 * Method: a process works in shared memory. Once it is single-stepped, and its memory is judged
 *         between instructions; many times it is killed while it runs, and the next one goes on. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "sws/home.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"
#include "tests/sws/sws_kit.h"

#define BYTES     (4u << 20)
#define PAGE_SIZE 4096u
#define TICKS     400u
#define NODES     64u

static uint8_t *memory;
static struct jit_id roots[TICKS + 1]; /* after each tick, when nobody is killed */
static uint8_t *copy;
static unsigned nodes_a_part = 6; /* how much is done */

/* What the process does in a tick: a function of the tick and of what is there. */
static enum jit_err work(struct sws_home *home, uint64_t tick)
{
    const struct jit_id top = id_of(1000);
    const struct jit_id type = id_of(2000);
    struct jit_random random = jit_random_of(tick);
    struct rmg_tx *tx = NULL;
    enum jit_err err = JIT_OK;
    for (unsigned part = 0; err == JIT_OK && part < 2; part++) {
        struct rmg_version version;
        err = rmg_tx_begin(home->store, &home->latest, &tx);
        if (err == JIT_OK && home->latest.instance_count == 0) {
            const struct jit_id root = id_of(0);
            err = rmg_tx_upsert_instance(tx, &top, &root, NULL);
            if (err == JIT_OK) {
                err = rmg_tx_upsert_node(tx, &top, &root, &type);
            }
        }
        for (unsigned i = 0; err == JIT_OK && i < nodes_a_part; i++) {
            const struct jit_id node = id_of(jit_random_below(&random, NODES));
            uint64_t value[4] = {jit_random_next(&random), tick, part, i};
            struct rmg_attachment a = {
                "v", 1, {RMG_VALUE_ATOM, type, (const uint8_t *)value, sizeof value}};
            err = rmg_tx_upsert_node(tx, &top, &node, &type);
            if (err == JIT_OK) {
                err = rmg_tx_set_attachment(tx, &top, RMG_PLANE_ALPHA, &node, &a);
            }
        }
        if (err == JIT_OK) {
            err = rmg_tx_seal(tx, &version);
        }
        if (err == JIT_OK) {
            err = sws_home_commit(home, &version);
        }
    }
    return err == JIT_OK ? sws_home_done(home, tick) : err;
}

static struct sws_home_page *page_of(uint8_t *base)
{
    return (struct sws_home_page *)(void *)base;
}

static enum jit_err open_at(uint8_t *base, uint64_t tick, struct rmg_arena *arena,
                            struct sws_home *home)
{
    rmg_arena_init(arena, base, BYTES, BYTES, PAGE_SIZE);
    return sws_home_open(jit_heap_libc(), arena, page_of(base), tick, home);
}

/* It has done nothing since it said done: so the kernel may not have heard of that, and may start
 * it again with the tick before. Whoever works on has been told that it was heard. */
static bool just_done(const struct sws_home_page *page)
{
    return page->latests[page->latest & 1u].epoch == page->ticks[page->tick & 1u].epoch;
}

/* The memory holds this tick's version, whole. */
static void judge(const uint8_t *base, uint64_t tick)
{
    struct rmg_arena arena;
    struct sws_home home;
    struct rmg_fault fault = {.what = ""};
    memcpy(copy, base, BYTES);
    enum jit_err err = open_at(copy, tick, &arena, &home);
    ck_assert_msg(err == JIT_OK, "tick %lu: %s", (unsigned long)tick, jit_err_text(err));
    ck_assert(jit_id_equal(&home.latest.state_root, &roots[tick]));
    err = rmg_store_verify(home.store, &home.latest, &fault);
    ck_assert_msg(err == JIT_OK, "tick %lu: %s", (unsigned long)tick, fault.what);
    sws_home_close(&home);
}

/* The roots that nobody's death may change. */
static void rehearse(uint64_t last)
{
    struct rmg_arena arena;
    struct sws_home home;
    memset(copy, 0, PAGE_SIZE);
    must(open_at(copy, 0, &arena, &home));
    memset(&roots[0], 0, sizeof roots[0]);
    for (uint64_t tick = 1; tick <= last; tick++) {
        must(work(&home, tick));
        roots[tick] = home.latest.state_root;
    }
    sws_home_close(&home);
}

static void setup(void)
{
    memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    copy = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(memory != MAP_FAILED && copy != MAP_FAILED);
    nodes_a_part = 6;
    rehearse(TICKS);
}

static void teardown(void)
{
    munmap(memory, BYTES);
    munmap(copy, BYTES);
}

/* From a tick on, to the end. */
static void live(uint64_t tick, uint64_t last)
{
    struct rmg_arena arena;
    struct sws_home home;
    enum jit_err err = open_at(memory, tick, &arena, &home);
    while (err == JIT_OK && tick < last) {
        err = work(&home, ++tick);
    }
    _exit(err == JIT_OK ? 0 : 1);
}

/* ---- single steps ---- */

START_TEST(between_instructions)
{
    const uint64_t last = 3;
    uint64_t looks = 0;
    uint64_t steps = 0;
    int status = 0;
    nodes_a_part = 1; /* a step takes thousands of times as long */
    rehearse(last);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
            _exit(77);
        }
        raise(SIGSTOP);
        live(0, last);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    if (!WIFSTOPPED(status)) {
        ck_assert_msg(getenv("JIT_MUST_WORK") == NULL, "a process cannot be traced here");
        printf("SKIPPED: a process cannot be traced here\n");
        return;
    }
    /* A stride that shares no factor with a loop's length: all instructions of the code are met. */
    for (;; steps++) {
        ck_assert_int_eq(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        if (!WIFSTOPPED(status)) {
            break;
        }
        if (steps % 31 != 0) {
            continue;
        }
        const struct sws_home_page *page = page_of(memory);
        uint64_t done = page->magic == SWS_HOME_MAGIC ? page->tick : 0;
        judge(memory, done);
        if (done > 1 && just_done(page)) {
            judge(memory, done - 1);
        }
        looks++;
    }
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
    ck_assert_uint_gt(looks, 500);
    judge(memory, last);
}
END_TEST

/* ---- kills ---- */

/* Wait until the process has got somewhere, by its own words in shared memory. */
static void kill_later(pid_t child, uint64_t commits, unsigned spins)
{
    const struct sws_home_page *page = page_of(memory);
    int status = 0;
    while (__atomic_load_n(&page->latest, __ATOMIC_ACQUIRE) < commits &&
           waitpid(child, &status, WNOHANG) == 0) {
    }
    for (volatile unsigned i = 0; i < spins; i++) {
    }
    if (kill(child, SIGKILL) == 0) {
        waitpid(child, &status, 0);
    }
}

START_TEST(killed_while_it_runs)
{
    struct jit_random random = jit_random_of((uint64_t)_i);
    const struct sws_home_page *page = page_of(memory);
    uint64_t tick = 0;
    unsigned kills = 0;
    while (tick < TICKS) {
        uint64_t commits = page->latest + jit_random_below(&random, 12);
        unsigned spins = (unsigned)jit_random_below(&random, 20000);
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            uint64_t last = tick + 2 + spins % 7; /* a busy machine may be late with the kill */
            live(tick, last < TICKS ? last : TICKS);
        }
        kill_later(child, commits, spins);
        kills++;
        uint64_t before = tick;
        tick = page->magic == SWS_HOME_MAGIC && page->tick > tick ? page->tick : tick;
        if (tick > before + 1 && just_done(page) && jit_random_below(&random, 2) == 0) {
            tick--;
        }
        judge(memory, tick);
        ck_assert_uint_lt(kills, 100000);
    }
    ck_assert(jit_id_equal(&roots[TICKS], &page->ticks[TICKS & 1u].state_root));
    ck_assert_uint_gt(kills, 50);
}
END_TEST

/* ---- pages that lie ---- */

static void hurt(uint8_t *page, size_t size)
{
    struct rmg_version version;
    uint64_t used = 0;
    for (size_t at = 0; at < size * 8; at++) {
        page[at / 8] ^= (uint8_t)(1u << at % 8);
        for (uint64_t tick = 0; tick <= 3; tick++) {
            enum jit_err err = sws_home_look((const struct sws_home_page *)(void *)page, BYTES,
                                             tick, &version, &used);
            if (err == JIT_OK) {
                ck_assert(used <= BYTES && (uint64_t)version.instances * RMG_GRANULE <= used);
            }
        }
        page[at / 8] ^= (uint8_t)(1u << at % 8);
    }
}

START_TEST(every_bit_of_the_page)
{
    struct rmg_arena arena;
    struct sws_home home;
    struct rmg_version version;
    uint64_t used = 0;
    must(open_at(memory, 0, &arena, &home));
    must(work(&home, 1));
    must(work(&home, 2));
    hurt(memory, sizeof(struct sws_home_page));
    must(sws_home_look(page_of(memory), BYTES, 2, &version, &used));
    ck_assert(jit_id_equal(&version.state_root, &roots[2]));
    must(sws_home_look(page_of(memory), BYTES, 1, &version, &used));
    ck_assert(jit_id_equal(&version.state_root, &roots[1]));
    must(sws_home_look(page_of(memory), BYTES, 0, &version, &used));
    ck_assert(jit_id_equal(&version.state_root, &roots[2]));
    must(sws_home_look(page_of(memory), BYTES, 3, &version, &used)); /* it sat that one out */
    ck_assert(jit_id_equal(&version.state_root, &roots[2]));
    must(work(&home, 3));
    ck_assert_int_eq(sws_home_look(page_of(memory), BYTES, 1, &version, &used), JIT_ESTALE);
    sws_home_close(&home);
    ck_assert_int_eq(open_at(memory, 1, &arena, &home), JIT_ESTALE);
    page_of(memory)->major++;
    ck_assert_int_eq(open_at(memory, 2, &arena, &home), JIT_EVERSION);
    page_of(memory)->magic ^= 1;
    ck_assert_int_eq(open_at(memory, 2, &arena, &home), JIT_EFORMAT);
}
END_TEST

/* Memory that nobody needs is used again: the same work for long stays in the same memory. */
START_TEST(memory_stays)
{
    struct rmg_arena arena;
    struct sws_home home;
    must(open_at(memory, 0, &arena, &home));
    for (uint64_t tick = 1; tick <= TICKS; tick++) {
        must(work(&home, tick));
    }
    uint64_t used = arena.used;
    for (uint64_t tick = TICKS + 1; tick <= 4 * TICKS; tick++) {
        must(work(&home, tick));
    }
    ck_assert_uint_le(arena.used, used + used / 4);
    sws_home_close(&home);
}
END_TEST

START_TEST(heap_refuses)
{
    for (int64_t at = 0;; at++) {
        struct fault_heap heap = fault_heap_make(at, false);
        struct rmg_arena arena;
        struct sws_home home;
        memset(memory, 0, PAGE_SIZE);
        rmg_arena_init(&arena, memory, BYTES, BYTES, PAGE_SIZE);
        enum jit_err err = sws_home_open(&heap.heap, &arena, page_of(memory), 0, &home);
        if (err == JIT_OK) {
            err = work(&home, 1);
            if (err != JIT_OK && home.store != NULL) {
                /* Nothing was done: what was published stands. */
                ck_assert_uint_eq(page_of(memory)->tick, 0);
            }
            sws_home_close(&home);
        }
        ck_assert_int_eq(heap.live, 0);
        if (err == JIT_OK) {
            break;
        }
        ck_assert_int_eq(err, JIT_ENOMEM);
        ck_assert_int_lt(at, 1000);
    }
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "home", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, between_instructions);
    tcase_add_loop_test(t, killed_while_it_runs, 0, 3);
    tcase_add_test(t, every_bit_of_the_page);
    tcase_add_test(t, memory_stays);
    tcase_add_test(t, heap_refuses);
}

TEST_MAIN("home", suite)
