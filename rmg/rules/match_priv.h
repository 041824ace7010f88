/* rmg/rules/match_priv.h - what verification leaves in an effect's values for footprint and
 * execution. */
#ifndef JIT_RMG_MATCH_PRIV_H
#define JIT_RMG_MATCH_PRIV_H

#include "base/check.h"
#include "rmg/rules/match.h"
#include "rmg/rules/probe.h"

/* An attachment of a deleted element, or (counted on behind the elements of the rule) of an edge
 * that goes with a node. The name lies in the graph or the rule. */
struct rmg_clear {
    const char *name;
    uint32_t name_size;
    uint32_t element;
};

/* An incidence that an edge leaves; type zero: of all types. Bytes alone, so that they may lie
 * anywhere and are in the order of memcmp. */
struct rmg_end {
    struct jit_id node;
    uint8_t direction;
    struct jit_id type;
};
static_assert(sizeof(struct rmg_end) == 2 * JIT_ID_BYTES + 1, "no padding");

static inline struct rmg_clear rmg_effect_clear(const struct rmg_effect *effect, uint32_t index)
{
    struct rmg_clear clear;
    memcpy(&clear, effect->values->data + effect->clear_at + index * sizeof clear, sizeof clear);
    return clear;
}

static inline const struct rmg_edge *rmg_effect_detached(const struct rmg_effect *effect,
                                                         uint32_t index)
{
    return (const struct rmg_edge *)(const void *)(effect->values->data + effect->detached_at) +
           index;
}

static inline const struct rmg_end *rmg_effect_end(const struct rmg_effect *effect, uint32_t index)
{
    return (const struct rmg_end *)(const void *)(effect->values->data + effect->ends_at) + index;
}

static inline const struct jit_id *rmg_effect_extent(const struct rmg_effect *effect,
                                                     uint32_t index)
{
    return (const struct jit_id *)(const void *)(effect->values->data + effect->extents_at) + index;
}

static inline struct rmg_seen rmg_effect_seen(const struct rmg_effect *effect, uint32_t index)
{
    struct rmg_seen seen;
    memcpy(&seen, effect->values->data + effect->seen_at + index * sizeof seen, sizeof seen);
    return seen;
}

/* The instance of a place (rmg/rules/rule.h). */
static inline const struct jit_id *rmg_match_instance(const struct rmg_match *match, uint8_t place)
{
    return place == 0 ? &match->instance : &match->ids[match->rule->element_count + place - 1];
}

/* The id of an operand (rmg/rules/rule.h). */
static inline const struct jit_id *rmg_effect_id(const struct rmg_match *match,
                                                 const struct rmg_effect *effect, uint8_t operand)
{
    return (operand & RMG_RULE_CREATED) != 0 ? &effect->created[operand & (RMG_RULE_CREATED - 1u)]
                                             : &match->ids[operand];
}

static inline bool rmg_operand_is_edge(const struct rmg_rule *rule, uint8_t operand)
{
    return (operand & RMG_RULE_CREATED) != 0
               ? rule->creates[operand & (RMG_RULE_CREATED - 1u)].is_edge
               : rule->elements[operand].is_edge;
}

/* The first element that is the same node or edge: its own index but where the rule says that two
 * may be equal. */
uint8_t rmg_match_first(const struct rmg_match *match, uint8_t element);
/* The field that reads the slot of an update, or RMG_NO_FIELD: with elements that are one, this is
 * not known before the match. */
uint16_t rmg_match_field(const struct rmg_match *match, const struct rmg_rule_update *update);

/* Edges that go with a detached node: what verification leaves of them in effect (match_detach.c).
 */
struct rmg_probe;
enum rmg_result rmg_verify_detached(struct rmg_probe *probe, struct rmg_effect *effect);
/* Records of `size` bytes from `at` to the end of values: ascending by their bytes, each once.
 * Returns how many are left. */
uint32_t rmg_records_sort(struct jit_buf *values, size_t at, size_t size);

#endif
