/* A worker's start, in turns with bubblewrap's. spawn_a: from making its memories until a rules
 * loader, locked in, has searched /world once, asked for its match and said done; spawn_b: the same
 * of a program of its own; both through the spawner, everything on; n: gigabytes that this process
 * holds meanwhile. Before each there is a pause, in which the spawner makes its spares;
 * spawn_crowd: one of CROWD programs of their own, one after the other without any. worker_restart:
 * from the SIGKILL of a program of its own to the first request of its next life. bwrap: from
 * starting `bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev true` until it is reaped.
 * flood_p99: the 99th percentile of a worker's round trip beside one that rings its bell for ever;
 * quiet_p99: beside one that does not; alone_p99: beside none. In turns. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "rmg/store/store.h"
#include "syscall/view.h"
#include "tests/bench/bench_bed.h"
#include "tests/bench/bench_host.h"
#include "tests/lib/must.h"

#define RUNS    20u
#define CROWD   16u
#define BLOCKS  4u
#define HELD_GB UINT64_C(4)

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
    must(rmg_store_new(jit_heap_libc(), &options, &bed->store));
    bed->instance.id = bench_id("warp:", 0);
    must(rmg_tx_begin(bed->store, &version, &tx));
    must(rmg_tx_upsert_instance(tx, &bed->instance.id, &node, NULL));
    must(rmg_tx_upsert_node(tx, &bed->instance.id, &node, &type));
    must(rmg_tx_seal(tx, &version));
    must(rmg_store_instance(bed->store, &version, &bed->instance.id, &found));
    sys_view_host_init(&bed->view, bed->host.view.base, bed->host.view.size_max);
    must(sys_view_host_entry(&bed->view, &bed->instance.id, &index, &bed->instance.view_offset));
    sys_view_host_publish(&bed->view, 0, bed->host.view.size, &found.roots, 1);
    struct rmg_rule *rule = sample_rule(SAMPLE_PUT);
    jit_buf_init(&bed->program, jit_heap_libc(), JIT_PROGRAM_BYTES_MAX);
    must(rmg_rule_encode(rule, &bed->program));
    sample_rule_free(rule);
}

static void spawn_bed_end(struct spawn_bed *bed)
{
    jit_buf_release(&bed->program);
    rmg_store_free(bed->store);
    bench_host_end(&bed->host);
}

/* Nothing of the last one goes on, spares are made, and none is in the next one's way. */
static void rest(void)
{
    const struct timespec span = {.tv_nsec = 50000000};
    (void)nanosleep(&span, NULL);
}

/* What a worker of the bed is born with; the pieces have to stay where they are. */
struct life {
    uint8_t params[32];
    struct sys_bytes rule;
    struct sys_boot_run_spec run;
    struct sys_boot_spec spec;
};

static void life_make(struct spawn_bed *bed, struct life *life)
{
    uint64_t value[2] = {1, 2};
    life->rule = (struct sys_bytes){.bytes = bed->program.data, .size = bed->program.size};
    life->run = (struct sys_boot_run_spec){.mode = SYS_APPLY_ALL, .cap_slot = SYS_NONE};
    life->run.params = (struct sys_bytes){
        .bytes = life->params, .size = sample_params_bytes(life->params, value, sizeof value)};
    life->spec = (struct sys_boot_spec){.process = bench_id("node:", 1),
                                        .count = 1,
                                        .start_tick = 1,
                                        .instances = &bed->instance,
                                        .instance_count = 1,
                                        .rules = &life->rule,
                                        .rule_count = 1,
                                        .runs = &life->run,
                                        .run_count = 1};
}

/* Until it has said done to tick 1 and its request is here. */
static void first_request(struct spawn_bed *bed, struct bench_worker *worker)
{
    static const uint64_t counts[SYS_RING_COUNTS];
    struct sys_ring_host ring;
    struct sys_slot slot;
    struct sys_ring_memory memory = bench_worker_ring(worker);
    sys_ring_host_init(&ring, &memory);
    sys_ring_host_begin(&ring, 1, counts);
    if (sys_ring_host_ring(&ring)) {
        bench_worker_wake(worker);
    }
    int done = 0;
    while (done == 0) {
        bench_worker_await(&bed->host, worker, BENCH_SPIN_NS);
        done = sys_ring_host_done(&ring);
    }
    int taken = sys_ring_host_take(&ring, &slot);
    assert(done == 1);
    assert(taken == 1 && slot.kind == SYS_CALL_apply);
}

static double spawn_once(struct spawn_bed *bed, const struct shell_image *image)
{
    struct life life;
    struct bench_worker worker;
    life_make(bed, &life);
    uint64_t begin = bench_wall_ns();
    bed->host.image = image;
    bench_worker_start(&bed->host, &worker, &life.spec);
    first_request(bed, &worker);
    double took = (double)(bench_wall_ns() - begin);
    bench_worker_end(&bed->host, &worker);
    return took;
}

/* Killed in its first tick, from outside; its next life has the graph of its last. */
static double restart_once(struct spawn_bed *bed, const struct shell_image *image)
{
    struct life life;
    struct bench_worker worker;
    life_make(bed, &life);
    bed->host.image = image;
    bench_worker_start(&bed->host, &worker, &life.spec);
    first_request(bed, &worker);
    rest();
    uint64_t begin = bench_wall_ns();
    bench_worker_restart(&bed->host, &worker, &life.spec);
    first_request(bed, &worker);
    double took = (double)(bench_wall_ns() - begin);
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

struct figures {
    double a[RUNS], b[RUNS], theirs[RUNS], again[RUNS], crowd[RUNS];
    size_t count; /* of each, so far */
};

/* A few of each in turns, this process being as large as it is. */
static void spawn_some(struct spawn_bed *bed, const struct shell_image *native, bool beside,
                       struct figures *f)
{
    for (size_t end = f->count + RUNS / BLOCKS; f->count < end; f->count++) {
        size_t i = f->count;
        rest();
        f->a[i] = spawn_once(bed, NULL);
        rest();
        f->b[i] = spawn_once(bed, native);
        rest();
        f->theirs[i] = beside ? bwrap_once() : 0;
        assert(!beside || f->theirs[i] > 0);
        rest();
        f->again[i] = restart_once(bed, native);
        rest();
        f->crowd[i] = 0;
        for (unsigned k = 0; k < CROWD; k++) {
            f->crowd[i] += spawn_once(bed, native) / CROWD;
        }
    }
}

static void spawn_report(const struct bench *bench, uint64_t gigabytes, bool beside,
                         struct figures *f)
{
    bench_report(bench, "spawn_a", gigabytes, f->a, f->count);
    bench_report(bench, "spawn_b", gigabytes, f->b, f->count);
    if (beside) {
        bench_report(bench, "bwrap", gigabytes, f->theirs, f->count);
    }
    bench_report(bench, "worker_restart", gigabytes, f->again, f->count);
    bench_report(bench, "spawn_crowd", gigabytes, f->crowd, f->count);
}

/* Touched page by page: the worst case for a clone. */
static uint8_t *hold(uint64_t gigabytes)
{
    uint8_t *held = mmap(NULL, gigabytes << 30, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert(held != MAP_FAILED);
    (void)madvise(held, gigabytes << 30, MADV_NOHUGEPAGE);
    for (uint64_t at = 0; at < gigabytes << 30; at += 4096) {
        held[at] = 1;
    }
    return held;
}

/* Small and large in turns as well. */
static void spawn_figures(const struct bench *bench, struct spawn_bed *bed)
{
    static struct figures small, large;
    struct shell_image native = {.loader = HOST_LOADER_NONE};
    const char *why = NULL;
    bool beside = bwrap_once() > 0;
    must(host_loader_open("tests/bench/bench_native", &native.loader, &why));
    if (!beside) {
        fprintf(stderr, "bench: bwrap is left out: it is not installed, or may not run here\n");
    }
    for (unsigned i = 0; i < BLOCKS; i++) {
        spawn_some(bed, &native, beside, &small);
        if (bench->n_max >= HELD_GB) {
            uint8_t *held = hold(HELD_GB);
            spawn_some(bed, &native, beside, &large);
            (void)munmap(held, HELD_GB << 30);
        }
    }
    host_loader_close(&native.loader);
    spawn_report(bench, 0, beside, &small);
    if (large.count > 0) {
        spawn_report(bench, HELD_GB, beside, &large);
    }
}

static void bench_spawn(const struct bench *bench)
{
    struct spawn_bed bed;
    struct host_spawner spawner;
    if ((!bench_wants(bench, "spawn_a", 0) && !bench_wants(bench, "spawn_b", 0) &&
         !bench_wants(bench, "bwrap", 0) && !bench_wants(bench, "spawn_crowd", 0) &&
         !bench_wants(bench, "worker_restart", 0)) ||
        !bench_host_begin(&bed.host, SYS_VIEW_EXTENT_BYTES, "spawn")) {
        return;
    }
    must(host_filter_build(HOST_FILTER_NATIVE, &bed.host.nursery.native));
    must(host_spawner_new(&bed.host.probe, &bed.host.nursery.start, &bed.host.nursery.native,
                          &spawner));
    bed.host.nursery.spawner = &spawner;
    spawn_bed_begin(&bed);
    spawn_figures(bench, &bed);
    spawn_bed_end(&bed);
    host_spawner_close(&spawner);
}

/* ---- a flood ---- */

#define FLOOD_ROUNDS 10u
#define FLOOD_TRIPS  400u
#define FLOOD_BEFORE 100u

struct peer {
    struct bench_worker worker;
    struct sys_ring_host ring;
    bool working;
};

static void peer_start(struct bench_host *host, struct peer *peer, const struct shell_image *image)
{
    struct sys_boot_spec spec = {.process = bench_id("node:", 1), .count = 1, .start_tick = 1};
    *peer = (struct peer){.working = false};
    host->image = image;
    bench_worker_start(host, &peer->worker, &spec);
    struct sys_ring_memory memory = bench_worker_ring(&peer->worker);
    sys_ring_host_init(&peer->ring, &memory);
}

/* Look at those whose bells have rung, and say who may go on, as the supervisor does; true: the
 * first one is done. */
static bool look(struct peer *peers, unsigned count)
{
    bool others = false;
    for (unsigned i = 0; i < count; i++) {
        uint32_t bell = sys_ring_host_bell_value(&peers[i].ring);
        if (bell != peers[i].worker.bell_seen) {
            shell_worker_heed(&peers[i].worker.worker, bell - peers[i].worker.bell_seen);
            shell_worker_turn(&peers[i].worker.worker, false, false, bench_wall_ns());
            peers[i].worker.bell_seen = bell;
            peers[i].working = peers[i].working && sys_ring_host_done(&peers[i].ring) == 0;
        }
    }
    for (unsigned i = 0; i < count; i++) {
        others = others || (peers[i].working && !peers[i].worker.worker.flooding);
    }
    const uint64_t now = bench_wall_ns();
    for (unsigned i = 0; i < count; i++) {
        shell_worker_turn(&peers[i].worker.worker, peers[i].working, others, now);
    }
    return !peers[0].working;
}

/* As the supervisor sleeps: it hears the bells of those who work. */
static void sleep_for(struct bench_host *host, struct peer *peers, unsigned count)
{
    struct shell_bell bells[2];
    uint32_t armed = 0;
    bool rang = false;
    for (unsigned i = 0; i < count; i++) {
        sys_ring_host_announce(&peers[i].ring, true);
        if (peers[i].working) {
            bells[armed++] = (struct shell_bell){.word = sys_ring_host_bell(&peers[i].ring),
                                                 .value = peers[i].worker.bell_seen};
        }
    }
    for (uint32_t i = 0; i < armed; i++) {
        rang = rang || __atomic_load_n(bells[i].word, __ATOMIC_SEQ_CST) != bells[i].value;
    }
    if (!rang) {
        must(shell_waiter_arm(host->waiter, bells, armed));
        shell_loop_run(host->loop, 1000000000u);
    }
    for (unsigned i = 0; i < count; i++) {
        sys_ring_host_announce(&peers[i].ring, false);
    }
}

/* Look until the first one is done, or all are: for a moment without sleeping, then as the
 * supervisor does. */
static void await(struct bench_host *host, struct peer *peers, unsigned count, bool all)
{
    uint64_t begin = bench_wall_ns();
    while (!look(peers, count) || (all && count > 1 && peers[1].working)) {
        if (bench_wall_ns() - begin >= BENCH_SPIN_NS) {
            sleep_for(host, peers, count);
        }
    }
}

/* A tick of all; the first one's round trip. */
static double trip(struct bench_host *host, struct peer *peers, unsigned count, uint64_t tick)
{
    static const uint64_t counts[SYS_RING_COUNTS];
    uint64_t begin = bench_wall_ns();
    for (unsigned i = count; i-- > 0;) { /* the first one last: the flood is on by then */
        sys_ring_host_begin(&peers[i].ring, tick, counts);
        peers[i].working = true;
        if (sys_ring_host_ring(&peers[i].ring)) {
            bench_worker_wake(&peers[i].worker);
        }
    }
    await(host, peers, count, false);
    double took = (double)(bench_wall_ns() - begin);
    await(host, peers, count, true);
    return took;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double p99(struct bench_host *host, struct peer *peers, unsigned count, uint64_t *tick)
{
    static double took[FLOOD_TRIPS];
    for (size_t i = 0; i < FLOOD_TRIPS; i++) {
        took[i] = trip(host, peers, count, ++*tick);
    }
    qsort(took, FLOOD_TRIPS, sizeof took[0], by_size);
    return took[FLOOD_TRIPS * 99 / 100];
}

static double p99_beside(struct bench_host *host, struct peer *peers,
                         const struct shell_image *image, uint64_t *tick)
{
    peer_start(host, &peers[1], image);
    for (unsigned k = 0; k < FLOOD_BEFORE; k++) {
        (void)trip(host, peers, 2, ++*tick); /* it has started, and is known for what it is */
    }
    double result = p99(host, peers, 2, tick);
    bench_worker_end(host, &peers[1].worker);
    return result;
}

static void bench_flood(const struct bench *bench)
{
    static double alone[FLOOD_ROUNDS], quiet[FLOOD_ROUNDS], flood[FLOOD_ROUNDS];
    struct bench_host host;
    struct shell_image native = {.loader = HOST_LOADER_NONE};
    struct peer peers[2];
    const char *why = NULL;
    uint64_t tick = 1;
    if ((!bench_wants(bench, "flood_p99", 1) && !bench_wants(bench, "quiet_p99", 1) &&
         !bench_wants(bench, "alone_p99", 1)) ||
        !bench_host_begin(&host, SYS_VIEW_EXTENT_BYTES, "flood_p99")) {
        return;
    }
    struct sys_view_host view;
    must(host_filter_build(HOST_FILTER_NATIVE, &host.nursery.native));
    must(host_loader_open("tests/bench/bench_flooder", &native.loader, &why));
    sys_view_host_init(&view, host.view.base, host.view.size_max);
    sys_view_host_publish(&view, 0, host.view.size, NULL, 0);
    peer_start(&host, &peers[0], NULL);
    (void)p99(&host, peers, 1, &tick);
    for (size_t i = 0; i < FLOOD_ROUNDS; i++) {
        alone[i] = p99(&host, peers, 1, &tick);
        quiet[i] = p99_beside(&host, peers, NULL, &tick);
        flood[i] = p99_beside(&host, peers, &native, &tick);
    }
    bench_worker_end(&host, &peers[0].worker);
    host_loader_close(&native.loader);
    bench_host_end(&host);
    bench_report(bench, "alone_p99", 1, alone, FLOOD_ROUNDS);
    bench_report(bench, "quiet_p99", 1, quiet, FLOOD_ROUNDS);
    bench_report(bench, "flood_p99", 1, flood, FLOOD_ROUNDS);
}

void bench_process(const struct bench *bench)
{
    bench_spawn(bench);
    bench_flood(bench);
}
