/* Goal:   the working form is the store: the same operations through rmg_work and through rmg_tx
 *         give the same errors and the same root, whichever way it is committed; dropping it leaves
 *         no trace; what does not survive costs no hash.
 * Method: random operations on both at once, over versions of every size; ids by their formula;
 *         every allocation refused once. */
#include <stdio.h>

#include "base/random.h"
#include "rmg/engine/work.h"
#include "rmg/store/tx_hands.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/must.h"
#include "tests/lib/rule_kit.h"
#include "tests/lib/tcase.h"

#define SEEDS      60
#define ELEMENTS   400
#define TYPES      4u
#define NAMES      3u
#define OPERATIONS 400

struct element {
    struct jit_id id;
    uint32_t handle; /* in the working form */
    bool live;
    uint32_t from; /* of an edge, in nodes */
    uint32_t to;
};

/* Two stores with the same content: one is changed through a transaction, one through the form. */
struct model {
    struct kit_graph plain;
    struct kit_graph dense;
    struct rmg_work *work;
    struct element nodes[ELEMENTS];
    uint32_t node_count;
    struct element edges[ELEMENTS];
    uint32_t edge_count;
    struct jit_random random;
    uint64_t made;
};
static struct model model;

/* Tasks from the last to the first. */
static void backwards(struct jit_exec *exec, size_t count, void (*task)(void *, size_t), void *user)
{
    (void)exec;
    for (size_t i = count; i > 0; i--) {
        task(user, i - 1);
    }
}
static struct jit_exec side_by_side = {.run = backwards, .threads = 3};

static struct rmg_attachment attachment_of(uint64_t draw)
{
    static const char *const names[NAMES] = {"", "a", "long name"};
    static uint8_t bytes[40];
    struct rmg_attachment out = {.name = names[draw % NAMES],
                                 .name_size = (uint32_t)strlen(names[draw % NAMES]),
                                 .value = {.kind = RMG_VALUE_ATOM, .bytes = bytes}};
    memset(bytes, (int)('a' + draw / 16 % 7), sizeof bytes);
    switch (draw / NAMES % 4) {
    case 0:
        out.value.type = *rmg_codec_type(RMG_CODEC_I64);
        out.value.size = 8;
        break;
    case 1:
        out.value.type = *rmg_codec_type(RMG_CODEC_TEXT);
        out.value.size = (uint32_t)(draw / 16 % sizeof bytes);
        break;
    case 2: /* of no codec, and of the right type but no value of it */
        out.value.type = kit_type(77);
        out.value.size = 5;
        break;
    default:
        out.value.type = *rmg_codec_type(RMG_CODEC_BOOL);
        out.value.size = 3;
        break;
    }
    return out;
}

static enum jit_err plain_delete(struct model *m, const struct element *at, bool is_edge)
{
    struct rmg_graph graph;
    struct rmg_attachment attachment;
    enum rmg_plane plane = is_edge ? RMG_PLANE_BETA : RMG_PLANE_ALPHA;
    uint64_t out = 0;
    uint64_t in = 0;
    must(rmg_tx_graph(m->plain.tx, &m->plain.instance, &graph));
    if (!is_edge) {
        must(rmg_degree(&graph, &at->id, RMG_DIR_OUT, NULL, &out));
        must(rmg_degree(&graph, &at->id, RMG_DIR_IN, NULL, &in));
    }
    if (out + in != 0 || (!is_edge && jit_id_equal(&at->id, &m->plain.root))) {
        return JIT_EDANGLING;
    }
    while (rmg_attachment_at(&graph, plane, &at->id, 0, &attachment) == JIT_OK) {
        must(rmg_tx_clear_attachment(m->plain.tx, &m->plain.instance, plane, &at->id,
                                     attachment.name, attachment.name_size));
        must(rmg_tx_graph(m->plain.tx, &m->plain.instance, &graph));
    }
    return is_edge ? rmg_tx_delete_edge(m->plain.tx, &m->plain.instance, &at->id)
                   : rmg_tx_delete_node(m->plain.tx, &m->plain.instance, &at->id);
}

/* work NULL: before there is a working form, into both stores. */
static void add_node(struct model *m)
{
    struct element *at = &m->nodes[m->node_count];
    struct jit_id type = kit_type((unsigned)jit_random_below(&m->random, TYPES) + 1);
    if (m->node_count == ELEMENTS) {
        return;
    }
    *at = (struct element){.id = kit_id('n', m->made++), .live = true};
    if (m->work != NULL && jit_random_below(&m->random, 2) == 0) {
        must(rmg_work_step(m->work));
        must(rmg_work_add_node(m->work, &type, NULL, &at->handle));
        must(rmg_work_node_id(m->work, at->handle, &at->id));
    } else if (m->work != NULL) {
        must(rmg_work_add_node(m->work, &type, &at->id, &at->handle));
    } else {
        must(rmg_tx_upsert_node(m->dense.tx, &m->dense.instance, &at->id, &type));
    }
    must(rmg_tx_upsert_node(m->plain.tx, &m->plain.instance, &at->id, &type));
    m->node_count++;
}

static void add_edge(struct model *m)
{
    struct element *at = &m->edges[m->edge_count];
    uint32_t from = (uint32_t)jit_random_below(&m->random, m->node_count);
    uint32_t to = (uint32_t)jit_random_below(&m->random, m->node_count);
    struct jit_id type = kit_type((unsigned)jit_random_below(&m->random, TYPES) + 11);
    if (m->edge_count == ELEMENTS) {
        return;
    }
    *at = (struct element){.id = kit_id('e', m->made++), .live = true, .from = from, .to = to};
    if (m->work != NULL) {
        bool derived = jit_random_below(&m->random, 2) == 0;
        enum jit_err err =
            rmg_work_add_edge(m->work, m->nodes[from].handle, &type, m->nodes[to].handle,
                              derived ? NULL : &at->id, &at->handle);
        if (!m->nodes[from].live || !m->nodes[to].live) {
            ck_assert_int_eq(err, JIT_ENOENT);
            return;
        }
        must(err);
        must(rmg_work_edge_id(m->work, at->handle, &at->id));
    } else {
        kit_put_edge(&m->dense, at->id, m->nodes[from].id, 0, m->nodes[to].id);
        must(rmg_tx_delete_edge(m->dense.tx, &m->dense.instance, &at->id));
        const struct rmg_edge edge = {at->id, m->nodes[from].id, m->nodes[to].id, type};
        must(rmg_tx_upsert_edge(m->dense.tx, &m->dense.instance, &edge));
    }
    const struct rmg_edge edge = {at->id, m->nodes[from].id, m->nodes[to].id, type};
    must(rmg_tx_upsert_edge(m->plain.tx, &m->plain.instance, &edge));
    m->edge_count++;
}

static void delete_one(struct model *m, bool is_edge)
{
    uint32_t count = is_edge ? m->edge_count : m->node_count;
    if (count == 0) {
        return;
    }
    struct element *at = &(is_edge ? m->edges : m->nodes)[jit_random_below(&m->random, count)];
    enum jit_err err = is_edge ? rmg_work_delete_edge(m->work, at->handle)
                               : rmg_work_delete_node(m->work, at->handle);
    if (!at->live) {
        ck_assert_int_eq(err, JIT_ENOENT);
        return;
    }
    ck_assert_int_eq(err, plain_delete(m, at, is_edge));
    at->live = err != JIT_OK;
}

static void change_attachment(struct model *m)
{
    bool is_edge = m->edge_count > 0 && jit_random_below(&m->random, 2) == 0;
    enum rmg_plane plane = is_edge ? RMG_PLANE_BETA : RMG_PLANE_ALPHA;
    const struct element *at = &(
        is_edge ? m->edges
                : m->nodes)[jit_random_below(&m->random, is_edge ? m->edge_count : m->node_count)];
    struct rmg_attachment attachment = attachment_of(jit_random_below(&m->random, 1u << 20));
    bool set = jit_random_below(&m->random, 4) != 0;
    enum jit_err plain =
        !at->live ? JIT_ENOENT
        : set ? rmg_tx_set_attachment(m->plain.tx, &m->plain.instance, plane, &at->id, &attachment)
              : rmg_tx_clear_attachment(m->plain.tx, &m->plain.instance, plane, &at->id,
                                        attachment.name, attachment.name_size);
    if (m->work == NULL) {
        enum jit_err dense =
            set ? rmg_tx_set_attachment(m->dense.tx, &m->dense.instance, plane, &at->id,
                                        &attachment)
                : rmg_tx_clear_attachment(m->dense.tx, &m->dense.instance, plane, &at->id,
                                          attachment.name, attachment.name_size);
        ck_assert_int_eq(plain, dense);
        return;
    }
    ck_assert_int_eq(plain, set ? rmg_work_set(m->work, plane, at->handle, &attachment)
                                : rmg_work_clear(m->work, plane, at->handle, attachment.name,
                                                 attachment.name_size));
}

static void change(struct model *m)
{
    switch (jit_random_below(&m->random, 8)) {
    case 0:
    case 1:
        add_node(m);
        break;
    case 2:
    case 3:
        add_edge(m);
        break;
    case 4:
        delete_one(m, true);
        break;
    case 5:
        delete_one(m, false);
        break;
    default:
        change_attachment(m);
        break;
    }
}

/* Lists, degrees, attachments of the form beside the graph of the transaction. */
static void compare(struct model *m)
{
    struct rmg_graph graph;
    struct rmg_work_counts counts;
    must(rmg_tx_graph(m->plain.tx, &m->plain.instance, &graph));
    rmg_work_count(m->work, &counts);
    ck_assert_uint_eq(counts.nodes, graph.roots.node_count);
    ck_assert_uint_eq(counts.edges, graph.roots.edge_count);
    for (uint32_t i = 0; i < m->node_count; i++) {
        for (unsigned t = 0; t < 2 * TYPES; t++) {
            struct jit_id type = kit_type(t / 2 + 11);
            enum rmg_direction direction = t % 2 == 0 ? RMG_DIR_OUT : RMG_DIR_IN;
            uint64_t want = 0;
            uint64_t have = 0;
            uint64_t listed = 0;
            uint32_t edge = RMG_WORK_NONE;
            uint32_t before = 0;
            if (!m->nodes[i].live) {
                continue;
            }
            must(rmg_degree(&graph, &m->nodes[i].id, direction, &type, &want));
            must(rmg_work_degree(m->work, m->nodes[i].handle, direction, &type, &have));
            while (rmg_work_edge_next(m->work, m->nodes[i].handle, direction, &type, edge, &edge) ==
                   JIT_OK) {
                ck_assert(listed == 0 || edge > before); /* by age */
                before = edge;
                listed++;
            }
            ck_assert_uint_eq(have, want);
            ck_assert_uint_eq(listed, want);
        }
        for (uint64_t n = 0; n < NAMES && m->nodes[i].live; n++) {
            struct rmg_attachment at = attachment_of(n);
            struct rmg_value a;
            struct rmg_value b;
            enum jit_err err = rmg_attachment_get(&graph, RMG_PLANE_ALPHA, &m->nodes[i].id, at.name,
                                                  at.name_size, &a);
            ck_assert_int_eq(err, rmg_work_get(m->work, RMG_PLANE_ALPHA, m->nodes[i].handle,
                                               at.name, at.name_size, &b));
            if (err == JIT_OK) {
                ck_assert(jit_id_equal(&a.type, &b.type));
                ck_assert_uint_eq(a.size, b.size);
                ck_assert(a.size == 0 || memcmp(a.bytes, b.bytes, a.size) == 0);
            }
        }
    }
}

static void begin(struct model *m, uint64_t seed, unsigned base)
{
    memset(m, 0, sizeof *m);
    m->random = jit_random_of(seed);
    kit_graph_begin(&m->plain, jit_heap_libc(), 16u << 20);
    kit_graph_begin(&m->dense, jit_heap_libc(), 16u << 20);
    m->nodes[m->node_count++] = (struct element){.id = m->plain.root, .live = true};
    kit_open(&m->plain);
    kit_open(&m->dense);
    for (unsigned i = 0; i < base; i++) {
        add_node(m);
        add_edge(m);
        change_attachment(m);
    }
    kit_seal(&m->plain);
    kit_seal(&m->dense);
    ck_assert(jit_id_equal(&m->plain.version.state_root, &m->dense.version.state_root));
}

static struct rmg_work_base base_of(const struct model *m, const struct rmg_graph *graph)
{
    return (struct rmg_work_base){.graph = graph,
                                  .instance = m->dense.instance,
                                  .root_node = m->dense.root,
                                  .key = kit_id('k', 1),
                                  .seed = 3,
                                  .tick = 4};
}

static void open_work(struct model *m, struct jit_heap *heap)
{
    struct rmg_graph graph = kit_graph_of(&m->dense, NULL);
    struct rmg_work_base base = base_of(m, &graph);
    must(rmg_work_new(heap, &base, &m->work));
    for (uint32_t i = 0; i < m->node_count; i++) {
        m->nodes[i].handle = rmg_work_find_node(m->work, &m->nodes[i].id);
        ck_assert_uint_ne(m->nodes[i].handle, RMG_WORK_NONE);
    }
    for (uint32_t i = 0; i < m->edge_count; i++) {
        m->edges[i].handle = rmg_work_find_edge(m->work, &m->edges[i].id);
        ck_assert_uint_ne(m->edges[i].handle, RMG_WORK_NONE);
    }
}

static void end(struct model *m)
{
    rmg_work_free(m->work);
    kit_graph_end(&m->plain);
    kit_graph_end(&m->dense);
}

START_TEST(random_operations)
{
    struct model *m = &model;
    const unsigned sizes[] = {0, 1, 20, 150};
    for (unsigned seed = 0; seed < SEEDS; seed++) {
        struct fault_heap mem = fault_heap_make(-1, false);
        struct rmg_fault fault;
        printf("seed %u\n", seed);
        begin(m, seed, sizes[seed % 4]);
        open_work(m, &mem.heap);
        kit_open(&m->plain);
        unsigned operations = seed % 3 == 0 ? 5 : OPERATIONS;
        for (unsigned i = 0; i < operations; i++) {
            change(m);
        }
        compare(m);
        kit_open(&m->dense);
        rmg_tx_exec(m->dense.tx, seed % 2 == 0 ? &side_by_side : jit_exec_inline());
        must(rmg_work_commit(m->work, m->dense.tx));
        kit_seal(&m->dense);
        kit_seal(&m->plain);
        ck_assert_msg(jit_id_equal(&m->plain.version.state_root, &m->dense.version.state_root),
                      "seed %u: another root", seed);
        must(rmg_store_verify(m->dense.store, &m->dense.version, &fault));
        end(m);
        ck_assert_int_eq(mem.live, 0);
    }
}
END_TEST

START_TEST(ids_are_the_formula)
{
    struct model *m = &model;
    const struct rmg_draw draw = {.seed = 3, .tick = 4, .round = 2};
    struct jit_id key = kit_id('k', 1);
    struct jit_id type = kit_type(1);
    struct jit_id id;
    struct jit_id want;
    uint32_t node = 0;
    begin(m, 1, 3);
    open_work(m, jit_heap_libc());
    must(rmg_work_step(m->work));
    must(rmg_work_step(m->work));
    for (uint32_t i = 0; i < 1200; i++) { /* more than go side by side, and than a task has */
        must(rmg_work_add_node(m->work, &type, NULL, &node));
        must(rmg_work_node_id(m->work, node, &id));
        rmg_created_id(&draw, &key, i, &want);
        ck_assert(jit_id_equal(&id, &want));
    }
    kit_open(&m->dense);
    rmg_tx_exec(m->dense.tx, &side_by_side);
    must(rmg_work_commit(m->work, m->dense.tx));
    kit_seal(&m->dense);
    struct rmg_graph graph = kit_graph_of(&m->dense, NULL);
    for (uint32_t i = 0; i < 1200; i++) {
        rmg_created_id(&draw, &key, i, &want);
        must(rmg_node_type(&graph, &want, &id));
        ck_assert(jit_id_equal(&id, &type));
    }
    end(m);
}
END_TEST

/* Dropped, or nothing left in the end: the version is the base and nothing was hashed. */
START_TEST(no_trace)
{
    struct model *m = &model;
    struct jit_id types[2] = {kit_type(1), kit_type(11)};
    begin(m, 2, 50);
    open_work(m, jit_heap_libc());
    struct rmg_version before = m->dense.version;
    for (unsigned i = 0; i < 1000; i++) {
        uint32_t node = 0;
        uint32_t edge = 0;
        must(rmg_work_step(m->work));
        must(rmg_work_add_node(m->work, &types[0], NULL, &node));
        must(rmg_work_add_edge(m->work, node, &types[1], node, NULL, &edge));
        ck_assert_int_eq(rmg_work_delete_node(m->work, node), JIT_EDANGLING);
        must(rmg_work_delete_edge(m->work, edge));
        must(rmg_work_delete_node(m->work, node));
        ck_assert_int_eq(rmg_work_delete_node(m->work, node), JIT_ENOENT);
    }
    struct rmg_version after;
    struct rmg_tx *tx = NULL;
    rmg_store_counters(m->dense.store)->hashes = 0;
    rmg_store_counters(m->dense.store)->nodes_copied = 0;
    must(rmg_tx_begin(m->dense.store, &before, &tx));
    must(rmg_work_commit(m->work, tx));
    must(rmg_tx_seal(tx, &after));
    ck_assert_uint_eq(after.epoch, before.epoch);
    ck_assert(jit_id_equal(&after.state_root, &before.state_root));
    ck_assert_uint_eq(rmg_store_counters(m->dense.store)->hashes, 0);
    ck_assert_uint_eq(rmg_store_counters(m->dense.store)->nodes_copied, 0);
    end(m);
}
END_TEST

/* An id that is there already, in the version or twice among what was made. */
static enum jit_err load_edges(struct kit_graph *g, uint32_t first, uint32_t end)
{
    struct rmg_load *load = NULL;
    enum jit_err err = rmg_load_begin(g->tx, &load);
    err = err == JIT_OK ? rmg_load_replace(load, &g->instance, RMG_EDGES) : err;
    for (uint32_t i = first; i < end && err == JIT_OK; i++) {
        const struct rmg_edge edge = {kit_id('e', i), kit_id('n', i % 7), kit_id('n', i % 5),
                                      kit_type(11 + i % 2)};
        err = rmg_load_edge(load, &edge);
    }
    if (err == JIT_OK) {
        return rmg_load_end(load);
    }
    rmg_load_abort(load);
    return err;
}

/* All edges anew: the root and the memory are those of the same content made any other way; what
 * would leave attachments without their edge is refused, and an abort leaves what there was. */
START_TEST(edges_anew)
{
    struct kit_graph g;
    struct rmg_fault fault;
    kit_graph_begin(&g, jit_heap_libc(), 1u << 24);
    kit_open(&g);
    for (uint32_t i = 0; i < 7; i++) {
        kit_put_node(&g, kit_id('n', i), 1);
    }
    for (uint32_t i = 0; i < 200; i++) {
        kit_put_edge(&g, kit_id('e', i), kit_id('n', i % 7), 11 + i % 2, kit_id('n', i % 5));
    }
    kit_put_i64(&g, RMG_PLANE_BETA, kit_id('e', 150), "w", 3);
    kit_seal(&g);
    struct jit_id root = g.version.state_root;
    uint64_t live = g.arena->live;
    for (unsigned round = 0; round < 5; round++) {
        must(rmg_tx_begin(g.store, &g.version, &g.tx)); /* nobody needs the old one */
        if (round == 3) { /* with edges of this transaction among them */
            kit_put_edge(&g, kit_id('f', 1), kit_id('n', 1), 11, kit_id('n', 2));
        }
        must(load_edges(&g, round == 2 ? 100 : 0, 200));
        if (round == 2) { /* and changed afterwards */
            for (uint32_t i = 0; i < 100; i++) {
                kit_put_edge(&g, kit_id('e', i), kit_id('n', i % 7), 11 + i % 2,
                             kit_id('n', i % 5));
            }
        }
        kit_seal(&g);
        ck_assert(jit_id_equal(&root, &g.version.state_root));
        must(rmg_store_verify(g.store, &g.version, &fault));
        ck_assert_uint_eq(g.arena->live, live);
    }
    must(rmg_tx_begin(g.store, &g.version, &g.tx));
    ck_assert_int_eq(load_edges(&g, 0, 150), JIT_EINVALID);
    rmg_tx_abort(g.tx);
    must(rmg_tx_begin(g.store, &g.version, &g.tx));
    must(load_edges(&g, 0, 190));
    rmg_tx_abort(g.tx);
    g.tx = NULL;
    ck_assert_uint_eq(g.arena->live, live);
    must(rmg_store_verify(g.store, &g.version, &fault));
    kit_graph_end(&g);
}
END_TEST

START_TEST(an_id_twice)
{
    struct model *m = &model;
    struct jit_id type = kit_type(1);
    struct jit_id fresh = kit_id('x', 1);
    for (unsigned way = 0; way < 4; way++) {
        uint32_t node = 0;
        struct rmg_tx *tx = NULL;
        begin(m, 2, way < 2 ? 50 : 0); /* as single changes, in bulk */
        open_work(m, jit_heap_libc());
        const struct jit_id *id = way % 2 == 0 ? &m->nodes[0].id : &fresh;
        must(rmg_work_add_node(m->work, &type, id, &node));
        for (unsigned i = 0; i < (way < 2 ? 0u : 20u); i++) {
            must(rmg_work_add_node(m->work, &type, NULL, &node));
        }
        must(rmg_work_add_node(m->work, &type, id, &node));
        must(rmg_tx_begin(m->dense.store, &m->dense.version, &tx));
        ck_assert_int_eq(rmg_work_commit(m->work, tx), JIT_EEXIST);
        rmg_tx_abort(tx);
        end(m);
    }
}
END_TEST

START_TEST(bounds)
{
    struct model *m = &model;
    static uint8_t large[JIT_ATOM_BYTES_MAX + 1];
    struct jit_id type = kit_type(1);
    struct jit_id zero = {{0}};
    char name[8];
    uint32_t node = 0;
    begin(m, 2, 5);
    open_work(m, jit_heap_libc());
    ck_assert_int_eq(rmg_work_add_node(m->work, &zero, NULL, &node), JIT_EINVALID);
    must(rmg_work_add_node(m->work, &type, NULL, &node));
    struct rmg_attachment at = {.name = name,
                                .value = {.kind = RMG_VALUE_ATOM, .type = type, .bytes = large}};
    for (unsigned i = 0; i <= JIT_ATTACHMENTS_MAX; i++) {
        at.name_size = (uint32_t)snprintf(name, sizeof name, "n%u", i);
        ck_assert_int_eq(rmg_work_set(m->work, RMG_PLANE_ALPHA, node, &at),
                         i < JIT_ATTACHMENTS_MAX ? JIT_OK : JIT_ELIMIT);
    }
    at.name_size = 2;
    at.value.size = JIT_ATOM_BYTES_MAX;
    must(rmg_work_set(m->work, RMG_PLANE_ALPHA, node, &at)); /* n2, which is there */
    at.value.size++;
    ck_assert_int_eq(rmg_work_set(m->work, RMG_PLANE_ALPHA, node, &at), JIT_ELIMIT);
    at.value.size = 1;
    at.name = "\xff";
    at.name_size = 1;
    ck_assert_int_eq(rmg_work_set(m->work, RMG_PLANE_ALPHA, node, &at), JIT_EINVALID);
    ck_assert_int_eq(rmg_work_delete_node(m->work, 0xfffffff0u), JIT_ENOENT);
    uint32_t root = rmg_work_find_node(m->work, &m->dense.root);
    ck_assert_int_eq(rmg_work_delete_node(m->work, root), JIT_EDANGLING);
    end(m);
}
END_TEST

/* Refuse each allocation once: an error, nothing leaks, the transaction can be aborted. */
START_TEST(refused_memory)
{
    struct model *m = &model;
    bool fired = true;
    for (int64_t n = 0; fired && n < 2000; n++) {
        struct fault_heap mem = fault_heap_make(n, false);
        struct jit_id type = kit_type(1);
        struct rmg_tx *tx = NULL;
        begin(m, 5, 12);
        struct rmg_graph graph = kit_graph_of(&m->dense, NULL);
        struct rmg_work_base base = base_of(m, &graph);
        enum jit_err err = rmg_work_new(&mem.heap, &base, &m->work);
        for (unsigned i = 0; i < 100 && err == JIT_OK; i++) {
            uint32_t node = 0;
            struct rmg_attachment at = attachment_of(i);
            err = rmg_work_add_node(m->work, &type, NULL, &node);
            if (err == JIT_OK) {
                err = rmg_work_add_edge(m->work, node, &type, 0, NULL, &node);
            }
            if (err == JIT_OK) {
                err = rmg_work_set(m->work, RMG_PLANE_ALPHA, i / 4, &at);
            }
        }
        must(rmg_tx_begin(m->dense.store, &m->dense.version, &tx));
        if (err == JIT_OK) {
            err = rmg_work_commit(m->work, tx);
        }
        rmg_tx_abort(tx);
        fired = fault_heap_fired(&mem);
        ck_assert_int_eq(err, fired ? JIT_ENOMEM : JIT_OK);
        end(m);
        ck_assert_int_eq(mem.live, 0);
    }
    ck_assert(!fired);
}
END_TEST

static void fill(Suite *suite)
{
    TCase *tcase = test_case(suite, "work", 60);
    tcase_add_test(tcase, random_operations);
    tcase_add_test(tcase, ids_are_the_formula);
    tcase_add_test(tcase, no_trace);
    tcase_add_test(tcase, edges_anew);
    tcase_add_test(tcase, an_id_twice);
    tcase_add_test(tcase, bounds);
    tcase_add_test(tcase, refused_memory);
}

TEST_MAIN("work", fill)
