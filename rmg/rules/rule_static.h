/* rmg/rules/rule_static.h - what a rule reads and writes before there is a match, which rules may
 * conflict, and which can never apply. Spec:  docs/spec/footprint.md, "Before there is a match".
 * Layer: rmg; base only.
 *
 * All of it is sound one way: a conflict that can happen is found, and so are others that cannot; a
 * rule that is said never to apply never does. Nothing that runs depends on it. */
#ifndef JIT_RMG_RULE_STATIC_H
#define JIT_RMG_RULE_STATIC_H

#include "rmg/rules/rule.h"

/* Whose slot it is: an operand (rmg/rules/rule.h), or some element that the rule does not name. */
#define RMG_USE_ELSEWHERE UINT8_MAX

enum rmg_use_types {
    RMG_USE_OF_TYPE, /* of struct's type */
    RMG_USE_OF_ANY,  /* of one type, which is not known */
    RMG_USE_OF_ALL   /* incidence: that of edges of all types (rmg/rules/match.h) */
};

/* A row of the footprint. All uses that a match can have are covered by one of these. Exceptions:
 * the portals that lead to the instance, and what depends on an owner's having 128 attachments. */
struct rmg_rule_use {
    enum rmg_slot_kind kind;
    enum rmg_access access; /* BLIND with a join; READ beside BLIND of one slot: a write */
    enum rmg_join join;
    uint8_t element; /* whose; of an extent, of a field's as well, ELSEWHERE */
    enum rmg_use_types
        types; /* NODE, EDGE, ALPHA, BETA, EXTENT, VALUES: of the element; INCIDENCE: edges */
    struct jit_id type;
    enum rmg_direction direction; /* INCIDENCE */
    const char *name; /* ALPHA, BETA, VALUES: borrowed from the rule; NULL: of any name */
    uint32_t name_size;
};

/* Each row at least once. emit returns false to stop (then so does this). */
bool rmg_rule_uses(const struct rmg_rule *rule,
                   bool (*emit)(void *user, const struct rmg_rule_use *use), void *user);

/* Why a rule never applies, whatever the graph. */
enum rmg_never {
    RMG_NEVER_NOT,   /* nothing found */
    RMG_NEVER_FALSE, /* a condition without fields and parameters is false, or has no value */
    RMG_NEVER_CONTRADICTION, /* conditions on one field contradict each other */
    RMG_NEVER_CODEC,         /* one field is read with two codecs */
    RMG_NEVER_CHANCE         /* chance(0) */
};

/* What the conditions say of one field: compared with a constant, joined by and. */
struct rmg_rule_fact {
    uint32_t field; /* of the program */
    enum rmg_expr_op op;
    struct rmg_datum constant; /* borrowed from the rule, or a number */
};

#define RMG_RULE_FACTS_MAX 256u /* more are not kept */
struct rmg_rule_facts {
    const struct rmg_rule *rule;
    struct rmg_rule_use *uses;
    size_t use_count;
    size_t use_capacity;
    uint32_t fact_count;
    enum rmg_never never;
    uint32_t never_field; /* CONTRADICTION, CODEC */
    struct rmg_rule_fact facts[RMG_RULE_FACTS_MAX];
};

/* A decoded rule, which must stay. Release either way. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err rmg_rule_facts_init(struct jit_heap *heap, const struct rmg_rule *rule,
                                                struct rmg_rule_facts *out);
void rmg_rule_facts_release(struct jit_heap *heap, struct rmg_rule_facts *facts);

/* Can all of them hold of one value? fields: of rule; false only if they cannot. */
bool rmg_rule_facts_agree(const struct rmg_rule_fact *facts, uint32_t count);

/* Two uses through which a match of a and a match of b can conflict. */
struct rmg_rule_clash {
    const struct rmg_rule_use *a;
    const struct rmg_rule_use *b;
};
/* Every such pair; emit returns false to stop. False: none, and no two matches ever conflict.
 * differ: parameters differ between requests, so that one match may be asked for twice. */
bool rmg_rules_clash(const struct rmg_rule_facts *a, const struct rmg_rule_facts *b, bool differ,
                     bool (*emit)(void *user, const struct rmg_rule_clash *clash), void *user);

#endif
