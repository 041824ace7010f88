#include "tests/lib/plain.h"

#include "base/check.h"

struct maker {
    struct plain *plain;
    struct rmg_tx *tx;
    struct jit_random random;
    enum world_ids kind;
    uint64_t seed;
};

static struct jit_id numbered(const struct maker *m, uint64_t space, uint64_t n)
{
    return world_id(m->kind, m->seed + space, n);
}

/* Both say the same. */
static bool both(enum jit_err store, enum jit_err model)
{
    assert(store == model);
    return store == JIT_OK;
}

static void attach(struct maker *m, const struct jit_id *instance, enum rmg_plane plane,
                   const struct jit_id *owner, const struct rmg_value *value)
{
    struct rmg_attachment a = {.name = "", .name_size = 0, .value = *value};
    bool done = both(rmg_tx_set_attachment(m->tx, instance, plane, owner, &a),
                     naive_set_attachment(&m->plain->model, instance, plane, owner, &a));
    assert(done);
}

static void atom(struct maker *m, const struct jit_id *instance, enum rmg_plane plane,
                 const struct jit_id *owner)
{
    static const uint32_t sizes[] = {0, 1, 7, 8, 9, 16, 31, 64, 300};
    uint8_t bytes[300];
    uint64_t pick = jit_random_next(&m->random);
    struct rmg_value value = {.kind = RMG_VALUE_ATOM,
                              .type = world_id(WORLD_RANDOM, m->seed, 1000 + pick % 3),
                              .bytes = bytes,
                              .size = sizes[pick / 8 % (sizeof sizes / sizeof *sizes)]};
    memset(bytes, (int)(pick >> 32 & 0xff), sizeof bytes);
    if (pick / 1024 % 3 > 0) {
        attach(m, instance, plane, owner, &value);
    }
}

/* The slot of a new instance: an owner of those before, without what it may have. */
static void hang(struct maker *m, const struct jit_id *id, size_t before, struct rmg_parent *parent)
{
    const struct naive_state *model = &m->plain->model;
    for (;;) {
        const struct naive_instance *up = &model->instances[jit_random_below(&m->random, before)];
        bool beta = up->edge_count > 0 && jit_random_below(&m->random, 3) == 0;
        *parent = (struct rmg_parent){
            .present = true, .plane = beta ? RMG_PLANE_BETA : RMG_PLANE_ALPHA, .instance = up->id};
        parent->owner = beta ? up->edges[jit_random_below(&m->random, up->edge_count)].id
                             : up->nodes[jit_random_below(&m->random, up->node_count)].id;
        bool portal = false;
        for (size_t i = 0; i < up->attachment_count; i++) {
            const struct naive_attachment *a = &up->attachments[i];
            portal = portal || (a->plane == parent->plane && a->kind == RMG_VALUE_PORTAL &&
                                jit_id_equal(&a->owner, &parent->owner));
        }
        if (!portal) {
            break;
        }
    }
    struct rmg_value value = {.kind = RMG_VALUE_PORTAL, .type = *id};
    struct jit_id instance = parent->instance;
    attach(m, &instance, parent->plane, &parent->owner, &value);
}

static void fill(struct maker *m, const struct jit_id *id, const struct plain_size *size,
                 uint64_t space)
{
    uint64_t nodes = 1 + jit_random_below(&m->random, size->nodes);
    uint64_t edges = jit_random_below(&m->random, size->edges + 1);
    for (uint64_t n = 0; n < nodes; n++) {
        struct jit_id node = numbered(m, space, n);
        struct jit_id type = world_id(WORLD_RANDOM, m->seed, jit_random_below(&m->random, 4));
        bool done = both(rmg_tx_upsert_node(m->tx, id, &node, &type),
                         naive_upsert_node(&m->plain->model, id, &node, &type));
        assert(done);
        atom(m, id, RMG_PLANE_ALPHA, &node);
    }
    for (uint64_t e = 0; e < edges; e++) {
        struct rmg_edge edge = {
            .id = numbered(m, space + 1, e),
            .from = numbered(m, space, jit_random_below(&m->random, nodes)),
            .to = numbered(m, space, jit_random_below(&m->random, nodes)),
            .type = world_id(WORLD_RANDOM, m->seed, 100 + jit_random_below(&m->random, 3))};
        if (both(rmg_tx_upsert_edge(m->tx, id, &edge),
                 naive_upsert_edge(&m->plain->model, id, &edge))) {
            atom(m, id, RMG_PLANE_BETA, &edge.id);
        }
    }
}

static void make(struct maker *m, const struct plain_size *size)
{
    uint64_t instances = 1 + jit_random_below(&m->random, size->instances);
    for (uint64_t i = 0; i < instances; i++) {
        struct jit_id id = world_id(WORLD_RANDOM, m->seed + 77, i);
        struct jit_id root = numbered(m, 2 * i, 0);
        struct rmg_parent parent = {.present = false};
        if (i > 0) {
            hang(m, &id, i, &parent);
        }
        bool done = both(rmg_tx_upsert_instance(m->tx, &id, &root, &parent),
                         naive_upsert_instance(&m->plain->model, &id, &root, &parent));
        assert(done);
        fill(m, &id, size, 2 * i);
    }
}

void plain_begin(struct plain *plain, enum world_ids kind, uint64_t seed,
                 const struct plain_size *size)
{
    *plain = (struct plain){.heap = fault_heap_make(-1, false)};
    struct maker m = {
        .plain = plain, .random = jit_random_of(seed), .kind = kind, .seed = seed * 1000};
    struct rmg_store_options options = {.arena_count = 1};
    enum jit_err err = rmg_arena_new(&plain->heap.heap, size->arena_bytes, &plain->arena);
    assert(err == JIT_OK);
    options.arenas[0] = plain->arena;
    err = rmg_store_new(&plain->heap.heap, &options, &plain->store);
    assert(err == JIT_OK);
    plain->version = rmg_version_empty();
    err = rmg_tx_begin(plain->store, &plain->version, &m.tx);
    assert(err == JIT_OK);
    make(&m, size);
    err = rmg_tx_seal(m.tx, &plain->version);
    assert(err == JIT_OK);
}

void plain_end(struct plain *plain)
{
    rmg_store_free(plain->store);
    rmg_arena_free(&plain->heap.heap, plain->arena);
    naive_release(&plain->model);
    assert(plain->heap.live == 0);
}
