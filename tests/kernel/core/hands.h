/* tests/kernel/core/hands.h - two processes whose rings the test itself writes, tick by tick: every
 * tick is logged, replayed, and read back into a second core whose tree of capabilities must be the
 * same, node by node. For systems with rules `bump` and `link` and processes v and w. */
#ifndef JIT_TESTS_HANDS_H
#define JIT_TESTS_HANDS_H

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "kernel/core/core_priv.h"
#include "tests/kernel/core/owner_laws.h"
#include "tests/kernel/core/sim_hands.h"
#include "tests/lib/cell_rules.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"

#define HANDS_TEXT                                                                                 \
    "system test\n" CELL_TYPES CELL_BUMP CELL_LINK                                                 \
    "process v run bump(n = 1), link apply all over shard(/world)\n"                               \
    "process w run bump(n = 2), link apply all over shard(/world)\n"

#define V    0u /* processes ascend by name */
#define W    1u
#define BUMP 0u /* their rules and instances, as they are given to them */
#define LINK 1u

#define GRAPH_BYTES ((size_t)8 * SYS_PAGE)
static uint8_t graph_of[2][GRAPH_BYTES];

static struct fault_heap mem;
static struct sim_kernel sim;
static struct sim_hand hands[2];
static struct sim_hands two_hands = {.sim = &sim, .hand = hands, .count = 2};
static struct jit_id world, cell_type, next_type, done_type, bump_id, link_id;

static inline void step(const struct kern_event *event)
{
    sim_hands_step(&two_hands, *event);
    ck_assert_msg(two_hands.stopped[0] == '\0', "%s", two_hands.stopped);
}

static uint64_t arena_bytes;   /* 0: the usual */
static const char *cells_path; /* NULL: /world */

static inline void begin(const char *text)
{
    const struct sim_kernel_options options = {
        .text = text, .cells = 6, .path = cells_path, .arena_bytes = arena_bytes, .system_seed = 3};
    struct jit_id node;
    mem = fault_heap_make(-1, false);
    sim_kernel_init(&sim, &mem.heap, &options);
    two_hands.stopped[0] = '\0';
    for (uint32_t p = 0; p < 2; p++) {
        hands[p] = (struct sim_hand){.graph = graph_of[p], .graph_size = GRAPH_BYTES};
    }
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
static inline void same_as_in_sec(void)
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
    ck_assert_uint_eq(config->owner_count, sim.core->sec->owner_count);
    for (uint32_t i = 0; i < config->owner_count; i++) {
        const struct kern_sec_owner *owner = &sim.core->sec->owners[i];
        ck_assert(jit_id_equal(&config->owners[i].object, &owner->object));
        ck_assert(jit_id_equal(&config->owners[i].capability, &owner->capability));
        const struct sys_cap_node *node = sys_caps_node(caps, owner->node);
        ck_assert_int_eq(node == NULL, jit_id_is_zero(&owner->capability));
        ck_assert(node == NULL || jit_id_equal(&node->id, &owner->capability));
    }
    each_has_one_owner(sim.store, &version, config);
    /* Who derived what is there pays for it, and for nothing else. */
    uint64_t kept[2] = {0};
    for (uint32_t n = 0; n < sys_caps_end(caps); n++) {
        const struct sys_cap_node *node = sys_caps_node(caps, n);
        if (node != NULL && node->parent != SYS_CAP_NONE && node->cap.attenuators != NULL) {
            kept[sys_caps_node(caps, node->parent)->holder] +=
                sys_attenuators_size(node->cap.attenuators);
        }
    }
    ck_assert_mem_eq(kept, sim.core->sec->kept, sizeof kept);
    sys_caps_free(copy);
    kern_config_free(&mem.heap, config);
}

/* Both say done; the tick is made. */
static inline void tick(void)
{
    uint64_t before = kern_core_tick(sim.core);
    for (uint32_t p = 0; p < 2; p++) {
        hands[p].receipt_count = 0;
        sim_hand_done(&hands[p]);
    }
    for (uint32_t p = 0; p < 2; p++) {
        const struct kern_event bell = {.kind = KERN_EVENT_BELL, .process = p};
        step(&bell);
    }
    ck_assert_uint_eq(kern_core_tick(sim.core), before + 1);
    for (uint32_t p = 0; p < 2; p++) {
        sim_hand_take_receipts(&hands[p]);
    }
    same_as_in_sec();
}

static inline void end(void)
{
    sim_hands_end(&two_hands);
    sim_kernel_release(&sim);
    ck_assert_int_eq(mem.live, 0);
}

/* ---- what they ask ---- */

static inline void post(uint32_t p, uint32_t call, const void *bytes, size_t size)
{
    struct sys_slot *slot = sys_ring_guest_slot(&hands[p].ring);
    ck_assert_uint_le(size, GRAPH_BYTES);
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

static inline struct jit_id cell(unsigned n)
{
    char label[16];
    struct jit_id id;
    int size = snprintf(label, sizeof label, "c%u", n);
    jit_hash_named("node:", label, (size_t)size, &id);
    return id;
}

static inline void apply_bump(uint32_t p, uint32_t slot, uint32_t generation, unsigned n,
                              int64_t by)
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

static inline void apply_link(uint32_t p, uint32_t slot, uint32_t generation)
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

static inline size_t encode(struct sys_derive head, const struct sys_attenuators *a, uint8_t *bytes)
{
    struct jit_buf buf;
    jit_buf_init(&buf, jit_heap_libc(), GRAPH_BYTES);
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

static inline void derive(uint32_t p, uint32_t call, struct sys_derive head,
                          const struct sys_attenuators *a)
{
    uint8_t bytes[GRAPH_BYTES];
    head.flags |= SYS_WANT_RECEIPT;
    size_t size = encode(head, a, bytes);
    post(p, call, bytes, size);
}

static inline void revoke(uint32_t p, uint32_t slot, uint32_t generation, uint32_t flags)
{
    const struct sys_revoke request = {
        .cap_slot = slot, .cap_generation = generation, .flags = flags | SYS_WANT_RECEIPT};
    post(p, SYS_CALL_revoke, &request, sizeof request);
}

/* What became of the only call of its kind in the last tick. */
static inline const struct sys_receipt *receipt_of(uint32_t p, uint32_t call)
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

static inline struct sys_derived derived_of(uint32_t p, uint32_t call)
{
    struct sys_derived derived;
    memcpy(&derived, &receipt_of(p, call)->request_key, sizeof derived);
    return derived;
}

static inline struct kern_outcome operate_bytes(const struct kern_operator_ask *ask)
{
    uint64_t serial = 0;
    struct kern_outcome outcome = {.tick = 0};
    ck_assert_int_eq(kern_core_ask(sim.core, ask, &serial), JIT_OK);
    const struct kern_event asked = {.kind = KERN_EVENT_ASKED};
    step(&asked);
    ck_assert(!kern_core_outcome(sim.core, serial, &outcome));
    tick();
    ck_assert(kern_core_outcome(sim.core, serial, &outcome));
    ck_assert_uint_eq(outcome.tick, kern_core_tick(sim.core));
    return outcome;
}

/* An operator asks; the tick is made by both hands. */
static inline struct kern_outcome operate(struct kern_operator_ask ask, struct sys_derive head,
                                          const struct sys_attenuators *a)
{
    uint8_t bytes[GRAPH_BYTES];
    head.to_slot = SYS_NONE;
    ask.size = (uint32_t)encode(head, a, bytes);
    ask.bytes = bytes;
    ask.call = SYS_CALL_derive;
    return operate_bytes(&ask);
}

/* Of the operator's own authority. */
static inline struct kern_outcome give(uint32_t to, uint32_t rights, const struct jit_id *rule,
                                       const struct sys_attenuators *a)
{
    struct sys_derive head = {.rights = rights, .instance = world};
    if (rule != NULL) {
        head.rule = *rule;
    }
    return operate((struct kern_operator_ask){.holder = SYS_CAP_NONE, .target = to}, head, a);
}

static inline struct kern_outcome give_process(uint32_t to, uint32_t rights, uint32_t whom)
{
    struct sys_derive head = {.rights = rights};
    head.instance = kern_core_config(sim.core)->processes[whom].id;
    return operate((struct kern_operator_ask){.holder = SYS_CAP_NONE,
                                              .target = to,
                                              .object = SYS_OBJECT_PROCESS},
                   head, NULL);
}

static inline int64_t hits_of(unsigned n)
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

#endif
