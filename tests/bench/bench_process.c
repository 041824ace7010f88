/* A worker's start, in turns with bubblewrap's. spawn: from making its memories until a rules
 * loader, locked in, has searched /world once, asked for its match and said done; bwrap: from
 * starting `bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev true` until it is reaped. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "rmg/store.h"
#include "syscall/view.h"
#include "tests/bench/bench_bed.h"
#include "tests/bench/bench_host.h"

#define RUNS 20u

struct spawn_bed {
    struct bench_host host;
    struct rmg_arena arena;
    struct rmg_store *store;
    struct sys_view_host view;
    struct sys_boot_instance instance;
    struct jit_buf program;
};

/* A view with one node of type P, and the program of `put`, which it matches. */
static void spawn_bed_begin(struct spawn_bed *bed)
{
    struct rmg_version version = rmg_version_empty();
    struct jit_id node = bench_id("node:", 0);
    struct jit_id type = sample_type_p();
    struct rmg_instance found;
    struct rmg_tx *tx = NULL;
    uint32_t index = 0;
    rmg_arena_init(&bed->arena, bed->host.view.base, bed->host.view.size, bed->host.view.size_max,
                   SYS_VIEW_HEADER_BYTES);
    struct rmg_store_options options = {.arenas = {&bed->arena}, .arena_count = 1};
    bench_must(rmg_store_new(jit_heap_libc(), &options, &bed->store));
    bed->instance.id = bench_id("warp:", 0);
    bench_must(rmg_tx_begin(bed->store, &version, &tx));
    bench_must(rmg_tx_upsert_instance(tx, &bed->instance.id, &node, NULL));
    bench_must(rmg_tx_upsert_node(tx, &bed->instance.id, &node, &type));
    bench_must(rmg_tx_seal(tx, &version));
    bench_must(rmg_store_instance(bed->store, &version, &bed->instance.id, &found));
    sys_view_host_init(&bed->view, bed->host.view.base, bed->host.view.size_max);
    bench_must(
        sys_view_host_entry(&bed->view, &bed->instance.id, &index, &bed->instance.view_offset));
    sys_view_host_publish(&bed->view, 0, bed->host.view.size, &found.roots, 1);
    struct rmg_rule *rule = sample_rule(SAMPLE_PUT);
    jit_buf_init(&bed->program, jit_heap_libc(), JIT_PROGRAM_BYTES_MAX);
    bench_must(rmg_rule_encode(rule, &bed->program));
    sample_rule_free(rule);
}

static void spawn_bed_end(struct spawn_bed *bed)
{
    jit_buf_release(&bed->program);
    rmg_store_free(bed->store);
    bench_host_end(&bed->host);
}

static double spawn_once(struct spawn_bed *bed)
{
    static const uint64_t counts[16];
    uint8_t params[32];
    uint64_t value[2] = {1, 2};
    struct sys_bytes rule = {.bytes = bed->program.data, .size = bed->program.size};
    struct sys_boot_run_spec run = {.mode = SYS_APPLY_ALL, .cap_slot = SYS_NONE};
    run.params = (struct sys_bytes){.bytes = params,
                                    .size = sample_params_bytes(params, value, sizeof value)};
    struct sys_boot_spec spec = {.process = bench_id("node:", 1),
                                 .count = 1,
                                 .start_tick = 1,
                                 .instances = &bed->instance,
                                 .instance_count = 1,
                                 .rules = &rule,
                                 .rule_count = 1,
                                 .runs = &run,
                                 .run_count = 1};
    struct bench_worker worker;
    struct sys_ring_host ring;
    struct sys_slot slot;
    uint64_t begin = bench_wall_ns();
    bench_worker_start(&bed->host, &worker, &spec);
    struct sys_ring_memory memory = bench_worker_ring(&worker);
    sys_ring_host_init(&ring, &memory);
    sys_ring_host_begin(&ring, 1, counts);
    if (sys_ring_host_ring(&ring)) {
        bench_worker_wake(&worker);
    }
    int done = 0;
    while (done == 0) {
        bench_worker_await(&bed->host, &worker, BENCH_SPIN_NS);
        done = sys_ring_host_done(&ring);
    }
    int taken = sys_ring_host_take(&ring, &slot);
    double took = (double)(bench_wall_ns() - begin);
    assert(done == 1);
    assert(taken == 1 && slot.kind == SYS_CALL_apply);
    bench_worker_end(&bed->host, &worker);
    return took;
}

/* 0: it is not installed, or not allowed here. */
static double bwrap_once(void)
{
    char *const argv[] = {(char[]){"bwrap"},
                          (char[]){"--unshare-all"},
                          (char[]){"--ro-bind"},
                          (char[]){"/"},
                          (char[]){"/"},
                          (char[]){"--proc"},
                          (char[]){"/proc"},
                          (char[]){"--dev"},
                          (char[]){"/dev"},
                          (char[]){"true"},
                          NULL};
    pid_t pid = -1;
    int status = -1;
    uint64_t begin = bench_wall_ns();
    if (posix_spawnp(&pid, "bwrap", NULL, NULL, argv, environ) != 0 ||
        waitpid(pid, &status, 0) != pid || status != 0) {
        return 0;
    }
    return (double)(bench_wall_ns() - begin);
}

void bench_process(const struct bench *bench)
{
    double ours[RUNS], theirs[RUNS];
    struct spawn_bed bed;
    if ((!bench_wants(bench, "spawn", 1) && !bench_wants(bench, "bwrap", 1)) ||
        !bench_host_begin(&bed.host, SYS_VIEW_EXTENT_BYTES, "spawn")) {
        return;
    }
    spawn_bed_begin(&bed);
    bool beside = bwrap_once() > 0;
    if (!beside) {
        fprintf(stderr, "bench: bwrap is left out: it is not installed, or may not run here\n");
    }
    for (size_t i = 0; i < RUNS; i++) {
        ours[i] = spawn_once(&bed);
        theirs[i] = beside ? bwrap_once() : 0;
        assert(!beside || theirs[i] > 0);
    }
    spawn_bed_end(&bed);
    bench_report(bench, "spawn", 1, ours, RUNS);
    if (beside) {
        bench_report(bench, "bwrap", 1, theirs, RUNS);
    }
}
