/* tests/sim/jitos_roots.c - the roots that seeds end in: one line a seed, "SEED ROOT", for
 * comparing builds and machines (tests/longer/determinism.sh). Each seed is a small random system,
 * run with 1, 2 and 8 workers, 1 and 2 threads of the engine, and another schedule each time;
 * /world must end the same each time, and with equal numbers of workers so must the whole history.
 * Exit code 0; 1: they differ; 2: usage. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/exec.h"
#include "kernel/event/pool.h"
#include "tests/lib/sim_kernel.h"
#include "tests/lib/cell_rules.h"

#define TICKS 6u
#define STEPS 2000000u

static const char help[] = "usage: jitos-roots [--seed N] [--seeds COUNT]\n"
                           "Says of each seed where its world ends, for any number of workers and "
                           "threads.\n"
                           "Example: jitos-roots --seed 1 --seeds 100\n";

/* Numbers of every kind that a rule computes with. */
static const char text[] =
    "system roots\n"
    "type Cell { state: i64 = 0, hits: i64 sum = 0, level: f64 = 0.5, top: i64 max = 0 }\n"
    "edge NEXT, DONE\n" CELL_INFECT CELL_HEAL "rule rise\n"
    "  match (a:Cell)\n"
    "  where a.state = 0 and chance(0.4)\n"
    "  set a.state = 1, a.level = exp(sin(a.level)) / (1.0 + sqrt(a.level * a.level))\n"
    "  raise a.top, 7\n"
    "rule move\n"
    "  match (a:Cell)-[e:DONE]->(b:Cell)\n"
    "  where a.state = 2 and b.level > 0.4 and chance(0.5)\n"
    "  delete e\n"
    "  set a.level = log(1.5 + cos(b.level) * b.level)\n"
    "process w[%u] run infect(p = 0.7), heal(q = 0.6), rise, move apply all over shard(/world)\n"
    "grant w: map /world; invoke infect, heal, rise, move on /world\n";

struct ends {
    struct jit_id world;
    struct jit_id commit;
};

static void run(uint64_t seed, unsigned workers, unsigned threads, struct ends *out)
{
    char system[4096];
    struct sim_kernel sim;
    struct shell_pool *pool = NULL;
    int size = snprintf(system, sizeof system, text, workers);
    assert(size > 0 && (size_t)size < sizeof system);
    enum jit_err err = shell_pool_new(jit_heap_libc(), threads, &pool);
    assert(err == JIT_OK);
    const struct sim_kernel_options options = {.text = system,
                                               .cells = 8 + (uint32_t)(seed % 40),
                                               .system_seed = seed,
                                               .schedule = seed * 6 + workers + threads,
                                               .arena_bytes = 2u << 20,
                                               .exec = shell_pool_exec(pool)};
    sim_kernel_init(&sim, jit_heap_libc(), &options);
    if (!sim_kernel_run(&sim, TICKS, STEPS)) {
        fprintf(stderr, "seed %" PRIu64 ": %s\n", seed, sim.stop_text);
        exit(1);
    }
    out->world = sim_kernel_world(&sim);
    out->commit = kern_core_commit(sim.core);
    sim_kernel_release(&sim);
    shell_pool_free(pool);
}

static bool seed_holds(uint64_t seed)
{
    static const unsigned workers[] = {1, 2, 8};
    struct ends first;
    char hex[JIT_ID_HEX];
    for (unsigned i = 0; i < 3; i++) {
        struct ends one;
        struct ends two;
        run(seed, workers[i], 1, &one);
        run(seed, workers[i], 2, &two);
        if (i == 0) {
            first = one;
        }
        if (!jit_id_equal(&one.world, &first.world) || !jit_id_equal(&two.world, &first.world) ||
            !jit_id_equal(&one.commit, &two.commit)) {
            printf("%" PRIu64 " differs with %u workers\n", seed, workers[i]);
            return false;
        }
    }
    jit_id_to_hex(&first.world, hex);
    printf("%" PRIu64 " %s\n", seed, hex);
    return true;
}

static bool number(const char *word, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(word, &end, 10);
    return errno == 0 && end != word && *end == '\0' && word[0] >= '0' && word[0] <= '9';
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"seed", required_argument, NULL, 's'},
                                            {"seeds", required_argument, NULL, 'n'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    uint64_t seed = 1;
    uint64_t seeds = 1;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(help, stdout);
            return 0;
        }
        if (c == '?' || !number(optarg, c == 's' ? &seed : &seeds)) {
            fprintf(stderr, "jitos-roots: %s; try: jitos-roots --help\n",
                    c == '?' ? "unknown option" : "not a number");
            return 2;
        }
    }
    if (optind != argc) {
        fprintf(stderr, "jitos-roots: it takes no arguments; try: jitos-roots --help\n");
        return 2;
    }
    for (uint64_t i = 0; i < seeds; i++) {
        if (!seed_holds(seed + i)) {
            return 1;
        }
    }
    return 0;
}
