/* rmg/engine/request.h - requests as bytes: in the log's records, and those that wait for another
 * try. Spec:  docs/spec/log.md "Payload", docs/spec/root-graph.md "/proc"; DESIGN 14.1. Layer: rmg;
 * base only.
 *
 * Bytes of one: process[32] || rule[32] || instance[32] || u32 capability slot || u64 nonce || u32
 * n
 * || n x id[32] || u32 size || parameters. Of the list of those that wait: u32 1, or 2 where one is
 * delayed || of each u32 how often it has lost (1 to JIT_RETRY_MAX), or 0: it is delayed || (0: u64
 * the tick it is due in || its request key[32]) || u32 generation of its capability slot || the
 * request. */
#ifndef JIT_RMG_REQUEST_H
#define JIT_RMG_REQUEST_H

#include "rmg/engine/engine.h"

/* What is kept of a request; ids and params are borrowed. */
struct rmg_asked {
    struct jit_id process;
    struct jit_id rule_id;
    struct jit_id instance;
    uint32_t cap_slot;
    uint64_t nonce;
    const struct jit_id *ids;
    uint32_t id_count;
    const uint8_t *params;
    uint32_t params_size;
};
void rmg_asked_encode(const struct rmg_request *request, struct jit_buf *buf);
size_t rmg_asked_size(const struct rmg_request *request);
/* The next one; ids may be unaligned bytes of struct jit_id (which has no alignment).
 * Errors: JIT_ENOENT (no more), JIT_EFORMAT. */
JIT_MUST_CHECK enum jit_err rmg_asked_next(struct jit_cursor *cur, struct rmg_asked *out);

/* One that waits. */
struct rmg_waiting {
    uint32_t retries; /* how often it has lost; 0: it is delayed */
    uint32_t cap_generation;
    uint64_t due; /* of what is delayed: its tick, its key */
    struct jit_id request_key;
    struct rmg_asked asked;
};
/* The attachment's name. */
#define RMG_WAITING_NAME "waiting"
void rmg_waiting_begin(struct jit_buf *buf);
/* One that has just lost again. */
void rmg_waiting_add(const struct rmg_request *request, struct jit_buf *buf);
size_t rmg_waiting_size(const struct rmg_request *request); /* that add appends */
/* One that has just been verified and is due in a later tick. */
void rmg_waiting_delay(const struct rmg_request *request, const struct jit_id *request_key,
                       uint64_t due, struct jit_buf *buf);
size_t rmg_waiting_delay_size(const struct rmg_request *request);
/* What is appended is a delayed one, in the bytes of another list: then the list says so. */
void rmg_waiting_has_delayed(struct jit_buf *buf);
struct rmg_waiting_list {
    struct jit_cursor cur;
    bool delayed; /* some may be */
};
/* Errors: JIT_EFORMAT, JIT_EVERSION. */
JIT_MUST_CHECK enum jit_err rmg_waiting_open(const uint8_t *bytes, size_t size,
                                             struct rmg_waiting_list *out);
/* Errors: JIT_ENOENT (no more), JIT_EFORMAT. */
JIT_MUST_CHECK enum jit_err rmg_waiting_next(struct rmg_waiting_list *list,
                                             struct rmg_waiting *out);

#endif
