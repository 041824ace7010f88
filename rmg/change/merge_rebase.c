#include "rmg/change/merge_priv.h"

/* A patch says of its base only the hash of each value that it replaces. So the table has what the
 * patch touches, and beside it what it does not know of and what would be left without support:
 * edges of a node that it deletes, values of a deleted owner, the content of a deleted instance. */

struct reader {
    struct merge *m;
    enum jit_err err;
};

static bool take_op(void *user, const struct rmg_op *op)
{
    static const enum rmg_part parts[] = {
        [RMG_OP_CLEAR_ATTACHMENT] = RMG_PART_ALPHA,   [RMG_OP_DELETE_EDGE] = RMG_PART_EDGE,
        [RMG_OP_DELETE_NODE] = RMG_PART_NODE,         [RMG_OP_DELETE_INSTANCE] = RMG_PART_INSTANCE,
        [RMG_OP_UPSERT_INSTANCE] = RMG_PART_INSTANCE, [RMG_OP_UPSERT_NODE] = RMG_PART_NODE,
        [RMG_OP_UPSERT_EDGE] = RMG_PART_EDGE,         [RMG_OP_SET_ATTACHMENT] = RMG_PART_ALPHA};
    struct reader *r = user;
    union rmg_content content;
    struct rmg_place place = {.part = parts[op->kind],
                              .instance = op->instance,
                              .id = op->id,
                              .name = op->attachment.name,
                              .name_size = op->attachment.name_size};
    if (place.part == RMG_PART_ALPHA && op->plane == RMG_PLANE_BETA) {
        place.part = RMG_PART_BETA;
    }
    struct merge_slot *slot = merge_append(r->m, &place);
    r->err = slot == NULL ? JIT_ENOMEM : JIT_OK;
    if (slot == NULL) {
        return false;
    }
    slot->changed = MERGE_BY_OURS;
    slot->base_hash = rmg_scratch_copy(&r->m->result->scratch, &op->prior, sizeof op->prior);
    r->err = slot->base_hash == NULL ? JIT_ENOMEM : JIT_OK;
    if (op->kind < RMG_OP_UPSERT_INSTANCE || r->err != JIT_OK) {
        return r->err == JIT_OK;
    }
    switch (place.part) {
    case RMG_PART_INSTANCE:
        content.instance.root_node = op->from;
        content.instance.parent = *op->parent;
        break;
    case RMG_PART_NODE:
        content.node = op->type;
        break;
    case RMG_PART_EDGE:
        content.edge =
            (struct rmg_edge){.id = op->id, .from = op->from, .to = op->to, .type = op->type};
        break;
    default:
        content.value = op->attachment.value;
        break;
    }
    slot->at[RMG_SIDE_OURS] = merge_copy(r->m, place.part, &content);
    r->err = slot->at[RMG_SIDE_OURS] == NULL ? JIT_ENOMEM : JIT_OK;
    return r->err == JIT_OK;
}

/* Compare with what is there. */
static enum jit_err compare(struct merge *m, struct merge_slot *slot)
{
    union rmg_content space;
    const union rmg_content *content = NULL;
    struct jit_id hash;
    enum jit_err err = merge_look(m, &slot->place, &space, &content);
    if (err == JIT_OK) {
        err = rmg_content_hash(&slot->place, content, &hash);
    }
    if (err != JIT_OK) {
        return err;
    }
    if (content != NULL) {
        slot->at[RMG_SIDE_THEIRS] = merge_copy(m, slot->place.part, content);
        if (slot->at[RMG_SIDE_THEIRS] == NULL) {
            return JIT_ENOMEM;
        }
    }
    if (jit_id_equal(&hash, slot->base_hash)) {
        slot->at[RMG_SIDE_BASE] = slot->at[RMG_SIDE_THEIRS];
        slot->base_hash = NULL;
        return JIT_OK;
    }
    slot->changed |= MERGE_BY_THEIRS;
    if (jit_id_is_zero(slot->base_hash)) {
        slot->base_hash = NULL; /* nothing was there */
    }
    return JIT_OK;
}

/* Something of the state that the patch may not know of; what it knows has a slot already, which
 * stays. */
static enum jit_err beside(struct merge *m, const struct rmg_place *place,
                           const union rmg_content *content)
{
    struct merge_slot *slot = merge_append(m, place);
    if (slot == NULL) {
        return JIT_ENOMEM;
    }
    slot->changed = MERGE_BY_THEIRS;
    slot->at[RMG_SIDE_THEIRS] = merge_copy(m, place->part, content);
    return slot->at[RMG_SIDE_THEIRS] == NULL ? JIT_ENOMEM : JIT_OK;
}

static enum jit_err values_beside(struct merge *m, const struct rmg_place *owner)
{
    const bool node = owner->part == RMG_PART_NODE;
    struct rmg_place place = *owner;
    struct rmg_attachment a;
    enum jit_err err = JIT_OK;
    place.part = node ? RMG_PART_ALPHA : RMG_PART_BETA;
    for (uint32_t i = 0; err == JIT_OK; i++) {
        err = rmg_attachment_at(&m->near_graph, node ? RMG_PLANE_ALPHA : RMG_PLANE_BETA, &owner->id,
                                i, &a);
        if (err == JIT_OK) {
            const union rmg_content content = {.value = a.value};
            place.name = a.name;
            place.name_size = a.name_size;
            err = beside(m, &place, &content);
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err edges_beside(struct merge *m, const struct jit_id *instance,
                                 struct rmg_iter *iter)
{
    union rmg_content content;
    enum jit_err err = JIT_OK;
    while (err == JIT_OK && (err = rmg_iter_edge(iter, &content.edge)) == JIT_OK) {
        const struct rmg_place place = {
            .part = RMG_PART_EDGE, .instance = *instance, .id = content.edge.id};
        err = beside(m, &place, &content);
        if (err == JIT_OK) {
            err = values_beside(m, &place);
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err node_beside(struct merge *m, const struct rmg_place *node)
{
    struct rmg_iter iter;
    enum jit_err err = values_beside(m, node);
    for (int direction = RMG_DIR_OUT; err == JIT_OK && direction <= RMG_DIR_IN; direction++) {
        rmg_iter_edges_of(&m->near_graph, &node->id, (enum rmg_direction)direction, NULL, &iter);
        err = edges_beside(m, &node->instance, &iter);
    }
    return err;
}

static enum jit_err content_beside(struct merge *m, const struct jit_id *instance)
{
    struct rmg_iter iter;
    struct rmg_place place = {.part = RMG_PART_NODE, .instance = *instance};
    union rmg_content content;
    enum jit_err err = JIT_OK;
    rmg_iter_all(&m->near_graph, RMG_NODES, &iter);
    while (err == JIT_OK && (err = rmg_iter_node(&iter, &place.id, &content.node)) == JIT_OK) {
        err = beside(m, &place, &content);
        if (err == JIT_OK) {
            err = values_beside(m, &place);
        }
    }
    if (err == JIT_ENOENT) {
        rmg_iter_all(&m->near_graph, RMG_EDGES, &iter);
        err = edges_beside(m, instance, &iter);
    }
    return err;
}

static enum jit_err find_beside(struct merge *m)
{
    const size_t count = m->count;
    enum jit_err err = JIT_OK;
    for (size_t i = 0; err == JIT_OK && i < count; i++) {
        const struct merge_slot *slot = &m->slots[i];
        const struct rmg_place place = slot->place;
        if (slot->at[RMG_SIDE_OURS] != NULL || slot->at[RMG_SIDE_THEIRS] == NULL) {
            continue;
        }
        union rmg_content space;
        const union rmg_content *content = NULL;
        const struct rmg_place in = merge_place_of_instance(&place.instance);
        err = merge_look(m, &in, &space, &content); /* its graph is near now */
        if (err == JIT_OK && place.part == RMG_PART_INSTANCE) {
            err = content_beside(m, &place.instance);
        } else if (err == JIT_OK && place.part == RMG_PART_NODE) {
            err = node_beside(m, &place);
        } else if (err == JIT_OK && place.part == RMG_PART_EDGE) {
            err = values_beside(m, &place);
        }
    }
    return err;
}

enum jit_err merge_fill_patch(struct merge *m, const struct rmg_state *onto, const uint8_t *patch,
                              size_t patch_size)
{
    struct reader r = {.m = m};
    struct jit_id base_root;
    m->onto = onto;
    m->onto_side = RMG_SIDE_THEIRS;
    m->rebase = true;
    enum jit_err err = rmg_patch_each(m->heap, patch, patch_size, &base_root, take_op, &r);
    err = r.err != JIT_OK ? r.err : err;
    if (err == JIT_OK) {
        err = merge_arrange(m);
    }
    for (size_t i = 0; err == JIT_OK && i < m->count; i++) {
        err = compare(m, &m->slots[i]);
    }
    if (err == JIT_OK) {
        err = find_beside(m);
    }
    return err == JIT_OK ? merge_arrange(m) : err;
}
