/* Goal:   each kind of access of a rule in C needs exactly the slots that docs/spec/native.md says:
 *         with them it is let through, and without any one of them it fails the rewrite whole.
 * Method: each call alone in an executor; a footprint of what it needs, and for each slot of it the
 *         same footprint with that slot left out, only read, or for another element, direction,
 *         type, name or plane. The executor does not look at what it is answered. */
#include "rmg/engine/native.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/must.h"
#include "tests/lib/rule_kit.h"
#include "tests/lib/tcase.h"

#define NODES 4u

enum access {
    NODE_TYPE,
    EDGE_GET,
    EDGE_NEXT,
    DEGREE,
    DEGREE_ANY,
    NODE_NEXT,
    NODE_NEXT_ANY,
    GET,
    GET_OF_EDGE,
    SET,
    SET_OF_EDGE,
    ADD_NODE,
    ADD_EDGE,
    DELETE_NODE,
    DELETE_EDGE,
    ACCESSES
};

/* What is done to one slot of the footprint. */
enum change {
    AS_IT_IS,
    LEFT_OUT,
    READ_ONLY,
    OTHER_ELEMENT,
    OTHER_DIRECTION,
    OTHER_TYPE,
    ANY_TYPE,
    OTHER_NAME,
    LONGER_NAME,
    NO_NAME,
    OTHER_KIND,
    CHANGES
};

static struct fault_heap mem;
static struct rmg_work *work;
static uint32_t nodes[NODES]; /* an edge leads from 0 to 1, another from 2 to 2; 3 has none */
static uint32_t edges[2];
static uint32_t strays[2]; /* of another type, from 0 to 1 */
static struct rmg_native_slot slots[4];
static uint32_t slot_count;
static enum access access_now;
static enum jit_err answer;
static struct rmg_native_report report;

static struct rmg_attachment number(const uint8_t bytes[8])
{
    return (struct rmg_attachment){
        .name = "x",
        .name_size = 1,
        .value = {RMG_VALUE_ATOM, *rmg_codec_type(RMG_CODEC_I64), bytes, 8}};
}

static void scene_begin(void)
{
    static const uint8_t one[8] = {1};
    const struct rmg_work_base base = {.graph = NULL};
    const struct jit_id types[2] = {kit_type(1), kit_type(11)};
    const struct rmg_attachment x = number(one);
    mem = fault_heap_make(-1, false);
    must(rmg_work_new(&mem.heap, &base, &work));
    for (uint32_t i = 0; i < NODES; i++) {
        must(rmg_work_add_node(work, &types[0], NULL, &nodes[i]));
        must(rmg_work_set(work, RMG_PLANE_ALPHA, nodes[i], &x));
    }
    must(rmg_work_add_edge(work, nodes[0], &types[1], nodes[1], NULL, &edges[0]));
    must(rmg_work_add_edge(work, nodes[2], &types[1], nodes[2], NULL, &edges[1]));
    for (uint32_t i = 0; i < 2; i++) {
        const struct jit_id other = kit_type(13);
        must(rmg_work_add_edge(work, nodes[0], &other, nodes[1], NULL, &strays[i]));
    }
    must(rmg_work_set(work, RMG_PLANE_BETA, edges[0], &x));
}

static void scene_end(void)
{
    rmg_work_free(work);
    ck_assert_int_eq(mem.live, 0);
}

/* ---- what each needs ---- */

static void slot(enum rmg_slot_kind kind, bool write, uint32_t element,
                 enum rmg_direction direction, unsigned type)
{
    struct rmg_native_slot *at = &slots[slot_count++];
    *at = (struct rmg_native_slot){.kind = kind, .write = write, .element = element};
    if (kind == RMG_SLOT_INCIDENCE) {
        at->direction = direction;
    }
    if (type != 0) {
        at->type = kit_type(type);
    }
    if (kind == RMG_SLOT_ALPHA || kind == RMG_SLOT_BETA) {
        at->name_size = 1;
        at->name[0] = 'x';
    }
}

static void needs(enum access access)
{
    slot_count = 0;
    switch (access) {
    case NODE_TYPE:
        slot(RMG_SLOT_NODE, false, nodes[0], 0, 0);
        break;
    case EDGE_GET:
        slot(RMG_SLOT_EDGE, false, edges[0], 0, 0);
        break;
    case EDGE_NEXT:
        slot(RMG_SLOT_INCIDENCE, false, nodes[0], RMG_DIR_OUT, 11);
        break;
    case DEGREE:
        slot(RMG_SLOT_INCIDENCE, false, nodes[1], RMG_DIR_IN, 11);
        break;
    case DEGREE_ANY:
        slot(RMG_SLOT_INCIDENCE, false, nodes[0], RMG_DIR_OUT, 0);
        break;
    case NODE_NEXT:
        slot(RMG_SLOT_EXTENT, false, 0, 0, 1);
        break;
    case NODE_NEXT_ANY:
        slot(RMG_SLOT_EXTENT, false, 0, 0, 0);
        break;
    case GET:
    case SET:
        slot(RMG_SLOT_ALPHA, access == SET, nodes[0], 0, 0);
        break;
    case GET_OF_EDGE:
    case SET_OF_EDGE:
        slot(RMG_SLOT_BETA, access == SET_OF_EDGE, edges[0], 0, 0);
        break;
    case ADD_NODE:
        slot(RMG_SLOT_EXTENT, true, 0, 0, 2);
        break;
    case ADD_EDGE:
        slot(RMG_SLOT_INCIDENCE, true, nodes[0], RMG_DIR_OUT, 12);
        slot(RMG_SLOT_INCIDENCE, true, nodes[3], RMG_DIR_IN, 12);
        slot(RMG_SLOT_EXTENT, true, 0, 0, 12);
        break;
    case DELETE_NODE:
        slot(RMG_SLOT_NODE, true, nodes[3], 0, 0);
        slot(RMG_SLOT_EXTENT, true, 0, 0, 1);
        break;
    default:
        slot(RMG_SLOT_EDGE, true, edges[0], 0, 0);
        slot(RMG_SLOT_INCIDENCE, true, nodes[0], RMG_DIR_OUT, 11);
        slot(RMG_SLOT_INCIDENCE, true, nodes[1], RMG_DIR_IN, 11);
        slot(RMG_SLOT_EXTENT, true, 0, 0, 11);
        break;
    }
}

/* false: it cannot be done to this kind of slot. */
static bool change_slot(struct rmg_native_slot *at, enum change change)
{
    static const enum rmg_slot_kind others[] = {
        [RMG_SLOT_NODE] = RMG_SLOT_EDGE,        [RMG_SLOT_EDGE] = RMG_SLOT_NODE,
        [RMG_SLOT_ALPHA] = RMG_SLOT_BETA,       [RMG_SLOT_BETA] = RMG_SLOT_ALPHA,
        [RMG_SLOT_INCIDENCE] = RMG_SLOT_EXTENT, [RMG_SLOT_EXTENT] = RMG_SLOT_INCIDENCE};
    const bool named = at->kind == RMG_SLOT_ALPHA || at->kind == RMG_SLOT_BETA;
    const bool typed = at->kind == RMG_SLOT_INCIDENCE || at->kind == RMG_SLOT_EXTENT;
    const bool was_any = jit_id_is_zero(&at->type);
    switch (change) {
    case READ_ONLY:
        at->write = !at->write;
        return !at->write;
    case OTHER_ELEMENT: /* handles of nodes and edges are the same numbers */
        at->element = at->element == nodes[2] ? nodes[1] : nodes[2];
        return at->kind != RMG_SLOT_EXTENT;
    case OTHER_DIRECTION:
        at->direction = at->direction == RMG_DIR_OUT ? RMG_DIR_IN : RMG_DIR_OUT;
        return at->kind == RMG_SLOT_INCIDENCE;
    case OTHER_TYPE: /* one type is not all of them */
        at->type = kit_type(was_any ? 11 : 77);
        return typed;
    case ANY_TYPE:
        at->type = (struct jit_id){{0}};
        return typed && !was_any;
    case OTHER_NAME:
        at->name[0] = 'y';
        return named;
    case LONGER_NAME:
        at->name[1] = 'x';
        at->name_size = 2;
        return named;
    case NO_NAME:
        at->name_size = 0;
        return named;
    case OTHER_KIND:
        at->kind = others[at->kind];
        return true;
    default:
        return true;
    }
}

/* ---- the rule ---- */

static bool matcher(void *user, struct rmg_native *view, struct rmg_native_match *match)
{
    (void)user;
    (void)view;
    match->count = 0;
    return true;
}

static enum jit_err footprint(void *user, struct rmg_native *view,
                              const struct rmg_native_match *match)
{
    const uint32_t *left_out = user;
    (void)match;
    for (uint32_t i = 0; i < slot_count; i++) {
        if (i != *left_out) {
            must(rmg_native_may(view, &slots[i]));
        }
    }
    return JIT_OK;
}

static enum jit_err executor(void *user, struct rmg_native *view,
                             const struct rmg_native_match *match)
{
    static const uint8_t two[8] = {2};
    const struct jit_id types[] = {kit_type(1), kit_type(2), kit_type(11), kit_type(12)};
    const struct rmg_attachment x = number(two);
    struct rmg_work_ends ends;
    struct rmg_value value;
    struct jit_id type;
    uint64_t count = 0;
    uint32_t handle = 0;
    (void)user;
    (void)match;
    switch (access_now) {
    case NODE_TYPE:
        answer = rmg_native_node_type(view, nodes[0], &type);
        break;
    case EDGE_GET:
        answer = rmg_native_edge_get(view, edges[0], &ends);
        break;
    case EDGE_NEXT:
        answer =
            rmg_native_edge_next(view, nodes[0], RMG_DIR_OUT, &types[2], RMG_WORK_NONE, &handle);
        if (answer == JIT_OK) { /* no way on along edges of a type that is not declared */
            ck_assert_int_eq(
                rmg_native_edge_next(view, nodes[0], RMG_DIR_OUT, &types[2], strays[0], &handle),
                JIT_ENOENT);
            ck_assert_uint_eq(handle, RMG_WORK_NONE);
        }
        break;
    case DEGREE:
        answer = rmg_native_degree(view, nodes[1], RMG_DIR_IN, &types[2], &count);
        break;
    case DEGREE_ANY:
        answer = rmg_native_degree(view, nodes[0], RMG_DIR_OUT, NULL, &count);
        break;
    case NODE_NEXT:
        answer = rmg_native_node_next(view, &types[0], RMG_WORK_NONE, &handle);
        break;
    case NODE_NEXT_ANY:
        answer = rmg_native_node_next(view, NULL, RMG_WORK_NONE, &handle);
        break;
    case GET:
        answer = rmg_native_get(view, RMG_PLANE_ALPHA, nodes[0], "x", 1, &value);
        break;
    case GET_OF_EDGE:
        answer = rmg_native_get(view, RMG_PLANE_BETA, edges[0], "x", 1, &value);
        break;
    case SET:
        answer = rmg_native_set(view, RMG_PLANE_ALPHA, nodes[0], &x);
        break;
    case SET_OF_EDGE:
        answer = rmg_native_set(view, RMG_PLANE_BETA, edges[0], &x);
        break;
    case ADD_NODE:
        answer = rmg_native_add_node(view, &types[1], &handle);
        break;
    case ADD_EDGE:
        answer = rmg_native_add_edge(view, nodes[0], &types[3], nodes[3], &handle);
        break;
    case DELETE_NODE:
        answer = rmg_native_delete_node(view, nodes[3]);
        break;
    default:
        answer = rmg_native_delete_edge(view, edges[0]);
        break;
    }
    return JIT_OK;
}

/* Nodes and edges that there are, and the values, in one number. */
static uint64_t digest(void)
{
    struct rmg_work_counts counts;
    uint64_t out = 0;
    rmg_work_count(work, &counts);
    for (uint32_t i = 0; i < NODES + 1; i++) {
        struct rmg_value value;
        const bool of_edge = i == NODES;
        const enum jit_err err = rmg_work_get(work, of_edge ? RMG_PLANE_BETA : RMG_PLANE_ALPHA,
                                              of_edge ? edges[0] : nodes[i], "x", 1, &value);
        out = out * 5 + (err == JIT_OK ? value.bytes[0] : 0);
    }
    return (out * 100 + counts.nodes) * 100 + counts.edges;
}

/* Returns whether it was let through. */
static bool run(uint32_t left_out)
{
    const struct rmg_native_rule rule = {.name = "one",
                                         .user = &left_out,
                                         .matcher = matcher,
                                         .footprint = footprint,
                                         .executor = executor};
    const uint64_t before = digest();
    const enum jit_err err = rmg_native_run(&mem.heap, work, &rule, 1, &report);
    ck_assert_int_eq(answer, err);
    ck_assert_uint_eq(report.rewrites, err == JIT_OK);
    ck_assert_int_eq(digest() != before, err == JIT_OK && access_now >= SET);
    if (err != JIT_OK) {
        ck_assert_int_eq(err, JIT_ECAP);
        ck_assert_str_eq(report.fault, access_now >= SET ? "writes outside its footprint"
                                                         : "reads outside its footprint");
    }
    return err == JIT_OK;
}

/* What was missed is said, as it would have to be declared. */
static void check_report(const struct rmg_native_slot *missed)
{
    ck_assert_int_eq(report.slot.kind, missed->kind);
    ck_assert_int_eq(report.slot.write, missed->write);
    ck_assert_uint_eq(report.slot.element, missed->element);
    ck_assert_uint_eq(report.slot.name_size, missed->name_size);
    ck_assert(jit_id_equal(&report.slot.type, &missed->type));
}

START_TEST(needs_all_of_it) /* _i: access */
{
    unsigned refused = 0;
    access_now = (enum access)_i;
    for (uint32_t at = 0; at == 0 || at < slot_count; at++) {
        for (enum change change = AS_IT_IS; change < CHANGES; change++) {
            scene_begin();
            needs(access_now);
            const struct rmg_native_slot whole = slots[at];
            if (change_slot(&slots[at], change)) {
                const bool passed = run(change == LEFT_OUT ? at : UINT32_MAX);
                ck_assert_msg(passed == (change == AS_IT_IS ||
                                         (change == ANY_TYPE && whole.kind == RMG_SLOT_INCIDENCE)),
                              "slot %u, change %d: %s", at, (int)change,
                              passed ? "let through" : "refused");
                if (!passed) {
                    check_report(&whole);
                    refused++;
                }
            }
            scene_end();
        }
    }
    ck_assert_uint_ge(refused, 3 * slot_count);
}
END_TEST

static void fill(Suite *suite)
{
    TCase *tcase = test_case(suite, "native_fence", 20);
    tcase_add_loop_test(tcase, needs_all_of_it, 0, ACCESSES);
}

TEST_MAIN("native_fence", fill)
