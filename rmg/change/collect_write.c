#include "base/check.h"
#include "rmg/change/collect_priv.h"

/* The owner that is open ends here, and instances come by id. */
static enum jit_err settle(struct rmg_collect *collect, struct jit_id *at)
{
    enum jit_err err = collect_owner_end(collect);
    if (err == JIT_OK && collect->has_twin) {
        *at = collect->twin;
        err = JIT_EEXIST;
    }
    if (err == JIT_OK) {
        collect_sort_parts(collect);
    }
    return err;
}

/* ---- into a store ---- */

static enum jit_err load_part(struct collect_part *part, struct load_build *build,
                              struct jit_id *at)
{
    struct rmg_tx *tx = build->tx;
    enum jit_err err = tx_find(tx, &part->id);
    for (unsigned map = 0; err == JIT_OK && map < RMG_MAPS; map++) {
        err = tx->at->roots.ref[map] == 0 ? JIT_OK : JIT_EINVALID;
    }
    if (err == JIT_OK) {
        err = tx_own(tx);
    }
    build->pen = tx_pen(tx, part->arena);
    for (unsigned map = 0; err == JIT_OK && map < RMG_MAPS_HASHED; map++) {
        err = load_build(build, (enum rmg_map)map, &part->lists[map], at);
    }
    return err;
}

enum jit_err rmg_collect_load(struct rmg_collect *collect, struct rmg_tx *tx, struct jit_id *at)
{
    assert(tx->store == collect->store && tx->epoch == collect->epoch);
    struct load_build *build = NULL;
    struct rmg_parent parent;
    enum jit_err err = settle(collect, at);
    for (size_t i = 0; err == JIT_OK && i < collect->part_count; i++) {
        struct collect_part *part = &collect->parts[i];
        /* What finds a place is needed no more, and the state needs the memory. */
        collect_table_release(collect, &part->nodes);
        collect_table_release(collect, &part->triples);
        collect_parent(collect, part, &parent);
        collect_parent_release(collect, part);
        err = rmg_tx_upsert_instance(tx, &part->id, &part->root_node, &parent);
    }
    if (err == JIT_OK) {
        build = collect->heap->alloc(collect->heap, sizeof *build);
        err = build == NULL ? JIT_ENOMEM : JIT_OK;
    }
    if (err == JIT_OK) {
        build->tx = tx;
        build->owner = &collect->owner;
    }
    for (size_t i = 0; err == JIT_OK && i < collect->part_count; i++) {
        err = load_part(&collect->parts[i], build, at);
    }
    collect->heap->free(collect->heap, build);
    collect_clear(collect);
    return err;
}

/* ---- as a patch ---- */

#define PIECE_BYTES (1u << 20)

struct writer {
    struct rmg_collect *collect;
    struct jit_buf buf;
    uint32_t next; /* operation */
    enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size);
    void *user;
};

static enum jit_err writer_flush(struct writer *w)
{
    enum jit_err err = w->buf.err;
    if (err == JIT_OK && w->buf.size > 0) {
        err = w->write(w->user, w->buf.data, w->buf.size);
    }
    jit_buf_reset(&w->buf);
    return err;
}

static enum jit_err writer_op(struct writer *w, struct rmg_op *op)
{
    struct rmg_origin origin = {.request = 0, .operation = w->next++};
    op->origins = &origin;
    op->origin_count = 1;
    rmg_op_encode(op, &w->buf);
    op->origins = NULL; /* it ends with this call */
    op->origin_count = 0;
    return w->buf.size >= PIECE_BYTES || w->buf.err != JIT_OK ? writer_flush(w) : JIT_OK;
}

static enum jit_err write_node(struct writer *w, const struct collect_part *part,
                               const uint8_t *leaf)
{
    const struct leaf_node *node = (const struct leaf_node *)(const void *)leaf;
    struct rmg_op op = {
        .kind = RMG_OP_UPSERT_NODE, .instance = part->id, .id = node->id, .type = node->type};
    return writer_op(w, &op);
}

static enum jit_err write_edge(struct writer *w, const struct collect_part *part,
                               const uint8_t *leaf)
{
    const struct rmg_edge *edge = &((const struct leaf_edge *)(const void *)leaf)->edge;
    struct rmg_op op = {.kind = RMG_OP_UPSERT_EDGE,
                        .instance = part->id,
                        .id = edge->id,
                        .from = edge->from,
                        .to = edge->to,
                        .type = edge->type};
    return writer_op(w, &op);
}

static enum jit_err write_owner(struct writer *w, const struct collect_part *part,
                                enum rmg_plane plane, const uint8_t *leaf)
{
    const struct rmg_mem mem = store_mem(w->collect->store, part->arena);
    struct owner_walk walk;
    struct owner_entry entry;
    enum jit_err err = owner_walk_begin(&mem, leaf, &walk);
    while (err == JIT_OK && (err = owner_walk_next(&walk, &entry)) == JIT_OK) {
        struct rmg_op op = {.kind = RMG_OP_SET_ATTACHMENT,
                            .plane = plane,
                            .instance = part->id,
                            .id = ((const struct leaf_owner *)(const void *)leaf)->id,
                            .attachment = entry.attachment};
        err = writer_op(w, &op);
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err write_leaves(struct writer *w, struct collect_part *part, enum rmg_map map)
{
    const struct rmg_arena *arena = w->collect->store->options.arenas[part->arena];
    uint32_t ref = part->lists[map].first;
    enum jit_err err = JIT_OK;
    for (uint32_t left = part->lists[map].count; err == JIT_OK && left > 0; left--) {
        const uint8_t *leaf = rmg_arena_at(arena, ref);
        struct load_link link = load_link_of(leaf);
        __builtin_prefetch(rmg_arena_at(arena, link.ahead));
        ref = link.next;
        err = map == RMG_NODES   ? write_node(w, part, leaf)
              : map == RMG_EDGES ? write_edge(w, part, leaf)
              : map == RMG_ALPHA ? write_owner(w, part, RMG_PLANE_ALPHA, leaf)
                                 : write_owner(w, part, RMG_PLANE_BETA, leaf);
    }
    return err;
}

/* Each list in order. The scratch is the arena's, given back at once. */
static enum jit_err sort_lists(struct rmg_collect *collect, struct collect_part *part,
                               struct jit_id *at)
{
    struct trie_pen pen = collect_pen(collect, part);
    enum jit_err err = JIT_OK;
    for (unsigned map = 0; err == JIT_OK && map < RMG_MAPS_HASHED; map++) {
        struct load_list *list = &part->lists[map];
        const uint64_t bytes = 2ull * list->count * sizeof(struct rmg_radix);
        uint32_t ref = 0;
        if (!list->mixed) {
            continue;
        }
        err = rmg_arena_borrow(pen.arena, bytes, &ref);
        if (err == JIT_OK) {
            err = load_list_sort(&pen, (enum rmg_map)map, list, rmg_arena_at(pen.arena, ref),
                                 &collect->owner, at);
            rmg_arena_return(pen.arena, ref, bytes);
        }
    }
    return err;
}

static enum jit_err write_instances(struct writer *w)
{
    enum jit_err err = JIT_OK;
    for (size_t i = 0; err == JIT_OK && i < w->collect->part_count; i++) {
        const struct collect_part *part = &w->collect->parts[i];
        struct rmg_parent parent;
        collect_parent(w->collect, part, &parent);
        struct rmg_op op = {.kind = RMG_OP_UPSERT_INSTANCE,
                            .instance = part->id,
                            .from = part->root_node,
                            .parent = &parent};
        err = writer_op(w, &op);
    }
    return err;
}

static enum jit_err write_all(struct writer *w, uint64_t operations)
{
    /* Attachments of nodes and edges of an instance come together. */
    static const enum rmg_map kinds[][2] = {
        {RMG_NODES, RMG_NODES}, {RMG_EDGES, RMG_EDGES}, {RMG_ALPHA, RMG_BETA}};
    static const struct jit_id zero;
    struct rmg_collect *collect = w->collect;
    jit_buf_put_id(&w->buf, &zero); /* no base */
    jit_buf_put_u64(&w->buf, 0);    /* in-slots */
    jit_buf_put_u64(&w->buf, 0);    /* out-slots */
    jit_buf_put_u64(&w->buf, operations);
    enum jit_err err = write_instances(w);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        for (size_t i = 0; err == JIT_OK && i < collect->part_count; i++) {
            err = write_leaves(w, &collect->parts[i], kinds[k][0]);
            if (err == JIT_OK && kinds[k][1] != kinds[k][0]) {
                err = write_leaves(w, &collect->parts[i], kinds[k][1]);
            }
        }
    }
    return err == JIT_OK ? writer_flush(w) : err;
}

enum jit_err rmg_collect_patch(struct rmg_collect *collect,
                               enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size),
                               void *user, struct jit_id *at)
{
    struct writer w = {.collect = collect, .write = write, .user = user};
    enum jit_err err = settle(collect, at);
    collect->written = true;
    uint64_t operations = collect->part_count;
    for (size_t i = 0; err == JIT_OK && i < collect->part_count; i++) {
        struct collect_part *part = &collect->parts[i];
        err = sort_lists(collect, part, at);
        operations +=
            part->attachments + part->lists[RMG_NODES].count + part->lists[RMG_EDGES].count;
    }
    if (err == JIT_OK && operations > UINT32_MAX) {
        err = JIT_ELIMIT;
    }
    jit_buf_init(&w.buf, collect->heap, 2 * (size_t)PIECE_BYTES + JIT_ATOM_BYTES_MAX);
    if (err == JIT_OK) {
        err = write_all(&w, operations);
    }
    jit_buf_release(&w.buf);
    return err;
}
