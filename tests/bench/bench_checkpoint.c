/* What checkpoints cost, in a folder of its own below $BENCH_DIR (else the current directory), over
 * a binary tree of n nodes with a 16-byte atom each. checkpoint_bytes: what the checkpoint after n
 * changes of a million nodes writes, which is what differs from the one before. restore: a folder
 * of n nodes, from opening it to its first tick, every byte of the image verified. replay_tick: a
 * tick of one change, applied and its root compared. seek: the state at any of n ticks, which have
 * a checkpoint each 1,000. checkpoint_pause: what a run waits for, p99, while 64 processes hold
 * 1 GiB of graph among them. */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/sign.h"
#include "kernel/log/io_posix.h"
#include "kernel/system.h"
#include "tests/bench/bench_bed.h"
#include "tests/lib/must.h"

#define NODES       1000000u
#define PAUSE_NODES 32000u /* of each process: 1 GiB in all */
#define PAUSE_STEPS 8u
#define ROOT_NODES  100000u /* of the root graph beside them */
#define PAUSES      200u
#define PROCESSES   64u
#define RESTORES    5u
#define REPLAYS     1000u
#define SEEK_TICKS  100000u
#define SEEK_EVERY  1000u
#define SEEK_NODES  1000u
#define SEEKS       50u
#define TEXT_SIZE   4096u

struct folder {
    char path[TEXT_SIZE];
    int fd;
    struct jit_io *io;
    uint8_t seed[JIT_SIGN_SEED_BYTES];
};

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

static void folder_make(struct folder *folder, const char *what)
{
    const struct io_options options = {.die_at = IO_DIE_NEVER};
    const char *under = getenv("BENCH_DIR");
    int size = snprintf(folder->path, sizeof folder->path, "%s/bench-checkpoint.XXXXXX",
                        under != NULL && under[0] != '\0' ? under : ".");
    assert(size > 0 && (size_t)size < sizeof folder->path);
    if (mkdtemp(folder->path) == NULL) {
        perror(folder->path);
        exit(EXIT_FAILURE);
    }
    folder->fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert(folder->fd >= 0);
    must(io_posix_open(jit_heap_libc(), folder->fd, &options, &folder->io));
    must(ckpt_key(folder->io, true, folder->seed));
    fprintf(stderr, "bench: %s in %s\n", what, folder->path);
}

static void folder_remove(struct folder *folder)
{
    io_posix_close(folder->io);
    close(folder->fd);
    int failed = nftw(folder->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    assert(failed == 0);
}

static struct ckpt_job job_of(struct folder *folder, const struct bench_bed *bed)
{
    return (struct ckpt_job){.heap = jit_heap_libc(),
                             .io = folder->io,
                             .seed = folder->seed,
                             .state = {.store = bed->store, .version = bed->version},
                             .manifest = {.policy = RMG_POLICY,
                                          .uuid = {1},
                                          .tick = bed->tick - 1,
                                          .commit = bed->parent,
                                          .mark = {.segment = 1, .offset = LOG_BLOCK_BYTES}}};
}

/* A tick of so many changes of nodes far from one another. */
static void change(struct bench_bed *bed, struct rmg_request *requests, uint32_t count,
                   struct rmg_tick_output *output)
{
    bench_bed_new_value(bed);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t at = (bed->tick * 7919u + (uint64_t)i * (bed->n / count)) % bed->n;
        requests[i] = bench_bed_request(bed, bed->put, &bed->ids[at]);
    }
    (void)bench_bed_tick(bed, requests, count, output);
}

/* A commit to go on from. */
static void begin_after_one(struct bench_bed *bed, uint64_t n)
{
    struct rmg_request request;
    bench_bed_begin(bed, n);
    change(bed, &request, 1, NULL);
}

/* ---- checkpoint_bytes ---- */

static void bench_bytes(const struct bench *bench)
{
    static const uint32_t counts[] = {1, 100, 1000, 10000};
    if (!bench_wants(bench, "checkpoint_bytes", NODES)) {
        return;
    }
    struct bench_bed bed;
    struct folder folder;
    struct rmg_request *requests = bench_array(10000, sizeof *requests);
    bench_bed_begin(&bed, NODES);
    folder_make(&folder, "checkpoint_bytes");
    struct ckpt_job job = job_of(&folder, &bed);
    must(rmg_store_pin(bed.store, &bed.version));
    must(ckpt_write(&job));
    fprintf(stderr, "bench: the whole state is %llu bytes\n",
            (unsigned long long)job.bytes_written);
    struct ckpt_manifest base = job.manifest;
    struct rmg_version version = bed.version;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        change(&bed, requests, counts[i], NULL);
        must(rmg_store_pin(bed.store, &bed.version));
        job = job_of(&folder, &bed);
        job.base = (struct rmg_state){.store = bed.store, .version = version};
        job.base_manifest = &base;
        must(ckpt_write(&job));
        double bytes = (double)job.bytes_written;
        bench_report(bench, "checkpoint_bytes", counts[i], &bytes, 1);
        base = job.manifest;
        version = bed.version;
    }
    folder_remove(&folder);
    bench_bed_end(&bed);
    free(requests);
}

/* ---- restore ---- */

static double restore_once(struct folder *folder, const struct bench_bed *bed)
{
    struct shell_system system;
    const struct shell_system_options options = {
        .path = folder->path, .mode = SHELL_FOLDER_OWN, .die_at_log_offset = UINT64_MAX};
    struct rmg_engine *engine = NULL;
    struct rmg_tick_output output;
    uint64_t begin = bench_now_ns();
    enum jit_err err = shell_system_open(&system, jit_heap_libc(), &options);
    if (err != JIT_OK) {
        fprintf(stderr, "bench: %s\n", system.message);
    }
    must(err);
    must(rmg_engine_new(jit_heap_libc(), system.store, jit_exec_inline(), &engine));
    struct rmg_request request = bench_bed_request(bed, bed->put, &bed->ids[7]);
    struct rmg_tick_input input = {.base = system.replay.version,
                                   .parent = system.replay.commit,
                                   .tick = system.replay.tick + 1,
                                   .seed = 1,
                                   .policy = RMG_POLICY,
                                   .budget = JIT_VERIFY_SLOTS_MAX,
                                   .requests = &request,
                                   .request_count = 1};
    must(rmg_engine_tick(engine, &input, &output));
    double ns = (double)(bench_now_ns() - begin);
    assert(output.applied == 1);
    rmg_engine_free(engine);
    shell_system_close(&system);
    return ns;
}

static void bench_restore(const struct bench *bench)
{
    double samples[RESTORES];
    if (!bench_wants(bench, "restore", NODES)) {
        return;
    }
    struct bench_bed bed;
    struct folder folder;
    const struct ckpt_found_options options = {.uuid = {1}};
    begin_after_one(&bed, NODES);
    folder_make(&folder, "restore");
    struct ckpt_job job = job_of(&folder, &bed);
    must(ckpt_found(&job, &options));
    bench_bed_new_value(&bed);
    for (size_t i = 0; i < RESTORES; i++) {
        samples[i] = restore_once(&folder, &bed);
    }
    bench_report(bench, "restore", NODES, samples, RESTORES);
    folder_remove(&folder);
    bench_bed_end(&bed);
}

/* ---- replay_tick ---- */

/* A record's payload of a tick of the bed; its root and commit. */
static void payload_of(const struct bench_bed *bed, const struct rmg_tick_output *output,
                       const struct rmg_request *requests, uint32_t count, struct jit_buf *payload)
{
    const struct kern_record record = {.requests = requests,
                                       .receipts = output->receipts,
                                       .request_count = count,
                                       .patch = output->patch,
                                       .patch_size = output->patch_size};
    (void)bed;
    jit_buf_reset(payload);
    kern_record_encode(&record, payload);
    must(payload->err);
}

static void bench_replay(const struct bench *bench)
{
    static double samples[REPLAYS];
    if (!bench_wants(bench, "replay_tick", NODES)) {
        return;
    }
    struct bench_bed made;
    struct bench_bed again;
    struct kern_replay replay;
    struct jit_buf payload;
    begin_after_one(&made, NODES);
    begin_after_one(&again, NODES);
    jit_buf_init(&payload, jit_heap_libc(), LOG_PAYLOAD_BYTES_MAX);
    kern_replay_init(&replay, jit_heap_libc(), again.store);
    kern_replay_start(&replay, &again.version, &made.parent, made.tick - 1);
    for (size_t i = 0; i < REPLAYS; i++) {
        struct rmg_request request;
        struct rmg_tick_output output;
        change(&made, &request, 1, &output);
        payload_of(&made, &output, &request, 1, &payload);
        uint64_t begin = bench_now_ns();
        enum jit_err err = kern_replay_tick(&replay, made.tick - 1, &output.commit,
                                            &output.version.state_root, payload.data, payload.size);
        samples[i] = (double)(bench_now_ns() - begin);
        must(err);
    }
    bench_report(bench, "replay_tick", NODES, samples, REPLAYS);
    jit_buf_release(&payload);
    kern_replay_release(&replay);
    bench_bed_end(&made);
    bench_bed_end(&again);
}

/* ---- seek ---- */

static void seek_history(struct folder *folder, struct bench_bed *bed)
{
    const struct ckpt_found_options founding = {.uuid = {1}};
    struct shell_system system;
    const struct shell_system_options options = {.path = folder->path,
                                                 .mode = SHELL_FOLDER_OWN,
                                                 .durability = LOG_DURABILITY_NONE,
                                                 .die_at_log_offset = UINT64_MAX};
    struct jit_buf payload;
    struct ckpt_job job = job_of(folder, bed);
    must(ckpt_found(&job, &founding));
    struct ckpt_manifest base = job.manifest;
    struct rmg_version version = bed->version;
    must(rmg_store_pin(bed->store, &version));
    jit_buf_init(&payload, jit_heap_libc(), LOG_PAYLOAD_BYTES_MAX);
    must(shell_system_open(&system, jit_heap_libc(), &options));
    while (bed->tick <= SEEK_TICKS) {
        struct rmg_request request;
        struct rmg_tick_output output;
        struct log_mark mark;
        change(bed, &request, 1, &output);
        payload_of(bed, &output, &request, 1, &payload);
        log_next_mark(system.log, &mark);
        const struct log_record record = {.tick = bed->tick - 1,
                                          .commit = output.commit,
                                          .state_root = output.version.state_root,
                                          .payload = payload.data,
                                          .payload_size = payload.size};
        must(log_append(system.log, &record));
        if ((bed->tick - 1) % SEEK_EVERY == 0) {
            must(log_seal(system.log));
            job = job_of(folder, bed);
            job.manifest.mark = mark;
            job.base = (struct rmg_state){.store = bed->store, .version = version};
            job.base_manifest = &base;
            must(rmg_store_pin(bed->store, &bed->version));
            must(ckpt_write(&job));
            rmg_store_unpin(bed->store, &version);
            version = bed->version;
            base = job.manifest;
        }
    }
    must(log_seal(system.log));
    jit_buf_release(&payload);
    shell_system_close(&system);
}

static void bench_seek(const struct bench *bench)
{
    static double samples[SEEKS];
    if (!bench_wants(bench, "seek", SEEK_TICKS)) {
        return;
    }
    struct bench_bed bed;
    struct folder folder;
    struct jit_random random = jit_random_of(3);
    begin_after_one(&bed, SEEK_NODES);
    folder_make(&folder, "seek");
    seek_history(&folder, &bed);
    for (size_t i = 0; i < SEEKS; i++) {
        struct shell_system system;
        const struct shell_system_options options = {.path = folder.path,
                                                     .mode = SHELL_FOLDER_READ,
                                                     .die_at_log_offset = UINT64_MAX,
                                                     .bounded = true,
                                                     .tick =
                                                         1 + jit_random_below(&random, SEEK_TICKS)};
        uint64_t begin = bench_now_ns();
        enum jit_err err = shell_system_open(&system, jit_heap_libc(), &options);
        samples[i] = (double)(bench_now_ns() - begin);
        if (err != JIT_OK) {
            fprintf(stderr, "bench: %s\n", system.message);
        }
        must(err);
        assert(system.replay.tick == options.tick);
        shell_system_close(&system);
    }
    bench_report(bench, "seek", SEEK_TICKS, samples, SEEKS);
    folder_remove(&folder);
    bench_bed_end(&bed);
}

/* ---- checkpoint_pause ---- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Processes that keep a graph each, all of one content, which grows by what one patch may hold:
 * bytes of memory. */
static uint64_t hold_graphs(struct kern_beside *beside)
{
    struct bench_bed made;
    struct jit_buf patch;
    uint64_t bytes = 0;
    jit_buf_init(&patch, jit_heap_libc(), JIT_PATCH_BYTES_MAX);
    kern_beside_init(beside, jit_heap_libc());
    for (uint32_t step = 0; step < PAUSE_STEPS; step++) {
        bytes = 0;
        begin_after_one(&made, (uint64_t)PAUSE_NODES * (step + 1) / PAUSE_STEPS);
        for (uint32_t i = 0; i < PROCESSES; i++) {
            struct kern_own *own = NULL;
            struct jit_id process = bench_id("process", i);
            must(kern_own_get(beside, &process, &own));
            if (i == 0) {
                const struct rmg_state before = {.store = own->store, .version = own->now};
                const struct rmg_state after = {.store = made.store, .version = made.version};
                jit_buf_reset(&patch);
                must(rmg_diff_patch(jit_heap_libc(), &before, &after, &patch, NULL));
            }
            must(kern_own_try(jit_heap_libc(), own, &made.version.state_root, patch.data,
                              patch.size));
            kern_own_take(own);
            bytes += own->arena.live;
        }
        bench_bed_end(&made);
    }
    jit_buf_release(&patch);
    return bytes;
}

/* What a supervisor does between two ticks (kernel/supervisor_checkpoint.c, begin and pin_owns). */
static double pause_once(const struct bench_bed *bed, const struct kern_beside *beside,
                         struct shell_system *system, struct ckpt_manifest *manifest)
{
    static const struct kern_deviations deviations;
    struct ckpt_beside kept;
    struct rmg_version version = bed->version;
    uint64_t begin = bench_now_ns();
    const struct shell_system_now now = {
        .tick = bed->tick, .commit = bed->parent, .deviations = &deviations};
    must(rmg_store_pin(bed->store, &version));
    must(ckpt_beside_of(jit_heap_libc(), beside, &kept));
    for (uint32_t i = 0; i < kept.own_count; i++) {
        must(rmg_store_pin(kern_own_find(beside, &kept.owns[i].process)->store, &kept.owns[i].now));
    }
    shell_system_manifest(system, &now, "", "", manifest);
    double ns = (double)(bench_now_ns() - begin);
    for (uint32_t i = 0; i < kept.own_count; i++) {
        rmg_store_unpin(kern_own_find(beside, &kept.owns[i].process)->store, &kept.owns[i].now);
    }
    ckpt_beside_release(jit_heap_libc(), &kept);
    rmg_store_unpin(bed->store, &version);
    return ns;
}

static void bench_pause(const struct bench *bench)
{
    static double samples[PAUSES];
    if (!bench_wants(bench, "checkpoint_pause", PROCESSES)) {
        return;
    }
    struct bench_bed bed;
    struct rmg_request requests[100];
    struct kern_beside beside;
    struct ckpt_manifest *manifest = bench_array(1, sizeof *manifest);
    struct shell_system *system = bench_array(1, sizeof *system);
    bench_bed_begin(&bed, ROOT_NODES);
    uint64_t held = hold_graphs(&beside);
    fprintf(stderr, "bench: %u processes hold %.2f GiB of graph\n", beside.own_count,
            (double)held / (1u << 30));
    assert(held >= (uint64_t)1 << 30);
    for (size_t i = 0; i < PAUSES; i++) {
        change(&bed, requests, 100, NULL);
        samples[i] = pause_once(&bed, &beside, system, manifest);
    }
    qsort(samples, PAUSES, sizeof *samples, ascending);
    double p99 = samples[PAUSES * 99 / 100];
    bench_report(bench, "checkpoint_pause", PROCESSES, &p99, 1);
    kern_beside_release(&beside);
    bench_bed_end(&bed);
    free(manifest);
    free(system);
}

void bench_checkpoint(const struct bench *bench)
{
    bench_bytes(bench);
    bench_restore(bench);
    bench_replay(bench);
    bench_seek(bench);
    bench_pause(bench);
}
