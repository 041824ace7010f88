/* tests/lib/rule_kit.h - make a rule by hand, and a graph of one instance to run it on. */
#ifndef JIT_TESTS_RULE_KIT_H
#define JIT_TESTS_RULE_KIT_H

#include "rmg/rules/match.h"
#include "rmg/store/store.h"

/* --- rules: pieces in any order, then compile. Elements, fields and so on are counted from 0. ---
 */

struct rule_kit {
    struct rmg_rule rule;
    struct rmg_rule_param params[8];
    struct rmg_rule_element elements[JIT_PATTERN_ELEMENTS_MAX];
    struct rmg_rule_equal equals[16];
    struct rmg_rule_near negatives[RMG_RULE_NEGATIVES_MAX];
    struct rmg_rule_near aggregates[RMG_RULE_AGGREGATES_MAX];
    struct rmg_rule_value values[32];
    struct rmg_rule_create creates[JIT_PATTERN_ELEMENTS_MAX];
    struct rmg_rule_field fields[64];
    struct rmg_datum constants[64];
    struct rmg_rule_update updates[64];
    uint8_t code[4096];
    uint32_t code_size;
    uint32_t expr_at; /* where the expression at hand begins */
};

void kit_begin(struct rule_kit *kit, const char *name);
/* type: number of kit_type(), 0: any. */
uint8_t kit_node(struct rule_kit *kit, unsigned type);
uint8_t kit_edge(struct rule_kit *kit, uint8_t from, unsigned type, uint8_t to);
void kit_delete(struct rule_kit *kit, uint8_t element);
/* A node, with all its edges, those of the pattern too. */
void kit_detach(struct rule_kit *kit, uint8_t node);
/* Ascending pairs, a < b. */
void kit_may_equal(struct rule_kit *kit, uint8_t a, uint8_t b);
void kit_not(struct rule_kit *kit, uint8_t element, enum rmg_direction direction,
             unsigned edge_type, unsigned other_type);
/* A condition (all of them before aggregates), or an aggregate: filled by the caller, without its
 * values, each of which is the expression that was pushed last. Returns its number. */
uint8_t kit_near(struct rule_kit *kit, const struct rmg_rule_near *near);
void kit_value(struct rule_kit *kit, bool of_edge, const char *name, enum rmg_codec codec);
void kit_push_aggregate(struct rule_kit *kit, uint8_t aggregate);
uint8_t kit_create_node(struct rule_kit *kit, unsigned type);
uint8_t kit_create_edge(struct rule_kit *kit, uint8_t from, unsigned type, uint8_t to);
uint8_t kit_param(struct rule_kit *kit, const char *name, enum rmg_codec codec);
uint8_t kit_field(struct rule_kit *kit, uint8_t element, const char *name, enum rmg_codec codec);

/* Expressions: push, then say what it was. */
void kit_push_field(struct rule_kit *kit, uint8_t field);
void kit_push_i64(struct rule_kit *kit, int64_t value);
void kit_push_f64(struct rule_kit *kit, double value);
void kit_push_param(struct rule_kit *kit, uint8_t param);
void kit_push_element(struct rule_kit *kit, uint8_t element);
void kit_op(struct rule_kit *kit, enum rmg_expr_op op);
void kit_draw_op(struct rule_kit *kit, enum rmg_expr_op op, uint32_t call);
void kit_guard(struct rule_kit *kit);
void kit_draw(struct rule_kit *kit);
void kit_update(struct rule_kit *kit, enum rmg_update_kind kind, uint8_t target, const char *name,
                enum rmg_codec codec);
/* Through encode and decode, so that only what a program can say is tested. */
struct rmg_rule *kit_compile(struct rule_kit *kit, struct jit_heap *heap);

/* --- a store with one instance; every change is a version of its own, all are pinned --- */

struct kit_graph {
    struct jit_heap *heap;
    struct rmg_arena *arena;
    struct rmg_store *store;
    struct rmg_version version;
    struct rmg_tx *tx;
    struct jit_id instance;
    struct jit_id root; /* its root node, of type 99 */
};

void kit_graph_begin(struct kit_graph *g, struct jit_heap *heap, uint64_t arena_bytes);
void kit_graph_end(struct kit_graph *g);
/* Changes lie between open and seal. */
void kit_open(struct kit_graph *g);
void kit_seal(struct kit_graph *g);
void kit_put_node(struct kit_graph *g, struct jit_id id, unsigned type);
void kit_put_edge(struct kit_graph *g, struct jit_id id, struct jit_id from, unsigned type,
                  struct jit_id to);
void kit_put_i64(struct kit_graph *g, enum rmg_plane plane, struct jit_id owner, const char *name,
                 int64_t value);
void kit_put_atom(struct kit_graph *g, enum rmg_plane plane, struct jit_id owner, const char *name,
                  const struct rmg_datum *datum);
void kit_clear(struct kit_graph *g, enum rmg_plane plane, struct jit_id owner, const char *name);
void kit_drop_edge(struct kit_graph *g, struct jit_id id);
void kit_drop_node(struct kit_graph *g, struct jit_id id);
/* The newest version. slots may be NULL. */
struct rmg_graph kit_graph_of(const struct kit_graph *g, uint64_t *slots);

struct jit_id kit_type(unsigned type);
struct jit_id kit_id(char kind, uint64_t number); /* spread like hashes */

#endif
