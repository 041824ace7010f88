/* rmg/lang/lang_check_priv.h - how the check of a rule is divided (lang_check.c): its match, its
 * effects. false: it was said what is wrong, or there was no memory. */
#ifndef JIT_RMG_LANG_CHECK_PRIV_H
#define JIT_RMG_LANG_CHECK_PRIV_H

#include "rmg/lang/lang_priv.h"

/* Name and type of an element that is new in the scope, of a pattern or created: *entry. */
bool lang_enter_element(struct lang_scope *scope, struct lang_element *element,
                        struct lang_scope_entry *entry);

/* ---- lang_check_match.c ---- */

/* Its elements, into the scope. */
bool lang_check_match(struct lang_scope *scope);
/* Which of them the rule lets be the same. */
bool lang_check_equals(struct lang_scope *scope);
/* May these two, by their places in the scope, be the same? */
bool lang_may_equal(const struct lang_scope *scope, uint8_t a, uint8_t b);
/* After lang_check_delete: of elements that may be the same none is deleted. */
bool lang_check_identified(struct lang_scope *scope);

/* ---- lang_check_effect.c ---- */

bool lang_check_delete(struct lang_scope *scope, const struct lang_clause *clause);
/* After all deletions: an edge that stays keeps its ends. */
bool lang_check_ends(struct lang_scope *scope);
bool lang_check_updates(struct lang_scope *scope, const struct lang_clause *clause);
/* The new elements, into the scope, with their values. */
bool lang_check_create(struct lang_scope *scope, const struct lang_clause *clause);
/* After all creations and updates: defaults of the fields that were given no value. */
bool lang_check_defaults(struct lang_scope *scope);

#endif
