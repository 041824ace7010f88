#include "tests/lib/world.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/le.h"

struct jit_id world_id(enum world_ids kind, uint64_t seed, uint64_t n)
{
    struct jit_random random = jit_random_of(seed * 1000003u + n);
    struct jit_id id = {{0}};
    switch (kind) {
    case WORLD_SEQUENTIAL:
        for (unsigned i = 0; i < 8; i++) {
            id.bytes[31 - i] = (uint8_t)(n >> 8 * i);
        }
        break;
    case WORLD_ONE_BIT:
        memset(id.bytes, 0x5a, sizeof id.bytes);
        if (n > 0) {
            id.bytes[(n - 1) * 5 % 256 / 8] ^= (uint8_t)(1u << (n - 1) * 5 % 8);
        }
        id.bytes[31] ^= (uint8_t)(n / 256);
        break;
    case WORLD_EXTREME:
        memset(id.bytes, n % 2 == 0 ? 0x00 : 0xff, sizeof id.bytes);
        id.bytes[n % 4 < 2 ? 31 : n / 4 % 32] ^= (uint8_t)(n / 2);
        break;
    default:
        for (unsigned i = 0; i < JIT_ID_BYTES; i += 8) {
            jit_put_le64(id.bytes + i, jit_random_next(&random));
        }
        if (kind == WORLD_PREFIX) {
            memset(id.bytes, 0xc3, 28);
        }
        break;
    }
    return id;
}

static void begin_top(struct world *world)
{
    struct rmg_tx *tx = NULL;
    enum jit_err err = rmg_tx_begin(world->store, &world->version, &tx);
    assert(err == JIT_OK);
    err = rmg_tx_upsert_instance(tx, &world->instances[0], &world->nodes[0], NULL);
    assert(err == JIT_OK);
    err = rmg_tx_upsert_node(tx, &world->instances[0], &world->nodes[0], &world->types[0]);
    assert(err == JIT_OK);
    err = rmg_tx_seal(tx, &world->version);
    assert(err == JIT_OK);
    (void)naive_upsert_instance(&world->model, &world->instances[0], &world->nodes[0], NULL);
    (void)naive_upsert_node(&world->model, &world->instances[0], &world->nodes[0],
                            &world->types[0]);
}

static uint32_t second_arena(void *user, const struct jit_id *instance)
{
    (void)user;
    return instance->bytes[0] & 1u;
}

void world_begin(struct world *world, enum world_ids kind, uint64_t seed, uint64_t arena_bytes)
{
    memset(world, 0, sizeof *world);
    world->heap = fault_heap_make(-1, false);
    world->random = jit_random_of(seed);
    for (unsigned i = 0; i < WORLD_POOL; i++) {
        world->nodes[i] = world_id(kind, seed, i);
        world->edges[i] = world_id(kind, seed + 1, i);
    }
    for (unsigned i = 0; i < WORLD_INSTANCES; i++) {
        world->instances[i] = world_id(WORLD_RANDOM, seed + 2, i);
    }
    for (unsigned i = 0; i < WORLD_TYPES; i++) {
        world->types[i] = world_id(WORLD_RANDOM, seed + 3, i);
    }
    struct rmg_store_options options = {.arena_count = 2, .arena_of = second_arena};
    for (unsigned i = 0; i < 2; i++) {
        enum jit_err err = rmg_arena_new(&world->heap.heap, arena_bytes, &world->arena[i]);
        assert(err == JIT_OK);
        options.arenas[i] = world->arena[i];
    }
    enum jit_err err = rmg_store_new(&world->heap.heap, &options, &world->store);
    assert(err == JIT_OK);
    world->version = rmg_version_empty();
    begin_top(world);
}

void world_end(struct world *world)
{
    rmg_store_free(world->store);
    rmg_arena_free(&world->heap.heap, world->arena[0]);
    rmg_arena_free(&world->heap.heap, world->arena[1]);
    naive_release(&world->model);
    assert(world->heap.live == 0);
}

static const struct jit_id *one_of(struct world *world, const struct jit_id *pool, unsigned count)
{
    return &pool[jit_random_below(&world->random, count)];
}

static const char *const names[] = {"", "a", "b", "name", "k\xc3\xa4se"};
#define NAMES (sizeof names / sizeof names[0])

static void random_parent(struct world *world, struct rmg_parent *parent)
{
    const char *name = names[jit_random_below(&world->random, NAMES)];
    *parent = (struct rmg_parent){.present = true};
    parent->plane = jit_random_below(&world->random, 4) == 0 ? RMG_PLANE_BETA : RMG_PLANE_ALPHA;
    parent->instance = *one_of(world, world->instances, WORLD_INSTANCES);
    parent->owner =
        *one_of(world, parent->plane == RMG_PLANE_BETA ? world->edges : world->nodes, 4);
    parent->name_size = (uint32_t)strlen(name);
    memcpy(parent->name, name, parent->name_size);
}

static struct world_result set_attachment(struct world *world, struct rmg_tx *tx,
                                          struct naive_state *model, const struct jit_id *instance)
{
    static const uint32_t sizes[] = {0, 1, 8, 8, 16, 16, 16, 255, 256, 257, 1000};
    uint64_t pick = jit_random_next(&world->random);
    enum rmg_plane plane = pick % 4 == 0 ? RMG_PLANE_BETA : RMG_PLANE_ALPHA;
    const struct jit_id *owner =
        one_of(world, plane == RMG_PLANE_BETA ? world->edges : world->nodes, WORLD_POOL);
    struct rmg_attachment a = {.name = names[pick / 8 % NAMES],
                               .value.kind =
                                   pick / 64 % 16 == 0 ? RMG_VALUE_PORTAL : RMG_VALUE_ATOM};
    a.name_size = (uint32_t)strlen(a.name);
    if (a.value.kind == RMG_VALUE_PORTAL) {
        a.value.type = *one_of(world, world->instances, WORLD_INSTANCES);
    } else {
        a.value.type = *one_of(world, world->types, WORLD_TYPES);
        a.value.size = sizes[pick / 4096 % (sizeof sizes / sizeof sizes[0])];
        a.value.bytes = world->atom;
        memset(world->atom, (int)(pick / 65536 % 3), sizeof world->atom);
    }
    return (struct world_result){rmg_tx_set_attachment(tx, instance, plane, owner, &a),
                                 naive_set_attachment(model, instance, plane, owner, &a)};
}

static struct world_result instance_step(struct world *world, struct rmg_tx *tx,
                                         struct naive_state *model)
{
    uint64_t pick = jit_random_below(&world->random, 8);
    unsigned which = (unsigned)jit_random_below(&world->random, WORLD_INSTANCES);
    const struct jit_id *id = &world->instances[which];
    struct rmg_parent parent = {.present = false};
    struct jit_id root = *one_of(world, world->nodes, 4);
    if (pick == 0) {
        return (struct world_result){rmg_tx_delete_instance(tx, id),
                                     naive_delete_instance(model, id)};
    }
    if (which != 0 || pick == 1) {
        random_parent(world, &parent);
    }
    if (pick < 5 && parent.present) {
        /* Right as a whole: the node, the instance and its portal. */
        struct rmg_attachment portal = {.name = parent.name,
                                        .name_size = parent.name_size,
                                        .value = {.kind = RMG_VALUE_PORTAL, .type = *id}};
        (void)naive_upsert_instance(model, id, &root, &parent);
        (void)naive_upsert_node(model, id, &root, &world->types[0]);
        enum jit_err err = rmg_tx_upsert_instance(tx, id, &root, &parent);
        if (err == JIT_OK) {
            err = rmg_tx_upsert_node(tx, id, &root, &world->types[0]);
        }
        if (err != JIT_OK) {
            return (struct world_result){err, JIT_OK};
        }
        return (struct world_result){
            rmg_tx_set_attachment(tx, &parent.instance, parent.plane, &parent.owner, &portal),
            naive_set_attachment(model, &parent.instance, parent.plane, &parent.owner, &portal)};
    }
    return (struct world_result){rmg_tx_upsert_instance(tx, id, &root, &parent),
                                 naive_upsert_instance(model, id, &root, &parent)};
}

struct world_result world_step(struct world *world, struct rmg_tx *tx, struct naive_state *model)
{
    uint64_t pick = jit_random_below(&world->random, 100);
    unsigned among = jit_random_below(&world->random, 3) == 0 ? WORLD_INSTANCES : 1;
    const struct jit_id *instance = one_of(world, world->instances, among);
    const struct jit_id *node = one_of(world, world->nodes, WORLD_POOL);
    const struct jit_id *edge = one_of(world, world->edges, WORLD_POOL);
    const struct jit_id *type = one_of(world, world->types, WORLD_TYPES);
    if (pick < 25) {
        return (struct world_result){rmg_tx_upsert_node(tx, instance, node, type),
                                     naive_upsert_node(model, instance, node, type)};
    }
    if (pick < 32) {
        return (struct world_result){rmg_tx_delete_node(tx, instance, node),
                                     naive_delete_node(model, instance, node)};
    }
    if (pick < 50) {
        struct rmg_edge body = {.id = *edge,
                                .from = *one_of(world, world->nodes, WORLD_POOL),
                                .to = *one_of(world, world->nodes, WORLD_POOL),
                                .type = *type};
        return (struct world_result){rmg_tx_upsert_edge(tx, instance, &body),
                                     naive_upsert_edge(model, instance, &body)};
    }
    if (pick < 60) {
        return (struct world_result){rmg_tx_delete_edge(tx, instance, edge),
                                     naive_delete_edge(model, instance, edge)};
    }
    if (pick < 85) {
        return set_attachment(world, tx, model, instance);
    }
    if (pick < 97) {
        const char *name = names[jit_random_below(&world->random, NAMES)];
        enum rmg_plane plane = pick % 4 == 0 ? RMG_PLANE_BETA : RMG_PLANE_ALPHA;
        const struct jit_id *owner = plane == RMG_PLANE_BETA ? edge : node;
        uint32_t size = (uint32_t)strlen(name);
        return (struct world_result){
            rmg_tx_clear_attachment(tx, instance, plane, owner, name, size),
            naive_clear_attachment(model, instance, plane, owner, name, size)};
    }
    return instance_step(world, tx, model);
}
