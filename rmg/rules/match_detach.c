/* rmg/rules/match_detach.c - `detach delete`: the edges that go with a node, what they are incident
 * to, and their types, each once (rmg/rules/match_priv.h). */
#include "base/check.h"
#include "rmg/rules/match_priv.h"
#include "rmg/rules/probe.h"

/* More edges than that are no single rewrite (DESIGN 6), whatever the budget. */
#define DETACHED_MAX 65536u

uint32_t rmg_records_sort(struct jit_buf *values, size_t at, size_t size)
{
    static const uint32_t gaps[] = {44842, 19930, 8858, 3937, 1750, 701, 301,
                                    132,   57,    23,   10,   4,    1};
    uint8_t record[sizeof(struct rmg_edge)];
    uint32_t count = (uint32_t)((values->size - at) / size);
    assert(size <= sizeof record);
    if (count == 0) {
        return 0; /* there may be no bytes yet to point to */
    }
    uint8_t *records = values->data + at;
    for (size_t g = 0; g < sizeof gaps / sizeof gaps[0]; g++) {
        for (uint32_t i = gaps[g]; i < count; i++) {
            uint32_t k = i;
            memcpy(record, records + i * size, size);
            for (; k >= gaps[g] && memcmp(records + (k - gaps[g]) * size, record, size) > 0;
                 k -= gaps[g]) {
                memcpy(records + k * size, records + (k - gaps[g]) * size, size);
            }
            memcpy(records + k * size, record, size);
        }
    }
    uint32_t kept = 1;
    for (uint32_t i = 1; i < count; i++) {
        if (memcmp(records + i * size, records + (kept - 1) * size, size) != 0) {
            memmove(records + kept++ * size, records + i * size, size);
        }
    }
    values->size = at + kept * size;
    return kept;
}

/* A loop, or an edge between two such nodes, is listed twice. */
static enum rmg_result list_edges(struct rmg_probe *probe, const struct jit_id *node,
                                  enum rmg_direction direction, struct jit_buf *values,
                                  uint32_t *count)
{
    struct rmg_iter iter;
    struct rmg_edge edge;
    enum rmg_result result = rmg_probe_look(probe);
    rmg_iter_edges_of(probe->graph, node, direction, NULL, &iter);
    while (result == RMG_APPLIED) {
        enum jit_err err = rmg_iter_edge(&iter, &edge);
        if (err == JIT_ENOENT) {
            break;
        }
        if (err != JIT_OK) {
            probe->err = err;
            return RMG_INVALID;
        }
        result = rmg_probe_look(probe);
        if (result == RMG_APPLIED && !rmg_probe_matched(probe, 0, &edge.id, true)) {
            jit_buf_put(values, &edge, sizeof edge);
            result = ++*count > 2 * DETACHED_MAX ? RMG_OVER_BUDGET : RMG_APPLIED;
        }
    }
    return result;
}

static void put_end(struct jit_buf *values, const struct jit_id *node, enum rmg_direction direction,
                    const struct jit_id *type)
{
    struct rmg_end end = {.node = *node, .direction = (uint8_t)direction, .type = *type};
    jit_buf_put(values, &end, sizeof end);
}

static void list_ends(struct rmg_effect *effect)
{
    static const struct jit_id any_type;
    struct jit_buf *values = effect->values;
    effect->ends_at = (uint32_t)values->size;
    for (uint32_t i = 0; i < effect->detached_count && values->err == JIT_OK; i++) {
        const struct rmg_edge edge = *rmg_effect_detached(effect, i); /* values may move */
        put_end(values, &edge.from, RMG_DIR_OUT, &edge.type);
        put_end(values, &edge.from, RMG_DIR_OUT, &any_type);
        put_end(values, &edge.to, RMG_DIR_IN, &edge.type);
        put_end(values, &edge.to, RMG_DIR_IN, &any_type);
    }
    if (values->err == JIT_OK) {
        effect->ends_count = rmg_records_sort(values, effect->ends_at, sizeof(struct rmg_end));
    }
    effect->extents_at = (uint32_t)values->size;
    for (uint32_t i = 0; i < effect->detached_count && values->err == JIT_OK; i++) {
        const struct jit_id type = rmg_effect_detached(effect, i)->type;
        jit_buf_put_id(values, &type);
    }
    if (values->err == JIT_OK) {
        effect->extents_count = rmg_records_sort(values, effect->extents_at, JIT_ID_BYTES);
    }
}

enum rmg_result rmg_verify_detached(struct rmg_probe *probe, struct rmg_effect *effect)
{
    const struct rmg_rule *rule = probe->rule;
    enum rmg_result result = RMG_APPLIED;
    uint32_t count = 0;
    effect->detached_at = (uint32_t)effect->values->size;
    effect->detached_count = 0;
    effect->ends_count = 0;
    effect->extents_count = 0;
    for (uint32_t i = 0; i < rule->element_count && result == RMG_APPLIED; i++) {
        if (!rule->elements[i].detached) {
            continue;
        }
        result = list_edges(probe, &probe->ids[i], RMG_DIR_OUT, effect->values, &count);
        if (result == RMG_APPLIED) {
            result = list_edges(probe, &probe->ids[i], RMG_DIR_IN, effect->values, &count);
        }
    }
    if (result != RMG_APPLIED || count == 0 || effect->values->err != JIT_OK) {
        return result;
    }
    effect->detached_count =
        rmg_records_sort(effect->values, effect->detached_at, sizeof(struct rmg_edge));
    if (effect->detached_count > DETACHED_MAX) {
        return RMG_OVER_BUDGET;
    }
    list_ends(effect);
    return RMG_APPLIED;
}
