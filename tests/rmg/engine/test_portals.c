/* Goal:   graphs nest as DESIGN 4.2 says: one portal an instance, on a node or an edge; nothing is
 *         deleted that something descends to; and whoever reads inside has read the portals that
 *         lead there, so that nobody moves them meanwhile.
 * Method: the store's rules one by one, each limit and one past it; then ticks with requests in an
 *         instance three deep, and events on the way to it. */
#include "base/limits.h"
#include "tests/lib/bed.h"
#include "tests/lib/must.h"
#include "tests/lib/tcase.h"
#include "tests/rmg/change/merge_kit.h"

/* ---- the store ---- */

static struct fault_heap heap;
static struct kit kit;
static struct kit_hand hand;

/* Instance 0 with nodes 0 to 2, edge 0: 0 -> 1; in it 1 on node 1, "a"; in that 2 on edge 0, "". */
static void setup(void)
{
    struct jit_id id[3] = {kit_instance(0), kit_instance(1), kit_instance(2)};
    struct jit_id node[3] = {kit_node(0), kit_node(1), kit_node(2)};
    struct jit_id type = kit_type(0);
    struct rmg_edge edge = {kit_edge(0), node[0], node[1], type};
    struct rmg_parent parent = {.present = true, .plane = RMG_PLANE_ALPHA, .instance = id[0]};
    parent.owner = node[1];
    parent.name_size = 1;
    parent.name[0] = 'a';
    heap = fault_heap_make(-1, false);
    kit_open(&kit, &heap.heap, 1u << 20);
    must(rmg_tx_begin(kit.store, &kit.version, &hand.tx));
    must(rmg_tx_upsert_instance(hand.tx, &id[0], &node[0], NULL));
    for (int i = 0; i < 3; i++) {
        must(rmg_tx_upsert_node(hand.tx, &id[0], &node[i], &type));
    }
    must(rmg_tx_upsert_edge(hand.tx, &id[0], &edge));
    kit_hang(&hand, &id[1], &node[0], &parent);
    must(rmg_tx_upsert_node(hand.tx, &id[1], &node[0], &type));
    must(rmg_tx_upsert_node(hand.tx, &id[1], &node[1], &type));
    must(rmg_tx_upsert_edge(hand.tx, &id[1], &edge));
    parent = (struct rmg_parent){true, RMG_PLANE_BETA, id[1], edge.id, 0, ""};
    kit_hang(&hand, &id[2], &node[0], &parent);
    must(rmg_tx_upsert_node(hand.tx, &id[2], &node[0], &type));
    must(rmg_tx_seal(hand.tx, &kit.version));
    must(rmg_tx_begin(kit.store, &kit.version, &hand.tx));
}

static void teardown(void)
{
    kit_close(&kit, &heap.heap);
    ck_assert_int_eq(heap.live, 0);
}

static void sealed(enum jit_err expected)
{
    struct jit_id before = kit.version.state_root;
    struct rmg_fault fault;
    ck_assert_int_eq(rmg_tx_seal(hand.tx, &kit.version), expected);
    ck_assert(expected == JIT_OK || jit_id_equal(&kit.version.state_root, &before));
    must(rmg_store_verify(kit.store, &kit.version, &fault));
}

static void set_portal(unsigned in, enum rmg_plane plane, const struct jit_id *owner,
                       const char *name, unsigned to)
{
    struct jit_id id = kit_instance(in);
    struct rmg_attachment portal = {
        name, (uint32_t)strlen(name), {.kind = RMG_VALUE_PORTAL, .type = kit_instance(to)}};
    must(rmg_tx_set_attachment(hand.tx, &id, plane, owner, &portal));
}

static void clear(unsigned in, enum rmg_plane plane, const struct jit_id *owner, const char *name)
{
    struct jit_id id = kit_instance(in);
    must(rmg_tx_clear_attachment(hand.tx, &id, plane, owner, name, (uint32_t)strlen(name)));
}

/* Whichever comes first by its id, up from it. */
START_TEST(the_top_is_found)
{
    struct rmg_version empty = rmg_version_empty();
    struct rmg_instance top;
    struct jit_id first = kit_instance(0);
    must(rmg_store_top(kit.store, &kit.version, &top));
    ck_assert(!top.parent.present);
    ck_assert(jit_id_equal(&top.id, &first));
    ck_assert_uint_eq(top.roots.node_count, 3);
    ck_assert_int_eq(rmg_store_top(kit.store, &empty, &top), JIT_ENOENT);
    rmg_tx_abort(hand.tx);
}
END_TEST

START_TEST(a_portal_leads_somewhere)
{
    struct jit_id node = kit_node(2);
    set_portal(0, RMG_PLANE_ALPHA, &node, "x", 9); /* to no instance */
    sealed(JIT_EINVALID);
}
END_TEST

START_TEST(one_portal_an_instance)
{
    struct jit_id node = kit_node(2);
    set_portal(0, RMG_PLANE_ALPHA, &node, "x", 2); /* a second one */
    sealed(JIT_EINVALID);
}
END_TEST

START_TEST(no_instance_without_a_portal)
{
    struct jit_id edge = kit_edge(0);
    clear(1, RMG_PLANE_BETA, &edge, "");
    sealed(JIT_EINVALID);
}
END_TEST

START_TEST(a_portal_is_not_written_over)
{
    struct jit_id in = kit_instance(1);
    struct jit_id edge = kit_edge(0);
    static const uint8_t bytes[8];
    struct rmg_attachment atom = {
        "", 0, {RMG_VALUE_ATOM, *rmg_codec_type(RMG_CODEC_I64), bytes, 8}};
    must(rmg_tx_set_attachment(hand.tx, &in, RMG_PLANE_BETA, &edge, &atom));
    sealed(JIT_EINVALID);
}
END_TEST

START_TEST(owners_of_portals_stay) /* nothing cascades */
{
    struct jit_id in[2] = {kit_instance(0), kit_instance(1)};
    struct jit_id edge = kit_edge(0);
    struct jit_id node = kit_node(1);
    ck_assert_int_eq(rmg_tx_delete_edge(hand.tx, &in[1], &edge), JIT_EINVALID);
    must(rmg_tx_delete_edge(hand.tx, &in[0], &edge));
    ck_assert_int_eq(rmg_tx_delete_node(hand.tx, &in[0], &node), JIT_EINVALID);
    rmg_tx_abort(hand.tx);
}
END_TEST

START_TEST(deleted_only_when_nothing_descends)
{
    struct jit_id in[3] = {kit_instance(0), kit_instance(1), kit_instance(2)};
    struct jit_id node = kit_node(0);
    struct jit_id edge = kit_edge(0);
    struct jit_id owner = kit_node(1);
    ck_assert_int_eq(rmg_tx_delete_instance(hand.tx, &in[2]), JIT_EINVALID); /* not empty */
    must(rmg_tx_delete_node(hand.tx, &in[2], &node));
    must(rmg_tx_delete_instance(hand.tx, &in[2]));
    sealed(JIT_EINVALID); /* its portal is still there */
    must(rmg_tx_begin(kit.store, &kit.version, &hand.tx));
    kit_drop_edge(&hand, &in[1], &edge); /* and 2, which hangs on it */
    kit_drop_node(&hand, &in[1], &owner);
    must(rmg_tx_delete_node(hand.tx, &in[1], &node));
    must(rmg_tx_delete_instance(hand.tx, &in[1]));
    sealed(JIT_EINVALID);
    must(rmg_tx_begin(kit.store, &kit.version, &hand.tx));
    clear(0, RMG_PLANE_ALPHA, &owner, "a");
    kit_drop_instance(&hand, &in[1]);
    sealed(JIT_OK);
    ck_assert_uint_eq(kit.version.instance_count, 1);
}
END_TEST

START_TEST(an_instance_that_was_left_alone) /* its parent goes, it stays */
{
    struct jit_id in[2] = {kit_instance(0), kit_instance(1)};
    struct jit_id owner = kit_node(1);
    struct jit_id edge = kit_edge(0);
    struct jit_id node = kit_node(0);
    clear(0, RMG_PLANE_ALPHA, &owner, "a");
    clear(1, RMG_PLANE_BETA, &edge, "");
    must(rmg_tx_delete_edge(hand.tx, &in[1], &edge));
    must(rmg_tx_delete_node(hand.tx, &in[1], &node));
    must(rmg_tx_delete_node(hand.tx, &in[1], &owner));
    must(rmg_tx_delete_instance(hand.tx, &in[1]));
    sealed(JIT_EINVALID);
}
END_TEST

START_TEST(a_cycle_is_refused) /* 1 into 2, which lies in 1 */
{
    struct jit_id in = kit_instance(1);
    struct jit_id root = kit_node(0);
    struct jit_id owner = kit_node(1);
    struct rmg_parent parent = {true, RMG_PLANE_ALPHA, kit_instance(2), root, 1, "x"};
    clear(0, RMG_PLANE_ALPHA, &owner, "a");
    kit_hang(&hand, &in, &root, &parent);
    sealed(JIT_EINVALID);
    must(rmg_tx_begin(kit.store, &kit.version, &hand.tx));
    parent.instance = in; /* and into itself */
    clear(0, RMG_PLANE_ALPHA, &owner, "a");
    kit_hang(&hand, &in, &root, &parent);
    sealed(JIT_EINVALID);
}
END_TEST

START_TEST(instances_at_the_limit)
{
    struct kit many;
    struct jit_id top = kit_instance(0);
    struct jit_id type = kit_type(0);
    struct jit_id root = kit_node(0);
    struct rmg_parent parent = {.present = true, .plane = RMG_PLANE_ALPHA, .instance = top};
    rmg_tx_abort(hand.tx);
    kit_open(&many, &heap.heap, 512u << 20);
    must(rmg_tx_begin(many.store, &many.version, &hand.tx));
    must(rmg_tx_upsert_instance(hand.tx, &top, &root, NULL));
    must(rmg_tx_upsert_node(hand.tx, &top, &root, &type));
    for (uint32_t i = 1; i < JIT_INSTANCES_MAX; i++) {
        const uint32_t owner = i / JIT_ATTACHMENTS_MAX;
        struct jit_id id;
        jit_hash_named("many:", &i, sizeof i, &id);
        jit_hash_named("owner:", &owner, sizeof owner, &parent.owner);
        must(rmg_tx_upsert_node(hand.tx, &top, &parent.owner, &type));
        parent.name_size = (uint32_t)snprintf(parent.name, sizeof parent.name, "%u", i);
        kit_hang(&hand, &id, &root, &parent);
        must(rmg_tx_upsert_node(hand.tx, &id, &root, &type));
    }
    struct jit_id one_more = kit_instance(1);
    ck_assert_int_eq(rmg_tx_upsert_instance(hand.tx, &one_more, &root, &parent), JIT_ELIMIT);
    must(rmg_tx_seal(hand.tx, &many.version));
    ck_assert_uint_eq(many.version.instance_count, JIT_INSTANCES_MAX);
    kit_close(&many, &heap.heap);
}
END_TEST

/* ---- the engine ---- */

static struct bed bed;
static struct bed_batch batch;
static struct rmg_tick_output output;
static struct jit_id middle;
static struct jit_id inner;

static struct rmg_parent hung_on(enum rmg_plane plane, const struct jit_id *in,
                                 const struct jit_id *owner, const char *name)
{
    struct rmg_parent parent = {.present = true, .plane = plane, .instance = *in, .owner = *owner};
    parent.name_size = (uint32_t)strlen(name);
    memcpy(parent.name, name, parent.name_size);
    return parent;
}

/* In the bed's instance, on node 3, "middle"; in that, on an edge, "": with node 5 of the bed. */
static void setup_tick(void)
{
    static const uint8_t zero[8];
    struct rmg_attachment hits = {
        "hits", 4, {RMG_VALUE_ATOM, *rmg_codec_type(RMG_CODEC_I64), zero, 8}};
    struct rmg_attachment state = {
        "state", 5, {RMG_VALUE_ATOM, *rmg_codec_type(RMG_CODEC_I64), zero, 8}};
    struct jit_id type = sample_type_p();
    struct kit_hand h = {.tx = NULL};
    bed_begin(&bed, 12, 12, 3, false);
    memset(&batch, 0, sizeof batch);
    middle = kit_instance(1);
    inner = kit_instance(2);
    struct rmg_edge loop = {kit_edge(0), bed.nodes[5], bed.nodes[5], sample_type_d()};
    struct rmg_parent parent = hung_on(RMG_PLANE_ALPHA, &bed.instance, &bed.nodes[3], "middle");
    must(rmg_tx_begin(bed.store, &bed.version, &h.tx));
    kit_hang(&h, &middle, &bed.nodes[5], &parent);
    must(rmg_tx_upsert_node(h.tx, &middle, &bed.nodes[5], &type));
    must(rmg_tx_upsert_edge(h.tx, &middle, &loop));
    parent = hung_on(RMG_PLANE_BETA, &middle, &loop.id, "");
    kit_hang(&h, &inner, &bed.nodes[5], &parent);
    must(rmg_tx_upsert_node(h.tx, &inner, &bed.nodes[5], &type));
    must(rmg_tx_set_attachment(h.tx, &inner, RMG_PLANE_ALPHA, &bed.nodes[5], &hits));
    must(rmg_tx_set_attachment(h.tx, &inner, RMG_PLANE_ALPHA, &bed.nodes[5], &state));
    must(rmg_tx_seal(h.tx, &bed.version));
}

static void teardown_tick(void)
{
    bed_end(&bed);
    ck_assert_int_eq(bed.mem.live, 0);
}

static void run(const struct rmg_op *events, uint32_t count)
{
    struct rmg_tick_input input = bed_input(&bed, &batch);
    input.events = events;
    input.event_count = count;
    must(rmg_engine_tick(bed.engine, &input, &output));
}

/* Is this slot among those that the tick read? */
static bool was_read(enum rmg_slot_kind kind, const struct jit_id *in, const struct jit_id *id,
                     const char *name)
{
    const struct rmg_slot wanted = {.kind = kind,
                                    .instance = *in,
                                    .id = *id,
                                    .name = name,
                                    .name_size = (uint32_t)strlen(name)};
    struct jit_cursor cur = jit_cursor_of(output.patch, output.patch_size);
    struct jit_id base;
    bool found = false;
    jit_get_id(&cur, &base);
    for (uint64_t left = jit_get_u64(&cur); left > 0; left--) {
        struct rmg_slot slot;
        must(rmg_slot_decode(&cur, &slot));
        found = found || rmg_slot_compare(&slot, &wanted) == 0;
    }
    return found;
}

static bool way_was_read(void)
{
    struct jit_id loop = kit_edge(0);
    bool first = was_read(RMG_SLOT_ALPHA, &bed.instance, &bed.nodes[3], "middle");
    ck_assert_int_eq(first, was_read(RMG_SLOT_BETA, &middle, &loop, ""));
    return first;
}

START_TEST(reading_inside_reads_the_way)
{
    bed_request(&bed, &batch, SAMPLE_LOAD, 5);
    run(NULL, 0);
    ck_assert_uint_eq(output.applied, 1);
    ck_assert(!way_was_read()); /* nobody went there */
    bed_advance(&bed, &output);
    memset(&batch, 0, sizeof batch);
    bed_request(&bed, &batch, SAMPLE_LOAD, 5)->instance = inner;
    bed_request(&bed, &batch, SAMPLE_LOAD, 6);
    bed_request(&bed, &batch, SAMPLE_LOAD, 5)->instance = inner;
    batch.requests[2].nonce = 1;
    run(NULL, 0);
    ck_assert_uint_eq(output.applied, 3);
    ck_assert(way_was_read());
}
END_TEST

START_TEST(who_lost_read_nothing)
{
    bed_request(&bed, &batch, SAMPLE_LOAD, 5)->instance = inner;
    batch.requests[0].result = RMG_DENIED;
    run(NULL, 0);
    ck_assert_uint_eq(output.applied, 0);
    ck_assert(!way_was_read());
}
END_TEST

START_TEST(a_way_that_an_event_changes)
{
    struct rmg_parent parent = hung_on(RMG_PLANE_ALPHA, &bed.instance, &bed.nodes[4], "middle");
    struct rmg_op events[3] = {
        {.kind = RMG_OP_CLEAR_ATTACHMENT,
         .plane = RMG_PLANE_ALPHA,
         .instance = bed.instance,
         .id = bed.nodes[3],
         .attachment = {.name = "middle", .name_size = 6}},
        {.kind = RMG_OP_UPSERT_INSTANCE,
         .instance = middle,
         .from = bed.nodes[5],
         .parent = &parent},
        {.kind = RMG_OP_SET_ATTACHMENT,
         .plane = RMG_PLANE_ALPHA,
         .instance = bed.instance,
         .id = bed.nodes[4],
         .attachment = {"middle", 6, {.kind = RMG_VALUE_PORTAL, .type = middle}}}};
    bed_request(&bed, &batch, SAMPLE_LOAD, 5)->instance = inner;
    bed_request(&bed, &batch, SAMPLE_LOAD, 6);
    run(events, 3);
    ck_assert_uint_eq(output.applied, 1);
    for (uint32_t i = 0; i < 2; i++) {
        bool inside = jit_id_equal(&batch.requests[i].instance, &inner);
        ck_assert_int_eq(output.receipts[i].result, inside ? RMG_CONFLICT : RMG_APPLIED);
        ck_assert_uint_eq(output.receipts[i].blocker, RMG_NO_BLOCKER);
    }
    /* the next tick finds the new way */
    bed_advance(&bed, &output);
    memset(&batch, 0, sizeof batch);
    bed_request(&bed, &batch, SAMPLE_LOAD, 5)->instance = inner;
    run(NULL, 0);
    ck_assert_uint_eq(output.applied, 1);
    ck_assert(was_read(RMG_SLOT_ALPHA, &bed.instance, &bed.nodes[4], "middle"));
    ck_assert(!was_read(RMG_SLOT_ALPHA, &bed.instance, &bed.nodes[3], "middle"));
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "store", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_top_is_found);
    tcase_add_test(t, a_portal_leads_somewhere);
    tcase_add_test(t, one_portal_an_instance);
    tcase_add_test(t, no_instance_without_a_portal);
    tcase_add_test(t, a_portal_is_not_written_over);
    tcase_add_test(t, owners_of_portals_stay);
    tcase_add_test(t, deleted_only_when_nothing_descends);
    tcase_add_test(t, an_instance_that_was_left_alone);
    tcase_add_test(t, a_cycle_is_refused);
    tcase_add_test(t, instances_at_the_limit);
    t = test_case(s, "engine", 60);
    tcase_add_checked_fixture(t, setup_tick, teardown_tick);
    tcase_add_test(t, reading_inside_reads_the_way);
    tcase_add_test(t, who_lost_read_nothing);
    tcase_add_test(t, a_way_that_an_event_changes);
}

TEST_MAIN("portals", suite)
