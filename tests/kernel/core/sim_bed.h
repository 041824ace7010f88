/* tests/kernel/core/sim_bed.h - one simulated kernel at a time, over a heap that counts: begun, run
 * to a tick, replayed and released. */
#ifndef JIT_TESTS_SIM_BED_H
#define JIT_TESTS_SIM_BED_H

#include "tests/lib/fault_heap.h"
#include "tests/lib/sim_kernel.h"
#include "tests/lib/tcase.h"

#define STEPS 400000u

static struct sim_kernel sim;
static struct fault_heap mem;

static inline void begin_as(const struct sim_kernel_options *options)
{
    mem = fault_heap_make(-1, false);
    sim_kernel_init(&sim, &mem.heap, options);
}

/* The history comes out again, by its patches and by its rules; nothing is leaked. */
static inline void end(void)
{
    const char *what = "";
    ck_assert_msg(sim_kernel_replay(&sim, &what) == JIT_OK, "schedule %llu: replay: %s",
                  (unsigned long long)sim.options.schedule, what != NULL ? what : "");
    sim_kernel_release(&sim);
    ck_assert_int_eq(mem.live, 0);
}

static inline void run_to(uint64_t tick)
{
    ck_assert_msg(sim_kernel_run(&sim, tick, STEPS), "schedule %llu: tick %llu: %s",
                  (unsigned long long)sim.options.schedule,
                  (unsigned long long)kern_core_tick(sim.core),
                  sim.stopped ? sim.stop_text : "not at rest");
}

/* Each tick is made, and its record is there. */
static inline void run_ticks(uint64_t count)
{
    run_to(count);
    ck_assert_uint_eq(kern_core_tick(sim.core), count);
    ck_assert_uint_eq(sim.record_count, count);
}

#endif
