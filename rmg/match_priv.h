/* rmg/match_priv.h - what verification leaves in an effect's values for footprint and execution. */
#ifndef JIT_RMG_MATCH_PRIV_H
#define JIT_RMG_MATCH_PRIV_H

#include "rmg/match.h"

/* An attachment of a deleted element. The name lies in the graph or the rule. */
struct rmg_clear {
    const char *name;
    uint32_t name_size;
    uint32_t element;
};

static inline struct rmg_clear rmg_effect_clear(const struct rmg_effect *effect, uint32_t index)
{
    struct rmg_clear clear;
    memcpy(&clear, effect->values->data + effect->clear_at + index * sizeof clear, sizeof clear);
    return clear;
}

static inline struct jit_id rmg_effect_seen(const struct rmg_effect *effect, uint32_t index)
{
    struct jit_id id;
    memcpy(&id, effect->values->data + effect->seen_at + index * sizeof id, sizeof id);
    return id;
}

/* The id of an operand (rmg/rule.h). */
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

#endif
