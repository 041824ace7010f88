/* rmg/rules/probe.h - looking at one match, or a part of one: what verification and search share,
 * so that both always judge alike. Every look at a slot is counted and bounded. Spec:  DESIGN 6
 * (guards, negative conditions, dangling condition). Layer: rmg; base only. */
#ifndef JIT_RMG_PROBE_H
#define JIT_RMG_PROBE_H

#include "base/check.h"
#include "rmg/rules/expr.h"
#include "rmg/store/index.h"

/* Something that is not matched and was looked at. Bytes alone, in the order of memcmp. */
struct rmg_seen {
    struct jit_id id;
    uint8_t kind;  /* enum rmg_slot_kind: NODE, ALPHA, BETA */
    uint8_t place; /* rmg/rules/rule.h */
    uint16_t name; /* ALPHA, BETA: rmg_rule_name */
};
static_assert(sizeof(struct rmg_seen) == JIT_ID_BYTES + 4, "no padding");

struct rmg_probe {
    const struct rmg_graph *graph; /* of place 0 */
    const struct rmg_rule *rule;
    const struct jit_id *ids; /* of the elements; those that are looked at must be set */
    uint32_t budget;          /* slots it may look at */
    uint32_t slots;           /* slots it looked at */
    enum jit_err err;         /* a failure of ours; the result then means nothing */
    struct rmg_expr_env env;  /* draw and key are the caller's to set */
    uint64_t loaded[RMG_RULE_FIELDS_MAX / 64];
    struct rmg_datum fields[RMG_RULE_FIELDS_MAX]; /* those loaded */
    uint32_t aggregated;                          /* aggregates known, a bit each */
    struct rmg_datum aggregates[RMG_RULE_AGGREGATES_MAX];
    struct rmg_datum params[RMG_RULE_PARAMS_MAX];
    struct {
        struct rmg_graph graph;
        struct jit_id root_node;
    } inside[RMG_RULE_PORTALS_MAX]; /* of each portal that was entered */
};

/* The graph of a place; its portal must have been entered. */
static inline const struct rmg_graph *rmg_probe_graph(const struct rmg_probe *probe, uint8_t place)
{
    return place == 0 ? probe->graph : &probe->inside[place - 1].graph;
}
static inline const struct rmg_graph *rmg_probe_graph_of(const struct rmg_probe *probe,
                                                         uint32_t element)
{
    return rmg_probe_graph(probe, probe->rule->elements[element].place);
}

/* The parameters are the caller's to fill (rmg_params_decode). */
void rmg_probe_init(struct rmg_probe *probe, const struct rmg_graph *graph,
                    const struct rmg_rule *rule, const struct jit_id *ids, uint32_t budget);

/* The element has another id now: what was read of its fields is forgotten. */
void rmg_probe_forget(struct rmg_probe *probe, uint32_t element);

/* All results: APPLIED or why not. */

/* Count one slot. */
static inline enum rmg_result rmg_probe_look(struct rmg_probe *probe)
{
    if (probe->slots >= probe->budget) {
        return RMG_OVER_BUDGET;
    }
    probe->slots++;
    return RMG_APPLIED;
}
/* What a read of the store means: found, or not (no match), or a failure of ours. */
enum rmg_result rmg_probe_found(struct rmg_probe *probe, enum jit_err err);

/* A field's value; GUARD_FALSE when it is missing or of another codec. */
enum rmg_result rmg_probe_field(struct rmg_probe *probe, uint32_t field, struct rmg_datum *out);
/* Where a portal leads; its owner's id must be set. NO_MATCH where there is none. Counts two slots:
 * the portal and the instance. */
enum rmg_result rmg_probe_enter(struct rmg_probe *probe, uint32_t portal, struct jit_id *instance);
/* A condition; the empty one holds. */
enum rmg_result rmg_probe_condition(struct rmg_probe *probe, struct rmg_expr expr);
/* A condition on what is beside the match, NEGATIVE or GUARD_FALSE where it does not hold; the
 * value of an aggregate. All ids must be set. seen (may be NULL): appends a struct rmg_seen for
 * each node whose type and each field that it looked at, of what is not matched. */
enum rmg_result rmg_probe_near(struct rmg_probe *probe, const struct rmg_rule_near *near,
                               struct jit_buf *seen);
enum rmg_result rmg_probe_aggregate(struct rmg_probe *probe, uint32_t index, struct jit_buf *seen,
                                    struct rmg_datum *out);
/* What one that is alone, with values, asks an index for; the values are not set. */
void rmg_near_key(const struct rmg_rule *rule, const struct rmg_rule_near *near,
                  struct rmg_index_field fields[RMG_INDEX_FIELDS_MAX], struct rmg_index_key *key);
/* Is this the id of an element of this place? All ids must be set. */
bool rmg_probe_matched(const struct rmg_probe *probe, uint8_t place, const struct jit_id *id,
                       bool is_edge);
/* No deleted node keeps an edge, but those whose edges go with them. All ids must be set, ends
 * verified. */
enum rmg_result rmg_probe_dangling(struct rmg_probe *probe);

#endif
