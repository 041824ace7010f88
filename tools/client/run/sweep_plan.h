/* tools/client/run/sweep_plan.h - which runs a sweep has: every combination of values, with every
 * seed. Layer: tools.
 *
 * Values are decimal texts and stay so: 0.1:0.5:0.1 is 0.1, 0.2, 0.3, 0.4, 0.5, counted in whole
 * tenths, so that the same command names the same runs everywhere. */
#ifndef JIT_TOOLS_SWEEP_PLAN_H
#define JIT_TOOLS_SWEEP_PLAN_H

#include <stdint.h>

#include "tools/cli/cli.h"

#define SWEEP_PARAMS_MAX 16u
#define SWEEP_VALUES_MAX 10000u
#define SWEEP_RUNS_MAX   1000000u
#define SWEEP_VALUE_SIZE 64u
#define SWEEP_NAME_SIZE  512u

struct sweep_param {
    char name[SWEEP_VALUE_SIZE];
    char (*values)[SWEEP_VALUE_SIZE];
    uint32_t count;
};

struct sweep_plan {
    struct sweep_param params[SWEEP_PARAMS_MAX];
    uint32_t param_count;
    uint64_t *seeds;
    uint32_t seed_count;
    uint64_t run_count;
};

/* vary: "beta=0.1:0.5:0.1" or "k=1,2,4"; seeds: "1..20", "1,2,5". Returns an exit code; said.
 * Release it whatever comes back. */
int sweep_plan_make(struct cli *cli, const char *const *vary, uint32_t vary_count,
                    const char *seeds, struct sweep_plan *out);
void sweep_plan_release(struct sweep_plan *plan);

/* Run number i, the first parameter slowest, seeds fastest. */
const char *sweep_plan_value(const struct sweep_plan *plan, uint64_t run, uint32_t param);
uint64_t sweep_plan_seed(const struct sweep_plan *plan, uint64_t run);
/* "beta=0.1,seed=3": what a run is known by, and what its folder is called. */
void sweep_plan_name(const struct sweep_plan *plan, uint64_t run, char name[SWEEP_NAME_SIZE]);

#endif
