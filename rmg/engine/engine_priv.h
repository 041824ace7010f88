/* rmg/engine/engine_priv.h - what the steps of a tick hand to each other.
 * Spec:  DESIGN 5.2, 14.1. Layer: rmg; base only.
 *
 * The steps, a file each or a few: order (keys, canonical order, quotas, duplicates), verify (in
 * chunks: verification, footprint and what the rewrite would do), collapses, reserve (who wins),
 * merge (one ordered batch, patch, transaction). Memory of a tick is taken from arenas that are
 * reset, not freed. */
#ifndef JIT_RMG_ENGINE_PRIV_H
#define JIT_RMG_ENGINE_PRIV_H

#include "rmg/engine/engine.h"
#include "rmg/rules/invariant.h"
#include "rmg/store/radix.h"
#include "rmg/store/scratch.h"
#include "rmg/store/tx_hands.h"

#define ENG_CHUNK     256u /* requests a task: a batch whose reads lie close together */
#define ENG_NO_REASON UINT32_MAX

/* ---- a slot as a tick handles it ---- */

struct eng_use {
    uint64_t hash;
    struct jit_id id;
    const void *rest; /* name, or struct jit_id of the edge type */
    int64_t delta;
    int64_t base; /* what sums (bytes of lists) start from in the frozen version */
    uint32_t instance;
    uint8_t kind;
    uint8_t direction;
    uint8_t access;
    uint8_t join;
    uint8_t name_size;
    bool read;
};

struct eng_uses {
    struct eng_use *at;
    size_t count;
    size_t capacity;
    uint64_t bytes; /* in the lists of a patch, at most */
};

/* One operation before merging. */
struct eng_op {
    struct jit_id id;
    struct jit_id prior;
    uint32_t instance;
    uint32_t request;
    uint32_t index; /* within what the request emitted */
    uint8_t kind;
    uint8_t plane;
    uint8_t join;
    int64_t delta;
    int64_t base;
    union {
        struct {
            struct jit_id type;
            struct jit_id from;
            struct jit_id to;
        } element;
        struct rmg_attachment attachment;
        struct {
            struct jit_id root_node;
            const struct rmg_parent *parent;
        } instance;
    } as;
};

struct eng_instance {
    struct jit_id id;
    struct jit_id root_node;
    struct rmg_graph graph; /* of the frozen version; empty when the instance is not there */
    /* The portal that leads to it: whoever reads inside reads that, too, and so on to the top. */
    struct eng_use portal;
    uint32_t parent; /* the instance that the portal lies in */
    bool hangs;      /* it has one */
    bool exists;
    bool touched; /* the tick changes something in it */
    bool entered; /* somebody who has won reads in it: the way to it is marked */
};

/* Nodes of an instance by their values, from tick to tick; the hashes say of which version. */
struct eng_index {
    struct jit_id instance;
    struct jit_id skeleton;
    struct jit_id attachments;
    struct rmg_index *index;
};

/* What the engine knows of a request, at the same index. */
struct eng_req {
    struct jit_id match_key;
    struct jit_id request_key;
    struct jit_id scope_hash;
    const struct eng_use *uses;
    const struct eng_op *ops;
    uint32_t use_count;
    uint32_t op_count;
    uint32_t patch_bytes; /* at most, of its slots and operations; of lists what it puts there */
    uint32_t instance;
    const uint32_t *ways; /* all instances that it is at work in; NULL: that one alone */
    uint32_t way_count;
    uint32_t same_as; /* the equal request that counts; itself: this one */
    uint32_t blocker;
    uint32_t slots; /* looked at by its verification */
    uint32_t cost;  /* those, what invariants looked at, and one */
    uint16_t result;
    bool bad_params;
    bool charged;
    bool counts;     /* it is the one of its equals that is verified */
    bool unverified; /* its asker had nothing left: an equal one of another may count */
    bool heavy;      /* only counted: what it uses and does is found again when it is its turn */
};

/* Verification of some requests: its own memory, so that chunks may run anywhere. */
struct eng_chunk {
    struct rmg_scratch arena;
    struct jit_buf values;
    struct eng_use *uses; /* of the request at hand */
    size_t use_count;
    size_t use_capacity;
    struct eng_op *ops;
    size_t op_count;
    size_t op_capacity;
    struct rmg_watch *watch;  /* while a task runs that needs it */
    struct rmg_scratch asked; /* values that invariants see after the request at hand */
    enum jit_err err;
};

/* Who merges and writes the operations of some owners, beside others. */
struct eng_hand {
    struct rmg_scratch arena;
    struct jit_buf patch;        /* the operations of its owners */
    size_t patch_at;             /* where they go */
    size_t done[RMG_HAND_BYTES]; /* of each of its first bytes: operations before it are written */
    uint64_t slot_count;
    enum jit_err err;
};

struct eng_mark {
    uint64_t key; /* of the slot in the lists of a patch */
    const struct eng_use *use;
    int64_t sum; /* joins SUM, UNION: base and all deltas so far */
    uint32_t owner;
    uint16_t slot_size; /* bytes in a list of a patch */
    uint8_t access;
    uint8_t join;
    bool read;
};

struct eng_cell { /* of the reservation table; mark 0: empty */
    uint32_t tag;
    uint32_t mark; /* index + 1 */
};

/* What is being sorted, and as much room behind it. */
struct eng_sort {
    struct rmg_radix *items;
    size_t capacity;
};

struct rmg_engine {
    struct jit_heap *heap;
    struct rmg_store *store;
    struct jit_exec *exec;

    /* The tick at hand. */
    const struct rmg_tick_input *input;
    struct rmg_draw draw;
    struct rmg_scratch arena;
    struct eng_instance *instances; /* ascending by id */
    uint32_t instance_count;
    unsigned instance_bits; /* that an index of an instance needs */
    size_t instance_capacity;
    struct eng_req *reqs;
    size_t req_capacity;
    struct eng_req *reqs_moved; /* where both are brought into order */
    size_t req_moved_capacity;
    struct rmg_request *requests_moved;
    size_t request_moved_capacity;
    struct eng_sort order;    /* of requests, then of operations */
    struct eng_sort lists[2]; /* of slots that were read, that were written */
    uint32_t *todo;           /* what is verified, in the order of its reads */
    uint32_t todo_count;
    size_t todo_capacity;
    struct eng_chunk *chunks;
    size_t chunk_count;     /* that exist */
    struct eng_chunk again; /* for requests that are verified by themselves */
    size_t light_bytes;     /* what a request may keep from its verification until its turn */
    uint64_t *spent;        /* by each asker */
    size_t spent_capacity;
    struct eng_uses event_uses;
    struct eng_op *event_ops;
    size_t event_op_capacity;
    struct eng_uses collapse_uses; /* of the collapse at hand */
    struct eng_cell *cells;
    size_t cell_capacity;
    uint32_t cell_mask;
    struct eng_mark *marks;
    size_t mark_count;
    size_t mark_capacity;
    uint32_t *found; /* cells of the request being checked */
    size_t found_capacity;
    uint32_t *most_left; /* of the input's mosts */
    size_t most_capacity;
    uint64_t patch_bytes;   /* at most, of all that has won */
    struct jit_buf waiting; /* what lost and is tried again */
    bool waited;            /* there is such an attachment in the frozen version */
    bool late;              /* an operation behind those of the input: that attachment's */
    const struct eng_op **ops;
    size_t op_count;
    size_t op_capacity;
    struct rmg_receipt *receipts;
    size_t receipt_capacity;
    struct jit_buf patch;
    uint64_t slot_count;    /* operations in it */
    bool held;              /* a node was not deleted in its turn: it still had edges */
    struct eng_hand *hands; /* RMG_HANDS; NULL: none were needed yet */

    struct eng_index *indexes; /* from tick to tick */
    size_t index_capacity;
    uint32_t index_count;
    /* From tick to tick: totals of the newest version, so that they need no walk. */
    bool totals_known;
    struct jit_id totals_root;
    uint64_t nodes_total;
    uint64_t edges_total;
};

/* Room for count elements in a vector of the engine; mostly there is. */
#define ENG_ROOM(engine, data, capacity, count)                                                    \
    ((count) <= (capacity) || jit_heap_grow((engine)->heap, (void **)&(data), &(capacity),         \
                                            (count), sizeof *(data)) == 0                          \
         ? JIT_OK                                                                                  \
         : JIT_ENOMEM)

/* ---- instances (engine_instances.c) ---- */
JIT_MUST_CHECK enum jit_err eng_instances_collect(struct rmg_engine *engine);
uint32_t eng_instance_find(const struct rmg_engine *engine, const struct jit_id *id);
bool eng_instance_known(const struct rmg_engine *engine, const struct jit_id *id);
/* struct rmg_nest of the frozen version, for instances that the tick knows of. user: the engine. */
JIT_MUST_CHECK enum jit_err eng_instance_enter(void *user, const struct jit_id *instance,
                                               struct rmg_graph *graph, struct jit_id *root_node);

void eng_chunk_init(struct rmg_engine *engine, struct eng_chunk *chunk); /* engine.c */

/* ---- order (engine_order.c) ---- */
JIT_MUST_CHECK static inline enum jit_err eng_sort_room(struct rmg_engine *engine,
                                                        struct eng_sort *sort, size_t count)
{
    return ENG_ROOM(engine, sort->items, sort->capacity, 2 * count);
}

/* Sort the first `count` items; what lies behind them is scratch. Of none there may be no array,
 * and nothing may be added to the pointer to it. */
static inline void eng_sort(struct eng_sort *sort, size_t count,
                            int (*compare)(const void *user, uint32_t a, uint32_t b),
                            const void *user)
{
    if (count > 0) {
        rmg_radix_sort(sort->items, sort->items + count, count, compare, user);
    }
}

JIT_MUST_CHECK enum jit_err eng_order(struct rmg_engine *engine, struct rmg_tick_input *input);
void eng_order_undo(struct rmg_engine *engine, struct rmg_tick_input *input); /* the quotas */

/* ---- nodes by values (engine_index.c) ---- */
/* What the requests ask for is ready in the graphs of their instances. */
JIT_MUST_CHECK enum jit_err eng_indexes(struct rmg_engine *engine);
void eng_indexes_follow(struct rmg_engine *engine, const struct rmg_version *version);
void eng_indexes_release(struct rmg_engine *engine);

/* ---- verify (engine_verify.c; its parts: engine_verify_priv.h): each on its own ---- */
/* Task `chunk_index` of those that verify engine->todo. */
void eng_verify_task(void *engine, size_t chunk_index);
/* One by itself; what is found stays, however much it is. Before and after a run of them: close. */
JIT_MUST_CHECK enum jit_err eng_verify_alone(struct rmg_engine *engine, uint32_t index);
void eng_verify_close(struct eng_chunk *chunk);

/* Does a gate let a type through? (engine_gate.c) */
bool eng_gate_lets(const struct rmg_gate *gate, bool edge, const struct jit_id *type);

/* ---- warm (engine_warm.c) ---- */
/* What requests of one instance from `begin` on will read is on its way; returns where they end.
 * What was found of another instance would be found again. */
uint32_t eng_warm_batch(const struct rmg_engine *engine, const uint32_t *todo, uint32_t begin,
                        uint32_t end, struct rmg_found *found);

/* ---- verify (engine_budget.c): who is verified, and for how much ---- */
JIT_MUST_CHECK enum jit_err eng_verify(struct rmg_engine *engine, uint64_t *slots);
/* Its asker still has something left. */
bool eng_may_ask(const struct rmg_engine *engine, uint32_t index);
void eng_asked(struct rmg_engine *engine, uint32_t index);

/* ---- collapses (engine_collapse.c; with engine_weigh.c: engine_collapse_priv.h) ---- */
/* Each that counts, one after another, as long as its asker has something left. */
JIT_MUST_CHECK enum jit_err eng_collapses(struct rmg_engine *engine);

/* ---- uses of operations (engine_uses.c) ---- */
JIT_MUST_CHECK enum jit_err eng_add_use(struct rmg_engine *engine, struct eng_uses *list,
                                        struct eng_use use);
/* Elements, attachments, incidences and extents; rest of a use lies in the engine's arena. */
JIT_MUST_CHECK enum jit_err eng_use_op(struct rmg_engine *engine, struct eng_uses *list,
                                       uint32_t instance, const struct rmg_op *op);

/* ---- events (engine_events.c) ---- */
JIT_MUST_CHECK enum jit_err eng_events(struct rmg_engine *engine);

/* The slot of what waits: taken before anybody else may; written when all is known, or let go. */
JIT_MUST_CHECK enum jit_err eng_waiting_hold(struct rmg_engine *engine);
JIT_MUST_CHECK enum jit_err eng_waiting_write(struct rmg_engine *engine);

/* ---- reserve (engine_reserve.c) ---- */
uint64_t eng_use_hash(const struct rmg_engine *engine, const struct eng_use *use);
size_t eng_slot_size(const struct eng_use *use); /* bytes in a list of a patch */
bool eng_same_slot(const struct eng_use *a, const struct eng_use *b);
size_t eng_use_size(const struct eng_use *use); /* bytes in both */
void eng_use_slot(const struct rmg_engine *engine, const struct eng_use *use, struct rmg_slot *out);
/* The first bits of a place in the order of a patch: kind, instance, id. */
uint64_t eng_prefix(const struct rmg_engine *engine, uint64_t kind, uint32_t instance,
                    const struct jit_id *id);
/* The mark of this slot, or NULL; one of the kernel's own, made or made stronger. */
struct eng_mark *eng_mark_of(const struct rmg_engine *engine, const struct eng_use *use);
JIT_MUST_CHECK enum jit_err eng_mark_event(struct rmg_engine *engine, const struct eng_use *use);
JIT_MUST_CHECK enum jit_err eng_reserve(struct rmg_engine *engine);

/* ---- merge (engine_merge.c; its parts: engine_merge_priv.h) ---- */
JIT_MUST_CHECK enum jit_err eng_merge(struct rmg_engine *engine, struct rmg_tick_output *output);

#endif
