/* tools/client/history/ancestry.h - the histories of several data folders as one graph of commits:
 * what two of them have in common. Spec:  docs/spec/checkpoint.md "Branches". Layer: tools. */
#ifndef JIT_TOOLS_ANCESTRY_H
#define JIT_TOOLS_ANCESTRY_H

#include "base/id.h"
#include "tools/client/history/branches.h"

struct ancestry_tick {
    struct jit_id commit;
    struct jit_id other; /* a second parent; zeros: none */
    uint64_t tick;
    uint32_t folder;
};
struct ancestry_folder {
    char path[BRANCH_PATH_SIZE];
    struct ancestry_tick *ticks; /* ascending; the first one may be a checkpoint's */
    size_t count;
    size_t capacity;
    uint64_t reached; /* scratch: ancestors are ticks below it */
};
struct ancestry {
    struct ancestry_folder *folders;
    uint32_t count;
    uint32_t capacity;
};

/* Read one folder, and all branches beside it when it is the top of some. Its index is the one that
 * was added first. Returns an exit code; said. */
int ancestry_add(struct cli *cli, struct ancestry *all, const char *path, uint32_t *index);
/* The newest commit that both descend from. *out NULL: there is none. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err ancestry_common(struct ancestry *all, const struct ancestry_tick *a,
                                            const struct ancestry_tick *b,
                                            const struct ancestry_tick **out);
/* A folder's tick; NULL: it has none. */
const struct ancestry_tick *ancestry_at(const struct ancestry *all, uint32_t folder, uint64_t tick);
void ancestry_release(struct ancestry *all);

#endif
