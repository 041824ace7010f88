#include <stdlib.h>

#include "base/check.h"
#include "kernel/core/intent_priv.h"

/* Intents that wait for their tick. They are looked up twice: when they come, so that what is not
 * allowed makes no tick; and in the tick, after what is revoked in it. */

/* ---- looking up ---- */

static uint32_t node_of(const struct sys_caps *caps, const struct jit_id *id)
{
    uint32_t at = sys_caps_end(caps);
    while (at-- > 0) {
        const struct sys_cap_node *node = sys_caps_node(caps, at);
        if (node != NULL && jit_id_equal(&node->id, id)) {
            return at;
        }
    }
    return SYS_CAP_NONE;
}

/* As things are now: who holds it, and where its instance lies. */
static void look_up(struct kern_core *core, struct kern_intending *intent)
{
    const struct sys_cap_node *node = sys_caps_node(core->sec->caps, intent->node);
    intent->pending = (struct kern_pending){.nonce = intent->it.nonce,
                                            .id_count = intent->it.id_count,
                                            .params_size = intent->it.params_size,
                                            .cap_slot = SYS_NONE,
                                            .intent = intent};
    if (node != NULL && jit_id_equal(&node->id, &intent->capability)) {
        intent->holder = node->holder;
        intent->pending.cap_slot = node->slot;
        intent->pending.cap_generation = node->cap.generation;
    }
    kern_lineage_read(core, &intent->it.instance, &intent->lineage);
}

enum sys_cap_verdict kern_intent_covers(const struct kern_core *core,
                                        const struct kern_intending *intent,
                                        const struct sys_cap_need *need)
{
    const struct sys_attenuators *a = intent->attenuators;
    if (!intent->is_narrowed) {
        return SYS_CAP_ALLOWED;
    }
    if (a != NULL && (a->given & SYS_GIVEN_LAST_TICK) != 0 && a->last_tick < core->tick + 1) {
        return SYS_CAP_EXPIRED;
    }
    struct sys_cap_need within = *need;
    within.outer = intent->lineage.ids + 1;
    within.outer_count = intent->lineage.count - 1;
    return sys_cap_covers(&intent->narrowed, &within);
}

/* ---- what is remembered ---- */

/* The bytes beside the capability in the committed state. JIT_ENOENT: there are none. */
static enum jit_err read_kept(struct kern_core *core, const struct jit_id *capability,
                              struct rmg_value *out)
{
    struct rmg_instance instance;
    struct rmg_graph graph;
    enum jit_err err =
        rmg_store_instance(core->options.store, &core->version, &core->sec_places[0], &instance);
    if (err == JIT_OK) {
        rmg_store_graph(core->options.store, &instance, &graph);
        err = rmg_attachment_get(&graph, RMG_PLANE_ALPHA, capability, KERN_INTENTS_NAME,
                                 sizeof KERN_INTENTS_NAME - 1, out);
    }
    if (err == JIT_OK && (out->kind != RMG_VALUE_ATOM || out->size % KERN_INTENT_ENTRY != 0)) {
        err = JIT_ECORRUPT;
    }
    return err;
}

/* Has it been in a tick? And how many count still. */
static enum jit_err remembered(struct kern_core *core, const struct kern_intending *intent,
                               uint64_t *tick, uint32_t *count)
{
    struct rmg_value value;
    enum jit_err err = read_kept(core, &intent->capability, &value);
    *tick = 0;
    *count = 0;
    for (size_t at = 0; err == JIT_OK && at < value.size; at += KERN_INTENT_ENTRY) {
        const uint8_t *entry = value.bytes + at;
        if (jit_le64(entry) <= core->tick) {
            continue; /* it would be late by now */
        }
        ++*count;
        if (memcmp(entry + 16, intent->it.hash.bytes, JIT_ID_BYTES) == 0) {
            *tick = jit_le64(entry + 8);
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static int compare_entries(const void *a, const void *b)
{
    return memcmp((const uint8_t *)a + 16, (const uint8_t *)b + 16, JIT_ID_BYTES);
}

/* What counts still and what is new, ascending by hash. */
static enum jit_err keep(struct kern_core *core, size_t first)
{
    struct kern_intending *intent = &core->intents.list[first];
    struct rmg_value value;
    jit_buf_init(&intent->kept, core->heap, JIT_ATOM_BYTES_MAX);
    intent->first = true;
    enum jit_err err = read_kept(core, &intent->capability, &value);
    for (size_t at = 0; err == JIT_OK && at < value.size; at += KERN_INTENT_ENTRY) {
        if (jit_le64(value.bytes + at) > core->tick + 1) {
            jit_buf_put(&intent->kept, value.bytes + at, KERN_INTENT_ENTRY);
        }
    }
    for (size_t i = first; i < core->intents.count; i++) {
        const struct kern_intending *other = &core->intents.list[i];
        if (jit_id_equal(&other->capability, &intent->capability)) {
            jit_buf_put_u64(&intent->kept, other->it.until);
            jit_buf_put_u64(&intent->kept, core->tick + 1);
            jit_buf_put_id(&intent->kept, &other->it.hash);
        }
    }
    if ((err != JIT_OK && err != JIT_ENOENT) || intent->kept.err != JIT_OK) {
        return err != JIT_OK && err != JIT_ENOENT ? err : intent->kept.err;
    }
    qsort(intent->kept.data, intent->kept.size / KERN_INTENT_ENTRY, KERN_INTENT_ENTRY,
          compare_entries);
    return JIT_OK;
}

/* ---- asking ---- */

static void forget(struct kern_core *core, struct kern_intending *intent)
{
    core->heap->free(core->heap, intent->bytes);
    core->heap->free(core->heap, intent->attenuators);
    if (intent->first) {
        jit_buf_release(&intent->kept);
    }
}

static bool narrow(struct kern_core *core, const struct sys_cap *cap, struct kern_intending *intent)
{
    intent->is_narrowed = cap != NULL;
    if (cap == NULL) {
        return true;
    }
    intent->narrowed = *cap;
    intent->narrowed.attenuators = NULL;
    if (cap->attenuators == NULL || cap->attenuators->given == 0) {
        return true;
    }
    if (sys_attenuators_copy(core->heap, cap->attenuators, &intent->attenuators) != JIT_OK) {
        return false;
    }
    const struct sys_attenuators *a = intent->attenuators;
    intent->narrowed.attenuators = a;
    intent->gated = (a->given & (SYS_GIVEN_NODES | SYS_GIVEN_EDGES)) != 0;
    intent->gate = (struct rmg_gate){.any_node = (a->given & SYS_GIVEN_NODES) == 0,
                                     .any_edge = (a->given & SYS_GIVEN_EDGES) == 0,
                                     .nodes = a->nodes.ids,
                                     .node_count = a->nodes.count,
                                     .edges = a->edges.ids,
                                     .edge_count = a->edges.count};
    return true;
}

/* Is it allowed as things are now? */
static enum kern_intent_fate judge(struct kern_core *core, struct kern_intending *intent,
                                   struct kern_intent_answer *answer)
{
    struct kern_source source = {.process = 0, .intent = true};
    struct rmg_request request = {.ids = intent->it.ids,
                                  .id_count = intent->it.id_count,
                                  .params = intent->it.params,
                                  .params_size = intent->it.params_size};
    uint32_t node = SYS_CAP_NONE;
    intent->node = node_of(core->sec->caps, &intent->capability);
    answer->verdict = SYS_CAP_REVOKED; /* and swept, if it is not there at all */
    if (intent->node == SYS_CAP_NONE) {
        return KERN_INTENT_DENIED;
    }
    look_up(core, intent);
    const struct sys_cap *held = &sys_caps_node(core->sec->caps, intent->node)->cap;
    if (intent->is_narrowed &&
        sys_attenuators_within(intent->attenuators, held->attenuators) != SYS_EXCESS_NONE) {
        return KERN_INTENT_DENIED; /* nobody signs such a token */
    }
    if (!kern_judge(core, intent->holder, &intent->pending, &request, &source, &node)) {
        return KERN_INTENT_MEMORY;
    }
    answer->verdict = source.verdict;
    if (source.verdict != SYS_CAP_ALLOWED) {
        return KERN_INTENT_DENIED;
    }
    return request.result == RMG_INVALID ? KERN_INTENT_FORMAT : KERN_INTENT_TAKEN;
}

/* Is there something left to charge it to? What the quotas of its capability, or of one above it,
 * do not hold makes no tick: else whoever has used up his own could grow the log for ever. */
static bool has_rest(const struct kern_core *core, const struct kern_intending *intent)
{
    const struct sys_caps *caps = core->sec->caps;
    uint32_t operations = sys_caps_quota(caps, intent->node, SYS_GIVEN_OPERATIONS);
    uint32_t bytes = sys_caps_quota(caps, intent->node, SYS_GIVEN_BYTES);
    size_t size = sys_apply_size(intent->it.id_count, intent->it.params_size);
    return (operations == SYS_CAP_NONE || sys_caps_node(caps, operations)->operations_left > 0) &&
           (bytes == SYS_CAP_NONE || sys_caps_node(caps, bytes)->bytes_left >= size);
}

static enum kern_intent_fate find_known(struct kern_core *core, const struct kern_intending *intent,
                                        struct kern_intent_answer *answer)
{
    uint32_t count = 0;
    for (size_t i = 0; i < core->intents.count; i++) {
        const struct kern_intending *other = &core->intents.list[i];
        bool same = jit_id_equal(&other->capability, &intent->capability);
        if (same && jit_id_equal(&other->it.hash, &intent->it.hash)) {
            answer->serial = other->serial; /* it waits for the same tick */
            return KERN_INTENT_TAKEN;
        }
        count += same;
    }
    uint32_t kept = 0;
    if (remembered(core, intent, &answer->tick, &kept) != JIT_OK) {
        return KERN_INTENT_MEMORY;
    }
    if (answer->tick != 0) {
        return KERN_INTENT_KNOWN;
    }
    if (intent->it.until <= core->tick || intent->it.until > core->tick + KERN_INTENT_WINDOW) {
        return KERN_INTENT_LATE;
    }
    if (count + kept >= KERN_INTENTS_KEPT) {
        return KERN_INTENT_FULL;
    }
    return core->intents.count == KERN_INTENTS_MAX ? KERN_INTENT_BUSY : KERN_INTENT_TAKEN;
}

static enum kern_intent_fate take(struct kern_core *core, const struct kern_intent_ask *asked,
                                  struct kern_intending *intent, struct kern_intent_answer *answer)
{
    void *data = core->intents.list;
    intent->capability = asked->capability;
    intent->size = asked->size;
    if (asked->size > KERN_INTENT_BYTES_MAX) {
        return KERN_INTENT_FORMAT;
    }
    intent->bytes = core->heap->alloc(core->heap, asked->size + 1u);
    if (intent->bytes == NULL || !narrow(core, asked->narrowed, intent)) {
        return KERN_INTENT_MEMORY;
    }
    memcpy(intent->bytes, asked->bytes, asked->size);
    if (kern_intent_decode(intent->bytes, intent->size, &intent->it) != JIT_OK) {
        return KERN_INTENT_FORMAT;
    }
    intent->rule = kern_config_rule(core->config, &intent->it.rule_id);
    if (intent->rule == NULL || intent->rule->delay > 0) {
        return KERN_INTENT_RULE;
    }
    enum kern_intent_fate fate = judge(core, intent, answer);
    if (fate == KERN_INTENT_TAKEN) {
        fate = find_known(core, intent, answer);
    }
    if (fate != KERN_INTENT_TAKEN || answer->serial != 0) {
        return fate;
    }
    if (!asked->again && !has_rest(core, intent)) {
        answer->verdict = SYS_CAP_OVER_LIMIT;
        return KERN_INTENT_DENIED;
    }
    if (jit_heap_grow(core->heap, &data, &core->intents.capacity, core->intents.count + 1,
                      sizeof *core->intents.list) != 0) {
        return KERN_INTENT_MEMORY;
    }
    core->intents.list = data;
    intent->serial = ++core->intents.serial;
    answer->serial = intent->serial;
    core->intents.list[core->intents.count++] = *intent;
    intent->bytes = NULL; /* transferred */
    intent->attenuators = NULL;
    return KERN_INTENT_TAKEN;
}

void kern_core_intend(struct kern_core *core, const struct kern_intent_ask *asked,
                      struct kern_intent_answer *answer)
{
    struct kern_intending intent = {.node = SYS_CAP_NONE};
    *answer = (struct kern_intent_answer){.verdict = SYS_CAP_ALLOWED};
    answer->fate = take(core, asked, &intent, answer);
    forget(core, &intent);
}

bool kern_core_intended(const struct kern_core *core, uint64_t serial, struct kern_intended *out)
{
    const struct kern_intents *intents = &core->intents;
    const size_t kept = sizeof intents->outcomes / sizeof intents->outcomes[0];
    if (serial == 0 || serial > intents->serial || intents->serial - serial >= kept) {
        return false;
    }
    *out = intents->outcomes[serial % kept];
    return out->tick != 0;
}

/* ---- the tick ---- */

enum jit_err kern_intents_gather(struct kern_core *core)
{
    enum jit_err err = JIT_OK;
    for (size_t i = 0; err == JIT_OK && i < core->intents.count; i++) {
        struct kern_intending *intent = &core->intents.list[i];
        size_t before = 0;
        look_up(core, intent);
        while (before < i &&
               !jit_id_equal(&core->intents.list[before].capability, &intent->capability)) {
            before++;
        }
        if (before == i) {
            err = keep(core, i);
        }
    }
    return err;
}

void kern_intents_write(struct sec_writer *w)
{
    for (size_t i = 0; i < w->core->intents.count; i++) {
        const struct kern_intending *intent = &w->core->intents.list[i];
        if (intent->first && intent->pending.cap_slot != SYS_NONE) {
            sec_set_bytes(w, &intent->capability, KERN_INTENTS_NAME, intent->kept.data,
                          intent->kept.size);
            w->sec->extra[intent->node].intents = true;
        }
    }
}

void kern_intent_settled(struct kern_core *core, uint32_t intent, uint32_t i,
                         const struct kern_source *source, enum rmg_result result)
{
    struct kern_intents *intents = &core->intents;
    struct kern_intending *it = &intents->list[intent];
    const size_t kept = sizeof intents->outcomes / sizeof intents->outcomes[0];
    it->index = i;
    intents->outcomes[it->serial % kept] =
        (struct kern_intended){.result = result,
                               .told = kern_told_to(source, result, false),
                               .verdict = source->verdict,
                               .tick = core->tick,
                               .instance = it->it.instance};
}

static int compare_indexes(const void *a, const void *b)
{
    const struct kern_intending *x = a;
    const struct kern_intending *y = b;
    return x->index < y->index ? -1 : x->index > y->index;
}

enum jit_err kern_intents_asked(struct kern_core *core, struct kern_record_intent **out,
                                struct jit_buf *narrowed)
{
    struct kern_intents *intents = &core->intents;
    *out = NULL;
    if (intents->count == 0) {
        return JIT_OK;
    }
    struct kern_record_intent *all = jit_heap_zalloc(core->heap, intents->count, sizeof *all);
    if (all == NULL) {
        return JIT_ENOMEM;
    }
    qsort(intents->list, intents->count, sizeof *intents->list, compare_indexes);
    for (size_t i = 0; i < intents->count; i++) {
        if (intents->list[i].is_narrowed) {
            size_t at = narrowed->size;
            kern_narrowed_encode(&intents->list[i].narrowed, narrowed);
            all[i].narrowed_size = (uint32_t)(narrowed->size - at);
        }
    }
    size_t at = 0;
    for (size_t i = 0; narrowed->err == JIT_OK && i < intents->count; i++) {
        const struct kern_intending *intent = &intents->list[i];
        all[i].index = intent->index;
        all[i].capability = intent->capability;
        all[i].bytes = intent->bytes;
        all[i].size = intent->size;
        all[i].narrowed = intent->is_narrowed ? narrowed->data + at : NULL;
        at += all[i].narrowed_size;
    }
    *out = all;
    return narrowed->err;
}

void kern_intents_settle(struct kern_core *core)
{
    for (size_t i = 0; i < core->intents.count; i++) {
        forget(core, &core->intents.list[i]);
    }
    core->intents.count = 0;
}

void kern_intents_release(struct kern_core *core)
{
    kern_intents_settle(core);
    core->heap->free(core->heap, core->intents.list);
    core->intents.list = NULL;
}
