/* rmg/lang/lang_advise.h - the rules of a system in words: what each reads and writes, which may
 * conflict, which never apply. Spec:  docs/spec/rules.md, "Checking rules"; rmg/rules/rule_static.h
 * says what is found. Layer: rmg; base only. */
#ifndef JIT_RMG_LANG_ADVISE_H
#define JIT_RMG_LANG_ADVISE_H

#include "rmg/lang/lang.h"
#include "rmg/rules/rule_static.h"

enum lang_advice_kind {
    LANG_ADVICE_NEVER, /* its conditions never hold */
    LANG_ADVICE_ENDS, /* its pattern joins what the edge's type does not: no checked graph has it */
    LANG_ADVICE_CREATES, /* it creates an edge between nodes that the edge's type does not join */
    LANG_ADVICE_UNUSED,  /* no process runs it, though there are some */
    LANG_ADVICE_DENIED,  /* the processes that run it may not */
    LANG_ADVICE_CONFLICT /* matches of it and of `other` may conflict */
};
const char *lang_advice_word(enum lang_advice_kind kind); /* "never" */

/* How a clause of the description begins, in the order in which they are shown. */
enum lang_words {
    LANG_WORDS_KEEPS, /* the interface: matched, and stays */
    LANG_WORDS_DELETES,
    LANG_WORDS_CREATES,
    LANG_WORDS_READS,
    LANG_WORDS_SETS,
    LANG_WORDS_ADDS,
    LANG_WORDS_RAISES,
    LANG_WORDS_LOWERS,
    LANG_WORDS_PUTS,
    LANG_WORDS_CHANGES, /* which edges, which nodes there are */
    LANG_WORDS_COUNT
};
const char *lang_words_verb(enum lang_words words); /* "reads" */

struct lang_advice {
    enum lang_advice_kind kind;
    uint32_t rule;
    uint32_t other;   /* CONFLICT */
    const char *text; /* one sentence without its full stop; until emit returns */
    uint64_t more;    /* CONFLICT: further ways than the text tells */
};

/* The rules of a parsed system, decoded and looked at. The system must stay. */
struct lang_advisor;
JIT_MUST_CHECK enum jit_err lang_advisor_new(struct jit_heap *heap,
                                             const struct lang_system *system,
                                             struct lang_advisor **out);
void lang_advisor_free(struct lang_advisor *advisor); /* may be NULL */

/* May a rewrite of this rule break this invariant? The others cannot. */
bool lang_advise_concerns(const struct lang_advisor *advisor, uint32_t invariant, uint32_t rule);

/* rule: one of the system's, or behind them an invariant. What a rule does under one verb, each
 * thing once; texts until emit returns. False: emit stopped it. Errors of memory: text is NULL,
 * once. */
bool lang_advise_words(const struct lang_advisor *advisor, uint32_t rule, enum lang_words words,
                       bool (*emit)(void *user, const char *text), void *user);
/* All there is to say, conflicts last; emit returns false to stop. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err lang_advise(const struct lang_advisor *advisor,
                                        bool (*emit)(void *user, const struct lang_advice *advice),
                                        void *user);

#endif
