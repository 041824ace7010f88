/* rmg/engine/work_priv.h - the arrays of the working form, open to what must be fast: the runner of
 * scripts (rmg/engine/script*.c) and the parts of rmg/engine/work*.c themselves. */
#ifndef JIT_RMG_WORK_PRIV_H
#define JIT_RMG_WORK_PRIV_H

#include "base/check.h"
#include "rmg/store/scratch.h"
#include "rmg/engine/work.h"
#include "rmg/rules/match.h"

#define WORK_OUT 0u
#define WORK_IN  1u

/* Where an element came from: an id (of the version, or given), or the rewrite that made it. */
#define WORK_MADE (1ull << 63)
static inline uint64_t work_made(uint64_t rewrite, uint32_t position)
{
    return WORK_MADE | rewrite << 16 | position;
}

#define WORK_ROOT   1u /* the root node of the instance */
#define WORK_PORTAL 2u /* holds a portal */

struct work_node {
    uint32_t type;    /* number of the type; NONE: gone */
    uint32_t bundles; /* the first list of edges */
    uint32_t degree[2];
    uint32_t next; /* of its type, by age */
    uint32_t prev;
    uint64_t birth;
    uint16_t atoms; /* attachments, once work_owners has counted */
    uint16_t flags;
};

struct work_edge {
    uint32_t type;   /* NONE: gone */
    uint32_t end[2]; /* [OUT] where it leaves, [IN] where it enters */
    uint32_t next[2];
    uint32_t prev[2]; /* in the lists of its two ends */
    uint16_t atoms;
    uint16_t flags;
    uint64_t birth;
};

/* The edges of one node, direction and type, by age. */
struct work_bundle {
    uint32_t key; /* type << 1 | direction */
    uint32_t next;
    uint32_t head;
    uint32_t tail;
    uint32_t count;
};

struct work_type {
    struct jit_id id;
    uint64_t nodes; /* live ones */
    uint64_t edges;
    uint32_t head; /* nodes, by age */
    uint32_t tail;
};

enum work_state {
    WORK_ABSENT = 0,
    WORK_SAME,    /* as in the version */
    WORK_CHANGED, /* to be written */
    WORK_CLEARED, /* gone from the version */
};

/* One attribute of one element. codec NONE: bits is a struct work_raw. */
struct work_slot {
    uint64_t bits; /* bool, i64, f64 and f32 (as f64), else a pointer to the bytes */
    uint32_t size;
    uint8_t codec;
    uint8_t state;
    bool was; /* the version has one here */
};

/* An atom of a type of its own, or a portal. */
struct work_raw {
    enum rmg_value_kind kind;
    struct jit_id type;
    const uint8_t *bytes;
};

struct work_column {
    enum rmg_plane plane;
    uint32_t name_size;
    char name[JIT_NAME_BYTES_MAX + 1];
    struct work_slot *slots; /* by handle; beyond room: ABSENT */
    size_t room;
};

struct rmg_work {
    struct jit_heap *heap;
    struct rmg_work_base base;
    struct rmg_graph graph; /* of the version; empty without one */
    struct work_node *nodes;
    size_t node_room;
    uint32_t node_count; /* handles ever used */
    uint32_t base_nodes; /* those of the version */
    struct work_edge *edges;
    size_t edge_room;
    uint32_t edge_count;
    uint32_t base_edges;
    uint64_t nodes_live;
    uint64_t edges_live;
    struct work_bundle *bundles;
    size_t bundle_room;
    uint32_t bundle_count;
    struct jit_id *ids; /* nodes of the version, then its edges, then given ones */
    size_t id_room;
    uint32_t id_count;
    struct work_type *types;
    size_t type_room;
    uint32_t type_count;
    uint32_t *type_table; /* open addressing */
    uint32_t type_table_size;
    struct work_column *columns;
    size_t column_room;
    uint32_t column_count;
    struct rmg_scratch bytes; /* values */
    struct jit_buf value;     /* what was last read */
    bool owners_known;        /* atoms and portals have been counted */
    uint64_t rewrite;         /* number of the one at hand */
    uint32_t position;        /* in it, of what is made next */
};

/* --- types --- */

/* The number of a type; makes one. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err work_type_of(struct rmg_work *work, const struct jit_id *id,
                                         uint32_t *type);
uint32_t work_type_find(const struct rmg_work *work, const struct jit_id *id); /* NONE: unknown */

/* --- elements: handles and numbers of types must be good --- */

JIT_MUST_CHECK enum jit_err work_node_make(struct rmg_work *work, uint32_t type, uint64_t birth,
                                           uint32_t *node);
JIT_MUST_CHECK enum jit_err work_edge_make(struct rmg_work *work, uint32_t from, uint32_t type,
                                           uint32_t to, uint64_t birth, uint32_t *edge);
void work_edge_drop(struct rmg_work *work, uint32_t edge);
void work_node_drop(struct rmg_work *work, uint32_t node); /* it has no edges */
void work_birth_id(const struct rmg_work *work, uint64_t birth, struct jit_id *id);

static inline struct work_bundle *work_bundle_find(const struct rmg_work *work, uint32_t node,
                                                   uint32_t key)
{
    uint32_t at = work->nodes[node].bundles;
    while (at != RMG_WORK_NONE) {
        struct work_bundle *bundle = &work->bundles[at];
        if (bundle->key == key) {
            return bundle;
        }
        at = bundle->next;
    }
    return NULL;
}

/* The first edge of this node, direction and type; NONE. */
static inline uint32_t work_first(const struct rmg_work *work, uint32_t node, uint32_t key)
{
    const struct work_bundle *bundle = work_bundle_find(work, node, key);
    return bundle == NULL ? RMG_WORK_NONE : bundle->head;
}

static inline bool work_node_live(const struct rmg_work *work, uint32_t node)
{
    return node < work->node_count && work->nodes[node].type != RMG_WORK_NONE;
}

static inline bool work_edge_live(const struct rmg_work *work, uint32_t edge)
{
    return edge < work->edge_count && work->edges[edge].type != RMG_WORK_NONE;
}

/* --- attributes --- */

/* Count attachments and portals, once. Errors: JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err work_owners(struct rmg_work *work);
/* The column of a name, read from the version when it is new. Errors: JIT_ENOMEM, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err work_column_of(struct rmg_work *work, enum rmg_plane plane,
                                           const char *name, uint32_t name_size, uint32_t *column);
/* The slot of an owner; NULL: nothing was ever there. */
static inline struct work_slot *work_slot_at(const struct work_column *column, uint32_t owner)
{
    return owner < column->room ? &column->slots[owner] : NULL;
}
static inline bool work_slot_filled(const struct work_slot *slot)
{
    return slot != NULL && (slot->state == WORK_SAME || slot->state == WORK_CHANGED);
}
/* What lies in it. */
void work_slot_value(const struct work_slot *slot, struct jit_buf *bytes, struct rmg_value *out);
/* A filled slot as a datum; codec NONE when it is of no codec. Bytes are borrowed. */
static inline void work_slot_datum(const struct work_slot *slot, struct rmg_datum *out)
{
    out->codec = (enum rmg_codec)slot->codec;
    out->bytes = NULL;
    out->size = 0;
    switch (out->codec) {
    case RMG_CODEC_BOOL:
        out->as.boolean = slot->bits != 0;
        break;
    case RMG_CODEC_I64:
    case RMG_CODEC_F64:
    case RMG_CODEC_F32:
        memcpy(&out->as, &slot->bits, sizeof slot->bits);
        break;
    case RMG_CODEC_TEXT:
    case RMG_CODEC_BYTES:
    case RMG_CODEC_ID:
    case RMG_CODEC_LIST:
        out->bytes = (const uint8_t *)(uintptr_t)slot->bits;
        out->size = slot->size;
        break;
    case RMG_CODEC_NONE:
        break;
    }
}
/* Room for a slot of this owner, so that setting it cannot fail for want of it. */
JIT_MUST_CHECK enum jit_err work_slot_room(struct rmg_work *work, uint32_t column, uint32_t owner);
/* Bytes that the datum borrows are copied. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err work_slot_set(struct rmg_work *work, uint32_t column, uint32_t owner,
                                          const struct rmg_datum *datum);

#endif
