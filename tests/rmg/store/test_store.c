/* Goal:   the store is the naive state: same errors, same validity, same roots, same content,
 *         whatever the ids and the order; old versions stay; abort leaves no trace.
 * Method: random operations on both at once, compared at every seal, over ids of every kind. */
#include <stdio.h>

#include "tests/lib/must.h"
#include "tests/lib/tcase.h"
#include "tests/lib/world.h"

#define SEEDS        4
#define TRANSACTIONS 1000

static struct world world;

/* Everything readable in the version equals the model. */
static void compare_instance(const struct naive_instance *in, const struct rmg_graph *graph)
{
    struct rmg_iter iter;
    struct jit_id id;
    struct jit_id type;
    struct rmg_edge edge;
    size_t count = 0;
    enum jit_err err;
    ck_assert_uint_eq(graph->roots.node_count, in->node_count);
    ck_assert_uint_eq(graph->roots.edge_count, in->edge_count);
    for (size_t i = 0; i < in->node_count; i++) {
        uint64_t degree = 0;
        uint64_t expected = 0;
        must(rmg_node_type(graph, &in->nodes[i].id, &type));
        ck_assert(jit_id_equal(&type, &in->nodes[i].type));
        must(rmg_degree(graph, &in->nodes[i].id, RMG_DIR_IN, NULL, &degree));
        for (size_t k = 0; k < in->edge_count; k++) {
            expected += jit_id_equal(&in->edges[k].to, &in->nodes[i].id);
        }
        ck_assert_uint_eq(degree, expected);
    }
    for (size_t i = 0; i < in->edge_count; i++) {
        must(rmg_edge_get(graph, &in->edges[i].id, &edge));
        ck_assert(memcmp(&edge, &in->edges[i], sizeof edge) == 0);
    }
    for (size_t i = 0; i < in->attachment_count; i++) {
        const struct naive_attachment *a = &in->attachments[i];
        struct rmg_value value;
        must(rmg_attachment_get(graph, a->plane, &a->owner, a->name, a->name_size, &value));
        ck_assert(value.kind == a->kind && jit_id_equal(&value.type, &a->type));
        ck_assert_uint_eq(value.size, a->size);
        ck_assert(a->size == 0 || memcmp(value.bytes, a->bytes, a->size) == 0);
    }
    struct jit_id last;
    rmg_iter_all(graph, RMG_NODES, &iter);
    while ((err = rmg_iter_node(&iter, &id, &type)) == JIT_OK) {
        ck_assert(count == 0 || jit_id_compare(&last, &id) < 0);
        last = id;
        count++;
    }
    ck_assert_int_eq(err, JIT_ENOENT);
    ck_assert_uint_eq(count, in->node_count);
}

static int out_order(const struct rmg_edge *a, const struct rmg_edge *b)
{
    int order = jit_id_compare(&a->from, &b->from);
    order = order != 0 ? order : jit_id_compare(&a->type, &b->type);
    order = order != 0 ? order : jit_id_compare(&a->to, &b->to);
    return order != 0 ? order : jit_id_compare(&a->id, &b->id);
}

static void compare_edges(const struct naive_instance *in, const struct rmg_graph *graph)
{
    struct rmg_iter iter;
    struct rmg_edge edge;
    struct rmg_edge last;
    size_t all = 0;
    enum jit_err err;
    rmg_iter_all(graph, RMG_OUT, &iter);
    while ((err = rmg_iter_edge(&iter, &edge)) == JIT_OK) {
        ck_assert(all == 0 || out_order(&last, &edge) < 0);
        last = edge;
        all++;
    }
    ck_assert_int_eq(err, JIT_ENOENT);
    ck_assert_uint_eq(all, in->edge_count);
    for (unsigned n = 0; n < 6; n++) {
        for (unsigned t = 0; t < WORLD_TYPES; t++) {
            for (int d = RMG_DIR_OUT; d <= RMG_DIR_IN; d++) {
                uint64_t expected = 0;
                uint64_t listed = 0;
                uint64_t degree = 0;
                for (size_t i = 0; i < in->edge_count; i++) {
                    const struct jit_id *end =
                        d == RMG_DIR_OUT ? &in->edges[i].from : &in->edges[i].to;
                    expected += jit_id_equal(end, &world.nodes[n]) &&
                                jit_id_equal(&in->edges[i].type, &world.types[t]);
                }
                rmg_iter_edges_of(graph, &world.nodes[n], (enum rmg_direction)d, &world.types[t],
                                  &iter);
                while ((err = rmg_iter_edge(&iter, &edge)) == JIT_OK) {
                    listed++;
                }
                ck_assert_int_eq(err, JIT_ENOENT);
                must(rmg_degree(graph, &world.nodes[n], (enum rmg_direction)d, &world.types[t],
                                &degree));
                ck_assert_uint_eq(listed, expected);
                ck_assert_uint_eq(degree, expected);
            }
        }
    }
}

static void compare_version(const struct naive_state *model, const struct rmg_version *version)
{
    struct rmg_instance instance;
    struct jit_id root;
    size_t count = 0;
    enum jit_err err;
    struct rmg_fault fault;
    naive_state_root(model, &root);
    ck_assert(jit_id_equal(&root, &version->state_root));
    err = rmg_store_verify(world.store, version, &fault);
    ck_assert_msg(err == JIT_OK, "%s", fault.what);
    ck_assert_uint_eq(version->instance_count, model->instance_count);
    for (err = rmg_store_next(world.store, version, NULL, &instance); err == JIT_OK;
         err = rmg_store_next(world.store, version, &instance.id, &instance)) {
        struct naive_instance *in = naive_find((struct naive_state *)model, &instance.id);
        struct rmg_graph graph;
        ck_assert_ptr_nonnull(in);
        rmg_store_graph(world.store, &instance, &graph);
        compare_instance(in, &graph);
        compare_edges(in, &graph);
        naive_instance_root(model, &instance.id, &root);
        struct jit_id ours;
        must(rmg_store_instance_root(world.store, version, &instance.id, &ours));
        ck_assert(jit_id_equal(&root, &ours));
        naive_skeleton(in, &root);
        ck_assert(jit_id_equal(&root, &instance.skeleton));
        count++;
    }
    ck_assert_int_eq(err, JIT_ENOENT);
    ck_assert_uint_eq(count, model->instance_count);
}

/* Load the model in one go into another store: same root, same content. */
static void compare_load(const struct naive_state *model, const struct rmg_version *version)
{
    struct fault_heap *heap = &world.heap;
    struct rmg_arena *arena = NULL;
    struct rmg_store *store = NULL;
    struct rmg_tx *tx = NULL;
    struct rmg_fault fault;
    struct rmg_version loaded = rmg_version_empty();
    must(rmg_arena_new(&heap->heap, 4u << 20, &arena));
    struct rmg_store_options options = {.arenas = {arena}, .arena_count = 1};
    must(rmg_store_new(&heap->heap, &options, &store));
    must(rmg_tx_begin(store, &loaded, &tx));
    for (size_t i = 0; i < model->instance_count; i++) {
        const struct naive_instance *in = &model->instances[i];
        struct rmg_bulk_attachment *attachments =
            calloc(in->attachment_count + 1, sizeof *attachments);
        for (size_t k = 0; k < in->attachment_count; k++) {
            const struct naive_attachment *a = &in->attachments[k];
            attachments[k] = (struct rmg_bulk_attachment){
                a->owner, a->plane, {a->name, a->name_size, {a->kind, a->type, a->bytes, a->size}}};
        }
        struct rmg_bulk bulk = {.nodes = (struct rmg_bulk_node *)(void *)in->nodes,
                                .node_count = in->node_count,
                                .edges = in->edges,
                                .edge_count = in->edge_count,
                                .attachments = attachments,
                                .attachment_count = in->attachment_count};
        must(rmg_tx_upsert_instance(tx, &in->id, &in->root_node, &in->parent));
        must(rmg_tx_load(tx, &in->id, &bulk));
        free(attachments);
    }
    must(rmg_tx_seal(tx, &loaded));
    ck_assert(jit_id_equal(&loaded.state_root, &version->state_root));
    enum jit_err err = rmg_store_verify(store, &loaded, &fault);
    ck_assert_msg(err == JIT_OK, "%s", fault.what);
    rmg_store_free(store);
    rmg_arena_free(&heap->heap, arena);
}

/* ---- differences ---- */

struct diff_check {
    const struct naive_instance *before;
    const struct naive_instance *after;
    struct rmg_change last;
    size_t count;
};

static bool record_of(const struct naive_instance *in, enum rmg_map map, const struct jit_id *id,
                      struct jit_id *out)
{
    /* The root of a map with this one element stands for its record. */
    struct naive_instance one = {.id = in->id};
    struct naive_attachment all[WORLD_POOL * 8];
    struct naive_node node;
    struct rmg_edge edge;
    for (size_t i = 0; i < in->node_count; i++) {
        if (jit_id_equal(&in->nodes[i].id, id)) {
            node = in->nodes[i];
            one.nodes = &node;
            one.node_count = 1;
        }
    }
    for (size_t i = 0; i < in->edge_count; i++) {
        if (jit_id_equal(&in->edges[i].id, id)) {
            edge = in->edges[i];
            one.edges = &edge;
            one.edge_count = 1;
        }
    }
    for (size_t i = 0; i < in->attachment_count; i++) {
        if (jit_id_equal(&in->attachments[i].owner, id)) {
            all[one.attachment_count++] = in->attachments[i];
        }
    }
    one.attachments = all;
    naive_map_root(&one, map, out);
    return !jit_id_is_zero(out);
}

static bool diff_visit(void *user, const struct rmg_change *change)
{
    struct diff_check *check = user;
    struct jit_id before;
    struct jit_id after;
    ck_assert(check->count == 0 || check->last.map < change->map ||
              (check->last.map == change->map && jit_id_compare(&check->last.id, &change->id) < 0));
    ck_assert(record_of(check->before, change->map, &change->id, &before) == change->before);
    ck_assert(record_of(check->after, change->map, &change->id, &after) == change->after);
    ck_assert(!jit_id_equal(&before, &after));
    check->last = *change;
    check->count++;
    return true;
}

/* Every difference is told once, in order, and nothing else. */
static void compare_diff(const struct naive_state *before, const struct rmg_version *a,
                         const struct naive_state *after, const struct rmg_version *b)
{
    struct rmg_instance instance[2];
    struct rmg_graph graph[2];
    const struct jit_id *top = &world.instances[0];
    struct diff_check check = {.before = naive_find((struct naive_state *)before, top),
                               .after = naive_find((struct naive_state *)after, top)};
    size_t expected = 0;
    must(rmg_store_instance(world.store, a, top, &instance[0]));
    must(rmg_store_instance(world.store, b, top, &instance[1]));
    rmg_store_graph(world.store, &instance[0], &graph[0]);
    rmg_store_graph(world.store, &instance[1], &graph[1]);
    for (unsigned map = 0; map < RMG_MAPS_HASHED; map++) {
        bool of_nodes = map == RMG_NODES || map == RMG_ALPHA;
        for (unsigned i = 0; i < WORLD_POOL; i++) {
            const struct jit_id *id = of_nodes ? &world.nodes[i] : &world.edges[i];
            struct jit_id x;
            struct jit_id y;
            (void)record_of(check.before, (enum rmg_map)map, id, &x);
            (void)record_of(check.after, (enum rmg_map)map, id, &y);
            expected += !jit_id_equal(&x, &y);
        }
    }
    must(rmg_graph_diff(&graph[0], &graph[1], diff_visit, &check));
    ck_assert_uint_eq(check.count, expected);
}

struct kept {
    struct rmg_version version;
    struct naive_state model;
};

static void run(enum world_ids kind, uint64_t seed, unsigned transactions, unsigned steps_max)
{
    struct kept kept[4] = {{.version = {.epoch = 0}}};
    unsigned kept_count = 0;
    unsigned sealed = 0;
    world_begin(&world, kind, seed, 8u << 20);
    for (unsigned t = 0; t < transactions; t++) {
        struct naive_state next = naive_copy(&world.model);
        struct rmg_tx *tx = NULL;
        uint64_t live = world.arena[0]->live + world.arena[1]->live;
        must(rmg_tx_begin(world.store, &world.version, &tx));
        uint64_t steps = jit_random_below(&world.random, steps_max) + 1;
        for (uint64_t i = 0; i < steps; i++) {
            struct world_result result = world_step(&world, tx, &next);
            ck_assert_msg(result.store == result.model, "kind %d seed %lu tx %u step %lu: %s / %s",
                          (int)kind, (unsigned long)seed, t, (unsigned long)i,
                          jit_err_text(result.store), jit_err_text(result.model));
        }
        if (jit_random_below(&world.random, 8) == 0) {
            rmg_tx_abort(tx);
            naive_release(&next);
            ck_assert_uint_eq(world.arena[0]->live + world.arena[1]->live, live);
            continue;
        }
        bool valid = naive_valid(&next);
        enum jit_err err = rmg_tx_seal(tx, &world.version);
        ck_assert_msg(err == (valid ? JIT_OK : JIT_EINVALID), "kind %d seed %lu tx %u: %s / %d",
                      (int)kind, (unsigned long)seed, t, jit_err_text(err), valid);
        if (!valid) {
            naive_release(&next);
            ck_assert_uint_eq(world.arena[0]->live + world.arena[1]->live, live);
            continue;
        }
        naive_release(&world.model);
        world.model = next;
        sealed++;
        struct jit_id root;
        naive_state_root(&world.model, &root);
        ck_assert_msg(jit_id_equal(&root, &world.version.state_root), "kind %d seed %lu tx %u",
                      (int)kind, (unsigned long)seed, t);
        if (sealed % 16 == 0) {
            compare_version(&world.model, &world.version);
            struct kept *slot = &kept[kept_count++ % 4];
            if (kept_count > 4) {
                compare_version(&slot->model, &slot->version);
                compare_load(&slot->model, &slot->version);
                compare_diff(&slot->model, &slot->version, &world.model, &world.version);
                compare_diff(&world.model, &world.version, &slot->model, &slot->version);
                rmg_store_unpin(world.store, &slot->version);
                naive_release(&slot->model);
            }
            must(rmg_store_pin(world.store, &world.version));
            *slot = (struct kept){world.version, naive_copy(&world.model)};
        }
    }
    ck_assert_uint_gt(sealed, transactions / 8);
    for (unsigned i = 0; i < 4 && i < kept_count; i++) {
        compare_version(&kept[i].model, &kept[i].version);
        rmg_store_unpin(world.store, &kept[i].version);
        naive_release(&kept[i].model);
    }
    world_end(&world);
}

START_TEST(random_operations) /* _i: kind and seed */
{
    run((enum world_ids)(_i % WORLD_IDS), (uint64_t)_i, TRANSACTIONS, 100);
}
END_TEST

/* ---- the tree of instances ---- */

static struct jit_id deep(unsigned n)
{
    return world_id(WORLD_RANDOM, 900, n);
}

/* Hang instance n below instance `below` (with its portal); its root node is nodes[0]. */
static void hang(struct rmg_tx *tx, unsigned n, unsigned below, const char *name)
{
    struct jit_id id = deep(n);
    struct rmg_parent parent = {
        true, RMG_PLANE_ALPHA, below == 0 ? world.instances[0] : deep(below), world.nodes[0],
        1,    {name[0]}};
    struct rmg_attachment portal = {name, 1, {RMG_VALUE_PORTAL, id, NULL, 0}};
    must(rmg_tx_upsert_instance(tx, &id, &world.nodes[0], &parent));
    must(rmg_tx_upsert_node(tx, &id, &world.nodes[0], &world.types[0]));
    must(rmg_tx_set_attachment(tx, &parent.instance, RMG_PLANE_ALPHA, &world.nodes[0], &portal));
}

static void unhang(struct rmg_tx *tx, unsigned below, const char *name)
{
    struct jit_id from = below == 0 ? world.instances[0] : deep(below);
    must(rmg_tx_clear_attachment(tx, &from, RMG_PLANE_ALPHA, &world.nodes[0], name, 1));
}

static enum jit_err seal(struct rmg_tx *tx)
{
    return rmg_tx_seal(tx, &world.version);
}

START_TEST(depth_of_instances) /* 64 ancestors, not 65, also when a subtree moves */
{
    struct rmg_tx *tx = NULL;
    struct rmg_fault fault;
    world_begin(&world, WORLD_RANDOM, 5, 1u << 20);
    must(rmg_tx_begin(world.store, &world.version, &tx));
    for (unsigned n = 1; n <= JIT_DEPTH_MAX; n++) {
        hang(tx, n, n - 1, "d");
    }
    must(seal(tx));
    must(rmg_store_verify(world.store, &world.version, &fault));
    must(rmg_tx_begin(world.store, &world.version, &tx));
    hang(tx, 70, JIT_DEPTH_MAX, "d");
    ck_assert_int_eq(seal(tx), JIT_EINVALID);
    /* 70 below the top; then all from 2 on below it: one deeper than allowed */
    must(rmg_tx_begin(world.store, &world.version, &tx));
    hang(tx, 70, 0, "e");
    hang(tx, 71, 70, "e");
    must(seal(tx));
    must(rmg_tx_begin(world.store, &world.version, &tx));
    unhang(tx, 1, "d");
    hang(tx, 2, 70, "d");
    must(seal(tx));
    must(rmg_tx_begin(world.store, &world.version, &tx));
    unhang(tx, 70, "d");
    hang(tx, 2, 71, "d");
    ck_assert_int_eq(seal(tx), JIT_EINVALID);
    /* a circle: 2 below 5, which is below 2 */
    must(rmg_tx_begin(world.store, &world.version, &tx));
    unhang(tx, 70, "d");
    hang(tx, 2, 5, "x");
    ck_assert_int_eq(seal(tx), JIT_EINVALID);
    must(rmg_store_verify(world.store, &world.version, &fault));
    world_end(&world);
}
END_TEST

START_TEST(limits) /* at each limit and one past it */
{
    static uint8_t atom[JIT_ATOM_BYTES_MAX + 1];
    static char name[JIT_NAME_BYTES_MAX + 1];
    const struct jit_id *node = &world.nodes[0];
    struct rmg_attachment a = {name, 0, {RMG_VALUE_ATOM, {{1}}, atom, JIT_ATOM_BYTES_MAX}};
    struct rmg_tx *tx = NULL;
    struct rmg_fault fault;
    struct jit_id zero = {{0}};
    world_begin(&world, WORLD_RANDOM, 6, 16u << 20);
    const struct jit_id *top = &world.instances[0];
    must(rmg_tx_begin(world.store, &world.version, &tx));
    must(rmg_tx_set_attachment(tx, top, RMG_PLANE_ALPHA, node, &a));
    a.value.size++;
    ck_assert_int_eq(rmg_tx_set_attachment(tx, top, RMG_PLANE_ALPHA, node, &a), JIT_ELIMIT);
    a.value.size = 1;
    memset(name, 'n', sizeof name);
    a.name_size = JIT_NAME_BYTES_MAX;
    must(rmg_tx_set_attachment(tx, top, RMG_PLANE_ALPHA, node, &a));
    a.name_size++;
    ck_assert_int_eq(rmg_tx_set_attachment(tx, top, RMG_PLANE_ALPHA, node, &a), JIT_ELIMIT);
    for (unsigned i = 2; i <= JIT_ATTACHMENTS_MAX; i++) { /* two are there */
        a.name_size = 4;
        snprintf(name, sizeof name, "%04u", i);
        ck_assert_int_eq(rmg_tx_set_attachment(tx, top, RMG_PLANE_ALPHA, node, &a),
                         i < JIT_ATTACHMENTS_MAX ? JIT_OK : JIT_ELIMIT);
    }
    a.name = "\xff";
    a.name_size = 1;
    ck_assert_int_eq(rmg_tx_set_attachment(tx, top, RMG_PLANE_ALPHA, node, &a), JIT_EINVALID);
    a.name = "ok";
    a.name_size = 2;
    a.value.type = zero;
    ck_assert_int_eq(rmg_tx_set_attachment(tx, top, RMG_PLANE_ALPHA, node, &a), JIT_EINVALID);
    ck_assert_int_eq(rmg_tx_upsert_node(tx, top, node, &zero), JIT_EINVALID);
    ck_assert_int_eq(rmg_tx_upsert_instance(tx, &zero, node, NULL), JIT_EINVALID);
    must(rmg_tx_upsert_node(tx, top, &zero, &world.types[0])); /* only types and instances */
    must(seal(tx));
    must(rmg_store_verify(world.store, &world.version, &fault));
    world_end(&world);
}
END_TEST

START_TEST(load_refuses)
{
    struct rmg_bulk_node nodes[2];
    struct rmg_edge edges[2];
    struct rmg_bulk_attachment attachments[2];
    struct rmg_bulk whole = {nodes, 2, edges, 2, attachments, 2};
    struct jit_id id = deep(1);
    world_begin(&world, WORLD_RANDOM, 7, 1u << 20);
    for (unsigned what = 0; what < 9; what++) {
        static const enum jit_err expected[] = {JIT_EINVALID, JIT_EEXIST,    JIT_EEXIST,
                                                JIT_EEXIST,   JIT_EDANGLING, JIT_EDANGLING,
                                                JIT_ENOENT,   JIT_EINVALID,  JIT_EINVALID};
        struct rmg_tx *tx = NULL;
        struct rmg_bulk bulk = whole;
        uint64_t live = world.arena[0]->live + world.arena[1]->live;
        for (unsigned i = 0; i < 2; i++) {
            nodes[i] = (struct rmg_bulk_node){world.nodes[i], world.types[0]};
            edges[i] = (struct rmg_edge){world.edges[i], world.nodes[i], world.nodes[1 - i],
                                         world.types[0]};
            attachments[i] = (struct rmg_bulk_attachment){
                world.nodes[0],
                RMG_PLANE_ALPHA,
                {i == 0 ? "a" : "b", 1, {RMG_VALUE_ATOM, world.types[0], world.atom, 500}}};
        }
        switch (what) {
        case 1:
            nodes[1].id = nodes[0].id;
            break;
        case 2:
            edges[1].id = edges[0].id;
            break;
        case 3:
            attachments[1].attachment.name = "a";
            break;
        case 4:
            edges[1].from = world.nodes[9];
            break;
        case 5:
            edges[1].to = world.nodes[9];
            break;
        case 6:
            attachments[1].owner = world.nodes[9];
            break;
        case 7:
            memset(&nodes[1].type, 0, sizeof nodes[1].type);
            break;
        case 8:
            attachments[1].attachment.name = "\xff";
            break;
        default:
            break; /* 0: into an instance that is not empty */
        }
        must(rmg_tx_begin(world.store, &world.version, &tx));
        if (what > 0) {
            must(rmg_tx_upsert_instance(tx, &id, &world.nodes[0], NULL));
        }
        ck_assert_int_eq(rmg_tx_load(tx, what == 0 ? &world.instances[0] : &id, &bulk),
                         expected[what]);
        rmg_tx_abort(tx);
        ck_assert_uint_eq(world.arena[0]->live + world.arena[1]->live, live);
    }
    world_end(&world);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "rules", 20);
    tcase_add_test(t, depth_of_instances);
    tcase_add_test(t, limits);
    tcase_add_test(t, load_refuses);
    t = test_case(s, "random", 120);
    tcase_add_loop_test(t, random_operations, 0, SEEDS * WORLD_IDS);
}

TEST_MAIN("store", suite)
