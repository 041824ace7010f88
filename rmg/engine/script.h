/* rmg/engine/script.h - a local script: compiled rules under an ordered control, run on a working
 * form. Spec:  docs/spec/scripts.md (which match is next, what each word means); DESIGN 6 "apply".
 * Layer: rmg; base only.
 *
 * The rules are the programs of rmg/rules/rule.h, their conditions and values go through the one
 * interpreter of rmg/rules/expr.h. Which match is next depends on the graph alone: the smallest by
 * age (anchor, edges, lone nodes). How it is found is the plan's business: candidates are kept from
 * one rewrite to the next, and only what a rewrite touched is looked at again. Owns:   everything
 * in a script is borrowed. */
#ifndef JIT_RMG_SCRIPT_H
#define JIT_RMG_SCRIPT_H

#include "rmg/engine/work.h"
#include "rmg/rules/match.h"

#define RMG_SCRIPT_DEPTH_MAX 16u   /* blocks in blocks */
#define RMG_SCRIPT_STEPS_MAX 4096u /* of a script, with those of its blocks; and calls */
#define RMG_SCRIPT_NO_LIMIT  UINT64_MAX

enum rmg_script_mode {
    RMG_SCRIPT_ONCE = 1,  /* the first call that has a match, at its next one */
    RMG_SCRIPT_ALL = 2,   /* all matches of one call in the state as it is, but those in conflict */
    RMG_SCRIPT_UNTIL = 3, /* ONCE again and again until none has a match */
    RMG_SCRIPT_BLOCK = 4  /* the steps of a block again and again until none of them rewrites */
};

/* A rule with its parameters bound. */
struct rmg_script_call {
    const struct rmg_rule *rule;
    const uint8_t *params; /* as rmg_params_check wants them */
    uint32_t params_size;
};

struct rmg_script_step {
    enum rmg_script_mode mode;
    uint32_t first; /* calls; of a BLOCK steps, all behind this one */
    uint32_t count;
    uint64_t at_most; /* rewrites (UNTIL), rounds (BLOCK); then it ends as if there were none */
};

struct rmg_script {
    const struct rmg_script_call *calls;
    uint32_t call_count;
    const struct rmg_script_step *steps;
    uint32_t step_count;
    uint32_t top_count; /* the first ones, which are run in order */
};

/* What of the rule has no meaning in a script; NULL: nothing, it can be run. */
const char *rmg_script_refuses(const struct rmg_rule *rule);

/* How to search: only the cost may depend on it. */
enum rmg_script_plans {
    RMG_SCRIPT_PLANS_COST = 0, /* from the numbers of elements by type as they are */
    RMG_SCRIPT_PLANS_DRAWN = 1 /* any, by seed: for tests */
};

struct rmg_script_options {
    uint64_t rewrites_max; /* of the whole run; one more is JIT_EBUDGET */
    enum rmg_script_plans plans;
    uint64_t plan_seed;
    /* Told now and then; false stops the run with JIT_EAGAIN. May be NULL. */
    bool (*progress)(void *user, uint64_t rewrites);
    void *user;
};

struct rmg_script_report {
    uint64_t rewrites;
    uint64_t looks;    /* edges and nodes that searching looked at: depends on the plan */
    uint64_t *by_call; /* rewrites of each call; the caller's, or NULL */
    const struct rmg_rule *refused; /* with JIT_ENOTSUP */
};

/* Run all of it. On error the working form is somewhere in between and may only be dropped.
 * Errors: JIT_EBUDGET, JIT_EAGAIN (stopped), JIT_ENOTSUP (rmg_script_refuses), JIT_EFORMAT,
 * JIT_ELIMIT (parameters; the script's shape), JIT_ENOMEM, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err rmg_script_run(struct jit_heap *heap, struct rmg_work *work,
                                           const struct rmg_script *script,
                                           const struct rmg_script_options *options,
                                           struct rmg_script_report *report);

/* The key of a run, which ids of what it makes derive from: B3[K("request")](u32 calls || each:
 * program hash[32] || params_digest[32]; u32 steps || each: u32 mode || u32 first || u32 count ||
 * u64 at most; u32 top steps; root of the instance[32]). Errors: JIT_EFORMAT, JIT_ELIMIT. */
JIT_MUST_CHECK enum jit_err rmg_script_key(const struct rmg_script *script,
                                           const struct jit_id *instance_root, struct jit_id *key);

#endif
