/* tests/rmg/engine/forest_change.h - what changes in a forest from version to version, and the
 * operations of a rewrite carried out by hand. */
#ifndef JIT_TESTS_FOREST_CHANGE_H
#define JIT_TESTS_FOREST_CHANGE_H

#include "rmg/change/diff.h"
#include "rmg/engine/engine.h"
#include "tests/rmg/engine/forest.h"

/* ---- changes ---- */

static bool there(struct jit_id in, char kind, uint64_t n)
{
    struct rmg_graph graph;
    struct jit_id id = kit_id(kind, n);
    struct rmg_edge edge;
    struct jit_id type;
    must(rmg_tx_graph(g.tx, &in, &graph));
    return (kind == 'N' ? rmg_node_type(&graph, &id, &type) : rmg_edge_get(&graph, &id, &edge)) ==
           JIT_OK;
}

static void drop_edge(struct jit_id in, uint64_t n)
{
    struct jit_id id = kit_id('E', n);
    must(rmg_tx_clear_attachment(g.tx, &in, RMG_PLANE_BETA, &id, "w", 1));
    must(rmg_tx_delete_edge(g.tx, &in, &id));
}

/* Rooms that have no shelf, doors between what is there. */
static void change_rooms(struct jit_id in)
{
    const uint64_t n = 1 + roll(3);
    const uint64_t e = roll(EDGES);
    switch (roll(4)) {
    case 0:
        if (!there(in, 'N', n)) {
            put_node(in, n, "Room");
        }
        put_i64(in, RMG_PLANE_ALPHA, n, "level", roll(3));
        break;
    case 1:
        if (there(in, 'E', e)) {
            drop_edge(in, e);
        } else {
            put_edge(in, e, "DOOR", 0, there(in, 'N', n) ? n : 0);
        }
        break;
    case 2:
        if (!there(in, 'E', e) && there(in, 'N', n)) {
            put_edge(in, e, "DOOR", n, 0);
        }
        break;
    default:
        put_i64(in, RMG_PLANE_ALPHA, 0, "level", roll(3));
        break;
    }
}

/* The rooms of site 0 hang on site 3 from now on, or back. */
static void move_rooms(void)
{
    struct jit_id inner = rooms_of(0);
    struct rmg_instance found;
    must(rmg_tx_instance(g.tx, &inner, &found));
    struct jit_id three = kit_id('N', 3);
    const uint64_t to = jit_id_equal(&found.parent.owner, &three) ? 0 : 3;
    must(rmg_tx_clear_attachment(g.tx, &g.instance, RMG_PLANE_ALPHA, &found.parent.owner, "rooms",
                                 5));
    hang(inner, g.instance, RMG_PLANE_ALPHA, to, "rooms");
}

static inline void change(void)
{
    switch (roll(7)) {
    case 0:
        put_i64(g.instance, RMG_PLANE_ALPHA, roll(4), "open", roll(2));
        break;
    case 1: {
        const uint64_t e = 1 + roll(3);
        if (there(g.instance, 'E', e)) {
            drop_edge(g.instance, e);
        } else {
            put_edge(g.instance, e, "NEXT", roll(4), roll(4));
        }
        break;
    }
    case 2:
        put_i64(shelf_of(roll(2)), RMG_PLANE_ALPHA, roll(2), "seen", roll(2));
        break;
    case 3:
        move_rooms();
        break;
    case 4:
        change_rooms(tunnel());
        break;
    default:
        change_rooms(rooms_of(roll(2)));
        break;
    }
}

/* ---- rewrites by hand ---- */

struct doing {
    struct rmg_tx *tx;
    int phase; /* nodes come first and go last */
};

static inline bool do_op(void *user, const struct rmg_emit *emit)
{
    struct doing *doing = user;
    const struct rmg_op *op = &emit->op;
    struct rmg_attachment attachment = op->attachment;
    struct rmg_edge edge = {op->id, op->from, op->to, op->type};
    struct rmg_graph graph;
    struct rmg_value now;
    uint8_t sum[8];
    if (doing->phase != (op->kind == RMG_OP_UPSERT_NODE   ? 0
                         : op->kind == RMG_OP_DELETE_NODE ? 2
                                                          : 1)) {
        return true;
    }
    switch (op->kind) {
    case RMG_OP_UPSERT_NODE:
        must(rmg_tx_upsert_node(doing->tx, &op->instance, &op->id, &op->type));
        break;
    case RMG_OP_UPSERT_EDGE:
        must(rmg_tx_upsert_edge(doing->tx, &op->instance, &edge));
        break;
    case RMG_OP_DELETE_NODE:
        must(rmg_tx_delete_node(doing->tx, &op->instance, &op->id));
        break;
    case RMG_OP_DELETE_EDGE:
        must(rmg_tx_delete_edge(doing->tx, &op->instance, &op->id));
        break;
    case RMG_OP_CLEAR_ATTACHMENT:
        must(rmg_tx_clear_attachment(doing->tx, &op->instance, op->plane, &op->id, attachment.name,
                                     attachment.name_size));
        break;
    default:
        if (emit->join == RMG_JOIN_SUM) {
            must(rmg_tx_graph(doing->tx, &op->instance, &graph));
            must(rmg_attachment_get(&graph, op->plane, &op->id, attachment.name,
                                    attachment.name_size, &now));
            jit_put_le64(sum, jit_le64(now.bytes) + (uint64_t)emit->delta);
            attachment.value.bytes = sum;
        }
        must(rmg_tx_set_attachment(doing->tx, &op->instance, op->plane, &op->id, &attachment));
        break;
    }
    return true;
}

/* The same version in a store of its own. */
static inline void copy_of(const struct rmg_version *version, struct kit_graph *twin)
{
    struct rmg_state empty = {.store = g.store, .version = rmg_version_empty()};
    struct rmg_state now = {.store = g.store, .version = *version};
    const struct rmg_version nothing = rmg_version_empty();
    struct jit_buf patch;
    twin->heap = &f.mem.heap;
    must(rmg_arena_new(twin->heap, 16u << 20, &twin->arena));
    struct rmg_store_options options = {.arenas = {twin->arena}, .arena_count = 1};
    must(rmg_store_new(twin->heap, &options, &twin->store));
    jit_buf_init(&patch, twin->heap, 1u << 20);
    must(rmg_diff_patch(twin->heap, &empty, &now, &patch, NULL));
    must(rmg_tx_begin(twin->store, &nothing, &twin->tx));
    must(rmg_patch_apply(twin->heap, twin->tx, &nothing, patch.data, patch.size));
    must(rmg_tx_seal(twin->tx, &twin->version));
    twin->tx = NULL;
    jit_buf_release(&patch);
    ck_assert(jit_id_equal(&twin->version.state_root, &version->state_root));
}

#endif
