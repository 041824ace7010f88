/* kernel/core/sec_priv.h - shared by sec.c (life; what is asked), sec_beside.c (what lies beside
 * the tree, the sweep), sec_derive.c (carrying out what was asked), sec_own.c (owners) and
 * sec_tick.c (its place in a tick, and /sec). Layer: kernel/core; pure. */
#ifndef JIT_KERNEL_CORE_SEC_PRIV_H
#define JIT_KERNEL_CORE_SEC_PRIV_H

#include "kernel/core/sec.h"

enum sec_dirt { /* what of a node is not yet in /sec */
                SEC_NEW = 1,
                SEC_RECORD = 2,
                SEC_LEFT = 4,
                SEC_EPOCH = 8,
                SEC_HAD_EPOCH = 16, /* with EPOCH: the atom was there */
                SEC_GONE = 32
};

#define SEC_ROOM(sec, data, capacity, count)                                                       \
    (jit_heap_grow((sec)->heap, (void **)&(data), &(capacity), (count), sizeof *(data)) == 0       \
         ? JIT_OK                                                                                  \
         : JIT_ENOMEM)

/* What of the node is to be written into /sec with the tick. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err sec_dirty(struct kern_sec *sec, uint32_t node, uint32_t what);
uint32_t sec_given(const struct sys_cap *cap); /* its attenuators, as bits; 0: it has none */
/* Its attenuators are charged to whoever holds what it was derived from, as long as it is there. */
void sec_charge_deriver(struct kern_sec *sec, uint32_t node, bool gives_back);
/* What is known of a node that has just been put into the tree. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err sec_beside(struct kern_sec *sec, uint32_t node, uint32_t origin,
                                       uint32_t group, bool made);
/* A process's limit group of this number, made with this limit if it is new. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err sec_group(struct kern_sec *sec, uint32_t process, uint32_t number,
                                      uint64_t limit, uint32_t *out);
uint32_t sec_process(const struct kern_core *core, const struct jit_id *id); /* or SYS_CAP_NONE */
const uint8_t *sec_bytes(const struct kern_core *core, const struct kern_ask *ask);
void sec_ask_key(const struct kern_core *core, struct kern_ask *ask);

/* The outcome is in the ask; errors are ours: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err sec_derive(struct kern_core *core, struct kern_ask *ask);
JIT_MUST_CHECK enum jit_err sec_revoke(struct kern_core *core, struct kern_ask *ask);
JIT_MUST_CHECK enum jit_err sec_own(struct kern_core *core, struct kern_ask *ask);
JIT_MUST_CHECK enum jit_err sec_sweep(struct kern_sec *sec);

/* Errors: JIT_EINVALID (where), JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err sec_owners_read(struct kern_core *core, struct kern_sec *sec,
                                            const char **where);
void sec_disown(struct kern_sec *sec, uint32_t node); /* it is taken away */

/* Operations on /sec, in one tick; after an error nothing more is written. */
struct sec_writer {
    struct kern_core *core;
    struct kern_sec *sec;
    struct jit_id place;
    enum jit_err err;
};
struct rmg_op *sec_op(struct sec_writer *w, enum rmg_op_kind kind, const struct jit_id *id);
void sec_edge_op(struct sec_writer *w, enum rmg_op_kind kind, const struct jit_id *from,
                 const struct jit_id *to, const char *type_name);
void sec_set_bytes(struct sec_writer *w, const struct jit_id *id, const char *name,
                   const void *bytes, size_t size);
void sec_owners_write(struct sec_writer *w);

#endif
