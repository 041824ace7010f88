/* Goal:   what a process has kept is charged, by what the ticks since have changed: a system that
 *         changes much keeps fewer versions, the same ones in every run.
 * Method: kernel/core with workers as coroutines under seeded schedules, systems that change
 * little, much, and much now and then; which version the view calls the oldest after each tick,
 *         compared with a model that knows the log alone; also after a kernel has begun anew, and
 *         in a memory that is soon full of what is kept. */
#include <stdio.h>
#include <string.h>

#include "kernel/core/record.h"
#include "rmg/change/patch.h"
#include "syscall/view.h"
#include "tests/kernel/core/sim_bed.h"
#include "tests/lib/tcase.h"

#define TICKS 70u

static uint64_t oldest[TICKS + 1]; /* that the view told of after each tick */

static void look(struct sim_kernel *s)
{
    const struct sys_view_guest view = {.base = s->view_base, .size_max = s->view_bytes};
    const uint64_t tick = sys_view_guest_tick(&view);
    if (tick <= TICKS) {
        oldest[tick] = sys_view_guest_oldest(&view);
    }
}

static bool count_op(void *user, const struct rmg_op *op)
{
    (void)op;
    ++*(uint64_t *)user;
    return true;
}

static uint64_t charge_of(uint64_t tick)
{
    const struct sim_record *record = &sim.records[tick - 1];
    struct kern_record_view view;
    struct jit_id root;
    uint64_t operations = 0;
    ck_assert_uint_eq(record->tick, tick);
    ck_assert_int_eq(kern_record_decode(record->payload, record->payload_size, &view), JIT_OK);
    ck_assert_int_eq(
        rmg_patch_each(&mem.heap, view.patch, view.patch_size, &root, count_op, &operations),
        JIT_OK);
    return view.patch_size + 1024 * operations;
}

/* As many as are asked for, and no more than 64 MiB of them; the newest two cost nothing. */
static uint64_t oldest_by_log(uint64_t newest, uint32_t keep, uint64_t began)
{
    uint64_t at = newest;
    uint64_t bytes = 0;
    while (at > began && newest - at + 1 < keep) {
        bytes += at < newest ? charge_of(at) : 0;
        if (bytes > 64u << 20) {
            break;
        }
        at--;
    }
    return at;
}

static uint64_t arena_bytes = 256u << 20;

static void begin(uint32_t keep, uint32_t cells, const char *where, uint64_t schedule)
{
    static char text[512];
    snprintf(text, sizeof text,
             "system test\n"
             "type Cell { state: i64 = 0, hits: i64 = 0 }\nedge NEXT\n"
             "rule go match (a:Cell) where %s set a.hits = a.hits + 1\n"
             "rule beat match (a:Cell) where a.state = 1 set a.hits = a.hits + 1\n"
             "process b run beat apply all over shard(/world)\n"
             "process w[2] run go apply all over shard(/world) keep %u versions\n"
             "grant b: map /world; invoke beat on /world\n"
             "grant w: map /world; invoke go on /world\n",
             where, keep);
    const struct sim_kernel_options options = {.text = text,
                                               .cells = cells,
                                               .system_seed = 5,
                                               .schedule = schedule,
                                               .graph_bytes = 4u << 20,
                                               .arena_bytes = arena_bytes,
                                               .each_step = look};
    memset(oldest, 0, sizeof oldest);
    begin_as(&options);
}

/* How many there were at the end. */
static uint64_t run(uint32_t keep, uint64_t ticks)
{
    run_to(ticks);
    for (uint64_t tick = 1; tick <= ticks; tick++) {
        ck_assert_msg(oldest[tick] == oldest_by_log(tick, keep, 0), "tick %llu: %llu, not %llu",
                      (unsigned long long)tick, (unsigned long long)oldest[tick],
                      (unsigned long long)oldest_by_log(tick, keep, 0));
    }
    return ticks - oldest[ticks] + 1;
}

START_TEST(as_many_as_asked_for)
{
    static const uint32_t rows[] = {2, 3, 8, 64};
    begin(rows[_i], 40, "a.state >= 0", 1);
    ck_assert_uint_eq(run(rows[_i], TICKS), rows[_i]);
    end();
}
END_TEST

START_TEST(fewer_of_much) /* _i = schedule: it makes no difference */
{
    begin(64, 1500, "a.state >= 0", (uint64_t)_i);
    ck_assert_uint_eq(run(64, 40), 31);
    end();
}
END_TEST

/* Ticks of many changes, and few after them: as these go out of sight, there is room again. */
START_TEST(a_burst)
{
    begin(16, 6000, "a.hits < 10 or chance(0.002)", 3);
    ck_assert_uint_eq(run(16, 30), 16);
    ck_assert_uint_eq(oldest[10], 2); /* the first two are gone, in favour of the third */
    end();
}
END_TEST

/* Nothing is kept from before: no branch has outlived the kernel either. */
START_TEST(begun_anew)
{
    begin(8, 40, "a.state >= 0", 4);
    run_to(20);
    ck_assert_uint_eq(oldest[20], 13);
    sim_kernel_restart(&sim);
    for (uint64_t tick = 21; tick < 32; tick++) {
        run_to(tick);
        ck_assert_uint_eq(oldest[tick], oldest_by_log(tick, 8, 20));
    }
    end();
}
END_TEST

/* The memory of the graph is full of what is kept: the tick is refused as a whole and says why, and
 * the ticks before it are those of a machine with more memory. Where nothing is kept, the same
 * memory is enough. (How it goes on: tests/tools/test_keep_full.sh.) */
START_TEST(no_room_for_what_is_kept)
{
    static struct jit_id roomy[40];
    begin(64, 1500, "a.state >= 0", 1);
    run_to(40);
    for (size_t i = 0; i < 40; i++) {
        roomy[i] = sim.records[i].commit;
    }
    end();
    arena_bytes = 24u << 20;
    begin(1, 1500, "a.state >= 0", 1);
    run_to(40);
    end();
    begin(64, 1500, "a.state >= 0", 1);
    ck_assert(!sim_kernel_run(&sim, 40, STEPS) && sim.stopped);
    ck_assert_int_eq(sim.stop_code, 8);
    ck_assert_msg(strstr(sim.stop_text, "was refused: no space left; ") != NULL &&
                      strstr(sim.stop_text, "`keep N versions`") != NULL,
                  "%s", sim.stop_text);
    ck_assert_uint_ge(sim.record_count, 2);
    ck_assert_uint_eq(sim.record_count, kern_core_tick(sim.core));
    for (size_t i = 0; i < sim.record_count; i++) {
        ck_assert(jit_id_equal(&sim.records[i].commit, &roomy[i]));
    }
    end();
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "keep", 120);
    tcase_add_loop_test(t, as_many_as_asked_for, 0, 4);
    tcase_add_loop_test(t, fewer_of_much, 1, 3);
    tcase_add_test(t, a_burst);
    tcase_add_test(t, begun_anew);
    tcase_add_test(t, no_room_for_what_is_kept);
}

TEST_MAIN("keep", suite)
