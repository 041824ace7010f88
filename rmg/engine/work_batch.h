/* rmg/engine/work_batch.h - what a commit writes, by ascending ids: what was made gets its id here,
 * many side by side. Layer: rmg; base only. Private to rmg/work*.c. */
#ifndef JIT_RMG_WORK_BATCH_H
#define JIT_RMG_WORK_BATCH_H

#include "base/exec.h"
#include "rmg/engine/work_priv.h"
#include "rmg/store/load_dense.h"

/* Nodes and types as places among all of them by ascending ids. */
struct work_numbers {
    struct jit_id *nodes; /* live ones */
    uint32_t *of_node;    /* by handle */
    struct jit_id *types;
    uint32_t *of_type; /* by number of the working form */
};

/* Elements by ascending ids. */
struct work_batch {
    uint32_t *handles;
    struct jit_id *ids;
    /* When numbers were given, else NULL. */
    uint32_t *types;             /* of nodes */
    struct rmg_dense_edge *ends; /* of edges */
    uint32_t count;
};
/* The live ones from handle `first` on; the batch is all zeros before, and released either way.
 * exec: hashes and sorts side by side. numbers: of types, for nodes; of all nodes, too, for edges;
 * or NULL. Errors: JIT_ENOMEM, JIT_EEXIST (an id twice among them). */
JIT_MUST_CHECK enum jit_err work_batch_fill(const struct rmg_work *work, bool is_edge,
                                            uint32_t first, const struct work_numbers *numbers,
                                            struct jit_exec *exec, struct work_batch *batch);
/* None of the batch is the id of something in the version that is still there. Errors: JIT_EEXIST.
 */
JIT_MUST_CHECK enum jit_err work_batch_fresh(const struct rmg_work *work, bool is_edge,
                                             const struct work_batch *batch);
void work_batch_release(const struct rmg_work *work, struct work_batch *batch);

/* First of types, then of nodes, batch: those from handle `first` on. All zeros before, released
 * either way. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err work_numbers_types(const struct rmg_work *work,
                                               struct work_numbers *out);
JIT_MUST_CHECK enum jit_err work_numbers_nodes(const struct rmg_work *work, uint32_t first,
                                               const struct work_batch *batch,
                                               struct work_numbers *out);
void work_numbers_release(const struct rmg_work *work, struct work_numbers *numbers);

#endif
