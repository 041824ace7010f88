/* Goal:   a process's own graph never has more than its quota says, whatever its worker says of it;
 * what it has is known exactly after any history. Method: a worker that is the test itself tells of
 * graphs made in a store of its own: changes drawn at random within a large quota, the amount each
 * time compared with a count of all there is; and one step too many in each of the three, after
 * which it is killed by name and the graph is as it was. */
#include "rmg/change/diff.h"
#include "tests/kernel/core/hands.h"
#include "tests/lib/must.h"

#define GRAPH_TEXT(quota)                                                                          \
    "system test\n" CELL_TYPES CELL_BUMP CELL_LINK                                                 \
    "process v run bump(n = 1), link apply all over shard(/world)\n  graph at most " quota "\n"    \
    "process w run bump(n = 2), link apply all over shard(/world)\n"                               \
    "grant w: map /world\ngrant v: map /world\n"

#define MEMORY (4u << 20)
#define NODES  6u

/* What the worker has; its last versions are `before` and `now`. */
static struct rmg_arena arena;
static struct rmg_store *store;
static struct rmg_version now;
static struct jit_id place;
static uint8_t *memory;

static struct jit_id id_of(unsigned n)
{
    char label[16];
    struct jit_id id;
    int size = snprintf(label, sizeof label, "own%u", n);
    jit_hash_named("node:", label, (size_t)size, &id);
    return id;
}

static void worker_begin(void)
{
    memory = aligned_alloc(4096, MEMORY);
    ck_assert_ptr_nonnull(memory);
    rmg_arena_init(&arena, memory, MEMORY, MEMORY, RMG_GRANULE);
    const struct rmg_store_options options = {.arenas = {&arena}, .arena_count = 1};
    must(rmg_store_new(jit_heap_libc(), &options, &store));
    now = rmg_version_empty();
    jit_hash_named("warp:", "own", 3, &place);
}

static void worker_end(void)
{
    rmg_store_free(store);
    free(memory);
}

/* Seal, and tell the kernel with the next done. */
static void tell(struct rmg_tx *tx)
{
    static uint8_t request[GRAPH_BYTES];
    struct jit_buf patch;
    const struct rmg_state before = {store, now};
    struct rmg_state after = {store, now};
    must(rmg_store_pin(store, &before.version));
    must(rmg_tx_seal(tx, &after.version));
    jit_buf_init(&patch, jit_heap_libc(), sizeof request - JIT_ID_BYTES);
    must(rmg_diff_patch(jit_heap_libc(), &before, &after, &patch, NULL));
    memcpy(request, after.version.state_root.bytes, JIT_ID_BYTES);
    memcpy(request + JIT_ID_BYTES, patch.data, patch.size);
    post(V, SYS_CALL_own, request, JIT_ID_BYTES + patch.size);
    rmg_store_unpin(store, &before.version);
    jit_buf_release(&patch);
    now = after.version;
}

static struct rmg_tx *change(void)
{
    struct rmg_tx *tx = NULL;
    must(rmg_tx_begin(store, &now, &tx));
    return tx;
}

static void put_node(struct rmg_tx *tx, unsigned n)
{
    const struct jit_id id = id_of(n);
    must(rmg_tx_upsert_node(tx, &place, &id, &cell_type));
}

static struct rmg_edge edge_of(unsigned n)
{
    return (struct rmg_edge){id_of(100 + n), id_of(n % NODES), id_of(n / NODES), next_type};
}

static void put_atom(struct rmg_tx *tx, unsigned n, uint32_t size)
{
    static const uint8_t bytes[64];
    const struct jit_id owner = id_of(n);
    const struct rmg_attachment atom = {
        "a", 1, {.kind = RMG_VALUE_ATOM, .type = cell_type, .bytes = bytes, .size = size}};
    must(rmg_tx_set_attachment(tx, &place, RMG_PLANE_ALPHA, &owner, &atom));
}

static void put_root(struct rmg_tx *tx)
{
    const struct jit_id root = id_of(0);
    must(rmg_tx_upsert_instance(tx, &place, &root, NULL));
    put_node(tx, 0);
}

static struct rmg_amount known(void)
{
    const struct kern_own *own = kern_core_own(sim.core, V);
    return own == NULL ? (struct rmg_amount){.nodes = 0} : own->use;
}

/* ---- a history ---- */

struct model {
    bool nodes[NODES];
    bool edges[NODES * NODES];
    uint32_t atoms[NODES]; /* size + 1; 0: none */
};

static bool has_edges(const struct model *m, unsigned n)
{
    bool any = false;
    for (unsigned i = 0; i < NODES; i++) {
        any = any || m->edges[n + NODES * i] || m->edges[i + NODES * n];
    }
    return any;
}

static void draw_one(struct model *m, struct rmg_tx *tx, struct jit_random *random)
{
    const unsigned n = (unsigned)jit_random_below(random, NODES);
    const unsigned e = (unsigned)jit_random_below(random, NODES * NODES);
    const struct jit_id id = id_of(n);
    const struct rmg_edge edge = edge_of(e);
    switch (jit_random_below(random, 5)) {
    case 0:
        put_node(tx, n);
        m->nodes[n] = true;
        break;
    case 1:
        if (n != 0 && m->nodes[n] && !has_edges(m, n) && m->atoms[n] == 0) {
            must(rmg_tx_delete_node(tx, &place, &id));
            m->nodes[n] = false;
        }
        break;
    case 2:
        if (m->nodes[e % NODES] && m->nodes[e / NODES]) {
            must(rmg_tx_upsert_edge(tx, &place, &edge));
            m->edges[e] = true;
        }
        break;
    case 3:
        if (m->edges[e]) {
            must(rmg_tx_delete_edge(tx, &place, &edge.id));
            m->edges[e] = false;
        }
        break;
    default:
        if (m->nodes[n] && m->atoms[n] > 0 && jit_random_below(random, 2) == 0) {
            must(rmg_tx_clear_attachment(tx, &place, RMG_PLANE_ALPHA, &id, "a", 1));
            m->atoms[n] = 0;
        } else if (m->nodes[n]) {
            m->atoms[n] = 1 + (uint32_t)jit_random_below(random, 33);
            put_atom(tx, n, m->atoms[n] - 1);
        }
    }
}

static struct rmg_amount amount_of(const struct model *m)
{
    struct rmg_amount sum = {.nodes = 0};
    for (unsigned i = 0; i < NODES; i++) {
        sum.nodes += m->nodes[i];
        sum.bytes += m->atoms[i] == 0 ? 0 : m->atoms[i] - 1;
    }
    for (unsigned i = 0; i < NODES * NODES; i++) {
        sum.edges += m->edges[i];
    }
    return sum;
}

START_TEST(the_amount_is_known_exactly)
{
    struct model m = {.nodes = {true}};
    struct jit_random random = jit_random_of(11);
    begin(GRAPH_TEXT("6 nodes, 36 edges, 192 bytes"));
    worker_begin();
    struct rmg_tx *tx = change();
    put_root(tx);
    for (unsigned t = 0; t < 60; t++) {
        tell(tx);
        tick();
        const struct rmg_amount got = known();
        const struct rmg_amount want = amount_of(&m);
        ck_assert_msg(memcmp(&got, &want, sizeof got) == 0, "seed 11, tick %u", t);
        tx = change();
        for (unsigned k = 0; k < 8; k++) {
            draw_one(&m, tx, &random);
        }
    }
    rmg_tx_abort(tx);
    ck_assert_uint_eq(hands[V].starts, 1);
    worker_end();
    end();
}
END_TEST

/* ---- one too many ---- */

START_TEST(one_too_many) /* _i: nodes, edges, bytes */
{
    static const char *const said[] = {"would have 3 nodes, and 2 are", "would have 2 edges, and 1",
                                       "would have 9 bytes of atoms, and 8"};
    struct kern_process_status status;
    begin(GRAPH_TEXT("2 nodes, 1 edge, 8 bytes"));
    worker_begin();
    struct rmg_tx *tx = change();
    const struct rmg_edge edges[2] = {edge_of(1), edge_of(NODES)};
    put_root(tx);
    put_node(tx, 1);
    must(rmg_tx_upsert_edge(tx, &place, &edges[0]));
    put_atom(tx, 1, 8);
    tell(tx); /* as much as it may have */
    tick();
    const struct rmg_amount full = {.nodes = 2, .edges = 1, .bytes = 8};
    struct rmg_amount got = known();
    ck_assert_mem_eq(&got, &full, sizeof got);
    tx = change();
    if (_i == 0) {
        put_node(tx, 2);
    } else if (_i == 1) {
        must(rmg_tx_upsert_edge(tx, &place, &edges[1]));
    } else {
        put_atom(tx, 1, 9);
    }
    const uint64_t starts_before = hands[V].starts;
    tell(tx);
    sim_hand_done(&hands[V]);
    sim_hands_bell(&two_hands, V);
    ck_assert_uint_eq(hands[V].starts, starts_before + 1);
    kern_core_process(sim.core, V, &status);
    ck_assert_msg(strstr(status.last, "over quota") != NULL &&
                      strstr(status.last, said[_i]) != NULL,
                  "%s", status.last);
    got = known();
    ck_assert_mem_eq(&got, &full, sizeof got);
    worker_end();
    end();
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "quota", 60);
    tcase_add_test(t, the_amount_is_known_exactly);
    tcase_add_loop_test(t, one_too_many, 0, 3);
}

TEST_MAIN("quota", suite)
