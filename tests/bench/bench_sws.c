/* A worker's space beside what an operating system gives: a fork of a graph of n nodes that a
 * worker owns (fork(2) of a process with the same memory beside it), and the collapse of a branch
 * with 100 changes, half of them in a mounted instance of the same size. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "sws/space.h"
#include "tests/bench/bench_bed.h"
#include "tests/lib/must.h"

#define RUNS   201u
#define FORKS  100u
#define HEADER 4096ull

struct scene {
    struct bench_bed bed; /* what is mounted, and where the own graph's ids come from */
    uint8_t *home_memory;
    uint64_t home_bytes;
    struct rmg_arena home_arena;
    struct sws_home home;
    uint8_t *view; /* a copy of the bed's memory; behind it the overlay */
    uint64_t view_bytes;
    struct rmg_arena overlay;
    struct sws *space;
    struct jit_id own; /* instance */
    uint64_t bytes;    /* of the own graph */
};

static uint8_t *memory_new(uint64_t bytes)
{
    uint8_t *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert(memory != MAP_FAILED);
    return memory;
}

static void own_begin(struct scene *s)
{
    const uint64_t n = s->bed.n;
    struct rmg_tx *tx = NULL;
    struct rmg_version version;
    const struct jit_id type = bench_id("type:", 1);
    struct rmg_bulk bulk = {.nodes = bench_array(n, sizeof *bulk.nodes),
                            .node_count = n,
                            .edges = bench_array(n, sizeof *bulk.edges),
                            .edge_count = n - 1,
                            .attachments = bench_array(n, sizeof *bulk.attachments),
                            .attachment_count = n};
    static const uint8_t atom[16] = "0123456789abcde";
    for (uint64_t i = 0; i < n; i++) {
        bulk.nodes[i] = (struct rmg_bulk_node){s->bed.ids[i], type};
        bulk.attachments[i] = (struct rmg_bulk_attachment){
            s->bed.ids[i], RMG_PLANE_ALPHA, {"v", 1, {RMG_VALUE_ATOM, type, atom, sizeof atom}}};
        if (i > 0) {
            bulk.edges[i - 1] = (struct rmg_edge){bench_id("edge:", i), s->bed.ids[(i - 1) / 2],
                                                  s->bed.ids[i], type};
        }
    }
    must(rmg_tx_begin(s->home.store, &s->home.latest, &tx));
    must(rmg_tx_upsert_instance(tx, &s->own, &s->bed.ids[0], NULL));
    must(rmg_tx_load(tx, &s->own, &bulk));
    must(rmg_tx_seal(tx, &version));
    must(sws_home_commit(&s->home, &version));
    s->bytes = s->home_arena.used;
    free(bulk.nodes);
    free(bulk.edges);
    free(bulk.attachments);
}

static void show(struct scene *s, uint64_t tick)
{
    struct rmg_instance instance;
    must(rmg_store_instance(s->bed.store, &s->bed.version, &s->bed.instance, &instance));
    const struct sws_mount mount = {s->bed.instance, instance.roots, true};
    must(sws_show(s->space, tick, &mount, 1));
}

static void scene_begin(struct scene *s, uint64_t n)
{
    memset(s, 0, sizeof *s);
    bench_bed_begin(&s->bed, n);
    s->own = bench_id("warp:", 77);
    s->home_bytes = HEADER + (64ull << 20) + n * 1024;
    s->view_bytes = (s->bed.arena->used + HEADER) / HEADER * HEADER;
    s->home_memory = memory_new(s->home_bytes);
    s->view = memory_new(s->view_bytes + (256ull << 20));
    memcpy(s->view, s->bed.arena->base, s->bed.arena->used);
    rmg_arena_init(&s->home_arena, s->home_memory, s->home_bytes, s->home_bytes, HEADER);
    rmg_arena_init(&s->overlay, s->view, s->view_bytes + (256ull << 20),
                   s->view_bytes + (256ull << 20), s->view_bytes);
    must(sws_home_open(jit_heap_libc(), &s->home_arena,
                       (struct sws_home_page *)(void *)s->home_memory, 0, &s->home));
    own_begin(s);
    const struct sws_options options = {
        .heap = jit_heap_libc(), .home = &s->home, .overlay = &s->overlay, .keep = 1};
    must(sws_new(&options, &s->space));
    show(s, 1);
}

static void scene_end(struct scene *s)
{
    sws_free(s->space);
    sws_home_close(&s->home);
    munmap(s->home_memory, s->home_bytes);
    munmap(s->view, s->view_bytes + (256ull << 20));
    bench_bed_end(&s->bed);
}

static void measure_fork(const struct bench *bench, struct scene *s)
{
    static double samples[RUNS];
    struct sws_branch *branches[FORKS];
    for (unsigned run = 0; run < RUNS; run++) {
        uint64_t begin = bench_now_ns();
        for (unsigned i = 0; i < FORKS; i++) {
            must(sws_fork(s->space, NULL, &branches[i]));
        }
        samples[run] = (double)(bench_now_ns() - begin) / FORKS;
        for (unsigned i = 0; i < FORKS; i++) {
            sws_drop(s->space, branches[i]);
        }
    }
    bench_report(bench, "sws_fork", s->bed.n, samples, RUNS);
}

/* The operating system's way: a process that has the own graph in memory. */
static void measure_fork2(const struct bench *bench, const struct scene *s)
{
    double samples[11];
    for (unsigned run = 0; run < 11; run++) {
        uint64_t begin = bench_wall_ns();
        pid_t child = fork();
        if (child == 0) {
            _exit(0);
        }
        samples[run] = (double)(bench_wall_ns() - begin);
        assert(child > 0 && waitpid(child, NULL, 0) == child);
    }
    bench_report_bytes(bench, "fork2", s->bed.n, s->bytes, samples, 11);
}

static void set(struct scene *s, const struct jit_id *instance, const struct jit_id *node,
                uint64_t value)
{
    uint64_t words[2] = {value, value};
    const struct rmg_op op = {
        .kind = RMG_OP_SET_ATTACHMENT,
        .plane = RMG_PLANE_ALPHA,
        .instance = *instance,
        .id = *node,
        .attachment = {"v", 1, {RMG_VALUE_ATOM, *node, (const uint8_t *)words, sizeof words}}};
    must(sws_change_op(s->space, &op));
}

static void measure_collapse(const struct bench *bench, struct scene *s)
{
    static double samples[RUNS];
    struct jit_random random = jit_random_of(5);
    struct jit_buf request;
    jit_buf_init(&request, jit_heap_libc(), JIT_REQUEST_BYTES_MAX);
    for (unsigned run = 0; run < RUNS; run++) {
        struct sws_branch *branch = NULL;
        struct sws_collapse collapse;
        must(sws_fork(s->space, NULL, &branch));
        sws_change_begin(s->space, branch);
        for (unsigned i = 0; i < 100; i++) {
            const struct jit_id *node = &s->bed.ids[jit_random_below(&random, s->bed.n)];
            set(s, i % 2 == 0 ? &s->own : &s->bed.instance, node, jit_random_next(&random));
        }
        must(sws_change_end(s->space));
        jit_buf_reset(&request);
        uint64_t begin = bench_now_ns();
        must(sws_collapse(s->space, branch, &request, &collapse));
        samples[run] = (double)(bench_now_ns() - begin);
        assert(collapse.local_operations + collapse.shared_operations > 90);
    }
    bench_report(bench, "collapse100", s->bed.n, samples, RUNS);
    jit_buf_release(&request);
}

void bench_sws(const struct bench *bench)
{
    static const uint64_t sizes[] = {1000, 1000000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct scene s;
        if (!bench_wants(bench, "sws_fork", sizes[i]) && !bench_wants(bench, "fork2", sizes[i]) &&
            !bench_wants(bench, "collapse100", sizes[i])) {
            continue;
        }
        scene_begin(&s, sizes[i]);
        measure_fork(bench, &s);
        measure_fork2(bench, &s);
        measure_collapse(bench, &s);
        scene_end(&s);
    }
}
