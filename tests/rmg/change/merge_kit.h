/* tests/rmg/change/merge_kit.h - small states with nested instances, random histories over few ids,
 * so that two of them often meet, and what one does with merges. */
#ifndef JIT_TESTS_RMG_MERGE_KIT_H
#define JIT_TESTS_RMG_MERGE_KIT_H

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "base/random.h"
#include "rmg/store/codec.h"
#include "rmg/change/merge.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/must.h"

#define KIT_INSTANCES   6u
#define KIT_NODES       7u
#define KIT_EDGES       8u
#define KIT_TYPES       3u
#define KIT_NAMES       7u
#define KIT_ARENA_BYTES (1u << 20)

struct kit {
    struct rmg_arena *arena;
    struct rmg_store *store;
    struct rmg_version version;
};

static const char *const kit_names[KIT_NAMES] = {"", "a", "n", "hi", "lo", "set", "longest name"};

static inline struct jit_id kit_id(const char *what, unsigned n)
{
    const uint8_t number = (uint8_t)n;
    struct jit_id id;
    jit_hash_named(what, &number, 1, &id);
    return id;
}

static inline struct jit_id kit_instance(unsigned n)
{
    return kit_id("warp:", n);
}

static inline struct jit_id kit_node(unsigned n)
{
    return kit_id("node:", n);
}

static inline struct jit_id kit_edge(unsigned n)
{
    return kit_id("edge:", n);
}

static inline struct jit_id kit_type(unsigned n)
{
    return kit_id("type:", n);
}

/* Elements of type 0 have joins. */
static inline enum rmg_join kit_join_of(void *user, const struct jit_id *type, const char *name,
                                        uint32_t name_size)
{
    const struct jit_id joins = kit_type(0);
    (void)user;
    if (!jit_id_equal(type, &joins) || name_size == 0) {
        return RMG_JOIN_NONE;
    }
    return name[0] == 'n'   ? RMG_JOIN_SUM
           : name[0] == 'h' ? RMG_JOIN_MAX
           : name[0] == 'l' ? RMG_JOIN_MIN
           : name[0] == 's' ? RMG_JOIN_UNION
                            : RMG_JOIN_NONE;
}

static inline void kit_open(struct kit *kit, struct jit_heap *heap, uint64_t arena_bytes)
{
    struct rmg_store_options options = {.arena_count = 1};
    must(rmg_arena_new(heap, arena_bytes, &kit->arena));
    options.arenas[0] = kit->arena;
    must(rmg_store_new(heap, &options, &kit->store));
    kit->version = rmg_version_empty();
}

static inline void kit_close(struct kit *kit, struct jit_heap *heap)
{
    rmg_store_free(kit->store);
    rmg_arena_free(heap, kit->arena);
    *kit = (struct kit){.arena = NULL};
}

static inline struct rmg_state kit_state(const struct kit *kit)
{
    return (struct rmg_state){kit->store, kit->version};
}

static inline enum jit_err kit_apply(struct kit *kit, struct jit_heap *heap,
                                     const struct jit_buf *patch)
{
    struct rmg_tx *tx = NULL;
    must(rmg_tx_begin(kit->store, &kit->version, &tx));
    enum jit_err err = rmg_patch_apply(heap, tx, &kit->version, patch->data, patch->size);
    if (err != JIT_OK) {
        rmg_tx_abort(tx);
        return err;
    }
    return rmg_tx_seal(tx, &kit->version);
}

static inline void kit_diff(struct jit_heap *heap, const struct rmg_state *a,
                            const struct rmg_state *b, struct jit_buf *patch)
{
    jit_buf_init(patch, heap, JIT_PATCH_BYTES_MAX);
    must(rmg_diff_patch(heap, a, b, patch, NULL));
}

/* The same state in a store of its own. */
static inline void kit_copy(struct kit *to, const struct kit *from, struct jit_heap *heap)
{
    struct jit_buf patch;
    kit_open(to, heap, from->arena->size);
    struct rmg_state nothing = kit_state(to);
    struct rmg_state whole = kit_state(from);
    kit_diff(heap, &nothing, &whole, &patch);
    must(kit_apply(to, heap, &patch));
    jit_buf_release(&patch);
    assert(jit_id_equal(&to->version.state_root, &from->version.state_root));
}

/* ---- changes that leave a valid state valid ---- */

enum kit_mode { KIT_ALL, KIT_NESTING, KIT_VALUES, KIT_MODES };

struct kit_hand {
    struct rmg_tx *tx;
    struct jit_random *random;
};

static inline unsigned kit_below(struct kit_hand *h, unsigned n)
{
    return (unsigned)jit_random_below(h->random, n);
}

static inline bool kit_has_instance(struct kit_hand *h, const struct jit_id *id)
{
    struct rmg_graph graph;
    return rmg_tx_graph(h->tx, id, &graph) == JIT_OK;
}

static inline bool kit_has_node(struct kit_hand *h, const struct jit_id *in,
                                const struct jit_id *id)
{
    struct rmg_graph graph;
    struct jit_id type;
    return rmg_tx_graph(h->tx, in, &graph) == JIT_OK && rmg_node_type(&graph, id, &type) == JIT_OK;
}

static inline bool kit_has_edge(struct kit_hand *h, const struct jit_id *in,
                                const struct jit_id *id)
{
    struct rmg_graph graph;
    struct rmg_edge edge;
    return rmg_tx_graph(h->tx, in, &graph) == JIT_OK && rmg_edge_get(&graph, id, &edge) == JIT_OK;
}

static inline bool kit_value(struct kit_hand *h, const struct jit_id *in, enum rmg_plane plane,
                             const struct jit_id *owner, const char *name, struct rmg_value *out)
{
    struct rmg_graph graph;
    return rmg_tx_graph(h->tx, in, &graph) == JIT_OK &&
           rmg_attachment_get(&graph, plane, owner, name, (uint32_t)strlen(name), out) == JIT_OK;
}

static inline void kit_drop_instance(struct kit_hand *h, const struct jit_id *id);

static inline void kit_drop_values(struct kit_hand *h, const struct jit_id *in,
                                   enum rmg_plane plane, const struct jit_id *owner)
{
    for (unsigned i = 0; i < KIT_NAMES; i++) {
        struct rmg_value value;
        if (kit_value(h, in, plane, owner, kit_names[i], &value)) {
            struct jit_id target = value.type;
            bool portal = value.kind == RMG_VALUE_PORTAL;
            must(rmg_tx_clear_attachment(h->tx, in, plane, owner, kit_names[i],
                                         (uint32_t)strlen(kit_names[i])));
            if (portal) {
                kit_drop_instance(h, &target);
            }
        }
    }
}

static inline void kit_drop_edge(struct kit_hand *h, const struct jit_id *in,
                                 const struct jit_id *id)
{
    kit_drop_values(h, in, RMG_PLANE_BETA, id);
    must(rmg_tx_delete_edge(h->tx, in, id));
}

static inline void kit_drop_node(struct kit_hand *h, const struct jit_id *in,
                                 const struct jit_id *id)
{
    for (unsigned i = 0; i < KIT_EDGES; i++) {
        struct rmg_graph graph;
        struct rmg_edge edge;
        struct jit_id name = kit_edge(i);
        must(rmg_tx_graph(h->tx, in, &graph));
        if (rmg_edge_get(&graph, &name, &edge) == JIT_OK &&
            (jit_id_equal(&edge.from, id) || jit_id_equal(&edge.to, id))) {
            kit_drop_edge(h, in, &name);
        }
    }
    kit_drop_values(h, in, RMG_PLANE_ALPHA, id);
    must(rmg_tx_delete_node(h->tx, in, id));
}

/* Its portal is gone already, or will be. */
static inline void kit_drop_instance(struct kit_hand *h, const struct jit_id *id)
{
    for (unsigned i = 0; i < KIT_NODES; i++) {
        struct jit_id node = kit_node(i);
        if (kit_has_node(h, id, &node)) {
            kit_drop_node(h, id, &node);
        }
    }
    must(rmg_tx_delete_instance(h->tx, id));
}

static inline bool kit_some_node(struct kit_hand *h, const struct jit_id *in, struct jit_id *out)
{
    unsigned first = kit_below(h, KIT_NODES);
    for (unsigned i = 0; i < KIT_NODES; i++) {
        *out = kit_node((first + i) % KIT_NODES);
        if (kit_has_node(h, in, out)) {
            return true;
        }
    }
    return false;
}

static inline bool kit_some_edge(struct kit_hand *h, const struct jit_id *in, struct jit_id *out)
{
    unsigned first = kit_below(h, KIT_EDGES);
    for (unsigned i = 0; i < KIT_EDGES; i++) {
        *out = kit_edge((first + i) % KIT_EDGES);
        if (kit_has_edge(h, in, out)) {
            return true;
        }
    }
    return false;
}

static inline bool kit_some_instance(struct kit_hand *h, struct jit_id *out)
{
    unsigned first = kit_below(h, KIT_INSTANCES);
    for (unsigned i = 0; i < KIT_INSTANCES; i++) {
        *out = kit_instance((first + i) % KIT_INSTANCES);
        if (kit_has_instance(h, out)) {
            return true;
        }
    }
    return false;
}

/* A slot on some element of an instance that is free, or holds an atom. */
static inline bool kit_some_slot(struct kit_hand *h, const struct jit_id *in,
                                 struct rmg_parent *out)
{
    const char *name = kit_names[kit_below(h, KIT_NAMES)];
    struct rmg_value value;
    *out = (struct rmg_parent){.present = true, .instance = *in};
    out->plane = kit_below(h, 3) == 0 ? RMG_PLANE_BETA : RMG_PLANE_ALPHA;
    out->name_size = (uint32_t)strlen(name);
    memcpy(out->name, name, out->name_size);
    return (out->plane == RMG_PLANE_BETA ? kit_some_edge(h, in, &out->owner)
                                         : kit_some_node(h, in, &out->owner)) &&
           (!kit_value(h, in, out->plane, &out->owner, name, &value) ||
            value.kind == RMG_VALUE_ATOM);
}

static inline void kit_hang(struct kit_hand *h, const struct jit_id *id, const struct jit_id *root,
                            const struct rmg_parent *parent)
{
    struct rmg_attachment portal = {
        parent->name, parent->name_size, {.kind = RMG_VALUE_PORTAL, .type = *id}};
    must(rmg_tx_upsert_instance(h->tx, id, root, parent));
    must(rmg_tx_set_attachment(h->tx, &parent->instance, parent->plane, &parent->owner, &portal));
}

static inline void kit_set(struct kit_hand *h, const struct jit_id *in)
{
    struct rmg_parent slot;
    uint8_t bytes[64];
    if (!kit_some_slot(h, in, &slot)) {
        return;
    }
    struct rmg_attachment a = {slot.name, slot.name_size, {.kind = RMG_VALUE_ATOM, .bytes = bytes}};
    if (slot.name[0] == 's') {
        /* a set of up to three of four elements */
        unsigned members = kit_below(h, 16);
        uint64_t count = 0;
        uint8_t *at = bytes + 8;
        for (unsigned i = 0; i < 4; i++) {
            if ((members >> i & 1u) != 0) {
                jit_put_le64(at, 1);
                at[8] = (uint8_t)('a' + i);
                at += 9;
                count++;
            }
        }
        jit_put_le64(bytes, count);
        a.value.type = *rmg_codec_type(RMG_CODEC_LIST);
        a.value.size = (uint32_t)(at - bytes);
    } else {
        a.value.type = *rmg_codec_type(RMG_CODEC_I64);
        a.value.size = 8;
        jit_put_le64(bytes, kit_below(h, 5));
    }
    must(rmg_tx_set_attachment(h->tx, in, slot.plane, &slot.owner, &a));
}

static inline void kit_clear(struct kit_hand *h, const struct jit_id *in)
{
    struct rmg_parent slot;
    struct rmg_value value;
    if (kit_some_slot(h, in, &slot) &&
        kit_value(h, in, slot.plane, &slot.owner, slot.name, &value)) {
        must(
            rmg_tx_clear_attachment(h->tx, in, slot.plane, &slot.owner, slot.name, slot.name_size));
    }
}

static inline void kit_put_edge(struct kit_hand *h, const struct jit_id *in)
{
    struct rmg_edge edge = {.id = kit_edge(kit_below(h, KIT_EDGES)),
                            .type = kit_type(kit_below(h, KIT_TYPES))};
    if (kit_some_node(h, in, &edge.from) && kit_some_node(h, in, &edge.to)) {
        must(rmg_tx_upsert_edge(h->tx, in, &edge));
    }
}

static inline bool kit_inside(struct kit_hand *h, const struct jit_id *in, const struct jit_id *of)
{
    struct rmg_instance instance;
    struct jit_id at = *in;
    for (;;) {
        if (jit_id_equal(&at, of)) {
            return true;
        }
        must(rmg_tx_instance(h->tx, &at, &instance));
        if (!instance.parent.present) {
            return false;
        }
        at = instance.parent.instance;
    }
}

static inline void kit_new_instance(struct kit_hand *h, const struct jit_id *in)
{
    struct jit_id id = kit_instance(kit_below(h, KIT_INSTANCES));
    struct jit_id root = kit_node(kit_below(h, KIT_NODES));
    struct jit_id type = kit_type(kit_below(h, KIT_TYPES));
    struct rmg_parent parent;
    if (!kit_has_instance(h, &id) && kit_some_slot(h, in, &parent)) {
        must(rmg_tx_upsert_instance(h->tx, &id, &root, &parent));
        must(rmg_tx_upsert_node(h->tx, &id, &root, &type));
        kit_hang(h, &id, &root, &parent);
    }
}

static inline void kit_unhang(struct kit_hand *h, const struct rmg_parent *parent)
{
    must(rmg_tx_clear_attachment(h->tx, &parent->instance, parent->plane, &parent->owner,
                                 parent->name, parent->name_size));
}

static inline void kit_move(struct kit_hand *h, const struct jit_id *in)
{
    struct rmg_instance instance;
    struct rmg_parent parent;
    struct jit_id to;
    must(rmg_tx_instance(h->tx, in, &instance));
    if (instance.parent.present && kit_some_instance(h, &to) && !kit_inside(h, &to, in) &&
        kit_some_slot(h, &to, &parent)) {
        kit_unhang(h, &instance.parent);
        kit_hang(h, in, &instance.root_node, &parent);
    }
}

static inline void kit_delete_some(struct kit_hand *h, const struct jit_id *in, unsigned what)
{
    struct rmg_instance instance;
    struct jit_id id;
    must(rmg_tx_instance(h->tx, in, &instance));
    if (what == 0 && kit_some_edge(h, in, &id)) {
        kit_drop_edge(h, in, &id);
    } else if (what == 1 && kit_some_node(h, in, &id) && !jit_id_equal(&id, &instance.root_node)) {
        kit_drop_node(h, in, &id);
    } else if (what == 2 && instance.parent.present) {
        kit_unhang(h, &instance.parent);
        kit_drop_instance(h, in);
    }
}

/* A top above the top. */
static inline void kit_new_top(struct kit_hand *h)
{
    struct rmg_instance top;
    struct jit_id id = kit_instance(kit_below(h, KIT_INSTANCES));
    struct rmg_parent parent = {.present = true, .plane = RMG_PLANE_ALPHA};
    struct jit_id at;
    struct jit_id type = kit_type(1);
    if (kit_has_instance(h, &id) || !kit_some_instance(h, &at)) {
        return;
    }
    for (;;) {
        must(rmg_tx_instance(h->tx, &at, &top));
        if (!top.parent.present) {
            break;
        }
        at = top.parent.instance;
    }
    parent.instance = id;
    parent.owner = kit_node(0);
    must(rmg_tx_upsert_instance(h->tx, &id, &parent.owner, NULL));
    must(rmg_tx_upsert_node(h->tx, &id, &parent.owner, &type));
    kit_hang(h, &top.id, &top.root_node, &parent);
}

static inline void kit_new_root(struct kit_hand *h, const struct jit_id *in)
{
    struct rmg_instance instance;
    struct jit_id node;
    must(rmg_tx_instance(h->tx, in, &instance));
    if (kit_some_node(h, in, &node)) {
        must(rmg_tx_upsert_instance(h->tx, in, &node, &instance.parent));
    }
}

static inline void kit_step(struct kit_hand *h, enum kit_mode mode)
{
    /* Up to which of 100 draws a step is: a node, an edge, a value, no value, no edge, no node, no
     * instance, an instance, a move, another root; else another top. */
    static const unsigned below[KIT_MODES][10] = {
        [KIT_ALL] = {18, 36, 60, 65, 73, 79, 82, 90, 96, 99},
        [KIT_NESTING] = {10, 15, 20, 20, 22, 28, 34, 60, 92, 96},
        [KIT_VALUES] = {10, 15, 90, 94, 95, 97, 98, 99, 99, 99}};
    struct jit_id in;
    unsigned pick = kit_below(h, 100);
    unsigned step = 0;
    if (!kit_some_instance(h, &in)) {
        return;
    }
    while (step < 10 && pick >= below[mode][step]) {
        step++;
    }
    switch (step) {
    case 0: {
        struct jit_id type = kit_type(kit_below(h, mode == KIT_VALUES ? 1 : KIT_TYPES));
        struct jit_id node = kit_node(kit_below(h, mode == KIT_VALUES ? 2 : KIT_NODES));
        must(rmg_tx_upsert_node(h->tx, &in, &node, &type));
        break;
    }
    case 1:
        kit_put_edge(h, &in);
        break;
    case 2:
        kit_set(h, &in);
        break;
    case 3:
        kit_clear(h, &in);
        break;
    case 7:
        kit_new_instance(h, &in);
        break;
    case 8:
        kit_move(h, &in);
        break;
    case 9:
        kit_new_root(h, &in);
        break;
    case 10:
        kit_new_top(h);
        break;
    default:
        kit_delete_some(h, &in, step - 4);
        break;
    }
}

/* So many random changes, each sealed. */
static inline void kit_history(struct kit *kit, struct jit_random *random, unsigned steps,
                               enum kit_mode mode)
{
    struct kit_hand h = {.random = random};
    if (kit->version.instance_count == 0) {
        struct jit_id top = kit_instance(0);
        struct jit_id root = kit_node(0);
        struct jit_id type = kit_type(0);
        must(rmg_tx_begin(kit->store, &kit->version, &h.tx));
        must(rmg_tx_upsert_instance(h.tx, &top, &root, NULL));
        must(rmg_tx_upsert_node(h.tx, &top, &root, &type));
        must(rmg_tx_seal(h.tx, &kit->version));
    }
    for (unsigned i = 0; i < steps; i++) {
        must(rmg_tx_begin(kit->store, &kit->version, &h.tx));
        kit_step(&h, mode);
        must(rmg_tx_seal(h.tx, &kit->version));
    }
}

#endif
