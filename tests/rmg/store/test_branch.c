/* Goal:   branches are independent lines: whatever happens on one, each line reads as its model,
 *         and when they are gone nothing is left of them.
 * Method: random transactions on a trunk and a tree of branches at once, each with a naive twin;
 *         at the end, memory in use is that of the trunk built anew. */
#include "tests/lib/must.h"
#include "tests/lib/tcase.h"
#include "tests/lib/world.h"

#define LINES 8u
#define STEPS 600u

struct line {
    bool alive;
    struct rmg_branch branch;
    struct naive_state model;
    unsigned parent; /* LINES: the trunk */
};

static struct world world;
static struct line lines[LINES];
static unsigned adoptions;

static uint64_t live(void)
{
    return world.arena[0]->live + world.arena[1]->live;
}

static void compare(const struct naive_state *model, const struct rmg_version *version)
{
    struct rmg_fault fault;
    struct jit_id root;
    naive_state_root(model, &root);
    ck_assert(jit_id_equal(&root, &version->state_root));
    enum jit_err err = rmg_store_verify(world.store, version, &fault);
    ck_assert_msg(err == JIT_OK, "%s", fault.what);
}

/* One transaction on a line. True: it was sealed. */
static void change(struct rmg_tx *tx, struct naive_state *model, struct rmg_version *version)
{
    struct naive_state next = naive_copy(model);
    uint64_t steps = jit_random_below(&world.random, 12) + 1;
    for (uint64_t i = 0; i < steps; i++) {
        struct world_result result = world_step(&world, tx, &next);
        ck_assert_int_eq(result.store, result.model);
    }
    if (jit_random_below(&world.random, 6) == 0) {
        rmg_tx_abort(tx);
        naive_release(&next);
        return;
    }
    bool valid = naive_valid(&next);
    enum jit_err err = rmg_tx_seal(tx, version);
    ck_assert_int_eq(err, valid ? JIT_OK : JIT_EINVALID);
    if (!valid) {
        naive_release(&next);
        return;
    }
    naive_release(model);
    *model = next;
}

static void change_line(unsigned at)
{
    struct rmg_tx *tx = NULL;
    uint64_t before = live();
    if (at == LINES) {
        must(rmg_tx_begin(world.store, &world.version, &tx));
        change(tx, &world.model, &world.version);
        return;
    }
    struct rmg_version head = lines[at].branch.head;
    must(rmg_branch_begin(world.store, &lines[at].branch, &tx));
    change(tx, &lines[at].model, &lines[at].branch.head);
    if (head.epoch == lines[at].branch.head.epoch) {
        ck_assert_uint_eq(live(), before);
    }
}

static unsigned free_line(void)
{
    unsigned at = 0;
    while (at < LINES && lines[at].alive) {
        at++;
    }
    return at;
}

static void fork_line(unsigned from)
{
    unsigned at = free_line();
    if (at == LINES) {
        return;
    }
    const struct rmg_version *version = from == LINES ? &world.version : &lines[from].branch.head;
    uint64_t before = live();
    must(rmg_branch_fork(world.store, version, &lines[at].branch));
    ck_assert_uint_eq(live(), before);
    lines[at].alive = true;
    lines[at].parent = from;
    lines[at].model = naive_copy(from == LINES ? &world.model : &lines[from].model);
}

static void drop_line(unsigned at)
{
    for (unsigned i = 0; i < LINES; i++) {
        if (lines[i].alive && lines[i].parent == at) {
            drop_line(i);
        }
    }
    rmg_branch_drop(world.store, &lines[at].branch);
    naive_release(&lines[at].model);
    lines[at].alive = false;
}

/* Where it was forked from has not moved: it takes over what the line is, and its branches. */
static void adopt_line(unsigned at)
{
    struct line *line = &lines[at];
    struct line *into = line->parent == LINES ? NULL : &lines[line->parent];
    struct rmg_version *head = into == NULL ? &world.version : &into->branch.head;
    struct naive_state *model = into == NULL ? &world.model : &into->model;
    if (head->epoch != line->branch.base.epoch) {
        return;
    }
    uint64_t hashes = rmg_store_counters(world.store)->hashes;
    const struct rmg_version taken = line->branch.head;
    rmg_branch_adopt(world.store, &line->branch, into == NULL ? NULL : &into->branch);
    ck_assert_uint_eq(rmg_store_counters(world.store)->hashes, hashes);
    if (into == NULL) {
        world.version = taken;
    }
    ck_assert_uint_eq(head->epoch, taken.epoch);
    naive_release(model);
    *model = line->model;
    line->alive = false;
    for (unsigned i = 0; i < LINES; i++) {
        if (lines[i].alive && lines[i].parent == at) {
            lines[i].parent = line->parent;
        }
    }
    adoptions++;
}

/* Memory of the same state, built in one go elsewhere. */
static uint64_t live_anew(void)
{
    struct rmg_arena *arena = NULL;
    struct rmg_store *store = NULL;
    struct rmg_tx *tx = NULL;
    struct rmg_version loaded = rmg_version_empty();
    const struct naive_state *model = &world.model;
    must(rmg_arena_new(&world.heap.heap, 4u << 20, &arena));
    struct rmg_store_options options = {.arenas = {arena}, .arena_count = 1};
    must(rmg_store_new(&world.heap.heap, &options, &store));
    must(rmg_tx_begin(store, &loaded, &tx));
    for (size_t i = 0; i < model->instance_count; i++) {
        const struct naive_instance *in = &model->instances[i];
        must(rmg_tx_upsert_instance(tx, &in->id, &in->root_node, &in->parent));
        for (size_t k = 0; k < in->node_count; k++) {
            must(rmg_tx_upsert_node(tx, &in->id, &in->nodes[k].id, &in->nodes[k].type));
        }
        for (size_t k = 0; k < in->edge_count; k++) {
            must(rmg_tx_upsert_edge(tx, &in->id, &in->edges[k]));
        }
        for (size_t k = 0; k < in->attachment_count; k++) {
            const struct naive_attachment *a = &in->attachments[k];
            struct rmg_attachment value = {
                a->name, a->name_size, {a->kind, a->type, a->bytes, a->size}};
            must(rmg_tx_set_attachment(tx, &in->id, a->plane, &a->owner, &value));
        }
    }
    must(rmg_tx_seal(tx, &loaded));
    ck_assert(jit_id_equal(&loaded.state_root, &world.version.state_root));
    uint64_t bytes = arena->live;
    rmg_store_free(store);
    rmg_arena_free(&world.heap.heap, arena);
    return bytes;
}

START_TEST(lines_are_apart)
{
    world_begin(&world, (enum world_ids)(_i % WORLD_IDS), (uint64_t)_i, 16u << 20);
    memset(lines, 0, sizeof lines);
    adoptions = 0;
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned at = (unsigned)jit_random_below(&world.random, LINES + 1);
        uint64_t pick = jit_random_below(&world.random, 10);
        if (at < LINES && !lines[at].alive) {
            at = LINES;
        }
        if (pick < 2) {
            fork_line(at);
        } else if (pick == 2 && at < LINES) {
            drop_line(at);
        } else if (pick == 3 && at < LINES) {
            adopt_line(at);
        } else {
            change_line(at);
        }
        if (step % 20 == 0) {
            compare(&world.model, &world.version);
            for (unsigned i = 0; i < LINES; i++) {
                if (lines[i].alive) {
                    compare(&lines[i].model, &lines[i].branch.head);
                }
            }
        }
    }
    for (unsigned i = 0; i < LINES; i++) {
        if (lines[i].alive) {
            drop_line(i);
        }
    }
    compare(&world.model, &world.version);
    ck_assert_uint_eq(live(), live_anew());
    ck_assert_uint_gt(adoptions, 0);
    world_end(&world);
}
END_TEST

/* A thousand forks of one version: no memory of the arena, one pin. */
START_TEST(a_fork_costs_nothing)
{
    static struct rmg_branch many[1000];
    world_begin(&world, WORLD_RANDOM, 1, 1u << 20);
    uint64_t before = live();
    int64_t calls = world.heap.calls;
    for (unsigned i = 0; i < 1000; i++) {
        must(rmg_branch_fork(world.store, &world.version, &many[i]));
    }
    ck_assert_uint_eq(live(), before);
    ck_assert_int_le(world.heap.calls - calls, 1);
    for (unsigned i = 0; i < 1000; i++) {
        rmg_branch_drop(world.store, &many[i]);
    }
    ck_assert_uint_eq(live(), before);
    world_end(&world);
}
END_TEST

/* A store over memory in which another lived reads and goes on from the version it is told. */
START_TEST(attach)
{
    world_begin(&world, WORLD_RANDOM, 7, 4u << 20);
    for (unsigned i = 0; i < 50; i++) {
        change_line(LINES);
    }
    rmg_store_free(world.store);
    for (unsigned i = 0; i < 2; i++) {
        struct rmg_arena *arena = world.arena[i];
        memset(arena->free_head, 0, sizeof arena->free_head);
    }
    struct rmg_store_options options = {.arenas = {world.arena[0], world.arena[1]},
                                        .arena_count = 2};
    must(rmg_store_new(&world.heap.heap, &options, &world.store));
    rmg_store_attach(world.store, &world.version);
    compare(&world.model, &world.version);
    for (unsigned i = 0; i < 50; i++) {
        change_line(LINES);
    }
    compare(&world.model, &world.version);
    world_end(&world);
}
END_TEST

/* ---- what is somebody else's ---- */

/* A store whose instances lie in another's memory: it may change them for itself, and the owner's
 * memory stays as it is, byte by byte. */
START_TEST(adopted)
{
    struct rmg_instance instance;
    struct rmg_tx *tx = NULL;
    struct rmg_branch branch;
    world_begin(&world, WORLD_RANDOM, (uint64_t)_i, 4u << 20);
    for (unsigned i = 0; i < 60; i++) {
        change_line(LINES);
    }
    must(rmg_store_instance(world.store, &world.version, &world.instances[0], &instance));
    struct rmg_arena *theirs = world.arena[instance.arena];
    uint64_t border = (theirs->used + 4095) & ~4095ull;
    uint64_t size = border + (1u << 20);
    uint8_t *memory = aligned_alloc(4096, size);
    ck_assert_ptr_nonnull(memory);
    memset(memory, 0, size);
    memcpy(memory, theirs->base, theirs->used);
    struct rmg_arena overlay;
    rmg_arena_init(&overlay, memory, size, size, border);
    struct rmg_arena *own = NULL;
    struct rmg_store *store = NULL;
    must(rmg_arena_new(&world.heap.heap, 1u << 20, &own));
    struct rmg_store_options options = {
        .arenas = {own, &overlay}, .arena_count = 2, .epoch = UINT64_C(1) << 63};
    must(rmg_store_new(&world.heap.heap, &options, &store));
    struct rmg_version version = rmg_version_empty();
    must(rmg_tx_begin(store, &version, &tx));
    instance.arena = 1;
    must(rmg_tx_adopt(tx, &instance));
    must(rmg_tx_seal(tx, &version));
    uint64_t at_rest[2] = {own->live, overlay.live};
    struct jit_id id = world_id(WORLD_RANDOM, 999, 1);
    must(rmg_branch_fork(store, &version, &branch));
    for (unsigned i = 0; i < 20; i++) {
        struct rmg_graph before, after;
        struct rmg_instance seen;
        struct jit_id type;
        must(rmg_branch_begin(store, &branch, &tx));
        id.bytes[0] = (uint8_t)(i * 13);
        must(rmg_tx_upsert_node(tx, &instance.id, &id, &world.types[0]));
        must(rmg_tx_seal(tx, &branch.head));
        must(rmg_store_instance(store, &branch.head, &instance.id, &seen));
        rmg_store_graph(store, &seen, &after);
        must(rmg_node_type(&after, &id, &type));
        must(rmg_node_type(&after, &instance.root_node, &type));
        must(rmg_store_instance(store, &branch.base, &instance.id, &seen));
        rmg_store_graph(store, &seen, &before);
        ck_assert_int_eq(rmg_node_type(&before, &id, &type), JIT_ENOENT);
        ck_assert_uint_eq(after.roots.node_count, before.roots.node_count + i + 1);
    }
    ck_assert(memcmp(memory, theirs->base, theirs->used) == 0);
    rmg_branch_drop(store, &branch);
    ck_assert_uint_eq(own->live, at_rest[0]);
    ck_assert_uint_eq(overlay.live, at_rest[1]);
    must(rmg_tx_begin(store, &version, &tx));
    must(rmg_tx_disown(tx, &instance.id));
    must(rmg_tx_seal(tx, &version));
    ck_assert_uint_eq(version.instance_count, 0);
    ck_assert_uint_eq(own->live, 0);
    rmg_store_free(store);
    rmg_arena_free(&world.heap.heap, own);
    free(memory);
    world_end(&world);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "branch", 60);
    tcase_add_loop_test(t, lines_are_apart, 0, 4 * WORLD_IDS);
    tcase_add_test(t, a_fork_costs_nothing);
    tcase_add_test(t, attach);
    tcase_add_loop_test(t, adopted, 0, 4);
}

TEST_MAIN("branch", suite)
