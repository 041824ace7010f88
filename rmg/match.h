/* rmg/match.h - verify a match that somebody found, say what it reads and writes, and carry it out.
 * Spec:  DESIGN 5.2, 6 "Workers find, the kernel checks", 14.2 (keys, draws).
 * Layer: rmg; base only. Never searches: the number of slots looked at does not depend on the
 * graph. */
#ifndef JIT_RMG_MATCH_H
#define JIT_RMG_MATCH_H

#include "rmg/patch.h"
#include "rmg/receipt.h"
#include "rmg/rule.h"

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
    const struct jit_id *ids; /* of all elements, in order */
    uint32_t id_count;
    const uint8_t *params; /* as rmg_params_check */
    uint32_t params_size;
    struct jit_id key; /* match_key */
};

void rmg_match_key(const struct rmg_rule *rule, const struct jit_id *instance,
                   const struct jit_id *ids, uint32_t id_count, const struct jit_id *params_digest,
                   struct jit_id *out);
void rmg_request_key(const struct jit_id *match_key, uint64_t nonce, struct jit_id *out);
void rmg_scope_hash(uint64_t seed, uint64_t tick, const struct jit_id *request_key,
                    struct jit_id *out);
/* random() of DESIGN 6: 0 <= x < 1. */
double rmg_draw_random(const struct rmg_draw *draw, const struct jit_id *match_key, uint32_t call);

/* Verify against the frozen version: types, injectivity, guards, negative conditions, dangling,
 * draws. budget: slots it may look at; *slots: how many it did. What it evaluated (the values to
 * write) goes to `effect`, whose memory is the caller's buffer. Returns a result of DESIGN 14.3:
 * APPLIED means it applies. JIT_* in *err is a failure of ours (memory, damaged store); then the
 * result means nothing. */
struct rmg_effect {
    struct rmg_edge edges[JIT_PATTERN_ELEMENTS_MAX]; /* of the matched edges, by element */
    struct jit_id types[JIT_PATTERN_ELEMENTS_MAX];   /* of the matched elements */
    struct jit_buf *values; /* canonical bytes of update i at value_at[i], value_size[i] */
    uint32_t value_at[256];
    uint32_t value_size[256];
};
enum rmg_result rmg_match_verify(const struct rmg_graph *graph, const struct rmg_match *match,
                                 const struct rmg_draw *draw, uint32_t budget,
                                 struct rmg_effect *effect, uint32_t *slots, enum jit_err *err);

/* Every slot that verification read and the rewrite writes, each at most once with its strongest
 * use. request_key: created ids derive from it. emit returns false to stop (no memory). */
bool rmg_match_footprint(const struct rmg_match *match, const struct rmg_effect *effect,
                         const struct jit_id *request_key, const struct rmg_draw *draw,
                         bool (*emit)(void *user, const struct rmg_use *use), void *user);

/* One operation of a rewrite, before merging. join SUM: the value is a delta to fold. */
struct rmg_emit {
    struct rmg_op op; /* without origins and prior */
    enum rmg_join join;
    int64_t delta;
};
bool rmg_match_execute(const struct rmg_match *match, const struct rmg_effect *effect,
                       const struct jit_id *request_key, const struct rmg_draw *draw,
                       bool (*emit)(void *user, const struct rmg_emit *emit), void *user);

#endif
