/* fuzz/merge_world.h - the small states that targets for patches and merges begin with: always the
 * same, so that a stored patch stands on their root. */
#ifndef JIT_FUZZ_MERGE_WORLD_H
#define JIT_FUZZ_MERGE_WORLD_H

#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "rmg/store/codec.h"
#include "rmg/change/merge.h"
#include "tests/lib/must.h"

#define WORLD_ARENA_BYTES (1u << 20)

struct world {
    struct rmg_arena *arena;
    struct rmg_store *store;
    struct rmg_version version;
};

static inline struct jit_id world_id(const char *what, char name)
{
    struct jit_id id;
    jit_hash_named(what, &name, 1, &id);
    return id;
}

static inline void world_node(struct rmg_tx *tx, char in, char name, char type)
{
    struct jit_id a = world_id("warp:", in);
    struct jit_id b = world_id("node:", name);
    struct jit_id c = world_id("type:", type);
    must(rmg_tx_upsert_node(tx, &a, &b, &c));
}

static inline void world_edge(struct rmg_tx *tx, char in, char name, char from, char to)
{
    struct jit_id a = world_id("warp:", in);
    struct rmg_edge edge = {world_id("edge:", name), world_id("node:", from), world_id("node:", to),
                            world_id("type:", 'T')};
    must(rmg_tx_upsert_edge(tx, &a, &edge));
}

static inline void world_value(struct rmg_tx *tx, char in, char owner, const char *name,
                               uint64_t value)
{
    uint8_t bytes[8];
    struct jit_id a = world_id("warp:", in);
    struct jit_id b = world_id("node:", owner);
    struct rmg_attachment at = {
        name, (uint32_t)strlen(name), {RMG_VALUE_ATOM, *rmg_codec_type(RMG_CODEC_I64), bytes, 8}};
    jit_put_le64(bytes, value);
    must(rmg_tx_set_attachment(tx, &a, RMG_PLANE_ALPHA, &b, &at));
}

static inline void world_hang(struct rmg_tx *tx, char id, char root, char in, char owner,
                              const char *name)
{
    struct jit_id a = world_id("warp:", id);
    struct jit_id b = world_id("node:", root);
    struct rmg_parent parent = {.present = true,
                                .plane = RMG_PLANE_ALPHA,
                                .instance = world_id("warp:", in),
                                .owner = world_id("node:", owner),
                                .name_size = (uint32_t)strlen(name)};
    struct rmg_attachment portal = {name, parent.name_size, {.kind = RMG_VALUE_PORTAL, .type = a}};
    memcpy(parent.name, name, parent.name_size);
    must(rmg_tx_upsert_instance(tx, &a, &b, &parent));
    must(rmg_tx_set_attachment(tx, &parent.instance, RMG_PLANE_ALPHA, &parent.owner, &portal));
}

/* Instance A with nodes a to d, edges x: a -> b and y: b -> c, values; in it B on b and C on c. */
static inline void world_open(struct world *world)
{
    struct rmg_store_options options = {.arena_count = 1};
    struct rmg_tx *tx = NULL;
    struct jit_id top = world_id("warp:", 'A');
    struct jit_id root = world_id("node:", 'a');
    must(rmg_arena_new(jit_heap_libc(), WORLD_ARENA_BYTES, &world->arena));
    options.arenas[0] = world->arena;
    must(rmg_store_new(jit_heap_libc(), &options, &world->store));
    world->version = rmg_version_empty();
    must(rmg_tx_begin(world->store, &world->version, &tx));
    must(rmg_tx_upsert_instance(tx, &top, &root, NULL));
    for (char name = 'a'; name <= 'd'; name++) {
        world_node(tx, 'A', name, 'S');
    }
    world_edge(tx, 'A', 'x', 'a', 'b');
    world_edge(tx, 'A', 'y', 'b', 'c');
    world_value(tx, 'A', 'b', "n", 5);
    world_value(tx, 'A', 'd', "", 1);
    world_hang(tx, 'B', 'a', 'A', 'b', "p");
    world_node(tx, 'B', 'a', 'S');
    world_hang(tx, 'C', 'a', 'A', 'c', "p");
    world_node(tx, 'C', 'a', 'S');
    must(rmg_tx_seal(tx, &world->version));
}

/* The other side: what a patch may meet when it moves. */
static inline void world_change(struct world *world)
{
    struct rmg_tx *tx = NULL;
    must(rmg_tx_begin(world->store, &world->version, &tx));
    world_value(tx, 'A', 'b', "n", 7);
    world_value(tx, 'A', 'a', "m", 1);
    world_node(tx, 'A', 'c', 'R');
    world_edge(tx, 'A', 'z', 'd', 'a');
    world_node(tx, 'C', 'e', 'S');
    must(rmg_tx_seal(tx, &world->version));
}

static inline void world_close(struct world *world)
{
    rmg_store_free(world->store);
    rmg_arena_free(jit_heap_libc(), world->arena);
}

static inline struct rmg_state world_state(const struct world *world)
{
    return (struct rmg_state){world->store, world->version};
}

/* On an error the state is as it was; without one it is valid. */
static inline enum jit_err world_apply(struct world *world, const uint8_t *patch, size_t size)
{
    struct rmg_tx *tx = NULL;
    struct rmg_version version;
    struct rmg_fault fault;
    const uint64_t live = world->arena->live;
    must(rmg_tx_begin(world->store, &world->version, &tx));
    enum jit_err err = rmg_patch_apply(jit_heap_libc(), tx, &world->version, patch, size);
    if (err != JIT_OK) {
        rmg_tx_abort(tx);
    } else {
        err = rmg_tx_seal(tx, &version);
    }
    if (err != JIT_OK) {
        assert(world->arena->live == live);
        return err;
    }
    world->version = version;
    must(rmg_store_verify(world->store, &world->version, &fault));
    return JIT_OK;
}

#endif
