/* Goal:   whoever asks for a rule that goes through a portal gets no more than the rule, the portal
 *         and his right give: forged instances, bound parameters, ceilings, types of what lies
 *         inside; and a request that loses there is tried again as any other is, for any schedule,
 *         number of threads, and start in between.
 * Method: workers by hand, who write what they like into their rings, and the laws of what waits.
 */
#include "tests/kernel/core/hands.h"

#define TYPES                                                                                      \
    "system test\n"                                                                                \
    "type Cell { state: i64 = 0, hits: i64 sum = 0 }\n"                                            \
    "edge NEXT, DONE\n"                                                                            \
    "import \"cells.csv\" into /world/hall\n"
#define RULES                                                                                      \
    "rule bump(n: i64) priority 3\n"                                                               \
    "  match (w), (a:Cell) in w.hall\n"                                                            \
    "  where a.state < 100\n"                                                                      \
    "  add a.hits, n\n"                                                                            \
    "rule link\n"                                                                                  \
    "  match (w), (a:Cell)-[e:NEXT]->(b:Cell) in w.hall\n"                                         \
    "  delete e\n"                                                                                 \
    "  create (a)-[:DONE]->(b)\n"
#define PROCESSES                                                                                  \
    "process v run bump(n = 1), link apply all over shard(/world)\n"                               \
    "process w run bump(n = 2), link apply all over shard(/world)\n"
#define INSIDE TYPES RULES PROCESSES "grant v: map /world\ngrant w: map /world\n"

static struct jit_id hall, world_root, instance_type;

static void begin_inside(const char *text)
{
    struct jit_id node;
    cells_path = "/world/hall";
    begin(text);
    kern_place_id("/world/hall", &hall, &node);
    kern_place_id("/world", &world, &world_root);
    jit_hash_named("type:", "instance", 8, &instance_type);
}

static void apply_inside(uint32_t p, const struct kern_outcome *right, unsigned n, int64_t by,
                         const struct jit_id *instance)
{
    uint8_t bytes[512];
    uint8_t params[16] = {8};
    const struct jit_id ids[3] = {world_root, cell(n), *instance};
    jit_put_le64(params + 8, (uint64_t)by);
    const struct sys_apply_view apply = {.cap_slot = right->slot,
                                         .cap_generation = right->generation,
                                         .rule = BUMP,
                                         .ids = ids,
                                         .id_count = 3,
                                         .flags = SYS_WANT_RECEIPT,
                                         .params = params,
                                         .params_size = sizeof params};
    sys_apply_encode(&apply, bytes);
    post(p, SYS_CALL_apply, bytes, sys_apply_size(3, sizeof params));
}

static void link_inside(uint32_t p, const struct kern_outcome *right)
{
    uint8_t bytes[512];
    struct jit_id ids[5] = {world_root, cell(1), {{0}}, cell(0), hall};
    uint8_t input[3 * JIT_ID_BYTES + 4] = {0};
    memcpy(input, &ids[1], 32);
    memcpy(input + 32, &ids[3], 32);
    memcpy(input + 64, &next_type, 32);
    jit_hash_key(JIT_K_EDGE_ID, input, sizeof input, &ids[2]);
    const struct sys_apply_view apply = {.cap_slot = right->slot,
                                         .cap_generation = right->generation,
                                         .rule = LINK,
                                         .ids = ids,
                                         .id_count = 5,
                                         .flags = SYS_WANT_RECEIPT};
    sys_apply_encode(&apply, bytes);
    post(p, SYS_CALL_apply, bytes, sys_apply_size(5, 0));
}

static int64_t hits_inside(unsigned n)
{
    const struct jit_id outer = world;
    world = hall;
    const int64_t hits = hits_of(n);
    world = outer;
    return hits;
}

/* A match names the instance behind its portal, and may name any. */
START_TEST(forged_instances)
{
    static const struct {
        const char *path; /* NULL: none that is there */
        enum rmg_result result;
    } rows[] = {{"/world/hall", RMG_APPLIED}, {"/schema", RMG_DENIED}, {"/sys", RMG_DENIED},
                {"/sec", RMG_DENIED},         {"/proc", RMG_DENIED},   {"/world", RMG_NO_MATCH},
                {"/", RMG_NO_MATCH},          {"/bus", RMG_NO_MATCH},  {"/dev", RMG_NO_MATCH},
                {"/no/such", RMG_NO_MATCH},   {NULL, RMG_NO_MATCH}};
    begin_inside(INSIDE);
    const struct kern_outcome right = give(V, SYS_RIGHT_INVOKE, &bump_id, NULL);
    int64_t hits = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct jit_id instance = {{0}};
        struct jit_id node;
        if (rows[i].path != NULL) {
            kern_place_id(rows[i].path, &instance, &node);
        }
        apply_inside(V, &right, 0, 7, &instance);
        tick();
        ck_assert_msg(receipt_of(V, SYS_CALL_apply)->result == rows[i].result, "%s: %u",
                      rows[i].path, (unsigned)receipt_of(V, SYS_CALL_apply)->result);
        hits += rows[i].result == RMG_APPLIED ? 7 : 0;
        ck_assert_int_eq(hits_inside(0), hits);
    }
    ck_assert_int_eq(hits, 7);
    end();
}
END_TEST

/* What narrows a right narrows it behind a portal as well. */
START_TEST(attenuated_inside)
{
    static const uint8_t two[16] = {8, 0, 0, 0, 0, 0, 0, 0, 2};
    const struct sys_bound bound = {.index = 0, .size = 8, .bytes = two + 8};
    struct jit_id both[2] = {cell_type, instance_type};
    begin_inside(INSIDE);
    both[0] = cell_type;
    both[1] = instance_type;
    if (jit_id_compare(&both[0], &both[1]) > 0) {
        both[0] = instance_type;
        both[1] = cell_type;
    }
    const struct sys_attenuators two_only = {
        .given = SYS_GIVEN_BOUND, .bound = &bound, .bound_count = 1};
    const struct sys_attenuators low = {.given = SYS_GIVEN_PRIORITY, .priority_max = 2};
    const struct sys_attenuators high = {.given = SYS_GIVEN_PRIORITY, .priority_max = 3};
    const struct sys_attenuators cells = {.given = SYS_GIVEN_NODES, .nodes = {&cell_type, 1}};
    const struct sys_attenuators places = {.given = SYS_GIVEN_NODES, .nodes = {&instance_type, 1}};
    const struct sys_attenuators nodes = {.given = SYS_GIVEN_NODES, .nodes = {both, 2}};
    const struct sys_attenuators done = {.given = SYS_GIVEN_EDGES, .edges = {&done_type, 1}};
    const struct sys_attenuators next = {.given = SYS_GIVEN_EDGES, .edges = {&next_type, 1}};
    const struct {
        const struct sys_attenuators *a;
        uint32_t rights;
        bool link; /* else bump, by 3 */
        const char *why;
    } rows[] = {{NULL, SYS_RIGHT_INVOKE, false, NULL},
                {&two_only, SYS_RIGHT_INVOKE, false, "parameter"},
                {&low, SYS_RIGHT_INVOKE, false, "ceiling"},
                {&high, SYS_RIGHT_INVOKE, false, NULL},
                {&low, SYS_RIGHT_WRITE, false, "ceiling"},
                {&cells, SYS_RIGHT_INVOKE, false, "type of a matched node"}, /* w is none */
                {&places, SYS_RIGHT_INVOKE, false, "type of a matched node"},
                {&nodes, SYS_RIGHT_INVOKE, false, NULL},
                {&nodes, SYS_RIGHT_WRITE, false, NULL},
                {&done, SYS_RIGHT_INVOKE, true, "type of a matched edge"},
                {&next, SYS_RIGHT_WRITE, true, "effect on an edge"},
                {&next, SYS_RIGHT_INVOKE, true, NULL}};
    const size_t i = (size_t)_i;
    const struct jit_id *rule = rows[i].rights != SYS_RIGHT_INVOKE ? NULL
                                : rows[i].link                     ? &link_id
                                                                   : &bump_id;
    const struct kern_outcome right = give(W, rows[i].rights, rule, rows[i].a);
    ck_assert_int_eq(right.result, RMG_APPLIED);
    if (rows[i].link) {
        link_inside(W, &right);
    } else {
        apply_inside(W, &right, 0, 3, &hall);
    }
    tick();
    ck_assert_msg(
        receipt_of(W, SYS_CALL_apply)->result == (rows[i].why == NULL ? RMG_APPLIED : RMG_DENIED),
        "row %zu: %u, %s", i, (unsigned)receipt_of(W, SYS_CALL_apply)->result, sim.denial);
    ck_assert_msg(rows[i].why == NULL || strstr(sim.denial, rows[i].why) != NULL, "%s", sim.denial);
    ck_assert_int_eq(hits_inside(0), rows[i].why == NULL && !rows[i].link ? 3 : 0);
    end();
}
END_TEST

#define ATTENUATED 12

/* A right to what is nested is none to where it hangs, and a right that is revoked is none. */
START_TEST(rights_elsewhere)
{
    begin_inside(INSIDE);
    struct sys_derive head = {.rights = SYS_RIGHT_INVOKE, .instance = hall, .rule = bump_id};
    const struct kern_outcome nested =
        operate((struct kern_operator_ask){.holder = SYS_CAP_NONE, .target = V}, head, NULL);
    ck_assert_int_eq(nested.result, RMG_APPLIED);
    apply_inside(V, &nested, 0, 7, &hall);
    tick();
    ck_assert_int_eq(receipt_of(V, SYS_CALL_apply)->result, RMG_DENIED);
    const struct kern_outcome right = give(V, SYS_RIGHT_INVOKE, &bump_id, NULL);
    apply_inside(V, &right, 0, 7, &hall);
    revoke(V, right.slot, right.generation, 0);
    tick();
    ck_assert_int_eq(receipt_of(V, SYS_CALL_apply)->result, RMG_DENIED);
    ck_assert_int_eq(hits_inside(0), 0);
    end();
}
END_TEST

/* From the top, where invariants do not hold, into /world, where they do: where an instance lies is
 * looked up once a tick, however many requests go there. */
START_TEST(looked_up_once)
{
    begin_inside(TYPES "rule bump(n: i64)\n"
                       "  match (t), (w) in t.world, (a:Cell) in w.hall\n"
                       "  add a.hits, n\n"
                       "rule link match (a:Cell)-[e:NEXT]->(b:Cell) delete e\n"
                       "invariant few never match (a:Cell) where a.hits > 5\n"
                       "process v run bump(n = 1), link apply all over shard(/)\n"
                       "process w run bump(n = 2), link apply all over shard(/)\n"
                       "grant v: invoke bump, link on /\ngrant w: invoke bump, link on /\n");
    struct jit_id top, top_root;
    kern_place_id("/", &top, &top_root);
    uint8_t bytes[512];
    uint8_t params[16] = {8, 0, 0, 0, 0, 0, 0, 0, 1};
    for (unsigned round = 0; round < 7; round++) {
        const uint64_t before = sim.core->inside_reads;
        for (unsigned n = 0; n < 6; n++) {
            const struct jit_id ids[5] = {top_root, world_root, cell(n), world, hall};
            const struct sys_apply_view apply = {.cap_slot = hands[V].uses[BUMP].cap_slot,
                                                 .cap_generation =
                                                     hands[V].uses[BUMP].cap_generation,
                                                 .rule = BUMP,
                                                 .instance = hands[V].uses[BUMP].instance,
                                                 .ids = ids,
                                                 .id_count = 5,
                                                 .flags = SYS_WANT_RECEIPT,
                                                 .params = params,
                                                 .params_size = sizeof params};
            sys_apply_encode(&apply, bytes);
            post(V, SYS_CALL_apply, bytes, sys_apply_size(5, sizeof params));
        }
        tick();
        ck_assert_uint_eq(sim.core->inside_reads, before + 2);
        ck_assert_uint_eq(hands[V].receipt_count, 6);
        ck_assert_uint_eq(sim.last.counts[round < 5 ? RMG_APPLIED : RMG_INVARIANT], 6);
    }
    ck_assert_int_eq(hits_inside(0), 5);
    end();
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "inside", 60);
    tcase_add_test(t, forged_instances);
    tcase_add_loop_test(t, attenuated_inside, 0, ATTENUATED);
    tcase_add_test(t, rights_elsewhere);
    tcase_add_test(t, looked_up_once);
}

TEST_MAIN("inside", suite)
