/* Goal:   each word of DESIGN 5.2 and 14.1 on its own: duplicates, quotas, blockers, sums, events;
 *         a tick that fails leaves nothing behind, and its cost does not grow with the graph.
 * Method: one small graph a case, requests laid out by hand; every refused allocation. */
#include <stdio.h>

#include "base/hash.h"
#include "base/le.h"
#include "rmg/engine/request.h"
#include "rmg/lang/lang.h"
#include "tests/lib/bed.h"
#include "tests/lib/must.h"
#include "tests/lib/tcase.h"

static struct bed bed;
static struct bed_batch batch;
static struct rmg_tick_output output;

static void begin_case(void)
{
    bed_begin(&bed, 12, 12, 3, false);
    memset(&batch, 0, sizeof batch);
}

static void end_case(void)
{
    bed_end(&bed);
    ck_assert_int_eq(bed.mem.live, 0);
}

static void run_case(void)
{
    struct rmg_tick_input input = bed_input(&bed, &batch);
    must(rmg_engine_tick(bed.engine, &input, &output));
}

START_TEST(empty_tick_is_a_commit)
{
    struct jit_id receipts;
    run_case();
    struct jit_id first = output.commit;
    ck_assert(jit_id_equal(&output.version.state_root, &bed.version.state_root));
    ck_assert_uint_eq(output.patch_size, 56);
    rmg_receipts_digest(NULL, 0, &receipts);
    ck_assert(jit_id_equal(&output.receipts_digest, &receipts));
    bed_advance(&bed, &output);
    run_case();
    ck_assert(!jit_id_equal(&output.commit, &first));
    ck_assert_uint_eq(output.nodes_total, 12);
    ck_assert_uint_eq(output.edges_total, 12);
}
END_TEST

START_TEST(a_duplicate_is_one_request)
{
    for (int i = 0; i < 3; i++) {
        bed_request(&bed, &batch, SAMPLE_LOAD, 5);
    }
    batch.requests[0].result = RMG_DENIED; /* the first authorised one counts */
    run_case();
    ck_assert_uint_eq(output.counts[RMG_DENIED], 1);
    ck_assert_uint_eq(output.counts[RMG_DUPLICATE], 1);
    ck_assert_uint_eq(output.applied, 1);
}
END_TEST

START_TEST(sent_again_counts_before_its_copy)
{
    struct jit_id zero = {{0}};
    bed_request(&bed, &batch, SAMPLE_LOAD, 5)->process = zero; /* sorts first */
    bed_request(&bed, &batch, SAMPLE_LOAD, 5)->retries = 1;
    run_case();
    ck_assert_int_eq(output.receipts[0].result, RMG_DUPLICATE);
    ck_assert_int_eq(output.receipts[1].result, RMG_APPLIED);
}
END_TEST

START_TEST(quotas_are_charged_in_order)
{
    for (size_t i = 0; i < 8; i++) {
        bed_request(&bed, &batch, SAMPLE_PUT, i)->quota = 1;
    }
    batch.quotas[1] = 5;
    run_case();
    ck_assert_uint_eq(batch.quotas[1], 0);
    ck_assert_uint_eq(output.applied, 5);
    for (size_t i = 0; i < 8; i++) {
        ck_assert_int_eq(output.receipts[i].result, i < 5 ? RMG_APPLIED : RMG_OVER_QUOTA);
    }
}
END_TEST

/* Three writers of one slot: the second and third lost to the first, not to each other. */
START_TEST(a_blocker_never_lost)
{
    for (uint64_t nonce = 0; nonce < 3; nonce++) {
        bed_request(&bed, &batch, SAMPLE_PUT, 4)->nonce = nonce;
    }
    run_case();
    ck_assert_int_eq(output.receipts[0].result, RMG_APPLIED);
    for (size_t i = 1; i < 3; i++) {
        ck_assert_int_eq(output.receipts[i].result, RMG_CONFLICT);
        ck_assert_uint_eq(output.receipts[i].blocker, 0);
    }
}
END_TEST

/* ---- requests that are tried again ---- */

static struct rmg_waiting_place waiting_place;

static struct rmg_tick_input waiting_input(void)
{
    struct rmg_instance instance;
    struct rmg_tick_input input = bed_input(&bed, &batch);
    must(rmg_store_instance(bed.store, &bed.version, &bed.instance, &instance));
    waiting_place =
        (struct rmg_waiting_place){.instance = bed.instance, .node = instance.root_node};
    input.waiting = &waiting_place;
    return input;
}

static size_t count_waiting(uint32_t retries)
{
    struct rmg_instance instance;
    struct rmg_graph graph;
    struct rmg_value value;
    struct rmg_waiting waiting;
    struct rmg_waiting_list cur;
    size_t count = 0;
    must(rmg_store_instance(bed.store, &bed.version, &bed.instance, &instance));
    rmg_store_graph(bed.store, &instance, &graph);
    if (rmg_attachment_get(&graph, RMG_PLANE_ALPHA, &instance.root_node, RMG_WAITING_NAME,
                           sizeof RMG_WAITING_NAME - 1, &value) == JIT_ENOENT) {
        return 0;
    }
    must(rmg_waiting_open(value.bytes, value.size, &cur));
    for (; rmg_waiting_next(&cur, &waiting) == JIT_OK; count++) {
        ck_assert_uint_eq(waiting.retries, retries);
        ck_assert_uint_eq(waiting.cap_generation, 7);
    }
    return count;
}

/* Who loses lies in the state until the next tick, and no longer. */
START_TEST(who_loses_waits_in_the_state)
{
    bed.rules[SAMPLE_PUT]->retry = 2;
    for (uint32_t tick = 0; tick < 5; tick++) {
        bed_request(&bed, &batch, SAMPLE_PUT, 4);
        bed_request(&bed, &batch, SAMPLE_PUT, 4)->nonce = 1;
        for (uint32_t i = 0; i < 2; i++) {
            batch.requests[i].cap_generation = 7;
            batch.requests[i].retries = tick;
        }
        struct rmg_tick_input input = waiting_input();
        input.waiting = tick == 4 ? NULL : input.waiting;
        must(rmg_engine_tick(bed.engine, &input, &output));
        ck_assert_int_eq(output.receipts[1].result, tick < 2 ? RMG_RETRIED : RMG_CONFLICT);
        ck_assert_uint_eq(output.receipts[1].blocker, 0);
        bed_advance(&bed, &output);
        ck_assert_uint_eq(count_waiting(tick + 1), tick < 2 ? 1 : 0);
        batch.count = 0;
    }
}
END_TEST

/* A tick in which nobody loses is the one it would be without the place. */
START_TEST(nobody_lost_nothing_is_said)
{
    static struct bed twin;
    bed_begin(&twin, 12, 12, 3, false);
    bed_request(&bed, &batch, SAMPLE_PUT, 4);
    struct rmg_tick_input input = bed_input(&twin, &batch);
    must(rmg_engine_tick(twin.engine, &input, &output));
    const struct jit_id plain = output.commit;
    batch.count = 0;
    bed_request(&bed, &batch, SAMPLE_PUT, 4);
    input = waiting_input();
    must(rmg_engine_tick(bed.engine, &input, &output));
    ck_assert(jit_id_equal(&output.commit, &plain));
    bed_end(&twin);
}
END_TEST

/* What does not fit into one attachment is turned away, in the canonical order. */
START_TEST(only_so_many_wait)
{
    const uint32_t count = 8000;
    struct rmg_request *requests = calloc(count, sizeof *requests);
    ck_assert_ptr_nonnull(requests);
    bed.rules[SAMPLE_PUT]->retry = 1;
    for (uint32_t i = 0; i < count; i++) {
        batch.count = 0;
        requests[i] = *bed_request(&bed, &batch, SAMPLE_PUT, 4);
        requests[i].nonce = i;
        requests[i].cap_generation = 7;
    }
    const uint64_t room = (JIT_ATOM_BYTES_MAX - 4) / rmg_waiting_size(&requests[0]);
    ck_assert_uint_lt(room, count - 2);
    struct rmg_tick_input input = waiting_input();
    input.requests = requests;
    input.request_count = count;
    must(rmg_engine_tick(bed.engine, &input, &output));
    ck_assert_uint_eq(output.applied, 1);
    ck_assert_uint_eq(output.counts[RMG_RETRIED], room);
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_int_eq(output.receipts[i].result, i == 0      ? RMG_APPLIED
                                                    : i <= room ? RMG_RETRIED
                                                                : RMG_CONFLICT);
    }
    bed_advance(&bed, &output);
    ck_assert_uint_eq(count_waiting(1), room);
    free(requests);
}
END_TEST

static int64_t hits_of(size_t node)
{
    struct rmg_instance instance;
    struct rmg_graph graph;
    struct rmg_value value;
    must(rmg_store_instance(bed.store, &output.version, &bed.instance, &instance));
    rmg_store_graph(bed.store, &instance, &graph);
    must(rmg_attachment_get(&graph, RMG_PLANE_ALPHA, &bed.nodes[node], "hits", 4, &value));
    ck_assert_uint_eq(value.size, 8);
    return (int64_t)jit_le64(value.bytes);
}

static bool count_origins(void *user, const struct rmg_op *op)
{
    *(uint32_t *)user += op->origin_count;
    return true;
}

START_TEST(blind_sums_fold_and_overflow_by_name)
{
    const int64_t deltas[] = {INT64_MAX, 1, 1, -5, INT64_MIN};
    for (uint64_t i = 0; i < 5; i++) {
        struct rmg_request *request = bed_request(&bed, &batch, SAMPLE_LOAD, 4);
        request->params_size = sample_params_i64(batch.params[i], deltas[i]);
        request->nonce = i;
    }
    run_case();
    int64_t sum = 0;
    uint32_t applied = 0;
    for (uint32_t i = 0; i < batch.count; i++) {
        int64_t delta = (int64_t)jit_le64(batch.requests[i].params + 8);
        int64_t next = 0;
        bool over = __builtin_add_overflow(sum, delta, &next);
        ck_assert_int_eq(output.receipts[i].result, over ? RMG_OVERFLOW : RMG_APPLIED);
        sum = over ? sum : next;
        applied += over ? 0 : 1;
    }
    ck_assert_int_eq(hits_of(4), sum);
    ck_assert_uint_lt(applied, 5);
    struct jit_id root;
    uint32_t origins = 0;
    must(rmg_patch_each(jit_heap_libc(), output.patch, output.patch_size, &root, count_origins,
                        &origins));
    ck_assert_uint_eq(origins, applied); /* one operation with all its origins */
}
END_TEST

START_TEST(a_root_node_stays)
{
    struct rmg_tx *tx = NULL;
    uint8_t two[8] = {2};
    struct rmg_edge edge = {
        .id = {{9}}, .from = bed.nodes[1], .to = bed.nodes[0], .type = sample_type_d()};
    struct rmg_attachment state = {.name = "state",
                                   .name_size = 5,
                                   .value = {.kind = RMG_VALUE_ATOM,
                                             .type = *rmg_codec_type(RMG_CODEC_I64),
                                             .bytes = two,
                                             .size = 8}};
    must(rmg_tx_begin(bed.store, &bed.version, &tx));
    for (size_t i = 0; i < bed.edge_count; i++) {
        must(rmg_tx_delete_edge(tx, &bed.instance, &bed.edges[i].id));
    }
    must(rmg_tx_upsert_edge(tx, &bed.instance, &edge));
    must(rmg_tx_set_attachment(tx, &bed.instance, RMG_PLANE_ALPHA, &bed.nodes[0], &state));
    must(rmg_tx_seal(tx, &bed.version));
    bed.edges[0] = edge;
    bed_request(&bed, &batch, SAMPLE_PRUNE, 0);
    run_case();
    ck_assert_int_eq(output.receipts[0].result, RMG_DANGLING);
}
END_TEST

/* ---- events ---- */

static struct rmg_op event_set(size_t node, uint8_t bytes[8])
{
    return (struct rmg_op){.kind = RMG_OP_SET_ATTACHMENT,
                           .plane = RMG_PLANE_ALPHA,
                           .instance = bed.instance,
                           .id = bed.nodes[node],
                           .attachment = {.name = "v",
                                          .name_size = 1,
                                          .value = {.kind = RMG_VALUE_ATOM,
                                                    .type = *rmg_codec_type(RMG_CODEC_I64),
                                                    .bytes = bytes,
                                                    .size = 8}}};
}

START_TEST(events_come_first)
{
    uint8_t bytes[8] = {1};
    struct rmg_op events[2] = {event_set(2, bytes), {.kind = RMG_OP_UPSERT_NODE}};
    events[1].instance = bed.instance;
    events[1].id = bed.parent; /* any id that is new */
    events[1].type = sample_type_p();
    bed_request(&bed, &batch, SAMPLE_PUT, 2);
    bed_request(&bed, &batch, SAMPLE_PUT, 3);
    bed_request(&bed, &batch, SAMPLE_GROW, 3);
    struct rmg_tick_input input = bed_input(&bed, &batch);
    input.events = events;
    input.event_count = 2;
    must(rmg_engine_tick(bed.engine, &input, &output));
    ck_assert_uint_eq(output.applied, 2);
    ck_assert_uint_eq(output.nodes_total, 12 + 2);
    for (uint32_t i = 0; i < 3; i++) {
        bool blocked = jit_id_equal(&batch.requests[i].ids[0], &bed.nodes[2]);
        ck_assert_int_eq(output.receipts[i].result, blocked ? RMG_CONFLICT : RMG_APPLIED);
        ck_assert_uint_eq(output.receipts[i].blocker, RMG_NO_BLOCKER);
    }
    struct bed other;
    bed_begin(&other, 12, 12, 3, false);
    bed_replay(&other, &output);
    bed_end(&other);
}
END_TEST

START_TEST(events_with_two_values_fail_loudly)
{
    uint8_t bytes[2][8] = {{1}, {2}};
    struct rmg_op events[2] = {event_set(2, bytes[0]), event_set(2, bytes[0])};
    struct rmg_tick_input input = bed_input(&bed, &batch);
    uint64_t live = bed.arena->live;
    input.events = events;
    input.event_count = 2;
    must(rmg_engine_tick(bed.engine, &input, &output)); /* the same value twice: one operation */
    bed_advance(&bed, &output);
    live = bed.arena->live;
    input = bed_input(&bed, &batch);
    input.events = events;
    input.event_count = 2;
    events[1] = event_set(2, bytes[1]);
    ck_assert_int_eq(rmg_engine_tick(bed.engine, &input, &output), JIT_ECONFLICT);
    events[1] = (struct rmg_op){.kind = RMG_OP_CLEAR_ATTACHMENT,
                                .plane = RMG_PLANE_ALPHA,
                                .instance = bed.instance,
                                .id = bed.nodes[2],
                                .attachment = {.name = "v", .name_size = 1}};
    ck_assert_int_eq(rmg_engine_tick(bed.engine, &input, &output), JIT_ECONFLICT);
    ck_assert_uint_eq(bed.arena->live, live);
    run_case();
}
END_TEST

/* An instance comes and goes by events alone, portal and all. */
START_TEST(events_make_and_unmake_an_instance)
{
    struct jit_id child = {{0x77}};
    struct jit_id root = {{0x78}};
    struct rmg_parent parent = {.present = true,
                                .plane = RMG_PLANE_ALPHA,
                                .instance = bed.instance,
                                .owner = bed.nodes[1],
                                .name_size = 5,
                                .name = "child"};
    struct rmg_attachment portal = {
        .name = "child", .name_size = 5, .value = {.kind = RMG_VALUE_PORTAL, .type = child}};
    struct rmg_op make[3] = {
        {.kind = RMG_OP_UPSERT_INSTANCE, .instance = child, .from = root, .parent = &parent},
        {.kind = RMG_OP_UPSERT_NODE, .instance = child, .id = root, .type = sample_type_p()},
        {.kind = RMG_OP_SET_ATTACHMENT,
         .plane = RMG_PLANE_ALPHA,
         .instance = bed.instance,
         .id = bed.nodes[1],
         .attachment = portal}};
    struct rmg_op unmake[3] = {{.kind = RMG_OP_CLEAR_ATTACHMENT,
                                .plane = RMG_PLANE_ALPHA,
                                .instance = bed.instance,
                                .id = bed.nodes[1],
                                .attachment = {.name = "child", .name_size = 5}},
                               {.kind = RMG_OP_DELETE_NODE, .instance = child, .id = root},
                               {.kind = RMG_OP_DELETE_INSTANCE, .instance = child}};
    struct bed other;
    struct jit_id before = bed.version.state_root;
    bed_begin(&other, 12, 12, 3, false);
    struct rmg_tick_input input = bed_input(&bed, &batch);
    input.events = make;
    input.event_count = 3;
    must(rmg_engine_tick(bed.engine, &input, &output));
    ck_assert_uint_eq(output.version.instance_count, 2);
    ck_assert_uint_eq(output.nodes_total, 13);
    bed_replay(&other, &output);
    bed_advance(&bed, &output);
    input = bed_input(&bed, &batch);
    input.events = unmake;
    input.event_count = 3;
    must(rmg_engine_tick(bed.engine, &input, &output));
    ck_assert(jit_id_equal(&output.version.state_root, &before));
    ck_assert_uint_eq(output.nodes_total, 12);
    bed_replay(&other, &output);
    bed_end(&other);
}
END_TEST

/* ---- failure leaves nothing ---- */

static void fill_mixed(void)
{
    memset(&batch, 0, sizeof batch);
    batch.quotas[0] = 3;
    for (size_t i = 0; i < 12; i++) {
        bed_request(&bed, &batch, (enum sample_rule)(i % SAMPLE_RULES), i)->quota =
            i % 2 == 0 ? 0 : RMG_NO_QUOTA;
    }
    for (uint64_t i = 0; i < 3; i++) {
        bed_request(&bed, &batch, SAMPLE_LOAD, 4)->nonce = i + 10;
    }
}

START_TEST(refused_memory_leaves_no_trace)
{
    struct jit_id commit = {{0}};
    fill_mixed();
    run_case();
    commit = output.commit;
    int64_t refused = 0;
    for (int64_t n = 0;; n++) {
        /* A new bed each time: an engine that has grown asks for nothing more. */
        bed_end(&bed);
        bed_begin(&bed, 12, 12, 3, false);
        fill_mixed();
        struct rmg_tick_input input = bed_input(&bed, &batch);
        uint64_t live = bed.arena->live;
        bed.mem.calls = 0;
        bed.mem.refuse_at = n;
        enum jit_err err = rmg_engine_tick(bed.engine, &input, &output);
        bool fired = fault_heap_fired(&bed.mem);
        bed.mem.refuse_at = -1;
        ck_assert_int_eq(err, fired ? JIT_ENOMEM : JIT_OK);
        if (!fired) {
            ck_assert(jit_id_equal(&output.commit, &commit));
            break;
        }
        refused++;
        ck_assert_uint_eq(bed.arena->live, live);
        ck_assert_uint_eq(batch.quotas[0], 3);
        run_case(); /* and again, as if nothing had been */
        ck_assert(jit_id_equal(&output.commit, &commit));
    }
    ck_assert_int_gt(refused, 10);
}
END_TEST

static enum jit_err no_growth(struct rmg_arena *arena, uint64_t size_min)
{
    (void)arena;
    (void)size_min;
    return JIT_ENOSPC;
}

START_TEST(an_arena_that_does_not_grow_refuses_the_tick)
{
    fill_mixed();
    uint64_t live = bed.arena->live;
    uint64_t size = bed.arena->size;
    struct jit_id root = bed.version.state_root;
    enum jit_err (*grow)(struct rmg_arena *, uint64_t) = bed.arena->grow;
    bed.arena->grow = no_growth;
    bed.arena->size = bed.arena->used;
    struct rmg_tick_input input = bed_input(&bed, &batch);
    ck_assert_int_eq(rmg_engine_tick(bed.engine, &input, &output), JIT_ENOSPC);
    ck_assert_uint_eq(bed.arena->live, live);
    ck_assert_uint_eq(batch.quotas[0], 3);
    bed.arena->grow = grow;
    bed.arena->size = size;
    ck_assert(jit_id_equal(&root, &bed.version.state_root));
    run_case();
    ck_assert_uint_gt(output.applied, 0);
}
END_TEST

/* ---- growth ---- */

static uint64_t slots_at(size_t nodes)
{
    struct bed large;
    uint64_t slots = 0;
    bed_begin(&large, nodes, nodes, 11, false);
    memset(&batch, 0, sizeof batch);
    for (size_t i = 0; i < 60; i++) {
        enum sample_rule rule = i % 2 == 0 ? SAMPLE_PUT : SAMPLE_GROW;
        bed_request(&large, &batch, rule, i * 16);
    }
    struct rmg_tick_input input = bed_input(&large, &batch);
    must(rmg_engine_tick(large.engine, &input, &output));
    ck_assert_uint_eq(output.applied, 60);
    slots = output.slots;
    bed_end(&large);
    return slots;
}

START_TEST(slots_do_not_depend_on_the_size)
{
    uint64_t small = slots_at(1000);
    ck_assert_uint_gt(small, 60);
    ck_assert_uint_eq(slots_at(100000), small);
}
END_TEST

/* A patch that would be too large takes what fits; the rest is told so. */
START_TEST(a_patch_has_a_limit)
{
    static uint8_t params[8 + JIT_PARAMS_BYTES_MAX - 8];
    static uint8_t value[JIT_PARAMS_BYTES_MAX - 8];
    static struct rmg_request requests[20000];
    static struct jit_id ids[20000];
    struct bed large;
    bed_begin(&large, 20000, 1, 13, false);
    struct bed_batch none = {.count = 0};
    struct rmg_tick_input input = bed_input(&large, &none);
    uint32_t size = sample_params_bytes(params, value, sizeof value);
    for (uint32_t i = 0; i < 20000; i++) {
        struct bed_batch one = {.count = 0};
        requests[i] = *bed_request(&large, &one, SAMPLE_PUT, i);
        ids[i] = one.ids[0][0];
        requests[i].ids = &ids[i];
        requests[i].params = params;
        requests[i].params_size = size;
    }
    input.requests = requests;
    input.request_count = 20000;
    must(rmg_engine_tick(large.engine, &input, &output));
    ck_assert_uint_le(output.patch_size, JIT_PATCH_BYTES_MAX);
    ck_assert_uint_gt(output.patch_size, JIT_PATCH_BYTES_MAX - 8192);
    ck_assert_uint_gt(output.counts[RMG_OVER_QUOTA], 0);
    ck_assert_uint_eq(output.applied + output.counts[RMG_OVER_QUOTA], 20000);
    bed_end(&large);
}
END_TEST

/* One rewrite that is larger than any patch: the same, and its tick goes on without it. */
START_TEST(a_rewrite_has_a_limit)
{
    static uint8_t value[JIT_ATOM_BYTES_MAX];
    static char text[16384];
    const uint32_t fields = 65; /* of 1 MiB each */
    struct lang_system *system = NULL;
    struct jit_buf messages;
    struct bed large;
    size_t at = (size_t)snprintf(text, sizeof text, "system s\ntype P { big: bytes");
    for (uint32_t i = 0; i < fields; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, ", f%u: bytes", i);
    }
    at += (size_t)snprintf(text + at, sizeof text - at,
                           " }\nrule all\n  match (a:P)\n  set a.f0 = a.big");
    for (uint32_t i = 1; i < fields; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, ", a.f%u = a.big", i);
    }
    at += (size_t)snprintf(text + at, sizeof text - at, "\n");
    jit_buf_init(&messages, jit_heap_libc(), 1u << 16);
    enum jit_err err =
        lang_parse(jit_heap_libc(), "s", (const uint8_t *)text, at, &system, &messages);
    ck_assert_msg(err == JIT_OK, "%.*s", (int)messages.size, (const char *)messages.data);
    bed_begin(&large, 12, 12, 13, false);
    struct bed_batch none = {.count = 0};
    struct rmg_tick_input input = bed_input(&large, &none);
    struct rmg_op event = {.kind = RMG_OP_SET_ATTACHMENT, .plane = RMG_PLANE_ALPHA};
    event.instance = large.instance;
    event.id = large.nodes[3];
    event.attachment.name = "big";
    event.attachment.name_size = 3;
    event.attachment.value = (struct rmg_value){.kind = RMG_VALUE_ATOM,
                                                .type = *rmg_codec_type(RMG_CODEC_BYTES),
                                                .bytes = value,
                                                .size = sizeof value};
    input.events = &event;
    input.event_count = 1;
    must(rmg_engine_tick(large.engine, &input, &output));
    bed_advance(&large, &output);
    memset(&batch, 0, sizeof batch);
    bed_request(&large, &batch, SAMPLE_LOAD, 5);
    struct rmg_request *request = bed_request(&large, &batch, SAMPLE_LOAD, 3);
    request->rule = &system->rules[0].rule;
    request->rule_id = request->rule->id;
    request->ids = &large.nodes[3];
    request->id_count = 1;
    request->params_size = 0;
    input = bed_input(&large, &batch);
    must(rmg_engine_tick(large.engine, &input, &output));
    ck_assert_uint_eq(output.applied, 1);
    ck_assert_uint_eq(output.counts[RMG_OVER_QUOTA], 1);
    bed_end(&large);
    lang_system_free(jit_heap_libc(), system);
    jit_buf_release(&messages);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "cases", 60);
    tcase_add_checked_fixture(t, begin_case, end_case);
    tcase_add_test(t, empty_tick_is_a_commit);
    tcase_add_test(t, a_duplicate_is_one_request);
    tcase_add_test(t, sent_again_counts_before_its_copy);
    tcase_add_test(t, quotas_are_charged_in_order);
    tcase_add_test(t, a_blocker_never_lost);
    tcase_add_test(t, who_loses_waits_in_the_state);
    tcase_add_test(t, nobody_lost_nothing_is_said);
    tcase_add_test(t, only_so_many_wait);
    tcase_add_test(t, blind_sums_fold_and_overflow_by_name);
    tcase_add_test(t, a_root_node_stays);
    tcase_add_test(t, events_come_first);
    tcase_add_test(t, events_with_two_values_fail_loudly);
    tcase_add_test(t, events_make_and_unmake_an_instance);
    tcase_add_test(t, refused_memory_leaves_no_trace);
    tcase_add_test(t, an_arena_that_does_not_grow_refuses_the_tick);
    t = test_case(s, "growth", 120);
    tcase_add_test(t, slots_do_not_depend_on_the_size);
    tcase_add_test(t, a_patch_has_a_limit);
    tcase_add_test(t, a_rewrite_has_a_limit);
}

TEST_MAIN("engine", suite)
