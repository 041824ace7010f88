/* rmg/rules/match.h - verify a match that somebody found, say what it reads and writes, and carry
 * it out. Spec:  DESIGN 5.2, 6 "Workers find, the kernel checks", 14.2 (keys, draws). Layer: rmg;
 * base only. Never searches: the number of slots looked at does not depend on the graph. */
#ifndef JIT_RMG_MATCH_H
#define JIT_RMG_MATCH_H

#include "rmg/change/patch.h"
#include "rmg/change/receipt.h"
#include "rmg/rules/sought.h"
#include "rmg/rules/rule.h"

/* What a draw depends on. */
struct rmg_draw {
    uint64_t seed;
    uint64_t tick; /* the tick being built */
    uint32_t round;
};

/* A match as a request carries it: hostile until verified. */
struct rmg_match {
    const struct rmg_rule *rule;
    struct jit_id instance;
    const struct jit_id
        *ids; /* rmg_rule_id_count: of all elements, then of the portals' instances */
    uint32_t id_count;
    const uint8_t *params; /* as rmg_params_check */
    uint32_t params_size;
    struct jit_id key;              /* match_key: draws depend on it */
    struct jit_id request_key;      /* created ids derive from it; a worker leaves it zero */
    const struct jit_id *root_node; /* of the instance, which no rule may delete; NULL: unknown */
    bool drawn; /* the conditions with chance and random held before, and are not asked again */
    /* Fields whose extents the footprint speaks of; NULL: of those alone that the rule reads. */
    const struct rmg_sought_list *sought;
};

void rmg_match_key(const struct rmg_rule *rule, const struct jit_id *instance,
                   const struct jit_id *ids, uint32_t id_count, const struct jit_id *params_digest,
                   struct jit_id *out);
void rmg_request_key(const struct jit_id *match_key, uint64_t nonce, struct jit_id *out);
void rmg_scope_hash(uint64_t seed, uint64_t tick, const struct jit_id *request_key,
                    struct jit_id *out);
/* Both keys of up to RMG_KEYS_MAX matches side by side, as the functions above give them. */
#define RMG_KEYS_MAX 32u
struct rmg_key_source {
    const struct jit_id *rule;
    const struct jit_id *instance;
    const struct jit_id *ids;
    uint32_t id_count;
    const struct jit_id *params_digest;
    uint64_t nonce;
};
void rmg_match_keys(const struct rmg_key_source *sources, uint32_t count, struct jit_id *match_keys,
                    struct jit_id *request_keys);
void rmg_scope_hashes(uint64_t seed, uint64_t tick, const struct jit_id *request_keys,
                      uint32_t count, struct jit_id *out);
/* random() of DESIGN 6: 0 <= x < 1. */
double rmg_draw_random(const struct rmg_draw *draw, const struct jit_id *match_key, uint32_t call);
/* The same draw of 1 to RMG_KEYS_MAX matches, side by side. */
void rmg_draw_randoms(const struct rmg_draw *draw, const struct jit_id *const *match_keys,
                      uint32_t count, uint32_t call, double *out);
/* The id of the created node or edge at this place of the text (5.2 "New ids"). */
void rmg_created_id(const struct rmg_draw *draw, const struct jit_id *request_key,
                    uint32_t position, struct jit_id *out);
/* The same of up to RMG_KEYS_MAX places, side by side; draw->round does not count. */
struct rmg_birthplace {
    uint32_t round;
    uint32_t position;
};
void rmg_created_ids(const struct rmg_draw *draw, const struct jit_id *request_key,
                     const struct rmg_birthplace *places, uint32_t count,
                     struct jit_id *const *out);

/* What verification found out and the rewrite will do. values is the caller's buffer, only ever
 * appended to (so one buffer may serve many matches); nothing is left in it unless the result is
 * APPLIED. The other fields are set by verification and mean nothing unless it is. */
struct rmg_effect {
    struct jit_buf *values;
    struct rmg_edge edges[JIT_PATTERN_ELEMENTS_MAX]; /* of the matched edges, by element */
    struct jit_id types[JIT_PATTERN_ELEMENTS_MAX];   /* of the matched elements */
    struct jit_id created[JIT_PATTERN_ELEMENTS_MAX]; /* ids of created nodes and edges */
    uint32_t value_at[RMG_RULE_UPDATES_MAX];         /* canonical bytes of update i in values; of */
    uint32_t value_size[RMG_RULE_UPDATES_MAX];       /* a join: of what is joined, or the outcome */
    uint32_t seen_at; /* what conditions and aggregates looked at (struct rmg_seen), ascending */
    uint32_t seen_count;
    uint32_t clear_at; /* attachments of deleted elements (match_priv.h), by element and name */
    uint32_t clear_count;
    uint32_t detached_at; /* edges that go with a node (struct rmg_edge), ascending by id */
    uint32_t detached_count;
    uint32_t ends_at; /* their incidences (match_priv.h), ascending, each once */
    uint32_t ends_count;
    uint32_t extents_at; /* their types, ascending, each once */
    uint32_t extents_count;
    uint32_t crowded; /* a bit an element: it gains an attachment and has many already */
};

/* Verify against the frozen version, in this order: elements (their types, ends, injectivity),
 * aggregates, guard, conditions on what is beside the match, dangling condition, draws, values to
 * write, ids to create. budget: slots it may look at; *slots: how many it did, the same on every
 * machine. Returns a result of DESIGN 14.3 (docs/spec/footprint.md says which when); APPLIED means
 * that it applies. JIT_* in *err is a failure of ours (memory, damaged store); then the result
 * means nothing. */
enum rmg_result rmg_match_verify(const struct rmg_graph *graph, const struct rmg_match *match,
                                 const struct rmg_draw *draw, uint32_t budget,
                                 struct rmg_effect *effect, uint32_t *slots, enum jit_err *err);

/* Every slot that verification read and the rewrite writes, each exactly once with its strongest
 * use, in no particular order. A slot that is both read and blindly updated is written. An
 * incidence of edge type zero stands for edges of all types: whoever creates or deletes an edge
 * uses it beside that of the type, so that equality of slots is all a conflict test needs.
 * Names are borrowed from the rule and the graph. emit returns false to stop (then so does this).
 */
bool rmg_match_footprint(const struct rmg_match *match, const struct rmg_effect *effect,
                         bool (*emit)(void *user, const struct rmg_use *use), void *user);

/* One operation of a rewrite, before merging. A join but NONE: the value is to be folded with what
 * is there; of a UNION it is the list of what is put. */
struct rmg_emit {
    struct rmg_op op; /* without origins and prior */
    enum rmg_join join;
    int64_t delta; /* SUM: the value */
    bool alone;    /* UNION: the rewrite has the slot to itself */
};
/* The operations in order: creates, deleted elements (each after its attachments), edges that go
 * with a node (likewise), updates. The number of an operation is its place here. A join of a field
 * that the rule also reads comes as a set of the outcome, but a put as it is. Everything is
 * borrowed for the call. */
bool rmg_match_execute(const struct rmg_match *match, const struct rmg_effect *effect,
                       bool (*emit)(void *user, const struct rmg_emit *emit), void *user);

#endif
