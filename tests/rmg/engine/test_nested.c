/* Goal:   a pattern that goes through portals has the matches it says, and no others, whoever
 * looks: search from nothing, search after changes, verification; and what a tick makes of them is
 *         what they make one by one.
 * Method: a small forest whose instances have equal ids of nodes and edges in them, so that nothing
 *         that takes one instance for another goes unnoticed; a matcher that tries every tuple over
 *         the plain store is the oracle; portals are hung elsewhere, too. */
#include "base/exec.h"
#include "rmg/engine/engine_priv.h"
#include "tests/rmg/engine/forest_change.h"

/* ---- who looks ---- */

struct look {
    unsigned which;
    uint32_t id_count;
    unsigned seen;
};

static bool is_one_of_them(void *user, const struct jit_id *ids, uint32_t id_count)
{
    struct look *look = user;
    ck_assert_uint_eq(id_count, look->id_count);
    ck_assert_msg(is_known(ids, id_count), "rule %u", look->which);
    look->seen++;
    return true;
}

static void compare(struct rmg_search *search, unsigned which, const struct rmg_graph *graph)
{
    struct look look = {.which = which, .id_count = rmg_rule_id_count(rules[which])};
    must(rmg_search_each(search, &draw, is_one_of_them, &look));
    ck_assert_msg(look.seen == match_count, "rule %u: %u of %u", which, look.seen, match_count);
    for (unsigned i = 0; i < match_count; i++) {
        struct tuple wrong = matches[i];
        const bool stays = which == 3 && has_portal(&matches[i], matches[i].ids[3], "shelf");
        ck_assert_int_eq(verify(which, graph, matches[i].ids), stays ? RMG_DANGLING : RMG_APPLIED);
        wrong.ids[look.id_count - 1] = kit_id('I', 10 + roll(3)); /* another instance's */
        if (memcmp(&wrong, &matches[i], sizeof wrong) != 0) {
            ck_assert_int_eq(verify(which, graph, wrong.ids), RMG_NO_MATCH);
        }
    }
}

START_TEST(everybody_finds_the_same)
{
    struct rmg_search *searches[RULES];
    struct seen before;
    struct seen after;
    unsigned total[RULES] = {0};
    see(&before, &g.version);
    for (unsigned which = 0; which < RULES; which++) {
        searches[which] = search_of(which);
        must(rmg_search_all(searches[which], &before.graph));
    }
    for (unsigned round = 0; round < 150; round++) {
        kit_open(&g);
        for (unsigned n = 1 + roll(3); n > 0; n--) {
            change();
        }
        kit_seal(&g);
        see(&after, &g.version);
        for (unsigned which = 0; which < RULES; which++) {
            struct rmg_search *fresh = search_of(which);
            find_all(which);
            total[which] += match_count;
            must(rmg_search_update(searches[which], &before.graph, &after.graph));
            compare(searches[which], which, &after.graph);
            must(rmg_search_all(fresh, &after.graph));
            compare(fresh, which, &after.graph);
            rmg_search_free(fresh);
        }
        see(&before, &g.version);
    }
    for (unsigned which = 0; which < RULES; which++) {
        ck_assert_uint_gt(total[which], 0);
        rmg_search_free(searches[which]);
    }
}
END_TEST

/* ---- ticks ---- */

static struct rmg_request requests[MATCHES];
static struct jit_id request_ids[MATCHES][JIT_PATTERN_ELEMENTS_MAX];
static uint32_t request_count;

static void ask(unsigned which, const struct jit_id *ids, uint32_t id_count)
{
    struct jit_id *to = request_ids[request_count];
    ck_assert_uint_lt(request_count, MATCHES);
    memcpy(to, ids, id_count * sizeof *ids);
    requests[request_count++] = (struct rmg_request){.rule = rules[which],
                                                     .rule_id = rules[which]->id,
                                                     .instance = g.instance,
                                                     .ids = to,
                                                     .id_count = id_count,
                                                     .quota = RMG_NO_QUOTA};
}

static void ask_for_all(void)
{
    request_count = 0;
    for (unsigned which = 0; which < RULES; which++) {
        find_all(which);
        for (unsigned i = 0; i < match_count; i++) {
            ask(which, matches[i].ids, rmg_rule_id_count(rules[which]));
        }
    }
}

/* All that was asked for, at the newest version. */
static struct rmg_tick_input tick_of(uint64_t tick)
{
    return (struct rmg_tick_input){.base = g.version,
                                   .tick = tick,
                                   .seed = SEED,
                                   .policy = 1,
                                   .budget = JIT_VERIFY_SLOTS_MAX,
                                   .requests = requests,
                                   .request_count = request_count};
}

static void run_tick(struct rmg_engine *engine, struct rmg_tick_input *input,
                     struct rmg_tick_output *output)
{
    must(rmg_store_pin(g.store, &g.version));
    must(rmg_engine_tick(engine, input, output));
}

/* What won, the last first, one after the other on the version before. */
static void replay(const struct rmg_version *base, const struct rmg_tick_input *input,
                   const struct rmg_tick_output *output)
{
    static struct rmg_effect effect;
    const struct rmg_draw at = {.seed = input->seed, .tick = input->tick};
    struct jit_buf values;
    struct seen seen;
    struct rmg_version version;
    struct kit_graph twin = {.instance = g.instance};
    struct rmg_tx *tx = NULL;
    copy_of(base, &twin);
    must(rmg_tx_begin(twin.store, &twin.version, &tx));
    see(&seen, base);
    for (uint32_t i = input->request_count; i-- > 0;) {
        const struct rmg_request *request = &input->requests[i];
        struct rmg_match match = {.rule = request->rule,
                                  .instance = request->instance,
                                  .ids = request->ids,
                                  .id_count = request->id_count};
        struct jit_id digest;
        uint32_t slots = 0;
        enum jit_err err;
        if (output->receipts[i].result != RMG_APPLIED) {
            continue;
        }
        must(rmg_params_check(match.rule, NULL, 0, &digest));
        rmg_match_key(match.rule, &match.instance, match.ids, match.id_count, &digest, &match.key);
        rmg_request_key(&match.key, 0, &match.request_key);
        jit_buf_init(&values, &f.mem.heap, 1 << 20);
        effect.values = &values;
        ck_assert_int_eq(
            rmg_match_verify(&seen.graph, &match, &at, JIT_VERIFY_SLOTS_MAX, &effect, &slots, &err),
            RMG_APPLIED);
        for (int phase = 0; phase < 3; phase++) {
            struct doing doing = {.tx = tx, .phase = phase};
            ck_assert(rmg_match_execute(&match, &effect, do_op, &doing));
        }
        jit_buf_release(&values);
    }
    must(rmg_tx_seal(tx, &version));
    ck_assert(jit_id_equal(&version.state_root, &output->version.state_root));
    kit_graph_end(&twin);
}

START_TEST(a_tick_is_its_rewrites)
{
    struct rmg_engine *engine = NULL;
    struct jit_id parent = {{0}};
    uint64_t results[RMG_RESULT_COUNT] = {0};
    must(rmg_engine_new(&f.mem.heap, g.store, jit_exec_inline(), &engine));
    for (uint64_t tick = 1; tick <= 60; tick++) {
        struct rmg_tick_output output;
        struct rmg_fault fault;
        kit_open(&g);
        for (unsigned n = 0; n < 4; n++) {
            change();
        }
        kit_seal(&g);
        ask_for_all();
        struct rmg_tick_input input = tick_of(tick);
        input.parent = parent;
        run_tick(engine, &input, &output);
        replay(&input.base, &input, &output);
        must(rmg_store_verify(g.store, &output.version, &fault));
        for (unsigned i = 0; i < RMG_RESULT_COUNT; i++) {
            results[i] += output.counts[i];
        }
        g.version = output.version;
        parent = output.commit;
    }
    rmg_engine_free(engine);
    ck_assert_uint_gt(results[RMG_APPLIED], 60);
    ck_assert_uint_gt(results[RMG_CONFLICT], 10);
    for (unsigned i = 0; i < RMG_RESULT_COUNT; i++) {
        ck_assert_msg(i == RMG_APPLIED || i == RMG_CONFLICT || i == RMG_DANGLING || results[i] == 0,
                      "%u requests with result %u", (unsigned)results[i], i);
    }
}
END_TEST

/* ---- what happens to the instance in the same tick ---- */

#define EVENTS_MAX 64u
static struct rmg_op events[EVENTS_MAX];
static struct rmg_parent moved_to;
static uint32_t event_count;

static struct rmg_op *event(enum rmg_op_kind kind, struct jit_id in)
{
    ck_assert_uint_lt(event_count, EVENTS_MAX);
    events[event_count] = (struct rmg_op){.kind = kind, .instance = in};
    return &events[event_count++];
}

static void event_clear(struct jit_id in, enum rmg_plane plane, struct jit_id id, const char *name)
{
    struct rmg_op *op = event(RMG_OP_CLEAR_ATTACHMENT, in);
    op->plane = plane;
    op->id = id;
    op->attachment.name = name;
    op->attachment.name_size = (uint32_t)strlen(name);
}

/* The rooms of site 0 hang on site 3. */
static void event_move(void)
{
    moved_to = (struct rmg_parent){.present = true,
                                   .plane = RMG_PLANE_ALPHA,
                                   .instance = g.instance,
                                   .owner = kit_id('N', 3),
                                   .name_size = 5,
                                   .name = "rooms"};
    event_clear(g.instance, RMG_PLANE_ALPHA, kit_id('N', 0), "rooms");
    struct rmg_op *op = event(RMG_OP_UPSERT_INSTANCE, rooms_of(0));
    op->from = kit_id('R', 0);
    op->parent = &moved_to;
    op = event(RMG_OP_SET_ATTACHMENT, g.instance);
    op->plane = RMG_PLANE_ALPHA;
    op->id = moved_to.owner;
    op->attachment =
        (struct rmg_attachment){"rooms", 5, {.kind = RMG_VALUE_PORTAL, .type = rooms_of(0)}};
}

/* The tunnel is no more, with all that is in it. */
static void event_drop(void)
{
    event_clear(g.instance, RMG_PLANE_BETA, kit_id('E', 0), "tunnel");
    for (uint64_t n = 0; n < 2; n++) {
        event_clear(tunnel(), RMG_PLANE_ALPHA, kit_id('N', n), "level");
    }
    event_clear(tunnel(), RMG_PLANE_BETA, kit_id('E', 0), "w");
    event(RMG_OP_DELETE_EDGE, tunnel())->id = kit_id('E', 0);
    for (uint64_t n = 0; n < 2; n++) {
        event(RMG_OP_DELETE_NODE, tunnel())->id = kit_id('N', n);
    }
    event(RMG_OP_DELETE_NODE, tunnel())->id = kit_id('R', 0);
    event(RMG_OP_DELETE_INSTANCE, tunnel());
}

static bool goes_there(const struct rmg_request *request, struct jit_id instance)
{
    bool found = false;
    for (uint32_t i = 0; i < request->rule->portal_count && !found; i++) {
        found = jit_id_equal(&request->ids[request->rule->element_count + i], &instance);
    }
    return found;
}

/* Whoever went through the portal that an event has changed, or deeper, is in its way; nobody else
 * is. And what comes out is whole. */
START_TEST(an_event_takes_the_instance_away) /* _i: it hangs elsewhere, it is gone */
{
    struct rmg_engine *engine = NULL;
    struct rmg_tick_output output;
    struct rmg_fault fault;
    unsigned there_before = 0;
    unsigned by_kernel = 0;
    unsigned others = 0;
    kit_open(&g);
    for (unsigned n = 0; n < 2; n++) {
        put_i64(g.instance, RMG_PLANE_ALPHA, n, "open", 1);
        put_i64(rooms_of(n), RMG_PLANE_ALPHA, 0, "level", 1);
        put_i64(rooms_of(n), RMG_PLANE_ALPHA, 1, "level", 2);
        put_i64(tunnel(), RMG_PLANE_ALPHA, n, "level", 2);
    }
    kit_seal(&g);
    ask_for_all();
    event_count = 0;
    if (_i == 0) {
        event_move();
    } else {
        event_drop();
    }
    struct rmg_tick_input input = tick_of(1);
    input.events = events;
    input.event_count = event_count;
    must(rmg_engine_new(&f.mem.heap, g.store, jit_exec_inline(), &engine));
    run_tick(engine, &input, &output);
    for (uint32_t i = 0; i < request_count; i++) {
        const struct rmg_receipt *receipt = &output.receipts[i];
        const bool gone =
            _i == 0 ? goes_there(&requests[i], rooms_of(0)) || goes_there(&requests[i], shelf_of(0))
                    : goes_there(&requests[i], tunnel());
        /* of several that are in its way it names the first request, the kernel last */
        if (gone) {
            ck_assert(receipt->result == RMG_CONFLICT || receipt->result == RMG_DANGLING);
            by_kernel += receipt->result == RMG_CONFLICT && receipt->blocker == RMG_NO_BLOCKER;
        } else {
            ck_assert(receipt->result != RMG_CONFLICT || receipt->blocker < request_count);
        }
        there_before += gone;
        others += receipt->result == RMG_APPLIED;
    }
    ck_assert_uint_gt(there_before, 0);
    ck_assert_uint_gt(by_kernel, 0);
    ck_assert_uint_gt(others, 0);
    must(rmg_store_verify(g.store, &output.version, &fault));
    /* and the same requests, a tick later, are none */
    g.version = output.version;
    input.base = output.version;
    input.parent = output.commit;
    input.tick = 2;
    input.event_count = 0;
    run_tick(engine, &input, &output);
    for (uint32_t i = 0; i < request_count; i++) {
        const bool gone =
            _i == 0 ? goes_there(&requests[i], rooms_of(0)) : goes_there(&requests[i], tunnel());
        ck_assert(!gone || output.receipts[i].result == RMG_NO_MATCH ||
                  output.receipts[i].result == RMG_GUARD_FALSE);
    }
    rmg_engine_free(engine);
}
END_TEST

/* Rule 0, climb, at site 0: site, rooms 0 and 1, the edge between them, the instance. */
#define CLIMB_IDS 5u
static void climb(struct jit_id ids[CLIMB_IDS])
{
    ids[0] = kit_id('N', 0);
    ids[1] = kit_id('N', 0);
    ids[2] = kit_id('E', 0);
    ids[3] = kit_id('N', 1);
    ids[4] = rooms_of(0);
}

/* Thousands of instances that are not there take no room in the tick. */
START_TEST(a_flood_of_forged_instances)
{
    struct rmg_engine *engine = NULL;
    struct rmg_tick_output output;
    struct jit_id ids[CLIMB_IDS];
    climb(ids);
    for (request_count = 0; request_count < MATCHES;) {
        ids[4] = kit_id('I', 100000 + request_count);
        ask(0, ids, CLIMB_IDS);
    }
    struct rmg_tick_input input = tick_of(1);
    must(rmg_engine_new(&f.mem.heap, g.store, jit_exec_inline(), &engine));
    run_tick(engine, &input, &output);
    ck_assert_uint_eq(output.counts[RMG_NO_MATCH], MATCHES);
    ck_assert_uint_eq(engine->instance_count, 1);
    rmg_engine_free(engine);
}
END_TEST

/* ---- one match, by hand ---- */

static struct rmg_use uses[128];
static unsigned use_count;

static bool keep_use(void *user, const struct rmg_use *use)
{
    (void)user;
    ck_assert_uint_lt(use_count, 128);
    for (unsigned i = 0; i < use_count; i++) {
        ck_assert_int_ne(rmg_slot_compare(&uses[i].slot, &use->slot), 0);
    }
    uses[use_count++] = *use;
    return true;
}

static const struct rmg_use *use_of(enum rmg_slot_kind kind, struct jit_id in, struct jit_id id,
                                    const char *name)
{
    for (unsigned i = 0; i < use_count; i++) {
        const struct rmg_slot *slot = &uses[i].slot;
        if (slot->kind == kind && jit_id_equal(&slot->instance, &in) &&
            jit_id_equal(&slot->id, &id) && slot->name_size == strlen(name) &&
            (*name == 0 || memcmp(slot->name, name, strlen(name)) == 0)) {
            return &uses[i];
        }
    }
    return NULL;
}

/* Where climb applies. */
static void see_climb(struct jit_id ids[CLIMB_IDS], struct seen *seen)
{
    climb(ids);
    kit_open(&g);
    put_i64(g.instance, RMG_PLANE_ALPHA, 0, "open", 1);
    put_i64(rooms_of(0), RMG_PLANE_ALPHA, 0, "level", 1);
    put_i64(rooms_of(0), RMG_PLANE_ALPHA, 1, "level", 2);
    kit_seal(&g);
    see(seen, &g.version);
}

/* The portal is read, so is what stays, on both sides of it. */
START_TEST(the_portal_is_in_the_footprint)
{
    static struct rmg_effect effect;
    struct jit_id ids[CLIMB_IDS];
    struct rmg_match match = {
        .rule = rules[0], .instance = g.instance, .ids = ids, .id_count = CLIMB_IDS};
    struct jit_buf values;
    struct seen seen;
    uint32_t slots = 0;
    enum jit_err err;
    see_climb(ids, &seen);
    jit_buf_init(&values, &f.mem.heap, 1 << 20);
    effect.values = &values;
    ck_assert_int_eq(
        rmg_match_verify(&seen.graph, &match, &draw, JIT_VERIFY_SLOTS_MAX, &effect, &slots, &err),
        RMG_APPLIED);
    /* 4 elements, the portal and where it leads, 3 fields, the target of the add */
    ck_assert_uint_eq(slots, 4 + 2 + 3 + 1);
    for (uint32_t budget = 0; budget < slots; budget++) {
        uint32_t looked = 0;
        jit_buf_reset(&values);
        ck_assert_int_eq(
            rmg_match_verify(&seen.graph, &match, &draw, budget, &effect, &looked, &err),
            RMG_OVER_BUDGET);
        ck_assert_uint_eq(looked, budget);
    }
    jit_buf_reset(&values);
    ck_assert_int_eq(rmg_match_verify(&seen.graph, &match, &draw, slots, &effect, &slots, &err),
                     RMG_APPLIED);
    use_count = 0;
    ck_assert(rmg_match_footprint(&match, &effect, keep_use, NULL));
    const struct rmg_use *portal = use_of(RMG_SLOT_ALPHA, g.instance, ids[0], "rooms");
    ck_assert_ptr_nonnull(portal);
    ck_assert_int_eq(portal->access, RMG_ACCESS_READ);
    ck_assert_int_eq(use_of(RMG_SLOT_NODE, g.instance, ids[0], "")->access, RMG_ACCESS_READ);
    ck_assert_int_eq(use_of(RMG_SLOT_NODE, rooms_of(0), ids[1], "")->access, RMG_ACCESS_READ);
    ck_assert_int_eq(use_of(RMG_SLOT_EDGE, rooms_of(0), ids[2], "")->access, RMG_ACCESS_READ);
    ck_assert_int_eq(use_of(RMG_SLOT_ALPHA, rooms_of(0), ids[1], "level")->access,
                     RMG_ACCESS_WRITE);
    ck_assert_int_eq(use_of(RMG_SLOT_ALPHA, rooms_of(0), ids[3], "level")->access, RMG_ACCESS_READ);
    ck_assert_int_eq(use_of(RMG_SLOT_ALPHA, g.instance, ids[0], "hits")->access, RMG_ACCESS_BLIND);
    ck_assert_ptr_null(use_of(RMG_SLOT_ALPHA, g.instance, ids[0], "level"));
    jit_buf_release(&values);
}
END_TEST

/* Wrong instances, wrong counts, nobody who could enter: no match, and never more. */
START_TEST(hostile_matches)
{
    struct jit_id ids[CLIMB_IDS];
    struct jit_id none = {{0}};
    struct jit_id instances[] = {rooms_of(1), g.instance, tunnel(), kit_id('I', 77), none};
    struct seen seen;
    see_climb(ids, &seen);
    ck_assert_int_eq(verify(0, &seen.graph, ids), RMG_APPLIED);
    for (unsigned i = 0; i < 5; i++) {
        ids[4] = instances[i];
        ck_assert_int_eq(verify(0, &seen.graph, ids), RMG_NO_MATCH);
    }
    ids[4] = rooms_of(0);
    seen.graph.nest = NULL;
    ck_assert_int_eq(verify(0, &seen.graph, ids), RMG_NO_MATCH);
    seen.graph.nest = &seen.nest;
    ids[0] = kit_id('N', 2); /* a site without rooms */
    ck_assert_int_eq(verify(0, &seen.graph, ids), RMG_NO_MATCH);

    /* Through the engine: all kinds of instances, none of which brings it down. */
    struct rmg_engine *engine = NULL;
    struct rmg_tick_output output;
    request_count = 0;
    climb(ids);
    for (unsigned i = 0; i < 6; i++) {
        ids[4] = i < 5 ? instances[i] : rooms_of(0);
        ask(0, ids, i == 2 ? 4 : CLIMB_IDS);
    }
    struct rmg_tick_input input = tick_of(1);
    must(rmg_engine_new(&f.mem.heap, g.store, jit_exec_inline(), &engine));
    run_tick(engine, &input, &output);
    ck_assert_uint_eq(output.applied, 1);
    ck_assert_uint_eq(output.counts[RMG_NO_MATCH], 4);
    ck_assert_uint_eq(output.counts[RMG_INVALID], 1);
    rmg_engine_free(engine);
}
END_TEST

/* Whatever byte of a program is another one: it is refused, or it is a program that says just this.
 */
START_TEST(programs_that_were_changed)
{
    unsigned accepted = 0;
    for (unsigned which = 0; which < RULES; which++) {
        const struct lang_rule *rule = &f.system->rules[which];
        uint8_t bytes[4096];
        ck_assert_uint_le(rule->program_size, sizeof bytes);
        for (uint32_t at = 0; at < 8 * rule->program_size; at++) {
            struct rmg_rule *decoded = NULL;
            struct jit_buf again;
            memcpy(bytes, rule->program, rule->program_size);
            bytes[at / 8] ^= (uint8_t)(1u << at % 8);
            if (rmg_rule_decode(&f.mem.heap, bytes, rule->program_size, &decoded) != JIT_OK) {
                continue;
            }
            jit_buf_init(&again, &f.mem.heap, JIT_PROGRAM_BYTES_MAX);
            must(rmg_rule_encode(decoded, &again));
            ck_assert(lang_same_bytes(again.data, again.size, bytes, rule->program_size));
            jit_buf_release(&again);
            rmg_rule_free(&f.mem.heap, decoded);
            accepted++;
        }
    }
    ck_assert_uint_gt(accepted, 0);
}
END_TEST

/* A search that runs out of memory says so, and the next one finds everything. */
START_TEST(a_search_without_memory)
{
    struct seen seen;
    see(&seen, &g.version);
    find_all(5);
    unsigned failed = 0;
    for (int nth = 0; nth < 200; nth++) {
        struct fault_heap faulty = fault_heap_make(nth, false);
        struct rmg_search *search = NULL;
        enum jit_err err = rmg_search_new(&faulty.heap, rules[5], NULL, 0, &g.instance,
                                          (struct rmg_shard){0, 1}, &search);
        err = err == JIT_OK ? rmg_search_all(search, &seen.graph) : err;
        ck_assert(err == JIT_OK || err == JIT_ENOMEM);
        failed += err == JIT_ENOMEM;
        if (err == JIT_OK) {
            compare(search, 5, &seen.graph);
        }
        rmg_search_free(search);
        ck_assert_int_eq(faulty.live, 0);
    }
    ck_assert_uint_gt(failed, 5);
}
END_TEST

static void suite(Suite *s)
{
    TCase *tcase = test_case(s, "nested", 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, everybody_finds_the_same);
    tcase_add_test(tcase, a_tick_is_its_rewrites);
    tcase_add_loop_test(tcase, an_event_takes_the_instance_away, 0, 2);
    tcase_add_test(tcase, a_flood_of_forged_instances);
    tcase_add_test(tcase, the_portal_is_in_the_footprint);
    tcase_add_test(tcase, hostile_matches);
    tcase_add_test(tcase, programs_that_were_changed);
    tcase_add_test(tcase, a_search_without_memory);
}

TEST_MAIN("nested", suite)
