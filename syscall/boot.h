/* syscall/boot.h - the boot record: all a worker is told before it starts, sealed in fd 6.
 * Spec:  DESIGN 14.5; docs/spec/ring.md "Boot record". Layer: syscall, but base only: the kernel
 * encodes, the worker decodes.
 *
 * Layout: the head (struct sys_boot), then, each at the next multiple of 8 and the gaps zero: caps,
 * instances, rules, runs, the filter, the program of each rule, the parameters of each run. So
 * equal content has equal bytes. */
#ifndef JIT_SYSCALL_BOOT_H
#define JIT_SYSCALL_BOOT_H

#include "base/buf.h"
#include "base/err.h"
#include "syscall/abi.h"

#define SYS_BOOT_BYTES_MAX (512ull << 20)
#define SYS_BOOT_RUNS_MAX  4096u
#define SYS_FILTER_MAX     512u /* instructions */
#define SYS_RIGHTS_ALL     15u  /* all of enum sys_right */

struct sys_bytes {
    const uint8_t *bytes;
    uint64_t size;
};
struct sys_boot_run_spec {
    uint32_t rule;
    uint32_t instance;
    uint32_t cap_slot;
    uint32_t cap_generation;
    uint32_t mode;
    struct sys_bytes params;
};
static inline int64_t sys_boot_run_weight(const struct sys_boot_run_spec *run)
{
    return (int64_t)((uint64_t)run->cap_generation << 32 | run->cap_slot);
}
/* What to encode; everything is borrowed. */
struct sys_boot_spec {
    struct jit_id process;
    uint32_t index;
    uint32_t count;
    uint64_t seed;
    uint64_t start_tick;
    uint64_t view_bytes;
    uint64_t graph_bytes;     /* at first */
    uint64_t graph_bytes_max; /* 0: the same */
    uint64_t heap_bytes;
    uint32_t keep; /* 0: 1 */
    uint32_t explore;
    uint32_t explore_flags;
    const struct sys_boot_cap *caps;
    const struct sys_boot_instance *instances;
    const struct sys_bytes *rules; /* programs */
    const struct sys_boot_run_spec *runs;
    uint32_t cap_count;
    uint32_t instance_count;
    uint32_t rule_count;
    uint32_t run_count;
    struct sys_bytes filter;            /* size 0: none */
    const struct sys_boot_quota *quota; /* NULL: none */
};

/* Append the record. Errors: JIT_EINVALID (decode would refuse it), JIT_ENOMEM, JIT_ELIMIT. */
JIT_MUST_CHECK enum jit_err sys_boot_encode(const struct sys_boot_spec *spec, struct jit_buf *buf);

/* A verified record; everything is borrowed from its bytes, which must not change. */
struct sys_boot_view {
    const uint8_t *bytes;
    struct sys_boot head;
    struct sys_boot_quota quota; /* where head.quota is 1 */
    struct sys_bytes filter;
};

/* The size that the first SYS_PAGE bytes claim for the whole record, so that all of it can be
 * mapped and decoded. Errors: JIT_EFORMAT, JIT_EVERSION. */
JIT_MUST_CHECK enum jit_err sys_boot_size(const uint8_t *bytes, size_t size, uint64_t *record_size);
/* Strict: counts, bounds, order, indexes, gaps; bytes behind the record (a page's rest) are not
 * looked at. Programs and parameters are only bounded here: rmg verifies them.
 * Errors: JIT_EFORMAT, JIT_EVERSION. */
JIT_MUST_CHECK enum jit_err sys_boot_decode(const uint8_t *bytes, size_t size,
                                            struct sys_boot_view *out);

/* Rows of a verified record; index < the head's count. */
struct sys_boot_cap sys_boot_cap_at(const struct sys_boot_view *view, uint32_t index);
struct sys_boot_instance sys_boot_instance_at(const struct sys_boot_view *view, uint32_t index);
/* May it be written by a capability for an instance that it lies in? Its offset is given without
 * that bit. */
bool sys_boot_written_outside(const struct sys_boot_view *view, uint32_t index);
struct sys_bytes sys_boot_rule_at(const struct sys_boot_view *view, uint32_t index);
struct sys_boot_run_spec sys_boot_run_at(const struct sys_boot_view *view, uint32_t index);

#endif
