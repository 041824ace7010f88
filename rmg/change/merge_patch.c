#include "rmg/change/merge_priv.h"

/* The table as a patch: one pass for each kind of slot and of operation, since both lists go by
 * kind first, and within a kind the table has their order already. */

#define KINDS 9

static enum rmg_op_kind kind_of(enum rmg_part part, bool gone)
{
    switch (part) {
    case RMG_PART_INSTANCE:
        return gone ? RMG_OP_DELETE_INSTANCE : RMG_OP_UPSERT_INSTANCE;
    case RMG_PART_NODE:
        return gone ? RMG_OP_DELETE_NODE : RMG_OP_UPSERT_NODE;
    case RMG_PART_EDGE:
        return gone ? RMG_OP_DELETE_EDGE : RMG_OP_UPSERT_EDGE;
    default:
        return gone ? RMG_OP_CLEAR_ATTACHMENT : RMG_OP_SET_ATTACHMENT;
    }
}

static bool changes(const struct merge *m, const struct merge_slot *slot)
{
    assert(slot->take != MERGE_OPEN);
    return !rmg_content_equal(slot->place.part, slot->at[slot->take], slot->at[m->onto_side]);
}

static void put_slot(const struct rmg_place *place, struct jit_buf *patch)
{
    const struct rmg_slot slot = {.kind = (enum rmg_slot_kind)place->part,
                                  .name = place->name,
                                  .name_size = place->name_size,
                                  .instance = place->instance,
                                  .id = place->id};
    rmg_slot_encode(&slot, patch);
}

/* The values of one owner: among slots a shorter name comes first. */
static void put_values(const struct merge *m, size_t begin, size_t end, struct jit_buf *patch)
{
    uint32_t size = 0;
    for (uint32_t next = 0; next <= JIT_NAME_BYTES_MAX; size = next) {
        next = JIT_NAME_BYTES_MAX + 1;
        for (size_t i = begin; i < end; i++) {
            const struct rmg_place *place = &m->slots[i].place;
            if (place->name_size == size && changes(m, &m->slots[i])) {
                put_slot(place, patch);
            } else if (place->name_size > size && place->name_size < next) {
                next = place->name_size;
            }
        }
    }
}

static void put_slots(const struct merge *m, struct jit_buf *patch)
{
    const size_t count_at = patch->size;
    uint64_t count = 0;
    jit_buf_put_u64(patch, 0);
    for (int part = RMG_PART_NODE; part < RMG_PARTS; part++) {
        for (size_t i = 0; i < m->count; i++) {
            const struct rmg_place *place = &m->slots[i].place;
            if ((int)place->part != part || !changes(m, &m->slots[i])) {
                continue;
            }
            if (part < RMG_PART_ALPHA) {
                put_slot(place, patch);
                count++;
                continue;
            }
            size_t end = i;
            while (end < m->count && (int)m->slots[end].place.part == part &&
                   jit_id_equal(&m->slots[end].place.id, &place->id) &&
                   jit_id_equal(&m->slots[end].place.instance, &place->instance)) {
                count += changes(m, &m->slots[end]);
                end++;
            }
            put_values(m, i, end, patch);
            i = end - 1;
        }
    }
    if (patch->err == JIT_OK) {
        jit_buf_patch_u64(patch, count_at, count);
    }
}

/* Operations of one kind that wait for what they replace, to be hashed side by side. */
struct op_batch {
    enum rmg_op_kind kind;
    uint32_t number; /* of the first */
    uint32_t count;
    const struct merge_slot *slots[RMG_VALUES_MAX];
    struct jit_id prior[RMG_VALUES_MAX];
};

static void put_op(const struct op_batch *batch, uint32_t at, struct jit_buf *patch)
{
    const struct merge_slot *slot = batch->slots[at];
    const enum rmg_op_kind kind = batch->kind;
    const union rmg_content *content = slot->at[slot->take];
    const struct rmg_origin origin = {.operation = batch->number + at};
    struct rmg_op op = {.kind = kind,
                        .instance = slot->place.instance,
                        .id = slot->place.id,
                        .plane =
                            slot->place.part == RMG_PART_BETA ? RMG_PLANE_BETA : RMG_PLANE_ALPHA,
                        .attachment = {slot->place.name, slot->place.name_size, {0}},
                        .prior = batch->prior[at],
                        .origins = &origin,
                        .origin_count = 1};
    switch (kind) {
    case RMG_OP_UPSERT_INSTANCE:
        op.from = content->instance.root_node;
        op.parent = &content->instance.parent;
        break;
    case RMG_OP_UPSERT_NODE:
        op.type = content->node;
        break;
    case RMG_OP_UPSERT_EDGE:
        op.from = content->edge.from;
        op.to = content->edge.to;
        op.type = content->edge.type;
        break;
    case RMG_OP_SET_ATTACHMENT:
        op.attachment.value = content->value;
        break;
    case RMG_OP_CLEAR_ATTACHMENT:
    case RMG_OP_DELETE_EDGE:
    case RMG_OP_DELETE_NODE:
    case RMG_OP_DELETE_INSTANCE:
        break;
    }
    rmg_op_encode(&op, patch);
}

static enum jit_err batch_priors(const struct merge *m, struct op_batch *batch)
{
    struct rmg_attachment values[RMG_VALUES_MAX];
    struct jit_id *to[RMG_VALUES_MAX];
    uint32_t count = 0;
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; err == JIT_OK && i < batch->count; i++) {
        const struct rmg_place *place = &batch->slots[i]->place;
        const union rmg_content *content = batch->slots[i]->at[m->onto_side];
        if (content != NULL && place->part == RMG_PART_ALPHA) {
            values[count] = (struct rmg_attachment){place->name, place->name_size, content->value};
            to[count++] = &batch->prior[i];
        } else {
            err = rmg_content_hash(place, content, &batch->prior[i]);
        }
    }
    return err == JIT_OK ? rmg_values_of_attachments(RMG_PLANE_ALPHA, values, count, to) : err;
}

static enum jit_err batch_flush(const struct merge *m, struct op_batch *batch,
                                struct jit_buf *patch)
{
    enum jit_err err = batch_priors(m, batch);
    for (uint32_t i = 0; err == JIT_OK && i < batch->count; i++) {
        put_op(batch, i, patch);
    }
    batch->number += batch->count;
    batch->count = 0;
    return err;
}

static enum jit_err put_kind(const struct merge *m, struct op_batch *batch, struct jit_buf *patch)
{
    enum jit_err err = JIT_OK;
    for (size_t i = 0; err == JIT_OK && i < m->count; i++) {
        const struct merge_slot *slot = &m->slots[i];
        if (kind_of(slot->place.part, slot->at[slot->take] == NULL) == batch->kind &&
            changes(m, slot)) {
            batch->slots[batch->count++] = slot;
        }
        if (batch->count == RMG_VALUES_MAX || (i + 1 == m->count && batch->count > 0)) {
            err = batch_flush(m, batch, patch);
        }
    }
    return err;
}

enum jit_err merge_patch(struct merge *m, struct jit_buf *patch)
{
    uint64_t of_kind[KINDS] = {0};
    uint64_t count = 0;
    struct op_batch batch;
    enum jit_err err = JIT_OK;
    batch.number = 0;
    batch.count = 0;
    for (size_t i = 0; i < m->count; i++) {
        const struct merge_slot *slot = &m->slots[i];
        if (changes(m, slot)) {
            of_kind[kind_of(slot->place.part, slot->at[slot->take] == NULL)]++;
            count++;
        }
    }
    if (count > UINT32_MAX) {
        return JIT_ELIMIT;
    }
    jit_buf_put_id(patch, &m->onto->version.state_root);
    jit_buf_put_u64(patch, 0);
    put_slots(m, patch);
    jit_buf_put_u64(patch, count);
    for (unsigned kind = RMG_OP_CLEAR_ATTACHMENT; kind < KINDS; kind++) {
        batch.kind = (enum rmg_op_kind)kind;
        err = err == JIT_OK && of_kind[kind] > 0 ? put_kind(m, &batch, patch) : err;
    }
    m->result->operations = count;
    return err == JIT_OK ? patch->err : err;
}
