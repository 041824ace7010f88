/* rmg/lang/lang_advise_priv.h - the rules of an advisor, and how what they touch is put into words
 * (lang_words.c), which advice needs as well (lang_advise.c). */
#ifndef JIT_RMG_LANG_ADVISE_PRIV_H
#define JIT_RMG_LANG_ADVISE_PRIV_H

#include "rmg/lang/lang_advise.h"

struct lang_advised {
    struct rmg_rule *rule; /* decoded */
    struct rmg_rule_facts facts;
    const struct lang_rule *text;
    bool differs; /* it is run with several parameters */
};

struct lang_advisor {
    struct jit_heap *heap;
    const struct lang_system *system;
    struct lang_advised *rules; /* and behind them the invariants */
    uint32_t rule_count;
    uint32_t known_count; /* with invariants */
};

/* NULL: no declared type has this id. */
const struct lang_type *lang_advised_type(const struct lang_advisor *a, const struct jit_id *id);
/* Its name; it is declared. */
void lang_put_type_of(const struct lang_advisor *a, const struct jit_id *id, struct jit_buf *out);
/* Is this operand (rmg/rules/rule.h) an edge? If so: its ends; *type NULL: of any type. */
bool lang_advised_edge(const struct lang_advised *rule, uint8_t operand, uint8_t *from, uint8_t *to,
                       const struct jit_id **type);
/* a; [:T] a->b; (:T) of element 3. whole: with its type and place, though it has a name. */
void lang_put_advised(const struct lang_advisor *a, const struct lang_advised *rule,
                      uint8_t operand, bool whole, struct jit_buf *out);
/* The thing that a use is of, without the verb; and the verb. */
void lang_put_use(const struct lang_advisor *a, const struct lang_advised *rule,
                  const struct rmg_rule_use *use, bool whole, struct jit_buf *out);
enum lang_words lang_use_words(const struct rmg_rule_use *use);

#endif
