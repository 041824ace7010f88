/* Goal:   the kernel keeps capabilities as /sec has them, carries out derive, grant, revoke and
 *         inspect before it judges requests, and lets nothing be matched, written or learnt that
 *         is not covered.
 * Method: two processes whose rings the test writes itself, tick by tick; every tick is logged,
 *         replayed, and read back into a second core whose tree must be the same, node by node. The
 *         test of every call and every right is made from syscalls.def. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "kernel/core/core_priv.h"
#include "syscall/decode.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/sim_kernel.h"
#include "tests/lib/tcase.h"

#define TEXT                                                                                       \
    "system test\n"                                                                                \
    "type Cell { state: i64 = 0, hits: i64 sum = 0 }\n"                                            \
    "edge NEXT, DONE\n"                                                                            \
    "rule bump(n: i64) priority 3\n"                                                               \
    "  match (a:Cell)\n"                                                                           \
    "  where a.state < 100\n"                                                                      \
    "  add a.hits, n\n"                                                                            \
    "rule link\n"                                                                                  \
    "  match (a:Cell)-[e:NEXT]->(b:Cell)\n"                                                        \
    "  delete e\n"                                                                                 \
    "  create (a)-[:DONE]->(b)\n"                                                                  \
    "process v run bump(n = 1), link apply all over shard(/world)\n"                               \
    "process w run bump(n = 2), link apply all over shard(/world)\n"

#define GRANTED TEXT "grant w: map /world; invoke bump, link on /world\n"

#define V    0u /* processes ascend by name */
#define W    1u
#define BUMP 0u /* their rules and instances, as they are given to them */
#define LINK 1u

static struct fault_heap mem;
static struct sim_kernel sim;
static struct hand { /* a worker that is the test itself */
    uint8_t *memory;
    struct sys_ring_guest ring;
    struct sys_boot_run_spec link; /* of its boot record: what the run of link uses, */
    struct sys_boot_run_spec bump;
    uint64_t mapped; /* and where /world lies, 0: it does not see it */
    bool runs;
    uint64_t begun;
    struct sys_receipt receipts[64];
    size_t receipt_count;
} hands[2];
static uint64_t starts[2];
static struct jit_id world, cell_type, next_type, done_type, bump_id, link_id;

/* ---- hands ---- */

static void wait_for(void *user, uint32_t *word, uint32_t value)
{
    (void)user;
    (void)word;
    (void)value;
    ck_abort_msg("the worker would sleep for ever");
}

static void wake(void *user, uint32_t *word)
{
    (void)user;
    (void)word;
}

static void step(const struct kern_event *event);

static void take_receipts(struct hand *hand)
{
    while (hand->runs && hand->receipt_count < 64 &&
           sys_ring_guest_receipt(&hand->ring, &hand->receipts[hand->receipt_count])) {
        hand->receipt_count++;
    }
}

static uint8_t graph_of[2][SYS_PAGE];

static void start(uint32_t p)
{
    struct hand *hand = &hands[p];
    struct sys_boot_spec boot;
    free(hand->memory);
    hand->memory = aligned_alloc(4096, SYS_RING_BYTES);
    hand->runs = true;
    hand->begun = 0;
    ck_assert_ptr_nonnull(hand->memory);
    memset(hand->memory, 0, SYS_RING_BYTES);
    ck_assert_int_eq(kern_core_boot(sim.core, p, &boot), JIT_OK);
    hand->bump = boot.runs[BUMP];
    hand->link = boot.runs[LINK];
    hand->mapped = boot.instances[0].view_offset;
    const struct kern_event event = {.kind = KERN_EVENT_SPAWNED,
                                     .process = p,
                                     .ring = {.base = hand->memory, .size = SYS_RING_BYTES},
                                     .graph = graph_of[p],
                                     .graph_size = SYS_PAGE,
                                     .graph_size_max = SYS_PAGE};
    starts[p]++;
    step(&event);
    hand->ring = (struct sys_ring_guest){.memory = event.ring, .wait = wait_for, .wake = wake};
    ck_assert_int_eq(sys_ring_guest_open(&hand->ring), JIT_OK);
}

static void step(const struct kern_event *event)
{
    struct kern_update update;
    uint32_t spawns[8], kills[8];
    size_t spawn_count = 0, kill_count = 0;
    kern_core_step(sim.core, event, &update);
    bool again = update.again;
    for (size_t i = 0; i < update.count; i++) {
        const struct kern_action *action = &update.actions[i];
        if (action->kind == KERN_DO_SPAWN) {
            spawns[spawn_count++] = action->process;
        } else if (action->kind == KERN_DO_KILL) {
            kills[kill_count++] = action->process;
        } else if (action->kind == KERN_DO_LOG) {
            sim_kernel_keep(&sim, &action->record);
        } else if (action->kind == KERN_DO_TICK) {
            sim.last = action->report;
            struct sys_cap_names names = {"p", "r", "/world", 0, SYS_RIGHT_INVOKE};
            sim.denial[0] = '\0';
            if (action->report.denial_count > 0) {
                sim.last.denial_count = action->report.denial_count;
                sys_cap_explain(action->report.denials[0].why, &names, sim.denial,
                                sizeof sim.denial);
            }
        } else if (action->kind == KERN_DO_STOP) {
            ck_abort_msg("%s", action->text);
        }
    }
    for (size_t i = 0; i < kill_count; i++) {
        const struct kern_event exited = {
            .kind = KERN_EVENT_EXITED, .process = kills[i], .text = "killed"};
        take_receipts(&hands[kills[i]]);
        hands[kills[i]].runs = false;
        step(&exited);
    }
    for (size_t i = 0; i < spawn_count; i++) {
        start(spawns[i]);
    }
    if (again) {
        const struct kern_event next = {.kind = KERN_EVENT_CONTINUE};
        step(&next);
    }
}

static uint64_t arena_bytes; /* 0: the usual */

static void begin(const char *text)
{
    const struct sim_kernel_options options = {
        .text = text, .cells = 6, .arena_bytes = arena_bytes, .system_seed = 3};
    struct jit_id node;
    mem = fault_heap_make(-1, false);
    sim_kernel_init(&sim, &mem.heap, &options);
    memset(hands, 0, sizeof hands);
    memset(starts, 0, sizeof starts);
    kern_place_id("/world", &world, &node);
    jit_hash_named("type:", "Cell", 4, &cell_type);
    jit_hash_named("type:", "NEXT", 4, &next_type);
    jit_hash_named("type:", "DONE", 4, &done_type);
    jit_hash_named("rule:", "bump", 4, &bump_id);
    jit_hash_named("rule:", "link", 4, &link_id);
    const struct kern_event run = {.kind = KERN_EVENT_RUN, .tick = 1000};
    step(&run);
}

/* The tree that another core reads from what lies in /sec now. */
static void same_as_in_sec(void)
{
    struct kern_config *config = NULL;
    struct sys_caps *copy = NULL;
    const char *where = NULL;
    struct rmg_version version = kern_core_version(sim.core);
    ck_assert_msg(kern_config_read(&mem.heap, sim.store, &version, &config, &where) == JIT_OK, "%s",
                  where);
    ck_assert_int_eq(
        kern_config_caps(&mem.heap, config, kern_core_tick(sim.core) + 1, &copy, NULL, &where),
        JIT_OK);
    const struct sys_caps *caps = kern_core_caps(sim.core);
    ck_assert_uint_eq(sys_caps_count(copy), sys_caps_count(caps));
    for (uint32_t p = 0; p < 2; p++) {
        ck_assert_uint_eq(sys_caps_generation(copy, p), sys_caps_generation(caps, p));
        for (uint32_t slot = 0; slot < sys_caps_slots(caps, p); slot++) {
            uint32_t a = sys_caps_at(caps, p, slot), b = sys_caps_at(copy, p, slot);
            const struct sys_cap_node *x = sys_caps_node(caps, a), *y = sys_caps_node(copy, b);
            ck_assert_int_eq(x == NULL, y == NULL);
            if (x == NULL) {
                continue;
            }
            ck_assert_int_eq(sys_caps_live(caps, a), sys_caps_live(copy, b));
            ck_assert(jit_id_equal(&x->id, &y->id));
            ck_assert_uint_eq(x->cap.generation, y->cap.generation);
            ck_assert_uint_eq(x->cap.rights, y->cap.rights);
            ck_assert_uint_eq(x->cap.badge, y->cap.badge);
            ck_assert_uint_eq(x->cap.object, y->cap.object);
            ck_assert(jit_id_equal(&x->cap.rule_id, &y->cap.rule_id));
            ck_assert(jit_id_equal(&x->cap.params_digest, &y->cap.params_digest));
            ck_assert_int_eq(sys_attenuators_within(x->cap.attenuators, y->cap.attenuators), 0);
            ck_assert_int_eq(sys_attenuators_within(y->cap.attenuators, x->cap.attenuators), 0);
            ck_assert_uint_eq(x->operations_left, y->operations_left);
            ck_assert_uint_eq(x->bytes_left, y->bytes_left);
            ck_assert_uint_eq(x->depth, y->depth);
            ck_assert_uint_eq(x->children, y->children);
            ck_assert_uint_eq(x->epoch, y->epoch);
        }
    }
    sys_caps_free(copy);
    kern_config_free(&mem.heap, config);
}

/* Both say done; the tick is made. */
static void tick(void)
{
    uint64_t before = kern_core_tick(sim.core);
    for (uint32_t p = 0; p < 2; p++) {
        struct hand *hand = &hands[p];
        hand->receipt_count = 0;
        if (!hand->runs) {
            continue;
        }
        hand->begun = sys_ring_guest_begin(&hand->ring, hand->begun);
        sys_ring_guest_done(&hand->ring, hand->begun);
    }
    for (uint32_t p = 0; p < 2; p++) {
        const struct kern_event bell = {.kind = KERN_EVENT_BELL, .process = p};
        step(&bell);
    }
    ck_assert_uint_eq(kern_core_tick(sim.core), before + 1);
    for (uint32_t p = 0; p < 2; p++) {
        take_receipts(&hands[p]);
    }
    same_as_in_sec();
}

static void end(void)
{
    const char *what = NULL;
    enum jit_err err = sim_kernel_replay(&sim, &what);
    ck_assert_msg(err == JIT_OK, "replay: %s", what);
    for (uint32_t p = 0; p < 2; p++) {
        free(hands[p].memory);
    }
    sim_kernel_release(&sim);
    ck_assert_int_eq(mem.live, 0);
}

/* ---- what they ask ---- */

static void post(uint32_t p, uint32_t call, const void *bytes, size_t size)
{
    struct sys_slot *slot = sys_ring_guest_slot(&hands[p].ring);
    ck_assert_uint_le(size, SYS_PAGE);
    slot->kind = call;
    slot->length = (uint32_t)size;
    slot->cookie = call;
    if (size > SYS_INLINE_BYTES) { /* one of these in a tick */
        memcpy(graph_of[p], bytes, size);
        slot->body.far.at = 0;
        slot->body.far.size = size;
    } else if (size > 0) {
        memcpy(slot->body.bytes, bytes, size);
    }
    sys_ring_guest_post(&hands[p].ring);
}

static struct jit_id cell(unsigned n)
{
    char label[16];
    struct jit_id id;
    int size = snprintf(label, sizeof label, "c%u", n);
    jit_hash_named("node:", label, (size_t)size, &id);
    return id;
}

static void apply_bump(uint32_t p, uint32_t slot, uint32_t generation, unsigned n, int64_t by)
{
    uint8_t bytes[256];
    uint8_t params[16] = {8};
    struct jit_id id = cell(n);
    jit_put_le64(params + 8, (uint64_t)by);
    const struct sys_apply_view apply = {.cap_slot = slot,
                                         .cap_generation = generation,
                                         .rule = BUMP,
                                         .ids = &id,
                                         .id_count = 1,
                                         .flags = SYS_WANT_RECEIPT,
                                         .params = params,
                                         .params_size = sizeof params};
    sys_apply_encode(&apply, bytes);
    post(p, SYS_CALL_apply, bytes, sys_apply_size(1, sizeof params));
}

static void apply_link(uint32_t p, uint32_t slot, uint32_t generation)
{
    uint8_t bytes[256];
    struct jit_id ids[3] = {cell(1), {{0}}, cell(0)};
    uint8_t input[3 * JIT_ID_BYTES + 4] = {0};
    memcpy(input, &ids[0], 32);
    memcpy(input + 32, &ids[2], 32);
    memcpy(input + 64, &next_type, 32);
    jit_hash_key(JIT_K_EDGE_ID, input, sizeof input, &ids[1]);
    const struct sys_apply_view apply = {.cap_slot = slot,
                                         .cap_generation = generation,
                                         .rule = LINK,
                                         .ids = ids,
                                         .id_count = 3,
                                         .flags = SYS_WANT_RECEIPT};
    sys_apply_encode(&apply, bytes);
    post(p, SYS_CALL_apply, bytes, sys_apply_size(3, 0));
}

static size_t encode(struct sys_derive head, const struct sys_attenuators *a, uint8_t *bytes)
{
    struct jit_buf buf;
    jit_buf_init(&buf, jit_heap_libc(), 4096);
    if (a != NULL) {
        sys_attenuators_encode(a, &buf);
    }
    head.attenuators_size = (uint32_t)buf.size;
    memcpy(bytes, &head, sizeof head);
    if (buf.size > 0) {
        memcpy(bytes + sizeof head, buf.data, buf.size);
    }
    size_t size = sizeof head + buf.size;
    jit_buf_release(&buf);
    return size;
}

static void derive(uint32_t p, uint32_t call, struct sys_derive head,
                   const struct sys_attenuators *a)
{
    uint8_t bytes[4096];
    head.flags |= SYS_WANT_RECEIPT;
    size_t size = encode(head, a, bytes);
    post(p, call, bytes, size);
}

static void revoke(uint32_t p, uint32_t slot, uint32_t generation, uint32_t flags)
{
    const struct sys_revoke request = {
        .cap_slot = slot, .cap_generation = generation, .flags = flags | SYS_WANT_RECEIPT};
    post(p, SYS_CALL_revoke, &request, sizeof request);
}

/* What became of the only call of its kind in the last tick. */
static const struct sys_receipt *receipt_of(uint32_t p, uint32_t call)
{
    const struct sys_receipt *found = NULL;
    for (size_t i = 0; i < hands[p].receipt_count; i++) {
        if (hands[p].receipts[i].cookie == call) {
            found = &hands[p].receipts[i];
        }
    }
    ck_assert_ptr_nonnull(found);
    return found;
}

static struct sys_derived derived_of(uint32_t p, uint32_t call)
{
    struct sys_derived derived;
    memcpy(&derived, &receipt_of(p, call)->request_key, sizeof derived);
    return derived;
}

/* An operator asks; the tick is made by both hands. */
static struct kern_outcome operate(struct kern_operator_ask ask, struct sys_derive head,
                                   const struct sys_attenuators *a)
{
    uint8_t bytes[4096];
    uint64_t serial = 0;
    struct kern_outcome outcome = {.tick = 0};
    head.to_slot = SYS_NONE;
    ask.size = (uint32_t)encode(head, a, bytes);
    ask.bytes = bytes;
    ask.call = SYS_CALL_derive;
    ck_assert_int_eq(kern_core_ask(sim.core, &ask, &serial), JIT_OK);
    const struct kern_event asked = {.kind = KERN_EVENT_ASKED};
    step(&asked);
    ck_assert(!kern_core_outcome(sim.core, serial, &outcome));
    tick();
    ck_assert(kern_core_outcome(sim.core, serial, &outcome));
    ck_assert_uint_eq(outcome.tick, kern_core_tick(sim.core));
    return outcome;
}

/* Of the operator's own authority. */
static struct kern_outcome give(uint32_t to, uint32_t rights, const struct jit_id *rule,
                                const struct sys_attenuators *a)
{
    struct sys_derive head = {.rights = rights, .instance = world};
    if (rule != NULL) {
        head.rule = *rule;
    }
    return operate((struct kern_operator_ask){.holder = SYS_CAP_NONE, .target = to}, head, a);
}

static struct kern_outcome give_process(uint32_t to, uint32_t rights, uint32_t whom)
{
    struct sys_derive head = {.rights = rights};
    head.instance = kern_core_config(sim.core)->processes[whom].id;
    return operate((struct kern_operator_ask){.holder = SYS_CAP_NONE,
                                              .target = to,
                                              .object = SYS_OBJECT_PROCESS},
                   head, NULL);
}

static int64_t hits_of(unsigned n)
{
    struct rmg_instance instance;
    struct rmg_graph graph;
    struct rmg_value value;
    struct jit_id id = cell(n);
    struct rmg_version version = kern_core_version(sim.core);
    ck_assert_int_eq(rmg_store_instance(sim.store, &version, &world, &instance), JIT_OK);
    rmg_store_graph(sim.store, &instance, &graph);
    ck_assert_int_eq(rmg_attachment_get(&graph, RMG_PLANE_ALPHA, &id, "hits", 4, &value), JIT_OK);
    return (int64_t)jit_le64(value.bytes);
}

/* ---- tests ---- */

START_TEST(derived_used_revoked)
{
    begin(GRANTED);
    const struct sys_attenuators two = {.given = SYS_GIVEN_OPERATIONS, .operations = 2};
    /* w: slot 0 map, slot 1 bump (bound to n = 2), slot 2 link */
    derive(W, SYS_CALL_derive, (struct sys_derive){1, 1, 0, SYS_NONE, .badge = 77}, &two);
    apply_bump(W, 1, 1, 0, 2);
    tick();
    ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result, RMG_APPLIED);
    ck_assert_int_eq(receipt_of(W, SYS_CALL_derive)->result, RMG_APPLIED);
    struct sys_derived made = derived_of(W, SYS_CALL_derive);
    ck_assert_uint_eq(made.slot, 3);
    const struct sys_inspect inspect = {made.slot, made.generation};
    for (unsigned i = 0; i < 4; i++) { /* two operations in all */
        apply_bump(W, made.slot, made.generation, i, 2);
    }
    post(W, SYS_CALL_inspect, &inspect, sizeof inspect);
    tick();
    struct sys_inspected seen;
    memcpy(&seen, &receipt_of(W, SYS_CALL_inspect)->request_key, sizeof seen);
    ck_assert_uint_eq(seen.rights, SYS_RIGHT_INVOKE);
    ck_assert_uint_eq(seen.depth, 1);
    ck_assert_uint_eq(seen.operations_left, 2);
    ck_assert_uint_eq(seen.badge, 77);
    ck_assert_int_eq(hits_of(0) + hits_of(1) + hits_of(2) + hits_of(3), 2 + 2 * 2);
    apply_bump(W, made.slot, made.generation, 5, 2);
    tick(); /* none is left, also not in another tick */
    ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result, RMG_OVER_QUOTA);
    apply_bump(W, 1, 1, 5, 2);
    revoke(W, 1, 1, 0);
    tick(); /* what was asked in the same tick is not done any more */
    ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result, RMG_DENIED);
    ck_assert_ptr_nonnull(strstr(sim.denial, "is revoked"));
    ck_assert_int_eq(receipt_of(W, SYS_CALL_revoke)->result, RMG_APPLIED);
    ck_assert_int_eq(hits_of(5), 0);
    ck_assert_uint_eq(sys_caps_count(kern_core_caps(sim.core)), 3); /* the leaf is swept */
    tick(); /* the run of bump has no capability any more: started anew without one */
    ck_assert_uint_eq(starts[W], 2);
    ck_assert_uint_eq(hands[W].bump.cap_slot, SYS_NONE);
    ck_assert_uint_eq(sys_caps_count(kern_core_caps(sim.core)), 2);
    revoke(W, 1, 1, 0); /* long gone: as good as revoked */
    revoke(W, 9, 1, 0);
    tick();
    ck_assert_uint_eq(hands[W].receipt_count, 2);
    ck_assert_int_ne(hands[W].receipts[0].result, hands[W].receipts[1].result);
    end();
}
END_TEST

START_TEST(more_is_refused_and_named)
{
    begin(GRANTED);
    derive(W, SYS_CALL_derive,
           (struct sys_derive){2, 1, 0, SYS_NONE, .rights = SYS_RIGHT_INVOKE | SYS_RIGHT_WRITE},
           NULL);
    tick();
    ck_assert_int_eq(receipt_of(W, SYS_CALL_derive)->result, RMG_DENIED);
    ck_assert_uint_eq(derived_of(W, SYS_CALL_derive).excess, SYS_EXCESS_RIGHTS);
    derive(W, SYS_CALL_derive,
           (struct sys_derive){.cap_slot = 7, .cap_generation = 1, .to_slot = SYS_NONE}, NULL);
    tick();
    ck_assert_int_eq(receipt_of(W, SYS_CALL_derive)->result, RMG_DENIED);
    ck_assert_uint_eq(derived_of(W, SYS_CALL_derive).verdict, SYS_CAP_NO_SLOT);
    derive(W, SYS_CALL_derive, (struct sys_derive){.cap_slot = 2, .cap_generation = 1},
           NULL); /* slot 0 is taken */
    tick();
    ck_assert_int_eq(receipt_of(W, SYS_CALL_derive)->result, RMG_EXISTS);
    ck_assert_uint_eq(sys_caps_count(kern_core_caps(sim.core)), 3);
    end();
}
END_TEST

/* To another process only under a write right on it; a move takes it away here. */
START_TEST(granted_to_another)
{
    begin(GRANTED);
    derive(W, SYS_CALL_grant, (struct sys_derive){2, 1, 0, SYS_NONE, .to_cap = 9}, NULL);
    tick();
    ck_assert_int_eq(receipt_of(W, SYS_CALL_grant)->result, RMG_DENIED);
    struct kern_outcome way = give_process(W, SYS_RIGHT_WRITE, V);
    ck_assert_int_eq(way.result, RMG_APPLIED);
    derive(W, SYS_CALL_grant,
           (struct sys_derive){2, 1, 0, SYS_NONE, way.slot, way.generation, .badge = 5}, NULL);
    tick();
    ck_assert_int_eq(receipt_of(W, SYS_CALL_grant)->result, RMG_APPLIED);
    struct sys_derived given = derived_of(W, SYS_CALL_grant);
    tick(); /* v runs link: it is started anew with it */
    ck_assert_uint_eq(starts[V], 2);
    ck_assert_uint_eq(hands[V].link.cap_slot, given.slot);
    derive(W, SYS_CALL_grant,
           (struct sys_derive){.cap_generation = 1,
                               .flags = SYS_MOVE,
                               .to_slot = SYS_NONE,
                               .to_cap = way.slot,
                               .to_cap_generation = way.generation},
           NULL);
    tick(); /* w's map: gone here, there now */
    ck_assert_uint_eq(starts[W], 2);
    ck_assert_uint_eq(starts[V], 3);
    ck_assert_uint_eq(hands[W].mapped, 0);
    ck_assert_uint_ne(hands[V].mapped, 0);
    apply_link(V, given.slot, given.generation);
    revoke(W, 2, 1, SYS_ONLY_CHILDREN);
    tick(); /* w takes back what it gave; its own stays */
    ck_assert_int_eq(receipt_of(V, SYS_CALL_apply)->result, RMG_DENIED);
    apply_link(W, 2, 1);
    tick();
    ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result, RMG_APPLIED);
    end();
}
END_TEST

/* Nothing that a process asks for is done in the tick in which it loses a map. */
START_TEST(a_lost_map)
{
    begin(GRANTED);
    apply_link(W, 2, 1);
    revoke(W, 0, 1, 0);
    tick();
    ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result, RMG_DENIED);
    ck_assert_ptr_nonnull(strstr(sim.denial, "started anew"));
    tick();
    ck_assert_uint_eq(starts[W], 2);
    ck_assert_uint_eq(hands[W].mapped, 0);
    apply_link(W, 2, 1);
    tick();
    ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result, RMG_APPLIED);
    struct kern_process_status status;
    kern_core_process(sim.core, W, &status);
    ck_assert_int_eq(status.state, KERN_PROCESS_RUNNING); /* no death that a policy counts */
    end();
}
END_TEST

START_TEST(expiry_and_priority)
{
    begin(GRANTED);
    const struct sys_attenuators short_lived = {.given = SYS_GIVEN_LAST_TICK, .last_tick = 3};
    const struct sys_attenuators low = {.given = SYS_GIVEN_PRIORITY, .priority_max = 2};
    struct kern_outcome now = give(V, SYS_RIGHT_INVOKE, &bump_id, &short_lived); /* tick 1 */
    struct kern_outcome ceiling = give(W, SYS_RIGHT_INVOKE, &bump_id, &low);     /* tick 2 */
    apply_bump(V, now.slot, now.generation, 0, 9);
    apply_bump(W, ceiling.slot, ceiling.generation, 1, 9);
    tick(); /* tick 3 */
    ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result, RMG_DENIED);
    ck_assert_ptr_nonnull(strstr(sim.denial, "ceiling"));
    ck_assert_int_eq(receipt_of(V, SYS_CALL_apply)->result, RMG_APPLIED);
    ck_assert_int_eq(hits_of(0), 9);
    ck_assert_uint_eq(starts[V], 3);
    ck_assert_uint_eq(hands[V].bump.cap_slot, SYS_NONE);
    apply_bump(V, now.slot, now.generation, 0, 9);
    tick(); /* swept before it is looked at */
    ck_assert_int_eq(receipt_of(V, SYS_CALL_apply)->result, RMG_DENIED);
    ck_assert_int_eq(hits_of(0), 9);
    end();
}
END_TEST

/* A ceiling is one whichever right it is that lets a rule be applied. */
START_TEST(a_ceiling_of_a_right_to_write)
{
    begin(GRANTED);
    const struct sys_attenuators low = {.given = SYS_GIVEN_PRIORITY, .priority_max = 2};
    const struct sys_attenuators high = {.given = SYS_GIVEN_PRIORITY, .priority_max = 3};
    struct kern_outcome below = give(V, SYS_RIGHT_WRITE, NULL, &low);
    struct kern_outcome at = give(W, SYS_RIGHT_WRITE, NULL, &high);
    apply_bump(V, below.slot, below.generation, 0, 9); /* of priority 3 */
    apply_bump(W, at.slot, at.generation, 1, 9);
    tick();
    ck_assert_int_eq(receipt_of(V, SYS_CALL_apply)->result, RMG_DENIED);
    ck_assert_ptr_nonnull(strstr(sim.denial, "ceiling"));
    ck_assert_int_eq(hits_of(0), 0);
    ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result, RMG_APPLIED);
    ck_assert_int_eq(hits_of(1), 9);
    end();
}
END_TEST

/* What is matched and written is of types that are covered. */
START_TEST(types_are_covered)
{
    begin(GRANTED);
    struct jit_id both[2] = {next_type, done_type};
    if (jit_id_compare(&both[0], &both[1]) > 0) {
        both[0] = done_type;
        both[1] = next_type;
    }
    const struct sys_attenuators cells = {.given = SYS_GIVEN_NODES, .nodes = {&cell_type, 1}};
    const struct sys_attenuators no_cells = {.given = SYS_GIVEN_NODES, .nodes = {&next_type, 1}};
    const struct sys_attenuators done = {.given = SYS_GIVEN_EDGES, .edges = {&done_type, 1}};
    const struct sys_attenuators next = {.given = SYS_GIVEN_EDGES, .edges = {&next_type, 1}};
    const struct sys_attenuators edges = {.given = SYS_GIVEN_EDGES, .edges = {both, 2}};
    const struct {
        const struct sys_attenuators *a;
        uint32_t rights; /* invoke, or write itself */
        const char *why; /* NULL: applied */
    } rows[] = {{&no_cells, SYS_RIGHT_INVOKE, "type of a matched node"},
                {&done, SYS_RIGHT_INVOKE, "type of a matched edge"},
                {&next, SYS_RIGHT_WRITE, "effect on an edge"}, /* it creates a DONE */
                {&done, SYS_RIGHT_WRITE, "type of a matched edge"},
                {&edges, SYS_RIGHT_READ, "lacks a right"},
                {&edges, SYS_RIGHT_WRITE, NULL},
                {&cells, SYS_RIGHT_WRITE, NULL},
                {&next, SYS_RIGHT_INVOKE, NULL}}; /* what it writes is its owner's to answer for */
    const size_t i = (size_t)_i;
    const struct jit_id *rule = rows[i].rights == SYS_RIGHT_INVOKE ? &link_id : NULL;
    struct kern_outcome given = give(W, rows[i].rights, rule, rows[i].a);
    ck_assert_int_eq(given.result, RMG_APPLIED);
    apply_link(W, given.slot, given.generation);
    tick();
    ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result,
                     rows[i].why == NULL ? RMG_APPLIED : RMG_DENIED);
    if (rows[i].why != NULL) {
        ck_assert_msg(strstr(sim.denial, rows[i].why) != NULL, "%s", sim.denial);
    }
    end();
}
END_TEST

/* Two ask for the same, and only the second may: then it is done. */
START_TEST(a_copy_under_another_capability)
{
    uint64_t denied = 0;
    for (uint32_t shut_out = 0; shut_out < 2; shut_out++) { /* one of them is the first in order */
        begin(GRANTED);
        const struct sys_attenuators wrong = {.given = SYS_GIVEN_EDGES, .edges = {&done_type, 1}};
        struct kern_outcome shut = give(shut_out, SYS_RIGHT_INVOKE, &link_id, &wrong);
        struct kern_outcome open = give(1 - shut_out, SYS_RIGHT_INVOKE, &link_id, NULL);
        tick(); /* v is started anew */
        apply_link(shut_out, shut.slot, shut.generation);
        apply_link(1 - shut_out, open.slot, open.generation);
        tick();
        ck_assert_uint_eq(sim.last.counts[RMG_APPLIED], 1);
        ck_assert_int_eq(receipt_of(1 - shut_out, SYS_CALL_apply)->result, RMG_APPLIED);
        ck_assert_uint_eq(sim.last.counts[RMG_DENIED] + sim.last.counts[RMG_DUPLICATE], 1);
        denied += sim.last.counts[RMG_DENIED];
        end();
    }
    ck_assert_uint_eq(denied, 1);
}
END_TEST

/* Every result that there is, as a worker is told of it: to who may not read, all that depends on
 * what is there is one. */
static void check_told(uint32_t process, bool reads)
{
    const struct kern_pending pending = {.instance = 0};
    for (unsigned result = 0; result < RMG_RESULT_COUNT; result++) {
        bool own = result == RMG_APPLIED || result == RMG_DENIED || result == RMG_OVER_QUOTA;
        for (int by_gate = 0; by_gate < 2; by_gate++) {
            const struct kern_source source = {.process = process, .by_gate = by_gate == 1};
            bool known = !reads;
            enum rmg_result told =
                kern_told(sim.core, &source, &pending, (enum rmg_result)result, &known);
            bool hidden = !reads && (!own || (result == RMG_DENIED && by_gate == 1));
            ck_assert_int_eq(known, reads);
            ck_assert_int_eq(told, hidden ? RMG_INVALID : (enum rmg_result)result);
        }
    }
}

/* Who may neither map nor read learns that a request was done or denied, and nothing of what is
 * there. */
START_TEST(receipts_tell_nothing_else)
{
    begin(GRANTED);
    struct kern_outcome blind = give(V, SYS_RIGHT_INVOKE, &bump_id, NULL);
    tick();
    apply_bump(V, blind.slot, blind.generation, 99, 2); /* no such cell */
    apply_bump(W, 1, 1, 98, 2);
    tick();
    ck_assert_int_eq(receipt_of(V, SYS_CALL_apply)->result, RMG_INVALID);
    ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result, RMG_NO_MATCH);
    ck_assert_uint_eq(receipt_of(V, SYS_CALL_apply)->index, UINT32_MAX); /* how busy others are */
    ck_assert_uint_lt(receipt_of(W, SYS_CALL_apply)->index, 2);
    ck_assert_uint_eq(sim.last.counts[RMG_NO_MATCH], 2); /* the commit has the truth */
    apply_bump(V, blind.slot, blind.generation, 1, 2);
    tick();
    ck_assert_int_eq(receipt_of(V, SYS_CALL_apply)->result, RMG_APPLIED);
    ck_assert_uint_eq(receipt_of(V, SYS_CALL_apply)->index, UINT32_MAX);
    check_told(V, false);
    check_told(W, true);
    give(V, SYS_RIGHT_READ, NULL, NULL);
    apply_bump(V, blind.slot, blind.generation, 99, 2);
    tick();
    ck_assert_int_eq(receipt_of(V, SYS_CALL_apply)->result, RMG_NO_MATCH);
    end();
}
END_TEST

/* One attachment more on a cell: another one each time. */
static void collapse(uint32_t p, uint32_t slot, uint32_t generation)
{
    static uint8_t serial;
    static const struct jit_id none;
    static const struct rmg_origin origin = {0, 0};
    const struct sys_collapse head = {
        .cap_slot = slot, .cap_generation = generation, .flags = SYS_WANT_RECEIPT};
    const char name[3] = {'z', (char)('a' + serial / 26), (char)('a' + serial % 26)};
    struct jit_id place;
    struct jit_id root_node;
    struct jit_buf buf;
    serial++;
    kern_place_id("/world", &place, &root_node);
    const struct rmg_op op = {
        .kind = RMG_OP_SET_ATTACHMENT,
        .plane = RMG_PLANE_ALPHA,
        .instance = place,
        .id = cell(2),
        .attachment = {name, 3, {RMG_VALUE_ATOM, *rmg_codec_type(RMG_CODEC_BYTES), &serial, 1}},
        .origins = &origin,
        .origin_count = 1};
    jit_buf_init(&buf, jit_heap_libc(), 4096);
    jit_buf_put(&buf, &head, sizeof head);
    jit_buf_put_u64(&buf, kern_core_tick(sim.core));
    for (unsigned i = 0; i < 3; i++) {
        jit_buf_put_u64(&buf, 0); /* nothing was looked at, is created, adds up */
    }
    jit_buf_put_id(&buf, &none);
    jit_buf_put_u64(&buf, 0);
    jit_buf_put_u64(&buf, 0);
    jit_buf_put_u64(&buf, 1);
    rmg_op_encode(&op, &buf);
    post(p, SYS_CALL_collapse, buf.data, buf.size);
    jit_buf_release(&buf);
}

/* From syscalls.def: every call that is carried out and wants a right, under every set of rights
 * without it. Calls that are not carried out are answered `invalid` whatever is held. */
static void ask_for(uint32_t number, uint32_t slot, uint32_t generation)
{
    switch (number) {
    case SYS_CALL_apply:
        apply_bump(W, slot, generation, 0, 2);
        break;
    case SYS_CALL_collapse:
        collapse(W, slot, generation);
        break;
    case SYS_CALL_grant:
        derive(W, SYS_CALL_grant,
               (struct sys_derive){.cap_slot = 2,
                                   .cap_generation = 1,
                                   .to_slot = SYS_NONE,
                                   .to_cap = slot,
                                   .to_cap_generation = generation},
               NULL);
        break;
    default:
        ck_abort_msg("call %u wants a right and is not in this test", number);
    }
}

START_TEST(every_call_with_every_right_missing)
{
    unsigned asked = 0;
    begin(GRANTED);
    for (size_t i = 0; i < sys_call_row_count; i++) {
        const struct sys_call_row *row = &sys_call_rows[i];
        if (row->decode == NULL) {
            post(W, row->number, NULL, 0);
            tick();
            ck_assert_int_eq(receipt_of(W, row->number)->result, RMG_INVALID);
            continue;
        }
        for (uint32_t rights = 1; row->rights != 0 && rights <= SYS_RIGHTS_ALL; rights++) {
            bool has = (rights & row->rights) == row->rights;
            /* An apply without invoke may be covered by write (DESIGN 8): a gate keeps it out. */
            const struct sys_attenuators none = {.given = SYS_GIVEN_NODES};
            bool process = row->number == SYS_CALL_grant;
            struct kern_outcome given = process ? give_process(W, rights, V)
                                                : give(W, rights, &bump_id, has ? NULL : &none);
            ck_assert_int_eq(given.result, RMG_APPLIED);
            tick();
            ask_for(row->number, given.slot, given.generation);
            tick();
            ck_assert_msg(receipt_of(W, row->number)->result == (has ? RMG_APPLIED : RMG_DENIED),
                          "%s with rights %u: %u", row->name, rights,
                          receipt_of(W, row->number)->result);
            revoke(W, given.slot, given.generation, 0);
            tick();
            tick();
            asked++;
        }
    }
    ck_assert_uint_eq(asked, 3 * SYS_RIGHTS_ALL);
    end();
}
END_TEST

/* A thousand dead are taken away a tick, in the order of their ids; the rest counts no more. */
START_TEST(a_long_sweep)
{
    arena_bytes = 64u << 20;
    begin(GRANTED);
    struct kern_outcome root = give(W, SYS_RIGHT_READ, NULL, NULL);
    for (unsigned n = 0; n < 2500; n++) {
        derive(W, SYS_CALL_derive,
               (struct sys_derive){root.slot, root.generation, 0, SYS_NONE, .nonce = n}, NULL);
        if (n % 60 == 59) {
            tick();
        }
    }
    tick();
    uint32_t full = sys_caps_count(kern_core_caps(sim.core));
    ck_assert_uint_eq(full, 3 + 1 + 2500);
    revoke(W, root.slot, root.generation, 0);
    tick();
    ck_assert_uint_eq(sys_caps_count(kern_core_caps(sim.core)), full - 1024);
    tick();
    ck_assert_uint_eq(sys_caps_count(kern_core_caps(sim.core)), full - 2048);
    tick();
    ck_assert_uint_eq(sys_caps_count(kern_core_caps(sim.core)),
                      3 + 1); /* then the root is a leaf */
    tick();
    ck_assert_uint_eq(sys_caps_count(kern_core_caps(sim.core)), 3);
    end();
}
END_TEST

START_TEST(an_operator_at_rest)
{
    begin(GRANTED);
    const struct kern_event pause = {.kind = KERN_EVENT_PAUSE};
    step(&pause);
    tick();
    uint64_t serial = 0;
    const struct sys_revoke request = {.cap_slot = 2, .cap_generation = 1};
    const struct kern_operator_ask ask = {.call = SYS_CALL_revoke,
                                          .holder = W,
                                          .bytes = (const uint8_t *)&request,
                                          .size = sizeof request};
    ck_assert_int_eq(kern_core_ask(sim.core, &ask, &serial), JIT_OK);
    ck_assert_uint_eq(kern_core_recorded_by(sim.core), kern_core_tick(sim.core) + 1);
    const struct kern_event asked = {.kind = KERN_EVENT_ASKED};
    step(&asked);
    tick();
    struct kern_outcome outcome;
    ck_assert(kern_core_outcome(sim.core, serial, &outcome));
    ck_assert_int_eq(outcome.result, RMG_APPLIED);
    struct kern_record_view view; /* the log says who did what */
    struct kern_record_ask logged;
    const struct sim_record *last = &sim.records[sim.record_count - 1];
    ck_assert_int_eq(kern_record_decode(last->payload, last->payload_size, &view), JIT_OK);
    ck_assert_uint_eq(view.ask_count, 1);
    struct jit_cursor cur = jit_cursor_of(view.asks, view.asks_size);
    ck_assert_int_eq(kern_record_next_ask(&cur, &logged), JIT_OK);
    ck_assert_uint_eq(logged.call, SYS_CALL_revoke);
    ck_assert(jit_id_is_zero(&logged.process));
    ck_assert(jit_id_equal(&logged.holder, &kern_core_config(sim.core)->processes[W].id));
    for (size_t size = 0; size < last->payload_size; size++) {
        ck_assert_int_ne(kern_record_decode(last->payload, size, &view), JIT_OK);
    }
    end();
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "caps", 60);
    tcase_add_test(t, derived_used_revoked);
    tcase_add_test(t, more_is_refused_and_named);
    tcase_add_test(t, granted_to_another);
    tcase_add_test(t, a_lost_map);
    tcase_add_test(t, expiry_and_priority);
    tcase_add_test(t, a_ceiling_of_a_right_to_write);
    tcase_add_loop_test(t, types_are_covered, 0, 8);
    tcase_add_test(t, a_copy_under_another_capability);
    tcase_add_test(t, receipts_tell_nothing_else);
    tcase_add_test(t, every_call_with_every_right_missing);
    tcase_add_test(t, a_long_sweep);
    tcase_add_test(t, an_operator_at_rest);
}

TEST_MAIN("caps", suite)
