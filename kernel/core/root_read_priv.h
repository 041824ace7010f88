/* kernel/core/root_read_priv.h - reading the configuration from a version: what root_read.c, which
 * begins and ends it, and the readers of /sys, /proc and /sec share.
 *
 * Everything in the root graph may have come from a blob that somebody handed in: nothing is
 * believed, every failure names what is wrong. */
#ifndef JIT_KERNEL_CORE_ROOT_READ_PRIV_H
#define JIT_KERNEL_CORE_ROOT_READ_PRIV_H

#include "kernel/core/root.h"
#include "kernel/core/root_priv.h"

struct kern_reader {
    struct jit_heap *heap;
    const struct rmg_store *store;
    const struct rmg_version *version;
    struct kern_config *config; /* what was read so far; kern_config_free takes it in any state */
    const char *where;          /* what is wrong, when it is JIT_EINVALID */
};

/* JIT_EINVALID, and `what` is said of it. */
JIT_MUST_CHECK enum jit_err kern_reader_wrong(struct kern_reader *r, const char *what);
/* An atom of the given type; JIT_EINVALID with `what` when it is missing or something else. */
JIT_MUST_CHECK enum jit_err kern_reader_atom(struct kern_reader *r, const struct rmg_graph *graph,
                                             const struct jit_id *owner, const char *name,
                                             const struct jit_id *type, const char *what,
                                             struct rmg_value *out);
/* One that need not be there. */
JIT_MUST_CHECK enum jit_err kern_reader_optional(struct kern_reader *r,
                                                 const struct rmg_graph *graph,
                                                 const struct jit_id *owner, const char *name,
                                                 const struct jit_id *type, const char *what,
                                                 struct rmg_value *out, bool *there);
/* Nodes of one type: how many, and each, ascending by id. */
JIT_MUST_CHECK enum jit_err kern_reader_count(const struct rmg_graph *graph, const char *type_name,
                                              uint64_t *count);
JIT_MUST_CHECK enum jit_err kern_reader_each(
    struct kern_reader *r, const struct rmg_graph *graph, const char *type_name,
    enum jit_err (*visit)(struct kern_reader *, const struct rmg_graph *, const struct jit_id *));

/* In this order: a program that is run is in /sys, who holds a capability is in /proc. */
JIT_MUST_CHECK enum jit_err kern_reader_sys(struct kern_reader *r, const struct rmg_graph *sys);
JIT_MUST_CHECK enum jit_err kern_reader_proc(struct kern_reader *r, const struct rmg_graph *proc);
JIT_MUST_CHECK enum jit_err kern_reader_sec(struct kern_reader *r, const struct rmg_graph *sec);

#endif
