/* tools/client/history/causes.h - walking a log back from a value, or from a request, to what
 * brought it about. Spec:  DESIGN 4.5 (origins, in-slots), 9; docs/spec/log.md. Layer: tools.
 *
 * A slot was written by the newest tick that has an operation on it; its origins are the requests.
 * A request read those in-slots of its tick that are of its matched elements (the patch has them of
 * all requests together: where two of one tick matched one element, what either read is told of
 * both); who wrote them last before that tick is a cause of it. So is the request it lost to, and
 * the try before of one that is tried again. */
#ifndef JIT_TOOLS_CAUSES_H
#define JIT_TOOLS_CAUSES_H

#include "rmg/store/slot.h"
#include "tools/client/history/history.h"

#define CAUSES_MAX    10000u
#define CAUSE_IDS_MAX 64u
#define CAUSE_NONE    UINT32_MAX
#define CAUSE_PARENTS 8u /* requests that are told of one operation */

enum cause_kind {
    CAUSE_REQUEST,
    CAUSE_KERNEL, /* what no request asked for: a process ended, capabilities were changed */
    CAUSE_EDIT,   /* a tick that no run made: a merge, another seed */
    CAUSE_START   /* the genesis, or the checkpoint in its place */
};

struct cause {
    enum cause_kind kind;
    uint64_t tick;
    uint32_t request; /* its index in the tick */
    uint32_t id_count;
    uint32_t cap_slot;
    uint16_t result;
    struct jit_id key;
    struct jit_id process;
    struct jit_id rule;
    struct jit_id instance;
    struct jit_id ids[CAUSE_IDS_MAX]; /* of its match */
    bool known;                       /* the above has been read */
    bool ended, asked; /* KERNEL: a process ended in the tick; something was asked about rights */
};

/* Why `from` is as it is: `to` wrote the slot that it read, or took what it needed. */
struct because {
    uint32_t from; /* CAUSE_NONE: the question */
    uint32_t to;   /* CAUSE_NONE: too far back for the depth */
    bool lost;     /* `to` is the request it lost to; no slot */
    bool again;    /* likewise, `to` is the same one, a tick before: it is tried again */
    bool delayed;  /* likewise, `to` is the same one, in the tick that it was asked for in */
    struct rmg_slot slot;
    char *name;     /* the slot's, owned */
    uint64_t until; /* written at this tick at the latest */
    uint64_t found_tick;
    uint32_t found[CAUSE_PARENTS]; /* requests */
    uint32_t found_count;
    bool looked;
};

struct causes {
    struct cli *cli;
    const char *data;
    struct cause *causes;
    size_t count;
    size_t capacity;
    struct because *links;
    size_t link_count;
    size_t link_capacity;
    uint64_t start; /* the first tick */
    bool cut;       /* there were more than CAUSES_MAX */
    enum jit_err err;
};

/* Ask, then walk. All return an exit code; said. Release it whatever comes back. */
void causes_ask_slot(struct causes *causes, const struct rmg_slot *slot, uint64_t until);
void causes_ask_request(struct causes *causes, uint64_t tick, uint32_t request);
int causes_walk(struct causes *causes, uint64_t depth);
void causes_release(struct causes *causes);

/* The newest request whose key begins with these digits. found false: none does. */
int causes_find_key(struct cli *cli, const char *data, const char *digits, uint64_t *tick,
                    uint32_t *request, bool *found);

#endif
