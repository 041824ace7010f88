/* tests/kernel/core/waiting_laws.h - laws of requests that wait for a later tick, in whichever way:
 * the history is the same for every schedule, with workers that die, on several threads, and with a
 * kernel that starts from nothing but the state between any two ticks. Layer: tests. */
#ifndef JIT_TESTS_WAITING_LAWS_H
#define JIT_TESTS_WAITING_LAWS_H

#include "base/le.h"
#include "kernel/event/pool.h"
#include "tests/kernel/core/sim_bed.h"
#include "tests/kernel/core/sim_records.h"

/* What they are tried on. */
static struct waiting_law {
    const char *text; /* the system */
    const char *path; /* where its cells lie; NULL: /world */
    unsigned schedules;
    uint64_t ticks;
    struct jit_id commits[32]; /* of an undisturbed run */
} law;

static inline void begin(const char *text, uint64_t schedule)
{
    struct sim_kernel_options options = {
        .text = text, .cells = 40, .path = law.path, .system_seed = 5, .schedule = schedule};
    begin_as(&options);
}

static inline void expect(void)
{
    ck_assert_uint_le(law.ticks, sizeof law.commits / sizeof law.commits[0]);
    begin(law.text, 1);
    run_to(law.ticks);
    for (size_t n = 0; n < law.ticks; n++) {
        law.commits[n] = sim.records[n].commit;
    }
    end();
}

static inline void compare(const char *what)
{
    for (size_t n = 0; n < law.ticks; n++) {
        ck_assert_msg(jit_id_equal(&sim.records[n].commit, &law.commits[n]),
                      "%s: tick %zu has another commit", what, n + 1);
    }
}

START_TEST(the_same_for_every_schedule)
{
    expect();
    for (uint64_t s = 0; s < law.schedules; s++) {
        begin(law.text, 100 + s);
        sim.options.kill_one_in = s < law.schedules / 2 ? 0 : 80;
        run_to(law.ticks);
        if (kern_core_deterministic(sim.core)) {
            compare("another schedule");
        }
        end();
    }
}
END_TEST

START_TEST(the_same_on_threads)
{
    static const unsigned threads[] = {1, 2, 3, 8};
    expect();
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        struct sim_kernel_options options = {
            .text = law.text, .cells = 40, .path = law.path, .system_seed = 5, .schedule = 50 + i};
        struct shell_pool *pool = NULL;
        ck_assert_int_eq(shell_pool_new(jit_heap_libc(), threads[i], &pool), JIT_OK);
        options.exec = shell_pool_exec(pool);
        sim_kernel_init(&sim, jit_heap_libc(), &options);
        run_to(law.ticks);
        compare("threads");
        sim_kernel_release(&sim);
        shell_pool_free(pool);
    }
}
END_TEST

START_TEST(a_restart_between_two_ticks_keeps_it)
{
    expect();
    begin(law.text, 7);
    for (uint64_t tick = 1; tick <= law.ticks; tick++) {
        run_to(tick);
        sim_kernel_restart(&sim);
    }
    compare("a new kernel after each tick");
    end();
}
END_TEST

/* How many a list holds, and what it ends with: JIT_ENOENT when it is whole. */
static inline size_t count_list(const struct jit_buf *buf, size_t size, enum jit_err *err)
{
    struct rmg_waiting_list list;
    struct rmg_waiting waiting;
    size_t count = 0;
    *err = rmg_waiting_open(buf->data, size, &list);
    while (*err == JIT_OK) {
        *err = rmg_waiting_next(&list, &waiting);
        count += *err == JIT_OK;
    }
    return count;
}

/* Adds the laws, for this system. */
static inline void waiting_laws(TCase *t, const char *text, unsigned schedules, uint64_t ticks)
{
    law = (struct waiting_law){.text = text, .schedules = schedules, .ticks = ticks};
    tcase_add_test(t, the_same_for_every_schedule);
    tcase_add_test(t, the_same_on_threads);
    tcase_add_test(t, a_restart_between_two_ticks_keeps_it);
}

#endif
