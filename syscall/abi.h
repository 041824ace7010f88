/* syscall/abi.h - the binary interface between the supervisor and a worker: file descriptors,
 * shared memory layouts, request and receipt records, the boot record. Spec:  DESIGN 7.1, 7.5, 14.5
 * to 14.7; docs/spec/ring.md says every byte. Layer: syscall, but base only: proc/host, proc/guest
 * and the kernel all include it. All integers are little-endian and naturally aligned; every
 * structure has a fixed size. */
#ifndef JIT_SYSCALL_ABI_H
#define JIT_SYSCALL_ABI_H

#include <assert.h>
#include <stdint.h>

#include "base/id.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the layouts below are used as they lie");

#define SYS_ABI_MAJOR 1u
/* 1: graphs grow; 2: capabilities are derived, granted, revoked; 3: branches are collapsed; 4: what
 * a process keeps for itself outlives the supervisor; 5: what is delayed is counted; 6: the view
 * says which versions are kept */
#define SYS_ABI_MINOR 6u
#define SYS_PAGE      4096u

/* Descriptors a worker is born with (7.1). */
enum sys_fd { SYS_FD_RING = 3, SYS_FD_GRAPH = 4, SYS_FD_VIEW = 5, SYS_FD_PROGRAM = 6 };

enum sys_right { SYS_RIGHT_MAP = 1, SYS_RIGHT_INVOKE = 2, SYS_RIGHT_READ = 4, SYS_RIGHT_WRITE = 8 };
enum sys_state { SYS_STATE_TICK = 1, SYS_STATE_ANY = 2 };

enum sys_call {
#define SYSCALL(number, name, rights, state, built) SYS_CALL_##name = (number),
#include "syscall/syscalls.def"
#undef SYSCALL
};

/* ---- fd 3, the ring: both sides write it; the kernel believes nothing it reads from it ---- */
#define SYS_REQUEST_SLOTS 4096u
#define SYS_REQUEST_BYTES 256u
#define SYS_INLINE_BYTES  240u
#define SYS_RECEIPT_SLOTS 4096u
#define SYS_RECEIPT_BYTES 64u

#define SYS_RING_MAGIC 0x474e4952u /* "RING" */
struct sys_ring_header {           /* page 0: written once by the kernel, never read back by it */
    uint32_t magic;
    uint16_t major;
    uint16_t minor;
    uint32_t features; /* 0 */
    uint32_t page_size;
    uint32_t request_slots;
    uint32_t receipt_slots;
    uint64_t ring_bytes;
};
/* page 1: the worker's words. Counters run freely; a place is counter % slots. */
struct sys_ring_worker {
    uint32_t bell;         /* futex: +1 when done or when it wants the kernel to drain */
    uint32_t sleeping;     /* 1: it sleeps (or is about to) on `call` */
    uint32_t request_tail; /* requests written */
    uint32_t receipt_head; /* receipts taken */
    uint64_t done_tick;    /* the last tick it has said done to */
    uint32_t done_tail;    /* request_tail at that moment: what is behind it belongs to the next */
    uint32_t zero;
};
static_assert(sizeof(struct sys_ring_worker) == 32, "wire size");
/* page 2: the kernel's words. */
#define SYS_RING_COUNTS 17u /* as many as there are results; later ones come behind them */
struct sys_ring_kernel {
    uint32_t call;     /* futex: +1 when a tick begins, requests were taken or receipts written */
    uint32_t sleeping; /* 1: it sleeps (or is about to) on `bell` */
    uint32_t request_head; /* requests taken */
    uint32_t receipt_tail; /* receipts written */
    uint64_t begin_tick;   /* the tick to work on: the version `begin_tick - 1` is in the view */
    /* Results of this worker's requests in the last tick, by number (14.3). */
    uint64_t counts[SYS_RING_COUNTS];
};
static_assert(sizeof(struct sys_ring_kernel) == 160, "wire size");
#define SYS_RING_WORKER_OFFSET  ((uint64_t)SYS_PAGE)
#define SYS_RING_KERNEL_OFFSET  (2ull * SYS_PAGE)
#define SYS_RING_REQUEST_OFFSET (3ull * SYS_PAGE)
#define SYS_RING_RECEIPT_OFFSET                                                                    \
    (SYS_RING_REQUEST_OFFSET + (uint64_t)SYS_REQUEST_SLOTS * SYS_REQUEST_BYTES)
#define SYS_RING_BYTES (SYS_RING_RECEIPT_OFFSET + (uint64_t)SYS_RECEIPT_SLOTS * SYS_RECEIPT_BYTES)

/* A request slot (14.7). length <= 240: the bytes follow inline; else `at` and `size` (== length)
 * say where they lie in the graph arena (fd 4), unchanged until taken, at most 16 MiB. */
struct sys_slot {
    uint32_t kind;   /* enum sys_call */
    uint32_t length; /* of the request's bytes */
    uint64_t cookie; /* the worker's own; comes back in the receipt */
    union {
        uint8_t bytes[SYS_INLINE_BYTES];
        struct {
            uint64_t at;
            uint64_t size;
        } far;
    } body;
};
static_assert(sizeof(struct sys_slot) == SYS_REQUEST_BYTES, "wire size");

#define SYS_WANT_RECEIPT 1u
/* apply: this head, then id_count ids, then params_size bytes. */
struct sys_apply {
    uint32_t cap_slot;
    uint32_t cap_generation;
    uint32_t rule;     /* index into the boot record's rules */
    uint32_t instance; /* index into the boot record's instances */
    uint64_t nonce;
    uint16_t id_count;
    uint16_t flags; /* SYS_WANT_RECEIPT */
    uint32_t params_size;
};
static_assert(sizeof(struct sys_apply) == 32, "wire size");

/* collapse: this head, then cap_count times slot and generation of a further capability (u32 each),
 * then the request (docs/spec/sws.md). Each operation is to be covered by one of them all. */
struct sys_collapse {
    uint32_t cap_slot;
    uint32_t cap_generation;
    uint64_t nonce;
    uint32_t flags; /* SYS_WANT_RECEIPT */
    uint32_t cap_count;
};
static_assert(sizeof(struct sys_collapse) == 24, "wire size");
/* In the receipt's request_key: what stands in the way of one that conflicts with what happened
 * since its base. None: the blocker does, in its own tick. */
struct sys_collapsed {
    uint32_t reads; /* in-slots that have another value, and the number of the first */
    uint32_t first_read;
    uint32_t operations; /* likewise, of operations */
    uint32_t first_operation;
    uint8_t zero[16];
};
static_assert(sizeof(struct sys_collapsed) == JIT_ID_BYTES, "wire size");

/* derive and grant: this head, then attenuators_size bytes (syscall/attenuate.h). What is 0 is as
 * it is held. */
#define SYS_MOVE 2u /* of flags: the capability itself changes its place; nothing else is given */
struct sys_derive {
    uint32_t cap_slot;
    uint32_t cap_generation;
    uint32_t flags;   /* SYS_WANT_RECEIPT, SYS_MOVE */
    uint32_t to_slot; /* SYS_NONE: the first that is free */
    uint32_t to_cap;  /* grant: a write capability for the process that is to hold it */
    uint32_t to_cap_generation;
    uint32_t rights;
    uint32_t attenuators_size;
    uint64_t nonce;
    uint64_t badge;
    struct jit_id instance; /* the object, or an instance nested in it */
    struct jit_id rule;
    struct jit_id params_digest;
};
static_assert(sizeof(struct sys_derive) == 144, "wire size");
#define SYS_ONLY_CHILDREN 2u /* of flags: what was derived from it, not itself */
struct sys_revoke {
    uint32_t cap_slot;
    uint32_t cap_generation;
    uint32_t flags; /* SYS_WANT_RECEIPT, SYS_ONLY_CHILDREN */
    uint32_t zero;
    uint64_t nonce;
};
static_assert(sizeof(struct sys_revoke) == 24, "wire size");
struct sys_inspect {
    uint32_t cap_slot;
    uint32_t cap_generation;
};
static_assert(sizeof(struct sys_inspect) == 8, "wire size");
/* In the receipt's request_key. derive, grant: of an applied one slot and generation of the new
 * capability; verdict and excess say why it was not (syscall/cap.h, attenuate.h). */
struct sys_derived {
    uint32_t slot;
    uint32_t generation;
    uint32_t verdict;
    uint32_t excess;
    uint8_t zero[16];
};
static_assert(sizeof(struct sys_derived) == JIT_ID_BYTES, "wire size");
struct sys_inspected {
    uint32_t rights;
    uint32_t depth;
    uint32_t object; /* enum sys_object */
    uint32_t verdict;
    uint64_t operations_left; /* 2^64-1: no bound */
    uint64_t badge;
};
static_assert(sizeof(struct sys_inspected) == JIT_ID_BYTES, "wire size");

/* own: this head, then a patch on the graph that the process had after its last tick (at most
 * JIT_REQUEST_BYTES_MAX bytes in all). Once a tick at most, before done. */
struct sys_own {
    struct jit_id root; /* of the graph as it is now */
};
static_assert(sizeof(struct sys_own) == 32, "wire size");

/* owner: as an operator asks it. Whose a rule or an instance is to be: the named capability's, or,
 * where it is asked of the operator's own authority, his. */
#define SYS_OWNER_INSTANCE 0u /* SYS_OBJECT_INSTANCE, */
#define SYS_OWNER_RULE     1u /* SYS_OBJECT_RULE */
struct sys_owner {
    uint32_t cap_slot;
    uint32_t cap_generation;
    uint32_t object; /* SYS_OWNER_INSTANCE, SYS_OWNER_RULE */
    uint32_t zero;
    uint64_t nonce;
    struct jit_id id;
};
static_assert(sizeof(struct sys_owner) == 56, "wire size");

/* exit: an i32 status. grow: the bytes that the graph memory is to have, u64. clock: no bytes. */

/* What the loader's own exit status says (7.4); anything else is the program's. */
#define SYS_EXIT_MAP(X)                                                                            \
    X(SYS_EXIT_BOOT, 64, "its boot record does not verify")                                        \
    X(SYS_EXIT_MEMORY, 65, "it cannot map its memories")                                           \
    X(SYS_EXIT_LOCKDOWN, 66, "it could not lock itself down")                                      \
    X(SYS_EXIT_PROGRAM, 67, "one of its rules does not verify")                                    \
    X(SYS_EXIT_DAMAGED, 68, "it found damaged data in the view")                                   \
    X(SYS_EXIT_NO_MEMORY, 69, "it ran out of memory")                                              \
    X(SYS_EXIT_STALE, 70, "the version to search is gone from the view")                           \
    X(SYS_EXIT_LIMIT, 71, "it ran into a limit: matches, or a request larger than its graph")
enum sys_exit {
#define X(name, value, text) name = (value),
    SYS_EXIT_MAP(X)
#undef X
};

struct sys_receipt {
    uint64_t cookie;
    uint64_t tick;   /* the tick that decided; for clock: the tick being collected */
    uint16_t result; /* 14.3 */
    uint16_t zero;
    uint32_t blocker; /* request index or 2^32-1 */
    uint32_t index;   /* of the request in the tick; 2^32-1 for immediate calls */
    uint32_t zero2;
    struct jit_id request_key;
};
static_assert(sizeof(struct sys_receipt) == SYS_RECEIPT_BYTES, "wire size");

/* ---- fd 4, the graph: written by the worker. Its first page is this; a rules loader keeps nothing
 * else in it (14.13) and uses the rest for requests that do not fit a slot ---- */
#define SYS_GRAPH_MAGIC 0x48505247u /* "GRPH" */
struct sys_graph_header {
    uint32_t magic;
    uint16_t major;
    uint16_t minor;
    uint64_t tick; /* the last tick it has said done to */
    uint8_t zero[48];
};
static_assert(sizeof(struct sys_graph_header) == 64, "wire size");
#define SYS_GRAPH_BYTES_MIN (4ull * SYS_PAGE)
/* The page of the process's own graph lies behind the header (docs/spec/sws.md), its cells in the
 * first three quarters of all, from the second page on; the rest is for requests. */
#define SYS_GRAPH_HOME       512u
#define SYS_GRAPH_OWN(bytes) ((bytes) / 4 * 3 / SYS_PAGE * SYS_PAGE)

/* ---- fd 5, the view: written by the kernel only; the arena of the shared root instances ---- */
#define SYS_VIEW_MAGIC        0x57454956u /* "VIEW" */
#define SYS_VIEW_HEADER_BYTES 65536u      /* the control pages; the arena's granules begin behind */
#define SYS_VIEW_EXTENT_BYTES (16ull << 20)
struct sys_view_roots { /* struct rmg_roots, as bytes */
    uint32_t ref[8];
    uint64_t node_count;
    uint64_t edge_count;
};
static_assert(sizeof(struct sys_view_roots) == 48, "wire size");
struct sys_view_entry { /* one published instance, at a fixed offset for its life */
    struct jit_id instance;
    struct sys_view_roots roots[2]; /* [tick & 1] holds the version of `tick` */
};
static_assert(sizeof(struct sys_view_entry) == 128, "wire size");
struct sys_view_control {
    uint32_t magic;
    uint16_t major;
    uint16_t minor;
    uint64_t size_max;     /* bytes a worker maps */
    uint64_t tick;         /* newest published version: one release-store publishes it */
    uint64_t durable_tick; /* newest version known to be on disk */
    uint64_t size;         /* bytes that may be read now */
    uint32_t entry_count;
    uint32_t zero;
    uint64_t oldest; /* version that is still kept, with the newest; 0: nothing is said of it */
    uint8_t reserved[72];
    struct sys_view_entry entries[];
};
static_assert(sizeof(struct sys_view_control) == 128, "wire size");
#define SYS_VIEW_ENTRIES_MAX                                                                       \
    ((SYS_VIEW_HEADER_BYTES - sizeof(struct sys_view_control)) / sizeof(struct sys_view_entry))

/* ---- fd 6, the program: written and sealed by the kernel before the worker starts (14.5) ---- */
#define SYS_BOOT_MAGIC 0x544f4f42u /* "BOOT" */
#define SYS_NONE       UINT32_MAX
struct sys_boot { /* offsets from the start of the file; tables are arrays of the structures below
                   */
    uint32_t magic;
    uint16_t major;
    uint16_t minor;
    uint64_t size; /* of the whole record */
    struct jit_id process;
    uint32_t index; /* w[index] of */
    uint32_t count; /* w[count] */
    uint64_t seed;
    uint64_t start_tick;  /* the first tick it works on */
    uint64_t view_bytes;  /* to map of fd 5: its maximum */
    uint64_t graph_bytes; /* of fd 4, there from the start */
    uint64_t heap_bytes;  /* quota for its own heap */
    uint32_t cap_count;
    uint32_t instance_count;
    uint32_t rule_count;
    uint32_t run_count;
    uint64_t caps_at;
    uint64_t instances_at;
    uint64_t rules_at;
    uint64_t runs_at;
    uint64_t filter_at; /* seccomp filter: u16 count, 6 zero bytes, count x 8 bytes; 0: none */
    uint64_t filter_size;
    uint64_t graph_bytes_max; /* to map of fd 4; what is not there yet is asked for by grow */
    uint32_t keep;            /* versions of what is mounted that its branches may rest on */
    uint32_t explore;         /* futures that it tries in a tick; 0: it asks for its matches */
    uint32_t explore_flags;   /* SYS_EXPLORE_STAY */
    uint32_t quota;           /* 1: its own graph has one, behind the runs; 0: none */
    uint8_t zero[8];
};
#define SYS_EXPLORE_STAY 1u /* a future is chosen only if it is worth more than the present */
#define SYS_EXPLORE_MAX  256u
static_assert(sizeof(struct sys_boot) == 192, "wire size");
/* What its own graph has at start_tick - 1, and may have at most; 2^64-1: as much as there is. */
struct sys_boot_quota {
    uint64_t nodes;
    uint64_t edges;
    uint64_t bytes; /* of atoms */
    uint64_t nodes_max;
    uint64_t edges_max;
    uint64_t bytes_max;
};
static_assert(sizeof(struct sys_boot_quota) == 48, "wire size");
struct sys_boot_cap {
    uint32_t slot;
    uint32_t generation;
    uint32_t rights;
    uint32_t rule;     /* index into rules, or SYS_NONE */
    uint32_t instance; /* index into instances */
    uint32_t zero;
};
struct sys_boot_instance {
    struct jit_id id;
    uint64_t
        view_offset; /* of its struct sys_view_entry; 0: not mapped. Bit 0: SYS_WRITE_OUTSIDE */
};
/* It may be written by a capability for an instance that it lies in, and by none that names it. */
#define SYS_WRITE_OUTSIDE 1u
struct sys_boot_rule {
    uint64_t at; /* program bytes (docs/spec/program.md) */
    uint64_t size;
};
/* What a process does with its matches; a worker sends all of them, whatever the kernel makes of
 * them. */
enum sys_apply_mode {
    SYS_APPLY_ALL = 1,
    SYS_APPLY_ONCE = 2,
    SYS_APPLY_UNTIL_NONE = 3,
    SYS_EXPLORE = 4,     /* it is tried in branches */
    SYS_SCORE_COUNT = 5, /* what a branch is worth: how many matches it has, */
    SYS_SCORE_SUM = 6    /* or what it would add at all of them */
};
struct sys_boot_run { /* one `run rule(params)` of the process */
    uint32_t rule;
    uint32_t instance;
    /* SYS_NONE: it was granted none; it asks all the same and is denied. Of a score, that asks for
     * nothing, slot and generation are the low and the high half of its weight, an i64. */
    uint32_t cap_slot;
    uint32_t cap_generation;
    uint32_t mode; /* enum sys_apply_mode */
    uint32_t params_size;
    uint64_t params_at;
};
static_assert(sizeof(struct sys_boot_cap) == 24, "wire size");
static_assert(sizeof(struct sys_boot_instance) == 40, "wire size");
static_assert(sizeof(struct sys_boot_rule) == 16, "wire size");
static_assert(sizeof(struct sys_boot_run) == 32, "wire size");

#endif
