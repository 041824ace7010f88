/* rmg/store/slot.h - what a rewrite reads and writes: slots, and how it uses them.
 * Spec:  DESIGN 14.2 (slot bytes), 5.2.3 (reservation), 5.4 (joins).
 * Layer: rmg; base only.
 *
 * Two uses of one slot conflict unless both read, or both are blind with the same join. Adding and
 * removing edges or nodes are blind updates of an incidence or an extent; whoever reads a negative
 * condition or a count reads that slot. */
#ifndef JIT_RMG_SLOT_H
#define JIT_RMG_SLOT_H

#include "base/buf.h"
#include "base/cursor.h"
#include "rmg/store/graph.h"

enum rmg_slot_kind {
    RMG_SLOT_NODE = 1,
    RMG_SLOT_EDGE = 2,
    RMG_SLOT_ALPHA = 3,
    RMG_SLOT_BETA = 4,
    RMG_SLOT_INCIDENCE = 5, /* edges of a type that leave or enter a node */
    RMG_SLOT_EXTENT = 6,    /* elements of a type; id = type */
    RMG_SLOT_VALUES = 7     /* what the nodes of a type have under a name; id = type */
};

enum rmg_access {
    RMG_ACCESS_READ = 1,
    RMG_ACCESS_BLIND = 2, /* commutes with the same join */
    RMG_ACCESS_WRITE = 3
};

/* How blind updates of one field fold (DESIGN 5.4); MEMBERS is the join of incidences and extents,
 * those of fields included. */
enum rmg_join {
    RMG_JOIN_NONE = 0,
    RMG_JOIN_SUM = 1,
    RMG_JOIN_MAX = 2,
    RMG_JOIN_MIN = 3,
    RMG_JOIN_UNION = 4,
    RMG_JOIN_LAST = 5,
    RMG_JOIN_MEMBERS = 6
};

struct rmg_slot {
    enum rmg_slot_kind kind;
    enum rmg_direction direction; /* INCIDENCE */
    uint32_t name_size;           /* ALPHA, BETA, VALUES */
    const char *name;             /* borrowed */
    struct jit_id instance;
    struct jit_id id;
    struct jit_id type; /* INCIDENCE: edge type; zero: of all types */
};

struct rmg_use {
    struct rmg_slot slot;
    enum rmg_access access;
    enum rmg_join join; /* BLIND */
    bool read;          /* BLIND or WRITE: verification read it too, so it is an in-slot as well */
    int64_t delta;      /* BLIND, SUM: what is added; UNION: how many bytes the list grows at most:
                           so that the fold can refuse an overflow */
};

/* Has a slot of this kind a name? */
static inline bool rmg_slot_is_named(enum rmg_slot_kind kind)
{
    return kind == RMG_SLOT_ALPHA || kind == RMG_SLOT_BETA || kind == RMG_SLOT_VALUES;
}

/* The order of their bytes: lists of slots ascend in it. */
int rmg_slot_compare(const struct rmg_slot *a, const struct rmg_slot *b);
size_t rmg_slot_size(const struct rmg_slot *slot); /* bytes that encode writes */
void rmg_slot_encode(const struct rmg_slot *slot, struct jit_buf *buf);
/* name borrowed from the input. Errors: JIT_EFORMAT. */
JIT_MUST_CHECK enum jit_err rmg_slot_decode(struct jit_cursor *cur, struct rmg_slot *out);

#endif
