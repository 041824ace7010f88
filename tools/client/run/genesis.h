/* tools/client/run/genesis.h - from a system file to the first state of a root graph.
 * Spec:  DESIGN 6, 14.4, 14.5, 14.8. Layer: tools. The client parses; the supervisor verifies the
 * bytes. */
#ifndef JIT_TOOLS_GENESIS_H
#define JIT_TOOLS_GENESIS_H

#include "rmg/change/collect.h"
#include "rmg/lang/lang.h"

/* Schema, rules, processes and capabilities of a system, into an empty collection; imports are the
 * caller's. what: on JIT_EINVALID or JIT_EEXIST, what is wrong with which declaration. Errors:
 * JIT_EINVALID, JIT_EEXIST, JIT_ELIMIT, JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err genesis_collect(const struct lang_system *system, uint64_t seed,
                                            uint32_t members, struct rmg_collect *collect,
                                            char *what, size_t what_size);

#endif
