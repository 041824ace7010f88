/* syscall/decode.h - from bytes to a request, and the dispatch table of all calls.
 * Spec:  DESIGN 8 "One table", 14.1, 14.7; docs/spec/ring.md. Layer: syscall, base only.
 *
 * Hostile: the bytes are a private copy (sys_ring_host_take, or the copy of what lay far) that
 * nobody changes any more. What does not decode is the worker's death: every failure is JIT_EPEER.
 * Indexes into the boot record are for the caller to judge, who has it. */
#ifndef JIT_SYSCALL_DECODE_H
#define JIT_SYSCALL_DECODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "syscall/abi.h"

struct sys_apply_view {
    uint32_t cap_slot;
    uint32_t cap_generation;
    uint32_t rule;
    uint32_t instance;
    uint64_t nonce;
    const struct jit_id *ids; /* borrowed from the bytes; an id has no alignment */
    uint32_t id_count;
    uint32_t flags;
    const uint8_t *params; /* borrowed */
    uint32_t params_size;
};

struct sys_derive_view {
    struct sys_derive head;
    const uint8_t *attenuators; /* borrowed; head.attenuators_size bytes, not looked at */
};

struct sys_collapse_view {
    struct sys_collapse head;
    const uint8_t *caps;  /* borrowed; head.cap_count times slot and generation */
    const uint8_t *bytes; /* borrowed; the request, not looked at */
    size_t size;
};
struct sys_own_view {
    struct jit_id root;
    const uint8_t *patch; /* borrowed; not looked at */
    size_t patch_size;
};
/* Slot and generation of the i-th further capability. */
void sys_collapse_cap(const uint8_t *caps, uint32_t i, uint32_t *slot, uint32_t *generation);

struct sys_request;
/* A row of syscalls.def. */
struct sys_call_row {
    uint32_t number;
    const char *name;
    uint32_t rights; /* that the request must be covered by */
    uint32_t states; /* in which it may be made */
    /* NULL: the number is reserved and this version does not carry it out */
    enum jit_err (*decode)(const uint8_t *bytes, size_t size, struct sys_request *out);
};
extern const struct sys_call_row sys_call_rows[]; /* ascending by number */
extern const size_t sys_call_row_count;
/* NULL: there is no such number. */
const struct sys_call_row *sys_call_find(uint32_t number);

struct sys_request {
    const struct sys_call_row *row;
    uint64_t cookie;
    union {
        struct sys_apply_view apply;
        struct sys_collapse_view collapse;
        struct sys_derive_view derive; /* grant, too */
        struct sys_revoke revoke;
        struct sys_own_view own;
        struct sys_inspect inspect;
        int32_t exit_status;
        uint64_t grow_bytes;
    } body;
};

/* slot: for kind and cookie; bytes: the request's, inline or from afar. A reserved number decodes
 * whatever its bytes: out->row->decode is NULL, and the answer to it is INVALID.
 * Errors: JIT_EPEER. */
JIT_MUST_CHECK enum jit_err sys_decode(const struct sys_slot *slot, const uint8_t *bytes,
                                       size_t size, struct sys_request *out);
/* What an operator asks with `owner`, which is reserved for workers. Errors: JIT_EPEER. */
JIT_MUST_CHECK enum jit_err sys_decode_owner(const uint8_t *bytes, size_t size,
                                             struct sys_owner *out);
JIT_MUST_CHECK enum jit_err sys_decode_apply(const uint8_t *bytes, size_t size,
                                             struct sys_apply_view *out);

/* The size of an apply request, and its bytes into out (of that size): the worker's side. */
size_t sys_apply_size(uint32_t id_count, uint32_t params_size);
void sys_apply_encode(const struct sys_apply_view *apply, uint8_t *out);

#endif
