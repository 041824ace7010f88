/* syscall/attenuate.h - what narrows a capability: sets of types and rules, bound parameters,
 * ceilings, quotas. Spec:  DESIGN 8; docs/spec/capabilities.md "Attenuators". Layer: syscall, base
 * only.
 *
 * What is not given is not narrowed. Bytes: u32 1 || u32 given || in the order of the bits, each
 * that is given: sets u32 n || ids ascending; bound u32 n || each u32 index || u32 size || bytes,
 * ascending by index; priority i32; operations, bytes and last tick u64; depth u32; no_delegate
 * nothing. One way to write each, so equal content has equal bytes. */
#ifndef JIT_SYSCALL_ATTENUATE_H
#define JIT_SYSCALL_ATTENUATE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/heap.h"
#include "base/id.h"
#include "base/limits.h"

enum sys_given {
    SYS_GIVEN_NODES = 1,       /* types of nodes: matched and written */
    SYS_GIVEN_EDGES = 2,       /* types of edges */
    SYS_GIVEN_RULES = 4,       /* rules it may invoke */
    SYS_GIVEN_BOUND = 8,       /* parameters that are bound */
    SYS_GIVEN_PRIORITY = 16,   /* highest priority of a rule */
    SYS_GIVEN_OPERATIONS = 32, /* requests in its whole life */
    SYS_GIVEN_BYTES = 64,      /* bytes of those requests */
    SYS_GIVEN_LAST_TICK = 128, /* the last tick it counts in */
    SYS_GIVEN_DEPTH = 256,     /* how often it may be derived from, one after another */
    SYS_GIVEN_NO_DELEGATE = 512,
    SYS_GIVEN_ALL = 1023
};

struct sys_id_set {
    const struct jit_id *ids; /* ascending, unique */
    uint32_t count;
};
struct sys_bound {
    uint32_t index; /* of the parameter, in declared order */
    uint32_t size;
    const uint8_t *bytes; /* its canonical bytes */
};
struct sys_attenuators {
    uint32_t given; /* enum sys_given */
    struct sys_id_set nodes;
    struct sys_id_set edges;
    struct sys_id_set rules;
    const struct sys_bound *bound; /* ascending by index */
    uint32_t bound_count;
    int32_t priority_max;
    uint64_t operations;
    uint64_t bytes;
    uint64_t last_tick;
    uint32_t depth;
};
#define SYS_ATTENUATOR_IDS_MAX   256u /* of one set */
#define SYS_ATTENUATOR_BOUND_MAX 255u
#define SYS_ATTENUATORS_BYTES_MAX                                                                  \
    (64u + 3u * SYS_ATTENUATOR_IDS_MAX * JIT_ID_BYTES + SYS_ATTENUATOR_BOUND_MAX * 8u +            \
     JIT_PARAMS_BYTES_MAX)

void sys_attenuators_encode(const struct sys_attenuators *a, struct jit_buf *buf);
/* As many bytes as that writes. */
size_t sys_attenuators_size(const struct sys_attenuators *a);
/* From hostile bytes into one block of the heap, freed as such. Errors: JIT_EFORMAT (also another
 * way to write it), JIT_ELIMIT, JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err sys_attenuators_decode(struct jit_heap *heap, const uint8_t *bytes,
                                                   size_t size, struct sys_attenuators **out);
/* A copy in one block of the heap. Errors: JIT_ELIMIT, JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err sys_attenuators_copy(struct jit_heap *heap,
                                                 const struct sys_attenuators *a,
                                                 struct sys_attenuators **out);

bool sys_id_set_has(const struct sys_id_set *set, const struct jit_id *id);
bool sys_id_set_within(const struct sys_id_set *inner, const struct sys_id_set *outer);
/* Do the parameters (each u64 size || bytes, in declared order) hold what is bound? */
bool sys_bound_holds(const struct sys_attenuators *a, const uint8_t *params, size_t params_size);

/* What a derivation asked for beyond what is held, in the order in which it is judged. */
#define SYS_CAP_EXCESS_MAP(X)                                                                      \
    X(SYS_EXCESS_NONE, "nothing")                                                                  \
    X(SYS_EXCESS_DELEGATE, "delegation: the capability may not be handed on")                      \
    X(SYS_EXCESS_DEPTH, "depth: it may not be derived from so often")                              \
    X(SYS_EXCESS_RIGHTS, "rights")                                                                 \
    X(SYS_EXCESS_OBJECT, "object")                                                                 \
    X(SYS_EXCESS_RULES, "rules")                                                                   \
    X(SYS_EXCESS_PARAMS, "bound parameters")                                                       \
    X(SYS_EXCESS_NODES, "types of nodes")                                                          \
    X(SYS_EXCESS_EDGES, "types of edges")                                                          \
    X(SYS_EXCESS_PRIORITY, "priority ceiling")                                                     \
    X(SYS_EXCESS_OPERATIONS, "operations")                                                         \
    X(SYS_EXCESS_BYTES, "bytes")                                                                   \
    X(SYS_EXCESS_LAST_TICK, "last tick")                                                           \
    X(SYS_EXCESS_BADGE, "badge: it has one already")                                               \
    X(SYS_EXCESS_FAN_OUT, "fan-out: it has been derived from too often")                           \
    X(SYS_EXCESS_SLOT, "slot: it is taken, or there is none left")                                 \
    X(SYS_EXCESS_ATTENUATORS, "bytes of attenuators, of all that its holder derived")
enum sys_cap_excess {
#define X(name, text) name,
    SYS_CAP_EXCESS_MAP(X)
#undef X
        SYS_CAP_EXCESSES
};
const char *sys_cap_excess_text(enum sys_cap_excess excess);

/* Is each thing that `inner` leaves open left open by `outer`, too? Quotas are not looked at: they
 * are charged, not compared. NONE, or the first thing that is not. Either may be NULL. */
enum sys_cap_excess sys_attenuators_within(const struct sys_attenuators *inner,
                                           const struct sys_attenuators *outer);

#endif
