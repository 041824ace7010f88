/* syscall/view.h - the view's control page: how the kernel publishes versions and a worker reads
 * them without a system call. Spec:  DESIGN 7.1, 14.9; docs/spec/ring.md "View". Layer: syscall;
 * base and rmg/store/graph.h.
 *
 * One release-store of `tick` publishes all instances at once. An entry keeps two places, so that
 * the newest version stands still while the next one is written beside it. */
#ifndef JIT_SYSCALL_VIEW_H
#define JIT_SYSCALL_VIEW_H

#include "base/err.h"
#include "rmg/store/graph.h"
#include "syscall/abi.h"

/* ---- the kernel's side: the memory is its own, nobody else can write it ---- */
struct sys_view_host {
    uint8_t *base; /* SYS_VIEW_HEADER_BYTES of it are the control pages */
    uint64_t size_max;
    uint64_t tick;
    uint32_t entry_count;
    bool published;
};

/* Over zeroed memory. size_max: what workers map. */
void sys_view_host_init(struct sys_view_host *view, uint8_t *base, uint64_t size_max);
/* Give an instance its entry, or find it. index: its place in sys_view_host_publish; offset: for
 * the boot record. A new one is seen by workers from the next publish on. Errors: JIT_ELIMIT. */
JIT_MUST_CHECK enum jit_err sys_view_host_entry(struct sys_view_host *view,
                                                const struct jit_id *instance, uint32_t *index,
                                                uint64_t *offset);
/* Publish version `tick` (one more than the last; the first may be any): roots of all entries in
 * their order, and how many bytes of the view may be read. */
void sys_view_host_publish(struct sys_view_host *view, uint64_t tick, uint64_t size,
                           const struct rmg_roots *roots, uint32_t root_count);
void sys_view_host_durable(struct sys_view_host *view, uint64_t tick);
/* With the next publish: memory of versions before this one may be used anew. */
void sys_view_host_oldest(struct sys_view_host *view, uint64_t version);

/* ---- the worker's side: read-only memory that changes under it ---- */
struct sys_view_guest {
    const uint8_t *base;
    uint64_t size_max; /* mapped */
};

/* Errors: JIT_EFORMAT, JIT_EVERSION. */
JIT_MUST_CHECK enum jit_err sys_view_guest_open(struct sys_view_guest *view);
/* How many instances there are in it, and each: they are given when the supervisor starts and stay
 * until it ends. offset: for sys_view_guest_graph. */
uint32_t sys_view_guest_entries(const struct sys_view_guest *view);
void sys_view_guest_entry(const struct sys_view_guest *view, uint32_t index,
                          struct jit_id *instance, uint64_t *offset);
uint64_t sys_view_guest_tick(const struct sys_view_guest *view);
uint64_t sys_view_guest_durable(const struct sys_view_guest *view);
uint64_t sys_view_guest_oldest(const struct sys_view_guest *view);
/* An instance at the newest version, which must be `tick`: roots copied, then found to have been
 * still. graph->slots is set to NULL. Errors: JIT_ESTALE (another version is the newest),
 * JIT_ENOENT (not this instance's entry), JIT_ECORRUPT (nonsense). */
JIT_MUST_CHECK enum jit_err sys_view_guest_graph(const struct sys_view_guest *view, uint64_t offset,
                                                 const struct jit_id *instance, uint64_t tick,
                                                 struct rmg_graph *graph);

#endif
