/* Goal:   every kind of conflict is found and named, every limit holds at its value and not one
 *         past it, choices do what docs/spec/merge.md says, and a merge costs the differences.
 * Method: one small base; each case changes both sides by hand and says what must be listed. */
#include "base/limits.h"
#include "tests/lib/tcase.h"
#include "tests/rmg/merge_kit.h"

static struct fault_heap heap;
static struct kit base, ours, theirs;
static struct rmg_tx *tx; /* of the side being changed */
static struct rmg_merge_result result;
static bool merged;

static void must(enum jit_err err)
{
    ck_assert_msg(err == JIT_OK, "%s", jit_err_text(err));
}

static void begin(struct kit *side)
{
    must(rmg_tx_begin(side->store, &side->version, &tx));
}

static void end(struct kit *side)
{
    must(rmg_tx_seal(tx, &side->version));
}

/* ---- changes, by numbers ---- */

static void node(unsigned in, unsigned id, unsigned type)
{
    struct jit_id a = kit_instance(in);
    struct jit_id b = kit_node(id);
    struct jit_id c = kit_type(type);
    must(rmg_tx_upsert_node(tx, &a, &b, &c));
}

static void no_node(unsigned in, unsigned id)
{
    struct jit_id a = kit_instance(in);
    struct jit_id b = kit_node(id);
    must(rmg_tx_delete_node(tx, &a, &b));
}

static void edge(unsigned in, unsigned id, unsigned from, unsigned to)
{
    struct jit_id a = kit_instance(in);
    struct rmg_edge e = {kit_edge(id), kit_node(from), kit_node(to), kit_type(1)};
    must(rmg_tx_upsert_edge(tx, &a, &e));
}

static void no_edge(unsigned in, unsigned id)
{
    struct jit_id a = kit_instance(in);
    struct jit_id b = kit_edge(id);
    must(rmg_tx_delete_edge(tx, &a, &b));
}

static void value_on(unsigned in, enum rmg_plane plane, unsigned owner, const char *name, int64_t v)
{
    uint8_t bytes[8];
    struct jit_id a = kit_instance(in);
    struct jit_id b = plane == RMG_PLANE_ALPHA ? kit_node(owner) : kit_edge(owner);
    struct rmg_attachment at = {
        name, (uint32_t)strlen(name), {RMG_VALUE_ATOM, *rmg_codec_type(RMG_CODEC_I64), bytes, 8}};
    jit_put_le64(bytes, (uint64_t)v);
    must(rmg_tx_set_attachment(tx, &a, plane, &b, &at));
}

static void value(unsigned in, unsigned owner, const char *name, int64_t v)
{
    value_on(in, RMG_PLANE_ALPHA, owner, name, v);
}

static void no_value(unsigned in, unsigned owner, const char *name)
{
    struct jit_id a = kit_instance(in);
    struct jit_id b = kit_node(owner);
    must(rmg_tx_clear_attachment(tx, &a, RMG_PLANE_ALPHA, &b, name, (uint32_t)strlen(name)));
}

static struct rmg_parent slot(unsigned in, unsigned owner, const char *name)
{
    struct rmg_parent parent = {.present = true,
                                .plane = RMG_PLANE_ALPHA,
                                .instance = kit_instance(in),
                                .owner = kit_node(owner),
                                .name_size = (uint32_t)strlen(name)};
    memcpy(parent.name, name, parent.name_size);
    return parent;
}

static void hang(unsigned id, unsigned root, unsigned in, unsigned owner, const char *name)
{
    struct kit_hand h = {.tx = tx};
    struct jit_id a = kit_instance(id);
    struct jit_id b = kit_node(root);
    struct rmg_parent parent = slot(in, owner, name);
    kit_hang(&h, &a, &b, &parent);
}

/* A new instance with root node 0. */
static void instance(unsigned id, unsigned in, unsigned owner, const char *name)
{
    hang(id, 0, in, owner, name);
    node(id, 0, 1);
}

static void move(unsigned id, unsigned from, unsigned from_owner, const char *from_name,
                 unsigned to, unsigned owner, const char *name)
{
    no_value(from, from_owner, from_name);
    hang(id, 0, to, owner, name);
}

static void drop_instance(unsigned id, unsigned in, unsigned owner, const char *name)
{
    struct kit_hand h = {.tx = tx};
    struct jit_id a = kit_instance(id);
    no_value(in, owner, name);
    kit_drop_instance(&h, &a);
}

/* ---- the base ---- */

/* Instance 0 with nodes 0 to 3 of type 0, edges 0: 1 -> 2 and 1: 2 -> 3, n = 5 on node 1; in it
 * instances 1 (on node 0, "a") and 2 (on node 0, "b"), each with nodes 0 and 1. */
static void setup(void)
{
    struct jit_id top = kit_instance(0);
    struct jit_id root = kit_node(0);
    heap = fault_heap_make(-1, false);
    merged = false;
    kit_open(&base, &heap.heap, 16u << 20);
    begin(&base);
    must(rmg_tx_upsert_instance(tx, &top, &root, NULL));
    for (unsigned i = 0; i < 4; i++) {
        node(0, i, 0);
    }
    edge(0, 0, 1, 2);
    edge(0, 1, 2, 3);
    value(0, 1, "n", 5);
    instance(1, 0, 0, "a");
    node(1, 1, 1);
    instance(2, 0, 0, "b");
    node(2, 1, 1);
    end(&base);
    kit_copy(&ours, &base, &heap.heap);
    kit_copy(&theirs, &base, &heap.heap);
}

static void forget(void)
{
    if (merged) {
        rmg_merge_result_release(&result);
    }
    merged = false;
}

static void teardown(void)
{
    forget();
    kit_close(&base, &heap.heap);
    kit_close(&ours, &heap.heap);
    kit_close(&theirs, &heap.heap);
    ck_assert_int_eq(heap.live, 0);
}

/* The base gets more: both sides as well. */
static void extend(void (*change)(void))
{
    begin(&base);
    change();
    end(&base);
    kit_close(&ours, &heap.heap);
    kit_close(&theirs, &heap.heap);
    kit_copy(&ours, &base, &heap.heap);
    kit_copy(&theirs, &base, &heap.heap);
}

static struct rmg_merge_options plain(void)
{
    return (struct rmg_merge_options){
        .heap = &heap.heap, .join_of = kit_join_of, .strategy = RMG_SIDE_NONE};
}

static enum jit_err merge_with(const struct rmg_merge_options *options)
{
    struct rmg_state a = kit_state(&base);
    struct rmg_state b = kit_state(&ours);
    struct rmg_state c = kit_state(&theirs);
    forget();
    enum jit_err err = rmg_merge(options, &a, &b, &c, &result);
    merged = err == JIT_OK;
    return err;
}

static void merge(void)
{
    struct rmg_merge_options options = plain();
    must(merge_with(&options));
}

/* The patch gives a valid state; in place of ours. */
static void perform(void)
{
    struct rmg_fault fault;
    struct kit copy;
    ck_assert_uint_eq(result.conflict_count, 0);
    kit_copy(&copy, &base, &heap.heap);
    must(kit_apply(&copy, &heap.heap, &result.patch));
    must(rmg_store_verify(copy.store, &copy.version, &fault));
    kit_close(&ours, &heap.heap);
    ours = copy;
}

struct expected {
    enum rmg_conflict_kind kind;
    enum rmg_part part;
    unsigned in;
    unsigned id;
};

static void listed(const struct expected *expected, size_t count)
{
    ck_assert_uint_eq(result.patch.size, 0);
    for (size_t i = 0; i < result.conflict_count && i < count; i++) {
        const struct rmg_conflict *c = &result.conflicts[i];
        struct jit_id in = kit_instance(expected[i].in);
        struct jit_id id = {{0}};
        if (expected[i].part == RMG_PART_NODE || expected[i].part == RMG_PART_ALPHA) {
            id = kit_node(expected[i].id);
        } else if (expected[i].part != RMG_PART_INSTANCE) {
            id = kit_edge(expected[i].id);
        }
        ck_assert_msg(c->kind == expected[i].kind, "%s, not %s", rmg_conflict_word(c->kind),
                      rmg_conflict_word(expected[i].kind));
        ck_assert_int_eq(c->place.part, expected[i].part);
        ck_assert(jit_id_equal(&c->place.instance, &in));
        ck_assert(jit_id_equal(&c->place.id, &id));
    }
    ck_assert_uint_eq(result.conflict_count, count);
}

static void one(enum rmg_conflict_kind kind, enum rmg_part part, unsigned in, unsigned id)
{
    struct expected expected = {kind, part, in, id};
    merge();
    listed(&expected, 1);
}

static struct rmg_place place(enum rmg_part part, unsigned in, unsigned id, const char *name)
{
    struct rmg_place p = {.part = part, .instance = kit_instance(in), .name = name};
    p.name_size = name == NULL ? 0 : (uint32_t)strlen(name);
    if (part == RMG_PART_NODE || part == RMG_PART_ALPHA) {
        p.id = kit_node(id);
    } else if (part != RMG_PART_INSTANCE) {
        p.id = kit_edge(id);
    }
    return p;
}

/* ---- one of each kind ---- */

START_TEST(value_conflict)
{
    begin(&ours);
    value(0, 2, "a", 1);
    end(&ours);
    begin(&theirs);
    value(0, 2, "a", 2);
    end(&theirs);
    one(RMG_CONFLICT_VALUE, RMG_PART_ALPHA, 0, 2);
    ck_assert_ptr_null(result.conflicts[0].content[RMG_SIDE_BASE]);
    ck_assert_int_eq(result.conflicts[0].content[RMG_SIDE_OURS]->value.bytes[0], 1);
    ck_assert_int_eq(result.conflicts[0].content[RMG_SIDE_THEIRS]->value.bytes[0], 2);
}
END_TEST

START_TEST(sum_and_overflow)
{
    begin(&ours);
    value(0, 1, "n", INT64_MAX - 3);
    end(&ours);
    begin(&theirs);
    value(0, 1, "n", 8); /* + 3 */
    end(&theirs);
    merge();
    ck_assert_uint_eq(result.joined, 1);
    perform();
    union rmg_content space;
    struct rmg_graph graph;
    struct rmg_instance in;
    struct jit_id top = kit_instance(0);
    struct jit_id owner = kit_node(1);
    must(rmg_store_instance(ours.store, &ours.version, &top, &in));
    rmg_store_graph(ours.store, &in, &graph);
    must(rmg_attachment_get(&graph, RMG_PLANE_ALPHA, &owner, "n", 1, &space.value));
    ck_assert_int_eq((int64_t)jit_le64(space.value.bytes), INT64_MAX);
    begin(&theirs);
    value(0, 1, "n", 9); /* ours is INT64_MAX now: one too many */
    end(&theirs);
    one(RMG_CONFLICT_OVERFLOW, RMG_PART_ALPHA, 0, 1);
}
END_TEST

START_TEST(no_join_across_types) /* a node that changed its type has no field to join */
{
    begin(&ours);
    value(0, 1, "n", 6);
    node(0, 1, 2);
    end(&ours);
    begin(&theirs);
    value(0, 1, "n", 7);
    end(&theirs);
    one(RMG_CONFLICT_VALUE, RMG_PART_ALPHA, 0, 1);
}
END_TEST

START_TEST(type_conflict)
{
    begin(&ours);
    node(0, 2, 1);
    end(&ours);
    begin(&theirs);
    node(0, 2, 2);
    end(&theirs);
    one(RMG_CONFLICT_TYPE, RMG_PART_NODE, 0, 2);
}
END_TEST

START_TEST(edge_conflict)
{
    begin(&ours);
    edge(0, 7, 1, 3);
    end(&ours);
    begin(&theirs);
    edge(0, 7, 3, 1);
    end(&theirs);
    one(RMG_CONFLICT_EDGE, RMG_PART_EDGE, 0, 7);
}
END_TEST

START_TEST(deleted_conflict) /* and what hangs on it is not listed again */
{
    begin(&ours);
    node(0, 1, 2);
    value(0, 1, "a", 1);
    end(&ours);
    begin(&theirs);
    no_edge(0, 0);
    no_value(0, 1, "n");
    no_node(0, 1);
    end(&theirs);
    one(RMG_CONFLICT_DELETED, RMG_PART_NODE, 0, 1);
}
END_TEST

START_TEST(owner_deleted_conflict)
{
    begin(&ours);
    value(0, 1, "n", 6);
    value_on(0, RMG_PLANE_BETA, 0, "a", 1);
    end(&ours);
    begin(&theirs);
    no_edge(0, 0);
    no_value(0, 1, "n");
    no_node(0, 1);
    end(&theirs);
    static const struct expected expected[] = {{RMG_CONFLICT_OWNER_DELETED, RMG_PART_ALPHA, 0, 1},
                                               {RMG_CONFLICT_OWNER_DELETED, RMG_PART_BETA, 0, 0}};
    merge();
    listed(expected, 2);
    struct rmg_place owner = place(RMG_PART_NODE, 0, 1, NULL);
    ck_assert(result.conflicts[0].has_other);
    ck_assert_int_eq(rmg_place_compare(&result.conflicts[0].other, &owner), 0);
}
END_TEST

START_TEST(end_deleted_conflict)
{
    begin(&ours);
    edge(0, 5, 3, 1);
    end(&ours);
    begin(&theirs);
    no_edge(0, 0);
    no_value(0, 1, "n");
    no_node(0, 1);
    end(&theirs);
    one(RMG_CONFLICT_END_DELETED, RMG_PART_EDGE, 0, 5);
    struct rmg_place end_place = place(RMG_PART_NODE, 0, 1, NULL);
    ck_assert_int_eq(rmg_place_compare(&result.conflicts[0].other, &end_place), 0);
}
END_TEST

static void rooted(unsigned id, unsigned root)
{
    struct jit_id a = kit_instance(id);
    struct jit_id b = kit_node(root);
    struct rmg_parent parent = slot(0, 0, id == 1 ? "a" : "b");
    must(rmg_tx_upsert_instance(tx, &a, &b, &parent));
}

START_TEST(root_conflicts)
{
    begin(&ours);
    rooted(1, 1);
    end(&ours);
    begin(&theirs);
    no_node(1, 1);
    end(&theirs);
    one(RMG_CONFLICT_ROOT_DELETED, RMG_PART_INSTANCE, 1, 0);
    begin(&theirs);
    node(1, 1, 1);
    node(1, 2, 1);
    rooted(1, 2);
    end(&theirs);
    one(RMG_CONFLICT_INSTANCE, RMG_PART_INSTANCE, 1, 0);
}
END_TEST

START_TEST(instance_deleted_conflict)
{
    begin(&ours);
    value(1, 1, "a", 1);
    node(1, 5, 1);
    end(&ours);
    begin(&theirs);
    drop_instance(1, 0, 0, "a");
    end(&theirs);
    one(RMG_CONFLICT_INSTANCE_DELETED, RMG_PART_INSTANCE, 1, 0);
}
END_TEST

START_TEST(moved_and_deleted) /* a move is a change of what the other side deleted, too */
{
    begin(&ours);
    move(1, 0, 0, "a", 2, 1, "n");
    end(&ours);
    begin(&theirs);
    drop_instance(1, 0, 0, "a");
    end(&theirs);
    one(RMG_CONFLICT_INSTANCE_DELETED, RMG_PART_INSTANCE, 1, 0);
}
END_TEST

START_TEST(parent_conflict) /* two portals to one instance */
{
    begin(&ours);
    move(1, 0, 0, "a", 0, 3, "hi");
    end(&ours);
    begin(&theirs);
    move(1, 0, 0, "a", 2, 0, "lo");
    end(&theirs);
    one(RMG_CONFLICT_PARENT, RMG_PART_INSTANCE, 1, 0);
}
END_TEST

START_TEST(one_slot_two_portals)
{
    begin(&ours);
    instance(3, 0, 2, "a");
    end(&ours);
    begin(&theirs);
    instance(4, 0, 2, "a");
    end(&theirs);
    one(RMG_CONFLICT_VALUE, RMG_PART_ALPHA, 0, 2);
    /* taking one of them drops the other whole */
    struct rmg_choice choice = {place(RMG_PART_ALPHA, 0, 2, "a"), RMG_SIDE_THEIRS};
    struct rmg_merge_options options = plain();
    options.choices = &choice;
    options.choice_count = 1;
    must(merge_with(&options));
    perform();
    ck_assert(jit_id_equal(&ours.version.state_root, &theirs.version.state_root));
}
END_TEST

START_TEST(cycle_conflict)
{
    begin(&ours);
    move(1, 0, 0, "a", 2, 1, "n");
    end(&ours);
    begin(&theirs);
    move(2, 0, 0, "b", 1, 1, "n");
    end(&theirs);
    merge();
    ck_assert_uint_eq(result.conflict_count, 2);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(result.conflicts[i].kind, RMG_CONFLICT_CYCLE);
        ck_assert(result.conflicts[i].has_other);
    }
    struct rmg_choice choice = {place(RMG_PART_INSTANCE, 1, 0, NULL), RMG_SIDE_THEIRS};
    struct rmg_merge_options options = plain();
    options.choices = &choice;
    options.choice_count = 1;
    must(merge_with(&options));
    perform(); /* 1 stays where it was, so 2 may lie in it */
    ck_assert(jit_id_equal(&ours.version.state_root, &theirs.version.state_root));
}
END_TEST

/* Both put a top above the top. */
static void above(unsigned id)
{
    struct jit_id a = kit_instance(id);
    struct jit_id root = kit_node(0);
    must(rmg_tx_upsert_instance(tx, &a, &root, NULL));
    node(id, 0, 1);
    hang(0, 0, id, 0, "a");
}

START_TEST(top_conflict)
{
    begin(&ours);
    above(3);
    end(&ours);
    begin(&theirs);
    above(4);
    end(&theirs);
    one(RMG_CONFLICT_PARENT, RMG_PART_INSTANCE, 0, 0);
    struct rmg_choice choice[2] = {{place(RMG_PART_INSTANCE, 0, 0, NULL), RMG_SIDE_OURS},
                                   {place(RMG_PART_INSTANCE, 4, 0, NULL), RMG_SIDE_OURS}};
    struct rmg_merge_options options = plain();
    options.choices = choice;
    options.choice_count = 1;
    must(merge_with(&options));
    ck_assert_uint_eq(result.conflict_count, 2);
    ck_assert_int_eq(result.conflicts[0].kind, RMG_CONFLICT_TOP);
    ck_assert_int_eq(result.conflicts[1].kind, RMG_CONFLICT_TOP);
    options.choice_count = 2;
    must(merge_with(&options));
    struct jit_id root = ours.version.state_root;
    perform();
    ck_assert(jit_id_equal(&ours.version.state_root, &root));
}
END_TEST

START_TEST(portal_conflict) /* after choices that do not fit together */
{
    begin(&ours);
    move(1, 0, 0, "a", 0, 3, "hi");
    end(&ours);
    struct rmg_choice choice[2] = {{place(RMG_PART_INSTANCE, 1, 0, NULL), RMG_SIDE_OURS},
                                   {place(RMG_PART_ALPHA, 0, 3, "hi"), RMG_SIDE_BASE}};
    struct rmg_merge_options options = plain();
    options.choices = choice;
    options.choice_count = 2;
    must(merge_with(&options));
    ck_assert_uint_eq(result.conflict_count, 1);
    ck_assert_int_eq(result.conflicts[0].kind, RMG_CONFLICT_PORTAL);
    ck_assert_uint_eq(result.patch.size, 0);
}
END_TEST

/* ---- limits ---- */

static void many_values(void)
{
    for (unsigned i = 0; i < 200; i++) {
        char name[16];
        snprintf(name, sizeof name, "v%u", i);
        value(0, 3, name, 1);
    }
}

static void more_values(struct kit *side, unsigned from, unsigned count)
{
    begin(side);
    for (unsigned i = from; i < from + count; i++) {
        char name[16];
        snprintf(name, sizeof name, "v%u", i);
        value(0, 3, name, 1);
    }
    end(side);
}

START_TEST(values_at_the_limit)
{
    extend(many_values);
    more_values(&ours, 200, 28);
    more_values(&theirs, 300, 28);
    merge();
    ck_assert_uint_eq(result.conflict_count, 0);
    more_values(&theirs, 328, 1);
    one(RMG_CONFLICT_LIMIT, RMG_PART_NODE, 0, 3);
    struct rmg_choice choice = {place(RMG_PART_NODE, 0, 3, NULL), RMG_SIDE_THEIRS};
    struct rmg_merge_options options = plain();
    options.choices = &choice;
    options.choice_count = 1;
    must(merge_with(&options));
    ck_assert_uint_eq(result.operations, 29);
    options = plain();
    options.strategy = RMG_SIDE_OURS;
    must(merge_with(&options));
    ck_assert_uint_eq(result.operations, 28);
    begin(&ours);
    no_value(0, 3, "v7");
    end(&ours);
    merge(); /* one went, so one more fits */
    perform();
}
END_TEST

static const char *const link_name = "a";

/* Instances 100 to 131 under the top, one in the other; 200 to 231 as well. Depth 32 each. */
static void two_chains(void)
{
    for (unsigned chain = 100; chain <= 200; chain += 100) {
        for (unsigned i = 0; i < 32; i++) {
            if (i == 0) {
                instance(chain, 0, 2, chain == 100 ? "a" : "n");
            } else {
                instance(chain + i, chain + i - 1, 0, link_name);
            }
        }
    }
}

START_TEST(depth_at_the_limit)
{
    extend(two_chains);
    begin(&ours);
    move(200, 0, 2, "n", 131, 0, "n"); /* its last one lies 64 deep now */
    end(&ours);
    begin(&theirs);
    instance(232, 230, 0, "n"); /* beside the last one: 64 deep */
    end(&theirs);
    merge();
    perform();
    begin(&theirs);
    instance(233, 231, 0, "n"); /* below the last one: 65 deep */
    end(&theirs);
    merge();
    ck_assert_uint_eq(result.conflict_count, 2); /* the one that is new, the one that moved */
    ck_assert_int_eq(result.conflicts[0].kind, RMG_CONFLICT_DEPTH);
    ck_assert_int_eq(result.conflicts[1].kind, RMG_CONFLICT_DEPTH);
    for (int side = RMG_SIDE_OURS; side <= RMG_SIDE_THEIRS; side++) {
        struct rmg_merge_options options = plain();
        options.strategy = (enum rmg_side)side;
        must(merge_with(&options));
        ck_assert_uint_eq(result.conflict_count, 0);
    }
}
END_TEST

START_TEST(depth_of_what_nobody_changed)
{
    extend(two_chains);
    begin(&ours);
    move(200, 0, 2, "n", 131, 0, "n");
    end(&ours);
    begin(&theirs);
    move(100, 0, 2, "a", 1, 1, "n"); /* one deeper; 231 was touched by nobody */
    end(&theirs);
    merge();
    ck_assert_uint_eq(result.conflict_count, 2);
    ck_assert_int_eq(result.conflicts[0].kind, RMG_CONFLICT_DEPTH);
    begin(&ours);
    drop_instance(231, 230, 0, link_name);
    end(&ours);
    merge();
    perform();
}
END_TEST

/* ---- choices ---- */

START_TEST(kept_with_what_it_needs)
{
    begin(&ours);
    edge(0, 5, 3, 1);
    end(&ours);
    begin(&theirs);
    no_edge(0, 0);
    no_value(0, 1, "n");
    no_node(0, 1);
    end(&theirs);
    struct rmg_choice choice = {place(RMG_PART_EDGE, 0, 5, NULL), RMG_SIDE_OURS};
    struct rmg_merge_options options = plain();
    options.choices = &choice;
    options.choice_count = 1;
    must(merge_with(&options));
    perform(); /* the node with its value is there, the other edge is not */
    struct kit_hand h = {.tx = NULL};
    struct rmg_value unused;
    struct jit_id top = kit_instance(0);
    struct jit_id kept = kit_node(1);
    struct jit_id gone = kit_edge(0);
    begin(&ours);
    h.tx = tx;
    ck_assert(kit_value(&h, &top, RMG_PLANE_ALPHA, &kept, "n", &unused));
    ck_assert(!kit_has_edge(&h, &top, &gone));
    rmg_tx_abort(tx);
}
END_TEST

START_TEST(an_instance_kept_deep_inside)
{
    begin(&base);
    instance(3, 1, 1, "n"); /* in 1 */
    end(&base);
    kit_close(&ours, &heap.heap);
    kit_close(&theirs, &heap.heap);
    kit_copy(&ours, &base, &heap.heap);
    kit_copy(&theirs, &base, &heap.heap);
    begin(&ours);
    value(3, 0, "a", 1);
    end(&ours);
    struct jit_id changed = ours.version.state_root;
    begin(&theirs);
    drop_instance(1, 0, 0, "a"); /* and 3 with it */
    end(&theirs);
    one(RMG_CONFLICT_INSTANCE_DELETED, RMG_PART_INSTANCE, 3, 0);
    struct rmg_choice choice = {place(RMG_PART_INSTANCE, 3, 0, NULL), RMG_SIDE_OURS};
    struct rmg_merge_options options = plain();
    options.choices = &choice;
    options.choice_count = 1;
    must(merge_with(&options));
    perform(); /* 1 is there again, whole, since 3 lies in it */
    ck_assert(jit_id_equal(&ours.version.state_root, &changed));
}
END_TEST

START_TEST(bad_choices)
{
    struct rmg_choice choice[2] = {{place(RMG_PART_NODE, 0, 3, NULL), RMG_SIDE_OURS},
                                   {place(RMG_PART_ALPHA, 0, 2, "a"), RMG_SIDE_OURS}};
    struct rmg_merge_options options = plain();
    options.choices = choice;
    options.choice_count = 2;
    begin(&ours);
    value(0, 2, "a", 1);
    end(&ours);
    ck_assert_int_eq(merge_with(&options), JIT_ENOENT);
    ck_assert_uint_eq(result.choice_bad, 0);
    choice[0] = choice[1];
    ck_assert_int_eq(merge_with(&options), JIT_EEXIST);
    options.choice_count = 1;
    choice[0].take = RMG_SIDE_NONE;
    ck_assert_int_eq(merge_with(&options), JIT_EINVALID);
    choice[0].take = RMG_SIDE_BASE; /* a change that conflicts with nothing can be undone */
    must(merge_with(&options));
    ck_assert_uint_eq(result.operations, 0);
}
END_TEST

/* ---- patches ---- */

static enum jit_err rebase_with(const struct rmg_merge_options *options, const struct kit *from,
                                const struct kit *to, const struct kit *onto)
{
    static struct jit_buf patch; /* what is listed borrows from it */
    struct rmg_state a = kit_state(from);
    struct rmg_state b = kit_state(to);
    struct rmg_state c = kit_state(onto);
    forget();
    kit_diff(jit_heap_libc(), &a, &b, &patch);
    enum jit_err err = rmg_rebase(options, &c, patch.data, patch.size, &result);
    merged = err == JIT_OK;
    if (!merged || result.conflict_count == 0) {
        jit_buf_release(&patch);
    }
    return err;
}

static void rebase(void)
{
    struct rmg_merge_options options = plain();
    must(rebase_with(&options, &base, &ours, &theirs));
}

START_TEST(a_node_whose_edges_went_elsewhere)
{
    struct kit copy;
    struct jit_buf patch;
    begin(&ours);
    node(0, 6, 0);
    edge(0, 0, 6, 2);
    no_value(0, 1, "n");
    no_node(0, 1);
    end(&ours);
    struct rmg_state a = kit_state(&base);
    struct rmg_state b = kit_state(&ours);
    kit_diff(&heap.heap, &a, &b, &patch);
    kit_copy(&copy, &base, &heap.heap);
    must(kit_apply(&copy, &heap.heap, &patch));
    ck_assert(jit_id_equal(&copy.version.state_root, &ours.version.state_root));
    kit_close(&copy, &heap.heap);
    jit_buf_release(&patch);
}
END_TEST

/* A patch of one operation on a root. */
static void put_patch(struct jit_buf *patch, const struct jit_id *root, const struct rmg_op *ops,
                      unsigned count)
{
    jit_buf_init(patch, &heap.heap, 1u << 16);
    jit_buf_put_id(patch, root);
    jit_buf_put_u64(patch, 0);
    jit_buf_put_u64(patch, 0);
    jit_buf_put_u64(patch, count);
    for (unsigned i = 0; i < count; i++) {
        rmg_op_encode(&ops[i], patch);
    }
}

START_TEST(an_operation_on_nothing_fails_the_patch)
{
    static const struct rmg_origin origin = {0, 0};
    struct rmg_op ops[2] = {{.kind = RMG_OP_UPSERT_NODE,
                             .id = kit_node(9),
                             .type = kit_type(0),
                             .origins = &origin,
                             .origin_count = 1}};
    struct jit_id there = kit_instance(0);
    struct jit_id missing = kit_instance(77);
    struct jit_buf patch;
    ops[1] = ops[0];
    int order = jit_id_compare(&missing, &there);
    ops[order < 0 ? 0 : 1].instance = missing;
    ops[order < 0 ? 1 : 0].instance = there;
    put_patch(&patch, &base.version.state_root, ops, 2);
    ck_assert_int_eq(kit_apply(&base, &heap.heap, &patch), JIT_ENOENT);
    jit_buf_release(&patch);
}
END_TEST

START_TEST(a_held_node_must_come_free)
{
    static const struct rmg_origin origin = {0, 0};
    struct rmg_op op = {.kind = RMG_OP_DELETE_NODE,
                        .instance = kit_instance(0),
                        .id = kit_node(2),
                        .origins = &origin,
                        .origin_count = 1};
    struct jit_id type = kit_type(0);
    struct jit_buf patch;
    rmg_value_of_node(&type, &op.prior);
    put_patch(&patch, &base.version.state_root, &op, 1);
    ck_assert_int_eq(kit_apply(&base, &heap.heap, &patch), JIT_EDANGLING);
    jit_buf_release(&patch);
}
END_TEST

START_TEST(rebase_compares_values)
{
    begin(&ours);
    value(0, 2, "hi", 4);
    node(0, 3, 2);
    value(0, 3, "a", 1);
    value(0, 1, "n", 6);
    end(&ours);
    begin(&theirs);
    value(0, 2, "hi", 9);
    node(0, 3, 2); /* the same already */
    value(0, 1, "n", 7);
    end(&theirs);
    rebase();
    static const struct expected sum[] = {{RMG_CONFLICT_VALUE, RMG_PART_ALPHA, 0, 1}};
    listed(sum, 1); /* a sum needs the value of the base */
    ck_assert(result.conflicts[0].base_unknown);
    ck_assert(!jit_id_is_zero(&result.conflicts[0].base_hash));
    struct rmg_choice choice = {result.conflicts[0].place, RMG_SIDE_THEIRS};
    struct rmg_merge_options options = plain();
    options.choices = &choice;
    options.choice_count = 1;
    must(rebase_with(&options, &base, &ours, &theirs));
    ck_assert_uint_eq(result.joined, 1); /* max */
    ck_assert_uint_eq(result.operations, 1);
    choice.take = RMG_SIDE_BASE;
    ck_assert_int_eq(rebase_with(&options, &base, &ours, &theirs), JIT_EINVALID);
}
END_TEST

START_TEST(rebase_sees_what_the_patch_does_not_know)
{
    begin(&ours);
    no_edge(0, 0);
    no_value(0, 1, "n");
    no_node(0, 1);
    drop_instance(2, 0, 0, "b");
    end(&ours);
    begin(&theirs);
    value(0, 1, "a", 1);
    edge(0, 5, 1, 3);
    edge(0, 6, 1, 1);
    value_on(0, RMG_PLANE_BETA, 0, "a", 1);
    node(2, 6, 1);
    end(&theirs);
    rebase();
    static const struct expected expected[] = {
        {RMG_CONFLICT_INSTANCE_DELETED, RMG_PART_INSTANCE, 2, 0}};
    ck_assert_uint_eq(result.conflict_count, 5);
    ck_assert_int_eq(result.conflicts[0].kind, expected[0].kind);
    for (int i = 1; i < 3; i++) {
        ck_assert_int_eq(result.conflicts[i].kind, RMG_CONFLICT_END_DELETED);
    }
    for (int i = 3; i < 5; i++) {
        ck_assert_int_eq(result.conflicts[i].kind, RMG_CONFLICT_OWNER_DELETED);
    }
    for (int side = RMG_SIDE_OURS; side <= RMG_SIDE_THEIRS; side++) {
        struct rmg_merge_options options = plain();
        struct kit copy;
        struct rmg_fault fault;
        options.strategy = (enum rmg_side)side;
        must(rebase_with(&options, &base, &ours, &theirs));
        ck_assert_uint_eq(result.conflict_count, 0);
        kit_copy(&copy, &theirs, &heap.heap);
        must(kit_apply(&copy, &heap.heap, &result.patch));
        must(rmg_store_verify(copy.store, &copy.version, &fault));
        ck_assert(jit_id_equal(&copy.version.state_root, side == RMG_SIDE_OURS
                                                             ? &ours.version.state_root
                                                             : &theirs.version.state_root));
        kit_close(&copy, &heap.heap);
    }
}
END_TEST

START_TEST(a_patch_has_a_bound)
{
    struct rmg_merge_options options = plain();
    more_values(&ours, 0, 50);
    must(merge_with(&options));
    options.patch_bytes_max = result.patch.size;
    must(merge_with(&options));
    options.patch_bytes_max--;
    ck_assert_int_eq(merge_with(&options), JIT_ELIMIT);
}
END_TEST

/* ---- memory ---- */

START_TEST(no_memory) /* refuse allocation 0, 1, 2, ... until none is refused */
{
    struct fault_heap fault;
    enum jit_err err = JIT_ENOMEM;
    begin(&ours);
    value(0, 1, "n", 6);
    value(0, 2, "a", 1);
    edge(0, 5, 3, 1);
    move(1, 0, 0, "a", 2, 1, "n");
    end(&ours);
    begin(&theirs);
    value(0, 1, "n", 7);
    value(0, 2, "a", 2);
    move(2, 0, 0, "b", 1, 1, "n");
    end(&theirs);
    struct rmg_state a = kit_state(&base);
    struct rmg_state b = kit_state(&ours);
    struct rmg_state c = kit_state(&theirs);
    struct jit_buf patch;
    kit_diff(&heap.heap, &a, &b, &patch);
    for (int what = 0; what < 3; what++) {
        err = JIT_ENOMEM;
        for (int n = 0; err != JIT_OK; n++) {
            struct rmg_merge_options options = plain();
            struct rmg_merge_result r;
            struct jit_buf diff;
            fault = fault_heap_make(n, false);
            options.heap = &fault.heap;
            options.strategy = what == 0 ? RMG_SIDE_NONE : RMG_SIDE_OURS;
            if (what == 2) {
                err = rmg_rebase(&options, &c, patch.data, patch.size, &r);
            } else {
                err = rmg_merge(&options, &a, &b, &c, &r);
            }
            ck_assert_int_eq(err, fault_heap_fired(&fault) ? JIT_ENOMEM : JIT_OK);
            if (err == JIT_OK) {
                rmg_merge_result_release(&r);
            }
            ck_assert_int_eq(fault.live, 0);
            fault = fault_heap_make(n, false);
            jit_buf_init(&diff, &fault.heap, 1u << 20);
            enum jit_err diff_err = rmg_diff_patch(&fault.heap, &a, &b, &diff, NULL);
            ck_assert_int_eq(diff_err, fault_heap_fired(&fault) ? JIT_ENOMEM : JIT_OK);
            jit_buf_release(&diff);
            ck_assert_int_eq(fault.live, 0);
        }
    }
    jit_buf_release(&patch);
}
END_TEST

/* ---- growth ---- */

#define CHANGES 10u

static void set_far(struct kit *kit, uint64_t size, uint64_t first, int64_t v)
{
    struct jit_id in = kit_instance(0);
    uint8_t bytes[8];
    struct rmg_attachment at = {"v", 1, {RMG_VALUE_ATOM, *rmg_codec_type(RMG_CODEC_I64), bytes, 8}};
    begin(kit);
    for (uint64_t i = 0; i < CHANGES; i++) {
        uint64_t number = (first + i * 7919) % size;
        struct jit_id id;
        jit_hash_named("far:", &number, sizeof number, &id);
        jit_put_le64(bytes, (uint64_t)v);
        must(rmg_tx_set_attachment(tx, &in, RMG_PLANE_ALPHA, &id, &at));
    }
    end(kit);
}

static void load(struct kit *kit, uint64_t size)
{
    struct rmg_bulk bulk = {.nodes = calloc(size, sizeof *bulk.nodes),
                            .node_count = size,
                            .attachments = calloc(size, sizeof *bulk.attachments),
                            .attachment_count = size};
    static const uint8_t zero[8];
    struct jit_id in = kit_instance(0);
    for (uint64_t i = 0; i < size; i++) {
        jit_hash_named("far:", &i, sizeof i, &bulk.nodes[i].id);
        bulk.nodes[i].type = kit_type(0);
        bulk.attachments[i] = (struct rmg_bulk_attachment){
            bulk.nodes[i].id,
            RMG_PLANE_ALPHA,
            {"v", 1, {RMG_VALUE_ATOM, *rmg_codec_type(RMG_CODEC_I64), zero, 8}}};
    }
    struct jit_id root = bulk.nodes[0].id;
    kit_open(kit, &heap.heap, 192u << 20);
    begin(kit);
    must(rmg_tx_upsert_instance(tx, &in, &root, NULL));
    must(rmg_tx_load(tx, &in, &bulk));
    end(kit);
    free(bulk.nodes);
    free(bulk.attachments);
}

/* In one store: ours is the base and ten changes, theirs those undone and ten others. */
START_TEST(costs_the_differences)
{
    static const uint64_t sizes[] = {1000, 100000};
    struct kit kit;
    struct rmg_merge_options options = plain();
    load(&kit, sizes[_i]);
    struct rmg_state a = kit_state(&kit);
    must(rmg_store_pin(kit.store, &a.version));
    set_far(&kit, sizes[_i], 3, 1);
    struct rmg_state b = kit_state(&kit);
    must(rmg_store_pin(kit.store, &b.version));
    set_far(&kit, sizes[_i], 3, 0);
    set_far(&kit, sizes[_i], 500, 2);
    struct rmg_state c = kit_state(&kit);
    must(rmg_merge(&options, &a, &b, &c, &result));
    merged = true;
    ck_assert_uint_eq(result.operations, 2 * CHANGES);
    uint64_t levels = 1;
    for (uint64_t n = 1; n < sizes[_i]; n *= 16) {
        levels++;
    }
    /* on the way to each change a node of either side a level */
    ck_assert_uint_le(result.cost.trie_nodes, 2 * CHANGES * 2 * (levels + 1) + 8);
    ck_assert_uint_le(result.cost.slots, 2 * CHANGES * 4 + 8);
    rmg_store_unpin(kit.store, &a.version);
    rmg_store_unpin(kit.store, &b.version);
    forget();
    kit_close(&kit, &heap.heap);
}
END_TEST

START_TEST(costs_the_differences_across_stores)
{
    static const uint64_t sizes[] = {1000, 30000};
    struct kit kit[3];
    struct rmg_merge_options options = plain();
    struct rmg_state state[3];
    for (int i = 0; i < 3; i++) {
        load(&kit[i], sizes[_i]);
        if (i > 0) {
            set_far(&kit[i], sizes[_i], i == 1 ? 3 : 500, i);
        }
        state[i] = kit_state(&kit[i]);
    }
    must(rmg_merge(&options, &state[0], &state[1], &state[2], &result));
    merged = true;
    ck_assert_uint_eq(result.operations, 2 * CHANGES);
    ck_assert_uint_le(result.cost.trie_nodes, 2 * CHANGES * 2 * 7 + 8);
    ck_assert_uint_le(result.cost.slots, 2 * CHANGES * 4 + 8);
    forget();
    for (int i = 0; i < 3; i++) {
        kit_close(&kit[i], &heap.heap);
    }
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "kinds", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, value_conflict);
    tcase_add_test(t, sum_and_overflow);
    tcase_add_test(t, no_join_across_types);
    tcase_add_test(t, type_conflict);
    tcase_add_test(t, edge_conflict);
    tcase_add_test(t, deleted_conflict);
    tcase_add_test(t, owner_deleted_conflict);
    tcase_add_test(t, end_deleted_conflict);
    tcase_add_test(t, root_conflicts);
    tcase_add_test(t, instance_deleted_conflict);
    tcase_add_test(t, moved_and_deleted);
    tcase_add_test(t, parent_conflict);
    tcase_add_test(t, one_slot_two_portals);
    tcase_add_test(t, cycle_conflict);
    tcase_add_test(t, top_conflict);
    tcase_add_test(t, portal_conflict);
    tcase_add_test(t, values_at_the_limit);
    tcase_add_test(t, depth_at_the_limit);
    tcase_add_test(t, depth_of_what_nobody_changed);
    t = test_case(s, "choices", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, kept_with_what_it_needs);
    tcase_add_test(t, an_instance_kept_deep_inside);
    tcase_add_test(t, bad_choices);
    t = test_case(s, "patches", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_node_whose_edges_went_elsewhere);
    tcase_add_test(t, an_operation_on_nothing_fails_the_patch);
    tcase_add_test(t, a_held_node_must_come_free);
    tcase_add_test(t, rebase_compares_values);
    tcase_add_test(t, rebase_sees_what_the_patch_does_not_know);
    tcase_add_test(t, a_patch_has_a_bound);
    t = test_case(s, "costs", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, no_memory);
    tcase_add_loop_test(t, costs_the_differences, 0, 2);
    tcase_add_loop_test(t, costs_the_differences_across_stores, 0, 2);
}

TEST_MAIN("merge", suite)
