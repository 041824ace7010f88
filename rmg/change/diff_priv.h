/* rmg/change/diff_priv.h - the difference of two maps, leaf by leaf. Layer: rmg; base only. */
#ifndef JIT_RMG_DIFF_PRIV_H
#define JIT_RMG_DIFF_PRIV_H

#include "rmg/change/diff.h"
#include "rmg/store/store_priv.h"

/* The leaves of one id before and after, NULL where it is not there; false to stop. */
typedef bool trie_diff_visit(void *user, const uint8_t *before, const uint8_t *after);

/* Two roots of one map, in one memory or in two, ascending. *steps bounds the nodes looked at and
 * is what is left of it afterwards. Errors: JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err trie_diff(const struct rmg_graph *a, uint32_t a_root,
                                      const struct rmg_graph *b, uint32_t b_root, unsigned map,
                                      trie_diff_visit *visit, void *user, uint64_t *steps);

#endif
