/* tests/kernel/checkpoint/checkpoint_world.h - small states one after another, and checkpoints of
 * them on a simulated disk: what the tests of checkpoints work on. */
#ifndef JIT_TESTS_CHECKPOINT_WORLD_H
#define JIT_TESTS_CHECKPOINT_WORLD_H

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "kernel/checkpoint/checkpoint.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/must.h"
#include "tests/lib/sim_disk.h"
#include "tests/lib/tcase.h"

#define WORLD_STATES 4u
#define WORLD_ARENA  (1u << 20)

struct world {
    struct fault_heap mem;
    struct rmg_arena *arena;
    struct rmg_store *store;
    struct rmg_version versions[WORLD_STATES]; /* pinned */
    struct sim_disk *disk;
    uint8_t seed[JIT_SIGN_SEED_BYTES];
    struct ckpt_manifest made[WORLD_STATES]; /* by world_checkpoint */
};

static inline struct jit_id world_id(const char *prefix, unsigned number)
{
    struct jit_id id;
    char label[16];
    int size = snprintf(label, sizeof label, "%u", number);
    jit_hash_named(prefix, label, (size_t)size, &id);
    return id;
}

/* State n: node 0 to 5 + n, a value on each that changes with n for every second node. */
static inline void world_state(struct rmg_tx *tx, unsigned n)
{
    struct jit_id instance = world_id("warp:", 0);
    struct jit_id type = world_id("type:", 0);
    struct jit_id root = world_id("node:", 0);
    if (n == 0) {
        must(rmg_tx_upsert_instance(tx, &instance, &root, NULL));
    }
    for (unsigned i = 0; i < 6 + n; i++) {
        struct jit_id id = world_id("node:", i);
        uint8_t bytes[8] = {(uint8_t)(i % 2 == 0 ? n : 0), (uint8_t)i};
        struct rmg_attachment value = {
            .name = "v",
            .name_size = 1,
            .value = {.kind = RMG_VALUE_ATOM, .type = type, .bytes = bytes, .size = sizeof bytes}};
        must(rmg_tx_upsert_node(tx, &instance, &id, &type));
        must(rmg_tx_set_attachment(tx, &instance, RMG_PLANE_ALPHA, &id, &value));
    }
    if (n == 0) {
        struct rmg_edge edge = {
            .id = world_id("edge:", 0), .from = root, .to = world_id("node:", 1), .type = type};
        must(rmg_tx_upsert_edge(tx, &instance, &edge));
    }
}

static inline void world_begin(struct world *w)
{
    memset(w, 0, sizeof *w);
    w->mem = fault_heap_make(-1, false);
    must(rmg_arena_new(&w->mem.heap, WORLD_ARENA, &w->arena));
    struct rmg_store_options options = {.arenas = {w->arena}, .arena_count = 1};
    must(rmg_store_new(&w->mem.heap, &options, &w->store));
    struct rmg_version version = rmg_version_empty();
    for (unsigned n = 0; n < WORLD_STATES; n++) {
        struct rmg_tx *tx = NULL;
        must(rmg_tx_begin(w->store, &version, &tx));
        world_state(tx, n);
        must(rmg_tx_seal(tx, &version));
        must(rmg_store_pin(w->store, &version));
        w->versions[n] = version;
    }
    memset(w->seed, 7, sizeof w->seed);
    w->disk = sim_disk_new(1);
}

static inline void world_end(struct world *w)
{
    sim_disk_free(w->disk);
    rmg_store_free(w->store);
    rmg_arena_free(&w->mem.heap, w->arena);
    ck_assert_int_eq(w->mem.live, 0);
}

/* The checkpoint of state n, as what differs from that of state n - 1 if incremental. */
static inline struct ckpt_job world_job(struct world *w, unsigned n, bool incremental)
{
    struct ckpt_job job = {
        .heap = &w->mem.heap,
        .io = &w->disk->io,
        .seed = w->seed,
        .state = {.store = w->store, .version = w->versions[n]},
        .manifest = {.policy = RMG_POLICY,
                     .uuid = {9},
                     .tick = n,
                     .commit = world_id("commit:", n),
                     .genesis = world_id("genesis:", 0),
                     .mark = {.segment = 1, .offset = LOG_BLOCK_BYTES},
                     .applied = 10 * n,
                     .denied = n,
                     .grade = "test"},
    };
    snprintf(job.manifest.name, sizeof job.manifest.name, "state-%u", n);
    if (incremental && n > 0) {
        job.base = (struct rmg_state){.store = w->store, .version = w->versions[n - 1]};
        job.base_manifest = &w->made[n - 1];
    }
    return job;
}

static inline enum jit_err world_checkpoint(struct world *w, unsigned n, bool incremental)
{
    struct ckpt_job job = world_job(w, n, incremental);
    enum jit_err err = ckpt_write(&job);
    if (err == JIT_OK) {
        w->made[n] = job.manifest;
    }
    return err;
}

/* Build the state of a manifest in a store of its own: its root. */
static inline enum jit_err world_load(struct jit_heap *heap, struct jit_io *io,
                                      const struct ckpt_manifest *manifest, struct jit_id *root)
{
    struct rmg_arena *arena = NULL;
    struct rmg_store *store = NULL;
    struct rmg_version version = rmg_version_empty();
    const char *why = "";
    enum jit_err err = rmg_arena_new(heap, WORLD_ARENA, &arena);
    if (err == JIT_OK) {
        struct rmg_store_options options = {.arenas = {arena}, .arena_count = 1};
        err = rmg_store_new(heap, &options, &store);
    }
    if (err == JIT_OK) {
        err = ckpt_load(heap, io, manifest, store, &version, &why);
    }
    if (err == JIT_OK) {
        *root = version.state_root;
    } else if (err == JIT_ECORRUPT) {
        assert(why[0] != '\0');
    }
    rmg_store_free(store);
    rmg_arena_free(heap, arena);
    return err;
}

#endif
