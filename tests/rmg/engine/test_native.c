/* Goal:   rules in C rewrite a graph; whatever they read or write outside their footprint, or write
 *         so that no valid graph comes of it, fails the rewrite whole, in every build, also when
 *         the executor does not look at the errors it gets.
 * Method: one rule that does it right; its executor and its footprint with one fault each. */
#include "rmg/engine/native.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/must.h"
#include "tests/lib/rule_kit.h"
#include "tests/lib/tcase.h"

#define NODES 5u

enum fault {
    RIGHT,
    /* outside the footprint */
    NODE_TYPE,
    EDGE_GET,
    EDGE_NEXT,
    DEGREE,
    NODE_NEXT,
    GET,
    SET_OTHER,
    SET_WHAT_IS_READ,
    ADD_NODE,
    ADD_EDGE,
    DELETE_NODE,
    DELETE_EDGE,
    WIDEN,
    WRITE_EARLY,
    /* no valid graph */
    HAS_EDGES,
    STRAY_AND_TWICE,
    SET_TWICE,
    NO_TYPE,
    NO_NAME,
    FAULTS
};

struct scene {
    struct fault_heap mem;
    struct rmg_work *work;
    uint32_t nodes[NODES];
    uint32_t edge;
    enum fault fault;
    struct rmg_native_report report;
};

static const uint8_t zero[8];

static struct rmg_attachment number(const char *name, const uint8_t *bytes)
{
    return (struct rmg_attachment){
        .name = name,
        .name_size = (uint32_t)strlen(name),
        .value = {RMG_VALUE_ATOM, *rmg_codec_type(RMG_CODEC_I64), bytes, 8}};
}

static void scene_begin(struct scene *s, enum fault fault)
{
    static const uint8_t one[8] = {1};
    const struct rmg_work_base base = {.graph = NULL};
    struct jit_id types[2] = {kit_type(1), kit_type(11)};
    struct rmg_attachment x = number("x", one);
    memset(s, 0, sizeof *s);
    s->fault = fault;
    s->mem = fault_heap_make(-1, false);
    must(rmg_work_new(&s->mem.heap, &base, &s->work));
    for (uint32_t i = 0; i < NODES; i++) {
        must(rmg_work_add_node(s->work, &types[0], NULL, &s->nodes[i]));
        must(rmg_work_set(s->work, RMG_PLANE_ALPHA, s->nodes[i], &x));
    }
    must(rmg_work_add_edge(s->work, s->nodes[0], &types[1], s->nodes[1], NULL, &s->edge));
}

static void scene_end(struct scene *s)
{
    rmg_work_free(s->work);
    ck_assert_int_eq(s->mem.live, 0);
}

/* ---- a node whose x is not 0 gets a mark, and x is 0 ---- */

static bool matcher(void *user, struct rmg_native *view, struct rmg_native_match *match)
{
    struct jit_id type = kit_type(1);
    struct rmg_value value;
    uint32_t node = RMG_WORK_NONE;
    struct scene *s = user;
    if (s->fault == WRITE_EARLY) {
        uint32_t made = 0;
        (void)!rmg_native_add_node(view, &type, &made);
    }
    while (rmg_native_node_next(view, &type, node, &node) == JIT_OK) {
        if (rmg_native_get(view, RMG_PLANE_ALPHA, node, "x", 1, &value) == JIT_OK &&
            value.bytes[0] != 0) {
            match->count = 1;
            match->at[0] = node;
            return true;
        }
    }
    return false;
}

static enum jit_err footprint(void *user, struct rmg_native *view,
                              const struct rmg_native_match *match)
{
    const struct scene *s = user;
    const struct rmg_native_slot slots[] = {
        {.kind = RMG_SLOT_ALPHA,
         .write = s->fault != SET_WHAT_IS_READ,
         .element = match->at[0],
         .name_size = 1,
         .name = "x"},
        {.kind = RMG_SLOT_EXTENT, .write = s->fault != ADD_NODE, .type = kit_type(2)},
        {.kind = RMG_SLOT_EXTENT, .write = true, .type = kit_type(12)},
        {.kind = RMG_SLOT_INCIDENCE,
         .write = true,
         .element = match->at[0],
         .direction = s->fault == ADD_EDGE ? RMG_DIR_IN : RMG_DIR_OUT,
         .type = kit_type(12)},
        {.kind = RMG_SLOT_NODE, .write = true, .element = s->nodes[1]},
        {.kind = RMG_SLOT_EXTENT, .write = s->fault == HAS_EDGES, .type = kit_type(1)}};
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
        enum jit_err err = rmg_native_may(view, &slots[i]);
        if (err != JIT_OK) {
            return err;
        }
    }
    return JIT_OK;
}

/* Errors are not looked at: the fault must be noticed all the same. */
static void do_wrong(struct scene *s, struct rmg_native *view, uint32_t node)
{
    struct jit_id type = kit_type(11);
    struct rmg_attachment y = number("y", zero);
    struct rmg_attachment x = number("x", zero);
    struct rmg_work_ends ends;
    struct rmg_value value;
    struct jit_id id;
    uint64_t count = 0;
    uint32_t handle = 0;
    uint32_t made = 0;
    const struct rmg_native_slot slot = {.kind = RMG_SLOT_NODE, .element = node};
    switch (s->fault) {
    case NODE_TYPE:
        (void)!rmg_native_node_type(view, node, &id);
        break;
    case EDGE_GET:
        (void)!rmg_native_edge_get(view, s->edge, &ends);
        break;
    case EDGE_NEXT:
        (void)!rmg_native_edge_next(view, node, RMG_DIR_OUT, &type, RMG_WORK_NONE, &handle);
        break;
    case DEGREE: /* one type is allowed, all are not */
        (void)!rmg_native_degree(view, node, RMG_DIR_OUT, NULL, &count);
        break;
    case NODE_NEXT:
        (void)!rmg_native_node_next(view, NULL, RMG_WORK_NONE, &handle);
        break;
    case GET:
        (void)!rmg_native_get(view, RMG_PLANE_ALPHA, s->nodes[3], "x", 1, &value);
        break;
    case SET_OTHER:
        (void)!rmg_native_set(view, RMG_PLANE_ALPHA, node, &y);
        break;
    case DELETE_NODE:
        (void)!rmg_native_delete_node(view, node);
        break;
    case DELETE_EDGE:
        (void)!rmg_native_delete_edge(view, s->edge);
        break;
    case WIDEN:
        (void)!rmg_native_may(view, &slot);
        break;
    case HAS_EDGES:
        must(rmg_native_delete_node(view, s->nodes[1]));
        break;
    case SET_TWICE:
        must(rmg_native_set(view, RMG_PLANE_ALPHA, node, &x));
        break;
    case NO_TYPE:
        type = kit_type(2);
        must(rmg_native_add_node(view, &type, &made));
        x.value.type = (struct jit_id){{0}};
        must(rmg_native_set(view, RMG_PLANE_ALPHA, made, &x));
        break;
    case NO_NAME:
        type = kit_type(2);
        must(rmg_native_add_node(view, &type, &made));
        x.name = "\xff";
        must(rmg_native_set(view, RMG_PLANE_ALPHA, made, &x));
        break;
    case STRAY_AND_TWICE:
        type = kit_type(12);
        must(rmg_native_add_edge(view, node, &type, RMG_NATIVE_MADE, &made));
        ck_assert_int_eq(rmg_native_add_edge(view, node, &type, RMG_NATIVE_MADE | 77, &made),
                         JIT_ENOENT);
        y = number("x", zero);
        must(rmg_native_set(view, RMG_PLANE_ALPHA, node, &y));
        break;
    default:
        break;
    }
}

static enum jit_err executor(void *user, struct rmg_native *view,
                             const struct rmg_native_match *match)
{
    struct scene *s = user;
    struct jit_id types[2] = {kit_type(2), kit_type(12)};
    struct rmg_attachment x = number("x", zero);
    struct rmg_value value;
    uint64_t count = 0;
    uint32_t mark = 0;
    uint32_t edge = 0;
    enum jit_err err = rmg_native_add_node(view, &types[0], &mark);
    if (err == JIT_OK) {
        err = rmg_native_add_edge(view, match->at[0], &types[1], mark, &edge);
    }
    if (err == JIT_OK) {
        err = rmg_native_set(view, RMG_PLANE_BETA, edge, &x);
    }
    if (err == JIT_OK) {
        err = rmg_native_set(view, RMG_PLANE_ALPHA, match->at[0], &x);
    }
    if (err == JIT_ENOMEM) {
        return err;
    }
    if (s->fault != ADD_EDGE) { /* what it wrote it does not see */
        must(rmg_native_degree(view, match->at[0], RMG_DIR_OUT, &types[1], &count));
    }
    ck_assert_uint_eq(count, 0);
    must(rmg_native_get(view, RMG_PLANE_ALPHA, match->at[0], "x", 1, &value));
    ck_assert_uint_eq(value.bytes[0], 1);
    do_wrong(s, view, match->at[0]);
    return JIT_OK;
}

static struct rmg_native_rule rule_of(struct scene *s)
{
    return (struct rmg_native_rule){.name = "mark",
                                    .user = s,
                                    .matcher = matcher,
                                    .footprint = footprint,
                                    .executor = executor};
}

START_TEST(rewrites)
{
    struct scene s;
    struct rmg_work_counts counts;
    struct rmg_native_rule rule = rule_of(&s);
    struct jit_id type = kit_type(12);
    scene_begin(&s, RIGHT);
    must(rmg_native_run(&s.mem.heap, s.work, &rule, 2, &s.report));
    ck_assert_uint_eq(s.report.rewrites, 2);
    must(rmg_native_run(&s.mem.heap, s.work, &rule, UINT64_MAX, &s.report));
    ck_assert_uint_eq(s.report.rewrites, NODES - 2);
    rmg_work_count(s.work, &counts);
    ck_assert_uint_eq(counts.nodes, 2 * NODES);
    ck_assert_uint_eq(counts.edges, NODES + 1);
    for (uint32_t i = 0; i < NODES; i++) {
        struct rmg_value value;
        uint32_t edge = 0;
        must(rmg_work_get(s.work, RMG_PLANE_ALPHA, s.nodes[i], "x", 1, &value));
        ck_assert_mem_eq(value.bytes, zero, 8);
        must(rmg_work_edge_next(s.work, s.nodes[i], RMG_DIR_OUT, &type, RMG_WORK_NONE, &edge));
        must(rmg_work_get(s.work, RMG_PLANE_BETA, edge, "x", 1, &value));
    }
    scene_end(&s);
}
END_TEST

START_TEST(fails_whole) /* _i: fault */
{
    struct scene s;
    struct rmg_work_counts counts;
    struct rmg_native_rule rule = rule_of(&s);
    struct rmg_value value;
    scene_begin(&s, (enum fault)_i);
    enum jit_err err = rmg_native_run(&s.mem.heap, s.work, &rule, 3, &s.report);
    ck_assert_int_eq(err, _i < HAS_EDGES ? JIT_ECAP : JIT_EINVALID);
    ck_assert_ptr_nonnull(s.report.fault);
    ck_assert_uint_eq(s.report.rewrites, 0);
    rmg_work_count(s.work, &counts);
    ck_assert_uint_eq(counts.nodes, NODES);
    ck_assert_uint_eq(counts.edges, 1);
    must(rmg_work_get(s.work, RMG_PLANE_ALPHA, s.nodes[0], "x", 1, &value));
    ck_assert_uint_eq(value.bytes[0], 1);
    if (_i == GET) {
        ck_assert_int_eq(s.report.slot.kind, RMG_SLOT_ALPHA);
        ck_assert_uint_eq(s.report.slot.element, s.nodes[3]);
        ck_assert_str_eq(s.report.slot.name, "x");
        ck_assert_str_eq(s.report.fault, "reads outside its footprint");
    }
    scene_end(&s);
}
END_TEST

static enum jit_err not_here(void *user, struct rmg_native *view,
                             const struct rmg_native_match *match)
{
    struct jit_id type = kit_type(2);
    uint32_t mark = 0;
    (void)user;
    (void)match;
    must(rmg_native_add_node(view, &type, &mark));
    return JIT_ENOMATCH;
}

START_TEST(gives_up)
{
    struct scene s;
    struct rmg_work_counts counts;
    struct rmg_native_rule rule = rule_of(&s);
    scene_begin(&s, RIGHT);
    rule.executor = not_here;
    must(rmg_native_run(&s.mem.heap, s.work, &rule, UINT64_MAX, &s.report));
    ck_assert_uint_eq(s.report.rewrites, 0);
    rmg_work_count(s.work, &counts);
    ck_assert_uint_eq(counts.nodes, NODES);
    scene_end(&s);
}
END_TEST

START_TEST(refused_memory)
{
    bool fired = true;
    int64_t n = 0;
    for (; fired && n < 100; n++) {
        struct scene s;
        struct rmg_native_rule rule = rule_of(&s);
        struct fault_heap mem = fault_heap_make(n, false);
        scene_begin(&s, RIGHT);
        enum jit_err err = rmg_native_run(&mem.heap, s.work, &rule, UINT64_MAX, &s.report);
        fired = fault_heap_fired(&mem);
        ck_assert_int_eq(err, fired ? JIT_ENOMEM : JIT_OK);
        ck_assert_int_eq(mem.live, 0);
        scene_end(&s);
    }
    ck_assert(!fired);
    ck_assert_int_gt(n, 3);
}
END_TEST

static void fill(Suite *suite)
{
    TCase *tcase = test_case(suite, "native", 20);
    tcase_add_test(tcase, rewrites);
    tcase_add_loop_test(tcase, fails_whole, RIGHT + 1, FAULTS);
    tcase_add_test(tcase, gives_up);
    tcase_add_test(tcase, refused_memory);
}

TEST_MAIN("native", fill)
