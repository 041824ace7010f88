/* tools/client/history/causes_priv.h - a step back, shared by causes.c (what has been found;
 * walking), causes_writers.c (who wrote what is asked about) and causes_requests.c (what those
 * requests were). Layer: tools. */
#ifndef JIT_TOOLS_CAUSES_PRIV_H
#define JIT_TOOLS_CAUSES_PRIV_H

#include "tools/client/history/causes.h"

/* The place of this cause, put at the end if it is new. CAUSE_NONE: there are too many (`cut`), or
 * there was no memory (`err`). */
uint32_t causes_add(struct causes *c, enum cause_kind kind, uint64_t tick, uint32_t request);
/* A link to nothing yet; slot NULL: it is none of a slot. The next call may move it. NULL: no
 * memory (`err`). */
struct because *causes_link(struct causes *c, uint32_t from, const struct rmg_slot *slot,
                            uint64_t until);

/* For each link that was not looked at: who wrote its slot last. An exit code; said. */
int causes_find_writers(struct causes *c);
/* From requests that were found to causes; a slot that several wrote gets a link to each. */
void causes_settle(struct causes *c);
/* Of each cause that is not known yet: what it was, and links to what it read. An exit code; said.
 */
int causes_read_requests(struct causes *c);

#endif
